/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_age_key.h"
#include "bc_file.h"
#include "bc_option.h"

static const char help[] =
	"usage: braidcap keygen -w KEYFILE\n"
	"\n"
	"Make a key for 'braidcap encrypt' and 'decrypt': the secret goes into KEYFILE, which only you can read and which must not\n"
	"exist yet; the recipient that belongs to it is printed. As age-keygen makes it.\n"
	"\n"
	"  -w KEYFILE    where to\n"
	"  -h, --help    this text\n"
	"\n"
	"Exit status: 0 done, 1 it could not be written, 2 bad usage.\n";

static int write_key(int fd, const struct bc_age_identity *key, const char *recipient)
{
	char secret[BC_AGE_IDENTITY_SIZE], text[BC_AGE_IDENTITY_SIZE + BC_AGE_RECIPIENT_SIZE + 32];
	int r;

	bc_age_identity_text(key, secret);
	snprintf(text, sizeof(text), "# public key: %s\n%s\n", recipient, secret);
	r = bc_write_all(fd, text, strlen(text));
	OPENSSL_cleanse(secret, sizeof(secret));
	OPENSSL_cleanse(text, sizeof(text));
	return !r && fsync(fd) < 0 ? -errno : r;
}

static int make(const char *path, struct bc_err *err)
{
	char recipient[BC_AGE_RECIPIENT_SIZE];
	struct bc_age_identity key;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", path, errno == EEXIST ? "it is there already, and no key is replaced" : strerror(errno));
	r = bc_age_identity_make(&key);
	bc_age_recipient_text(key.public, recipient);
	if (!r)
		r = write_key(fd, &key, recipient);
	close(fd);
	OPENSSL_cleanse(&key, sizeof(key));
	if (r) {
		unlink(path);
		return bc_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	puts(recipient);
	return 0;
}

int cmd_keygen(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	const char *path = NULL;
	struct bc_err err;
	int o, r = 0;

	while ((o = bc_option_next(argc, argv, ":w:h", options, "braidcap keygen", &err)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?')
			r = -EINVAL;
		else
			path = optarg;
		if (r)
			break;
	}
	if (!r && !path)
		r = bc_err_set(&err, -EINVAL, "where is the key to go? Name a file with -w");
	else if (!r && !strcmp(path, "-"))
		r = bc_err_set(&err, -EINVAL, "-w: a key does not go to standard output: name a file");
	else if (!r && optind < argc)
		r = bc_err_set(&err, -EINVAL, "keygen takes no '%.80s'", argv[optind]);
	if (!r && !make(path, &err))
		return 0;
	fprintf(stderr, "braidcap: %s\n", err.msg);
	return r ? 2 : 1;
}
