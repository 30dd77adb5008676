/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_anonymise_key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS (2 * sizeof(((struct bc_anonymise_key *)0)->bytes))

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* False: text is not the digits of a key with nothing but white space behind them. */
static bool parse(const char *text, size_t len, struct bc_anonymise_key *ret)
{
	struct bc_anonymise_key k = { { 0 } };

	for (size_t i = 0; i < DIGITS; i++) {
		int v = i < len ? digit(text[i]) : -1;

		if (v < 0)
			return false;
		k.bytes[i / 2] = (uint8_t)(k.bytes[i / 2] << 4 | v);
	}
	for (size_t i = DIGITS; i < len; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	*ret = k;
	OPENSSL_cleanse(&k, sizeof(k));
	return true;
}

static int check(const char *what, const char *path, int fd, struct bc_err *err)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return bc_err_set(err, -errno, "%s: '%s': %s", what, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a file", what, path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return bc_err_set(err, -EACCES, "%s: others may read the key in '%s': chmod 600 it", what, path);
	return 0;
}

int bc_anonymise_key_read(const char *what, const char *path, struct bc_anonymise_key *ret, struct bc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r = check(what, path, fd, err);
	char text[DIGITS + 16];
	ssize_t n = r ? 0 : read(fd, text, sizeof(text));

	if (!r && (n < 0 || n == (ssize_t)sizeof(text) || !parse(text, (size_t)n, ret)))
		r = bc_err_set(err, -EINVAL, "%s: '%s' does not hold a key of %zu hexadecimal digits: make one with "
			       "'(umask 077; openssl rand -hex 32 > FILE)'", what, path, DIGITS);
	OPENSSL_cleanse(text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return r;
}

void bc_anonymise_key_free(struct bc_anonymise_key *k)
{
	if (!k)
		return;
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}
