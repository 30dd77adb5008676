/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define SCHEME "s3://"

bool bc_object_is_name(const char *text)
{
	return strncmp(text, SCHEME, strlen(SCHEME)) == 0;
}

bool bc_object_is_hour(const char *text)
{
	static const char form[] = "0000/00/00/00/";

	for (size_t i = 0; i < BC_OBJECT_HOUR_LEN; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return true;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool bucket_ok(const char *bucket, size_t len)
{
	if (len < 3 || len >= BC_BUCKET_MAX || !is_alnum(bucket[0]) || !is_alnum(bucket[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(bucket[i]) && bucket[i] != '-' && bucket[i] != '.' && bucket[i] != '_')
			return false;
	return true;
}

/* A store would keep such keys, but URLs and folders would not tell them apart. */
static bool key_ok(const char *key)
{
	const char *part = key;

	for (const char *p = key; ; p++) {
		if ((unsigned char)*p < 0x20 && *p)
			return false;
		if (*p == 0x7f)
			return false;
		if (*p && *p != '/')
			continue;
		if ((p - part == 1 && part[0] == '.') || (p - part == 2 && part[0] == '.' && part[1] == '.') || (*p && p == part))
			return false;
		if (!*p)
			return true;
		part = p + 1;
	}
}

int bc_object_name_parse(const char *what, const char *text, struct bc_object_name *ret, struct bc_err *err)
{
	const char *bucket = text + strlen(SCHEME), *slash, *key;
	size_t len;

	if (!bc_object_is_name(text))
		return bc_err_set(err, -EINVAL, "%s: \"%s\" is not s3://BUCKET/PREFIX/", what, text);
	slash = strchr(bucket, '/');
	len = slash ? (size_t)(slash - bucket) : strlen(bucket);
	key = slash ? slash + 1 : "";
	if (!bucket_ok(bucket, len))
		return bc_err_set(err, -EINVAL, "%s: \"%s\": the name of a bucket has 3 to 63 letters, digits, dots and hyphens", what, text);
	if (strlen(key) >= BC_KEY_MAX)
		return bc_err_set(err, -EINVAL, "%s: the key is longer than %d bytes", what, BC_KEY_MAX - 1);
	if (!key_ok(key))
		return bc_err_set(err, -EINVAL, "%s: \"%s\": a key has no control characters, and no empty part, \".\" or \"..\" between slashes", what, text);
	memcpy(ret->bucket, bucket, len);
	ret->bucket[len] = '\0';
	strcpy(ret->key, key);
	return 0;
}

int bc_uri_encode(const char *text, bool keep_slash, char *ret, size_t cap)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		const bool plain = is_alnum((char)*p) || strchr("-._~", *p) || (*p == '/' && keep_slash);

		if (n + (plain ? 1 : 3) >= cap)
			return -ENAMETOOLONG;
		if (plain) {
			ret[n++] = (char)*p;
			continue;
		}
		ret[n++] = '%';
		ret[n++] = hex[*p >> 4];
		ret[n++] = hex[*p & 15];
	}
	if (n >= cap)
		return -ENAMETOOLONG;
	ret[n] = '\0';
	return (int)n;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bc_uri_decode(char *text)
{
	char *out = text;

	for (const char *p = text; *p; p++) {
		if (*p != '%') {
			*out++ = *p == '+' ? ' ' : *p;
			continue;
		}
		if (digit(p[1]) < 0 || digit(p[2]) < 0 || (digit(p[1]) == 0 && digit(p[2]) == 0))
			return false;
		*out++ = (char)(digit(p[1]) * 16 + digit(p[2]));
		p += 2;
	}
	*out = '\0';
	return true;
}
