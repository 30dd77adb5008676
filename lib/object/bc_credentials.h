/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The keys for object storage, from where AWS's own tools look for them; never from a command line. No function writes any
 * of it into an error's line.
 */
#ifndef BC_CREDENTIALS_H
#define BC_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "bc_err.h"

#define BC_CREDENTIAL_MAX 256
#define BC_SESSION_TOKEN_MAX 4096	/* AWS gives no limit; what it issues is below 2 KiB */

struct bc_credentials {
	char id[BC_CREDENTIAL_MAX];
	char secret[BC_CREDENTIAL_MAX];
	char token[BC_SESSION_TOKEN_MAX];	/* of a session; "" for none */
};

/*
 * In this order: file, if not NULL, and nothing else; AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, unless
 * a profile is named; AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials. A file has the form of AWS's, and profile names the part
 * of it; NULL: AWS_PROFILE, or "default". 0; or a negative errno and a line in err, *ret is untouched: -ENOENT nothing was found,
 * -EACCES others may write the file, -EINVAL it is broken.
 */
int bc_credentials_find(const char *file, const char *profile, struct bc_credentials *ret, struct bc_err *err);

/* What the environment has of a secret is gone from this process: another one has what is done with it. Before other threads. */
void bc_credentials_wipe_environment(void);

/* Leaves nothing of it in memory. */
void bc_credentials_wipe(struct bc_credentials *c);

/*
 * The value of a key in a profile of a file of AWS's form, into ret. in_config: sections are "[profile NAME]" but for default, as
 * in ~/.aws/config. 0; -ENOENT: no such file, profile or key; -EINVAL: too long a value; another negative errno.
 */
int bc_aws_file_value(const char *path, bool in_config, const char *profile, const char *key, char *ret, size_t cap);

/* Where AWS's tools have a file: what the variable says, or ~/.aws/NAME. -ENOENT: no home. */
int bc_aws_file_path(const char *variable, const char *name, char *ret, size_t cap);

/* What AWS_PROFILE says, or "default". */
const char *bc_aws_profile(const char *profile);

#endif
