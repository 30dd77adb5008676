/* SPDX-License-Identifier: BSD-3-Clause */
/* What a file of PEM has, read by way of OpenSSL's locked memory from the first byte. */
#include "bc_keyring_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define PEM_MAX (128U * 1024)

static int no_passphrase(char *buf, int size, int writing, void *asked)
{
	*(bool *)asked = true;
	return -1;
}

/* How many bytes, or a negative errno. */
static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t len = 0;

	lseek(fd, 0, SEEK_SET);
	for (;;) {
		ssize_t n = read(fd, text + len, room - len);

		if (n == 0)
			return (ssize_t)len;
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
	}
}

/* From fd or, if that is -1, from path. */
static ssize_t read_file(const char *path, int fd, char *text, size_t room)
{
	/* A FIFO that nobody writes is not waited for. */
	int own = fd < 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	ssize_t len = fd < 0 && own < 0 ? -errno : read_all(fd < 0 ? own : fd, text, room);

	if (own >= 0)
		close(own);
	return len;
}

EVP_PKEY *bc_keyring_pem(const char *path, int fd)
{
	char *text = OPENSSL_secure_malloc(PEM_MAX);
	ssize_t len = text ? read_file(path, fd, text, PEM_MAX) : -ENOMEM;
	BIO *bio = len < 0 ? NULL : BIO_new_mem_buf(text, (int)len);
	bool asked = false;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked) : NULL;

	/* OpenSSL says so in one way or another, as the file's form is. */
	if (asked)
		ERR_clear_error();
	if (asked)
		ERR_raise(ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ);
	if (len < 0)
		ERR_raise(ERR_LIB_SYS, (int)-len);
	BIO_free(bio);
	OPENSSL_secure_clear_free(text, PEM_MAX);
	return key;
}

static bool is_certificate(const char *name)
{
	return !strcmp(name, PEM_STRING_X509) || !strcmp(name, PEM_STRING_X509_OLD) || !strcmp(name, PEM_STRING_X509_TRUSTED);
}

static int copy_certificates(BIO *from, int to)
{
	BIO *out = BIO_new_fd(to, BIO_NOCLOSE);
	char *name, *header;
	unsigned char *data;
	long len;
	int ok = out != NULL;

	while (ok && PEM_read_bio_ex(from, &name, &header, &data, &len, PEM_FLAG_SECURE)) {
		if (is_certificate(name))
			ok = PEM_write_bio(out, name, "", data, len) > 0;
		OPENSSL_secure_free(name);
		OPENSSL_secure_free(header);
		OPENSSL_secure_clear_free(data, (size_t)len);
	}
	ERR_clear_error();
	BIO_free(out);
	return ok ? 0 : -EIO;
}

int bc_keyring_copy_certificates(const char *path, int fd)
{
	char *text = OPENSSL_secure_malloc(PEM_MAX);
	ssize_t len = text ? read_file(path, fd, text, PEM_MAX) : -ENOMEM;
	BIO *bio = len < 0 ? NULL : BIO_new_mem_buf(text, (int)len);
	int to = bio ? memfd_create("certificates", MFD_CLOEXEC) : -1;
	int r = len < 0 ? (int)len : to < 0 ? -errno : copy_certificates(bio, to);

	BIO_free(bio);
	OPENSSL_secure_clear_free(text, PEM_MAX);
	if (!r)
		return to;
	if (to >= 0)
		close(to);
	return r;
}
