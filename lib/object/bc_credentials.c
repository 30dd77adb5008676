/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

static const char *set(const char *variable)
{
	const char *v = getenv(variable);

	return v && v[0] ? v : NULL;
}

const char *bc_aws_profile(const char *profile)
{
	const char *named = profile ? profile : set("AWS_PROFILE");

	return named ? named : "default";
}

int bc_aws_file_path(const char *variable, const char *name, char *ret, size_t cap)
{
	const char *path = set(variable), *home = set("HOME");
	int n;

	if (!path && !home)
		return -ENOENT;
	n = path ? snprintf(ret, cap, "%s", path) : snprintf(ret, cap, "%s/.aws/%s", home, name);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

/* Without the spaces around it, in place. */
static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t");
	n = strlen(s);
	while (n && strchr(" \t\r\n", s[n - 1]))
		s[--n] = '\0';
	return s;
}

/* Does the line "[...]" begin the profile's section? */
static bool section_is(char *line, bool in_config, const char *profile)
{
	char *end = strchr(line, ']'), *name;

	if (!end)
		return false;
	*end = '\0';
	name = trim(line + 1);
	if (in_config && strncmp(name, "profile", 7) == 0 && (name[7] == ' ' || name[7] == '\t'))
		name = trim(name + 7);
	return strcmp(name, profile) == 0;
}

/* The whole file, with a zero behind it; to be wiped and freed. */
static int slurp(const char *path, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	char *text;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		close(fd);
		return -EINVAL;
	}
	text = malloc((size_t)st.st_size + 1);
	n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (n < 0)
		r = text ? -errno : -ENOMEM;
	close(fd);
	if (r) {
		free(text);
		return r;
	}
	text[n] = '\0';
	*ret = text;
	*ret_len = (size_t)n;
	return 0;
}

static int value_in(char *text, bool in_config, const char *profile, const char *key, char *ret, size_t cap)
{
	bool here = false;
	char *rest = text, *line;
	int r = -ENOENT;

	while (r == -ENOENT && (line = strsep(&rest, "\n"))) {
		/* What is indented belongs to a setting with parts of its own. */
		const bool nested = line[0] == ' ' || line[0] == '\t';
		char *s = trim(line), *equals;

		if (s[0] == '[') {
			here = section_is(s, in_config, profile);
			continue;
		}
		equals = here && !nested && s[0] != '#' && s[0] != ';' ? strchr(s, '=') : NULL;
		if (!equals)
			continue;
		*equals = '\0';
		if (strcmp(trim(s), key))
			continue;
		s = trim(equals + 1);
		if (strlen(s) >= cap)
			return -EINVAL;
		strcpy(ret, s);
		r = 0;
	}
	return r;
}

int bc_aws_file_value(const char *path, bool in_config, const char *profile, const char *key, char *ret, size_t cap)
{
	char *text = NULL;
	size_t len = 0;
	int r = slurp(path, &text, &len);

	if (r)
		return r;
	r = strlen(text) == len ? value_in(text, in_config, profile, key, ret, cap) : -EINVAL;
	OPENSSL_cleanse(text, len);
	free(text);
	return r;
}

static int check_file(const char *path, struct bc_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return bc_err_set(err, -EINVAL, "%s: not a regular file", path);
	if (st.st_mode & S_IWOTH)
		return bc_err_set(err, -EACCES, "%s holds credentials, and everybody may write it: chmod go-rwx it", path);
	return 0;
}

/* They stand in headers, where a line's end would begin another header. */
static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static bool usable(const struct bc_credentials *c)
{
	return c->id[0] && c->secret[0] && printable(c->id) && printable(c->secret) && printable(c->token);
}

static int from_file(const char *path, const char *profile, struct bc_credentials *ret, struct bc_err *err)
{
	struct bc_credentials c = { .token = "" };
	int r = check_file(path, err);

	if (r)
		return r;
	r = bc_aws_file_value(path, false, profile, "aws_access_key_id", c.id, sizeof(c.id));
	r = r ? r : bc_aws_file_value(path, false, profile, "aws_secret_access_key", c.secret, sizeof(c.secret));
	if (!r) {
		r = bc_aws_file_value(path, false, profile, "aws_session_token", c.token, sizeof(c.token));
		r = r == -ENOENT ? 0 : r;
	}
	if (!r && !usable(&c))
		r = -EINVAL;
	if (!r)
		*ret = c;
	OPENSSL_cleanse(&c, sizeof(c));
	if (r == -ENOENT && access(path, F_OK) == 0)
		return bc_err_set(err, r, "%s has no aws_access_key_id and aws_secret_access_key under [%s]", path, profile);
	if (r)
		return bc_err_set(err, r, "cannot read credentials from %s: %s", path, strerror(-r));
	return 0;
}

static int from_environment(struct bc_credentials *ret, struct bc_err *err)
{
	const char *id = set("AWS_ACCESS_KEY_ID"), *secret = set("AWS_SECRET_ACCESS_KEY"), *token = set("AWS_SESSION_TOKEN");

	if (!secret)
		return bc_err_set(err, -ENOENT, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	if (strlen(id) >= sizeof(ret->id) || strlen(secret) >= sizeof(ret->secret) || (token && strlen(token) >= sizeof(ret->token)))
		return bc_err_set(err, -EINVAL, "the credentials in the environment are too long");
	if (!printable(id) || !printable(secret) || (token && !printable(token)))
		return bc_err_set(err, -EINVAL, "the credentials in the environment have spaces or control characters");
	strcpy(ret->id, id);
	strcpy(ret->secret, secret);
	strcpy(ret->token, token ? token : "");
	return 0;
}

int bc_credentials_find(const char *file, const char *profile, struct bc_credentials *ret, struct bc_err *err)
{
	char path[PATH_MAX];
	int r;

	if (file)
		return from_file(file, bc_aws_profile(profile), ret, err);
	if (!profile && set("AWS_ACCESS_KEY_ID"))
		return from_environment(ret, err);
	r = bc_aws_file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials", path, sizeof(path));
	if (r || access(path, F_OK) < 0)
		return bc_err_set(err, -ENOENT, "no credentials for object storage: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
				  "or write ~/.aws/credentials, or name a file of that form with --s3-credentials");
	return from_file(path, bc_aws_profile(profile), ret, err);
}

void bc_credentials_wipe_environment(void)
{
	static const char *const secret[] = { "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
		char *value = getenv(secret[i]);

		if (value)
			OPENSSL_cleanse(value, strlen(value));
		unsetenv(secret[i]);
	}
}

void bc_credentials_wipe(struct bc_credentials *c)
{
	OPENSSL_cleanse(c, sizeof(*c));
}
