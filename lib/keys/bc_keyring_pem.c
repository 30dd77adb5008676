/* SPDX-License-Identifier: BSD-3-Clause */
/* A file's private key, in OpenSSL's locked memory from the first byte. */
#include "bc_keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define PEM_MAX (128U * 1024)	/* with the certificates that may stand there, too */

static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	return -1;
}

/* How many bytes, or -1. */
static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t len = 0;
	ssize_t n = fd < 0 ? -1 : 0;

	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	while (fd >= 0) {
		n = read(fd, text + len, room - len);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		ERR_raise(ERR_LIB_SYS, errno);
	return n < 0 ? -1 : (ssize_t)len;
}

EVP_PKEY *bc_keyring_pem(const char *path, int fd)
{
	char *text = OPENSSL_secure_malloc(PEM_MAX);
	/* A FIFO that nobody writes is not waited for. */
	int own = fd < 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	ssize_t len = text ? read_all(fd < 0 ? own : fd, text, PEM_MAX) : -1;
	BIO *bio = len < 0 ? NULL : BIO_new_mem_buf(text, (int)len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	if (own >= 0)
		close(own);
	BIO_free(bio);
	OPENSSL_secure_clear_free(text, PEM_MAX);
	return key;
}
