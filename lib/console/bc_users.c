/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USERS_MAX 4096U
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-"

static const char *const role_names[BC_ROLES] = { "nobody", "viewer", "analyst", "operator" };

const char *bc_role_name(enum bc_role role)
{
	return role_names[role];
}

int bc_role_parse(const char *what, const char *text, enum bc_role *ret, struct bc_err *err)
{
	for (int i = BC_ROLE_VIEWER; i < BC_ROLES; i++)
		if (!strcmp(text, role_names[i])) {
			*ret = (enum bc_role)i;
			return 0;
		}
	return bc_err_set(err, -EINVAL, "%s: '%.40s' is no role: viewer, analyst or operator", what, text);
}

static bool is_name(const char *s)
{
	size_t len = strlen(s);

	return len && len < BC_USER_NAME_MAX && strspn(s, NAME_CHARACTERS) == len;
}

static bool is_token(const char *s)
{
	size_t len = 0;

	for (; *s; s++, len++)
		if (*s <= ' ' || *s > '~')
			return false;
	return len >= BC_USER_TOKEN_MIN && len <= BC_USER_TOKEN_MAX;
}

/* The words of a line, without a comment; more than fit are counted. */
static int split(char *line, char *word[4])
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " \t\r\n", &save); w && *w != '#'; w = strtok_r(NULL, " \t\r\n", &save), n++)
		if (n < 4)
			word[n] = w;
	return n;
}

/* No word of a token goes into a message. */
static int parse_line(char *line, struct bc_user *ret, struct bc_err *err)
{
	char *word[4];
	int n = split(line, word), r;

	*ret = (struct bc_user){ .role = BC_ROLE_NOBODY };
	if (!n)
		return 0;
	if (n < 3 || !is_name(word[0]))
		return bc_err_set(err, -EINVAL, "a line is 'NAME ROLE token TOKEN' or 'NAME ROLE certificate'");
	r = bc_role_parse("role", word[1], &ret->role, err);
	if (r)
		return r;
	snprintf(ret->name, sizeof(ret->name), "%s", word[0]);
	if (n == 3 && !strcmp(word[2], "certificate"))
		return 0;
	if (n != 4 || strcmp(word[2], "token"))
		return bc_err_set(err, -EINVAL, "behind the role of %s stands 'token TOKEN' or 'certificate'", ret->name);
	if (!is_token(word[3]))
		return bc_err_set(err, -EINVAL, "the token of %s must have %d to %d printable characters ('openssl rand -hex 24' "
				  "makes one)", ret->name, BC_USER_TOKEN_MIN, BC_USER_TOKEN_MAX);
	snprintf(ret->token, sizeof(ret->token), "%s", word[3]);
	return 0;
}

static int add(struct bc_users *u, const struct bc_user *user, struct bc_err *err)
{
	struct bc_user *more;

	if (u->n == USERS_MAX)
		return bc_err_set(err, -E2BIG, "more than %u users", USERS_MAX);
	for (uint32_t i = 0; i < u->n; i++)
		if (!strcmp(u->user[i].name, user->name))
			return bc_err_set(err, -EINVAL, "%s is there twice", user->name);
	more = realloc(u->user, (u->n + 1) * sizeof(*more));
	if (!more)
		return bc_err_set(err, -ENOMEM, "no memory");
	u->user = more;
	u->user[u->n++] = *user;
	u->tokens |= user->token[0] != 0;
	u->certificates |= user->token[0] == 0;
	return 0;
}

static int read_lines(FILE *f, struct bc_users *u, struct bc_err *err)
{
	char line[1024];
	int r = 0;

	for (unsigned n = 1; !r && fgets(line, sizeof(line), f); n++) {
		struct bc_user user;

		r = strchr(line, '\n') || feof(f) ? 0 : bc_err_set(err, -EINVAL, "too long");
		if (!r)
			r = parse_line(line, &user, err);
		if (!r && user.role)
			r = add(u, &user, err);
		if (r)
			bc_err_prefix(err, r, "line %u", n);
	}
	explicit_bzero(line, sizeof(line));
	if (!r && ferror(f))
		r = bc_err_set(err, -EIO, "cannot be read");
	return r;
}

int bc_users_read(const char *path, struct bc_users *ret, struct bc_err *err)
{
	struct bc_users u = { .n = 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	struct stat st;
	FILE *f;

	if (fd < 0 || fstat(fd, &st) < 0)
		r = bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = bc_err_set(err, -EINVAL, "%s: not a regular file", path);
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		r = bc_err_set(err, -EPERM, "%s: others may read or change it: 'chmod 600' it", path);
	f = r ? NULL : fdopen(fd, "r");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return r ? r : bc_err_set(err, -ENOMEM, "no memory");
	}
	r = read_lines(f, &u, err);
	fclose(f);
	if (!r && !u.n)
		r = bc_err_set(err, -EINVAL, "there is no user in it");
	if (r) {
		bc_users_free(&u);
		return bc_err_prefix(err, r, "%s", path);
	}
	*ret = u;
	return 0;
}

void bc_users_free(struct bc_users *u)
{
	if (u->user)
		explicit_bzero(u->user, u->n * sizeof(*u->user));
	free(u->user);
	*u = (struct bc_users){ .n = 0 };
}

/* Both have the size of a user's token, and zeros behind their ends. */
static bool is_same(const char *a, const char *b)
{
	unsigned char differ = 0;

	for (size_t i = 0; i <= BC_USER_TOKEN_MAX; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return !differ;
}

const struct bc_user *bc_users_by_token(const struct bc_users *u, const char *name, const char *token)
{
	const struct bc_user *found = NULL;
	char given[BC_USER_TOKEN_MAX + 1] = { 0 };

	if (!is_token(token))
		return NULL;
	strcpy(given, token);
	for (uint32_t i = 0; i < u->n; i++)
		if (u->user[i].token[0] && is_same(u->user[i].token, given) && (!name || !strcmp(name, u->user[i].name)))
			found = &u->user[i];
	explicit_bzero(given, sizeof(given));
	return found;
}

const struct bc_user *bc_users_by_certificate(const struct bc_users *u, const char *name)
{
	for (uint32_t i = 0; i < u->n; i++)
		if (!u->user[i].token[0] && !strcmp(u->user[i].name, name))
			return &u->user[i];
	return NULL;
}
