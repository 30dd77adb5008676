/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sys.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names in one folder; the kernel has fewer, whoever makes more is not listened to. */
#define LIST_MAX 4096
#define LINES_MAX 65536

/* The whole path into buf; an empty one is never there. */
static const char *whole(char buf[PATH_MAX], const char *root, const char *path, va_list ap)
{
	int n = snprintf(buf, PATH_MAX, "%s", root), m = n < PATH_MAX ? vsnprintf(buf + n, (size_t)(PATH_MAX - n), path, ap) : PATH_MAX;

	if (n + m >= PATH_MAX)
		buf[0] = '\0';
	return buf;
}

#define WHOLE(buf, root, path) \
	do { \
		va_list ap_; \
		va_start(ap_, path); \
		whole(buf, root, path, ap_); \
		va_end(ap_); \
	} while (0)

static bool first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good;

	buf[0] = '\0';
	if (!f)
		return false;
	good = fgets(buf, (int)size, f);
	fclose(f);
	if (!good)
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return good;
}

bool bc_sys_text(const char *root, char *buf, size_t size, const char *path, ...)
{
	char at[PATH_MAX];

	WHOLE(at, root, path);
	return first_line(at, buf, size);
}

bool bc_sys_number(const char *root, int64_t *ret, const char *path, ...)
{
	char at[PATH_MAX], text[32], *end;
	int64_t v;

	WHOLE(at, root, path);
	if (!first_line(at, text, sizeof(text)))
		return false;
	errno = 0;
	v = strtoll(text, &end, 0);
	if (end == text || *end || errno)
		return false;
	*ret = v;
	return true;
}

bool bc_sys_link(const char *root, char *buf, size_t size, const char *path, ...)
{
	char at[PATH_MAX], to[PATH_MAX];
	ssize_t n;

	WHOLE(at, root, path);
	buf[0] = '\0';
	n = readlink(at, to, sizeof(to) - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	snprintf(buf, size, "%s", strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
	return true;
}

bool bc_sys_exists(const char *root, const char *path, ...)
{
	char at[PATH_MAX];

	WHOLE(at, root, path);
	return access(at, F_OK) == 0;
}

static int shown(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

struct bc_sys_list bc_sys_list(const char *root, const char *path, ...)
{
	struct bc_sys_list l = { 0 };
	struct dirent **entry = NULL;
	char at[PATH_MAX];
	int n;

	WHOLE(at, root, path);
	n = scandir(at, &entry, shown, versionsort);
	if (n > 0)
		l.name = calloc((size_t)n, sizeof(*l.name));
	for (int i = 0; i < n; i++) {
		if (l.name && l.n < LIST_MAX && (l.name[l.n] = strdup(entry[i]->d_name)))
			l.n++;
		free(entry[i]);
	}
	free(entry);
	return l;
}

void bc_sys_list_free(struct bc_sys_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	*l = (struct bc_sys_list){ 0 };
}

bool bc_sys_line(const char *root, const char *path, const char *begin, char *buf, size_t size)
{
	char at[PATH_MAX], line[4096];
	size_t len = strlen(begin);
	bool found = false;
	FILE *f;

	buf[0] = '\0';
	snprintf(at, sizeof(at), "%s%s", root, path);
	f = fopen(at, "re");
	for (uint32_t i = 0; f && !found && i < LINES_MAX && fgets(line, sizeof(line), f); i++) {
		const char *rest = line + len;

		found = !strncmp(line, begin, len);
		if (!found)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(buf, size, "%s", rest + strspn(rest, " \t:"));
	}
	if (f)
		fclose(f);
	return found;
}
