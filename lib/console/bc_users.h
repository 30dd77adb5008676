/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may do what on the console: a file of users. After it was read, any thread. */
#ifndef BC_USERS_H
#define BC_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"

/* Each may do what those before it may. */
enum bc_role {
	BC_ROLE_NOBODY,
	BC_ROLE_VIEWER,		/* see what captures do and which segments there are */
	BC_ROLE_ANALYST,	/* find and download packets, verify segments */
	BC_ROLE_OPERATOR,	/* act on captures, hold segments */
	BC_ROLES
};

const char *bc_role_name(enum bc_role role);
/* "viewer", "analyst", "operator". -EINVAL with a line in err that begins with what. */
int bc_role_parse(const char *what, const char *text, enum bc_role *ret, struct bc_err *err);

#define BC_USER_NAME_MAX 64
#define BC_USER_TOKEN_MIN 16
#define BC_USER_TOKEN_MAX 256

struct bc_user {
	char name[BC_USER_NAME_MAX];
	char token[BC_USER_TOKEN_MAX + 1];	/* "": known by a certificate */
	enum bc_role role;
};

struct bc_users {
	struct bc_user *user;
	uint32_t n;
	bool tokens, certificates;	/* are there users of that kind? */
};

/*
 * Lines of `NAME ROLE token TOKEN` and `NAME ROLE certificate`; # begins a comment. A name is letters, digits and ._@-; a token has
 * 16 to 256 printable characters. 0 and *ret, or a negative errno with a line in err: also where others than its owner may read the
 * file. free takes an empty one.
 */
int bc_users_read(const char *path, struct bc_users *ret, struct bc_err *err);
void bc_users_free(struct bc_users *u);

/* NULL: nobody. name NULL: whoever has the token. How long it takes does not tell how much of a token was right. */
const struct bc_user *bc_users_by_token(const struct bc_users *u, const char *name, const char *token);
const struct bc_user *bc_users_by_certificate(const struct bc_users *u, const char *name);

#endif
