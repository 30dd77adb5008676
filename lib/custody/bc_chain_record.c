/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_chain_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { [BC_CHAIN_PUBLISHED] = "published", [BC_CHAIN_FOUND] = "found" };

int bc_chain_name_check(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= BC_CHAIN_NAME_MAX)
		return -EINVAL;
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127 || *c == '/')
			return -EINVAL;
	return 0;
}

void bc_chain_hex(const uint8_t *bytes, size_t n, char *ret)
{
	for (size_t i = 0; i < n; i++)
		sprintf(ret + 2 * i, "%02x", bytes[i]);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bc_chain_unhex(const char *digits, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		int high = digit(digits[2 * i]), low = high < 0 ? -1 : digit(digits[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

size_t bc_chain_record_text(const struct bc_chain_record *r, char text[BC_CHAIN_LINE_MAX])
{
	char hash[2 * BC_CHAIN_HASH + 1], previous[2 * BC_CHAIN_HASH + 1], key[2 * BC_CHAIN_KEY_ID + 1];

	bc_chain_hex(r->hash, BC_CHAIN_HASH, hash);
	bc_chain_hex(r->previous, BC_CHAIN_HASH, previous);
	bc_chain_hex(r->key, BC_CHAIN_KEY_ID, key);
	return (size_t)snprintf(text, BC_CHAIN_LINE_MAX, "%" PRIu64 " %" PRIu64 " %s %" PRIu64 " %s %s %s %s", r->number, r->time_ns,
				kinds[r->kind], r->bytes, hash, previous, key, r->name);
}

size_t bc_chain_record_line(const struct bc_chain_record *r, char line[BC_CHAIN_LINE_MAX])
{
	size_t len = bc_chain_record_text(r, line);

	line[len++] = ' ';
	bc_chain_hex(r->signature, BC_CHAIN_SIGNATURE, line + len);
	return len + 2 * BC_CHAIN_SIGNATURE;
}

/* A field and the space behind it; false: it is none. */
static bool take_number(const char **at, uint64_t *ret)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, 10);
	if (errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static bool take_hex(const char **at, uint8_t *bytes, size_t n, char behind)
{
	if (!bc_chain_unhex(*at, n, bytes))
		return false;
	*at += 2 * n;
	return *(*at)++ == behind;
}

static bool take_kind(const char **at, enum bc_chain_kind *ret)
{
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t len = strlen(kinds[k]);

		if (strncmp(*at, kinds[k], len) || (*at)[len] != ' ')
			continue;
		*ret = (enum bc_chain_kind)k;
		*at += len + 1;
		return true;
	}
	return false;
}

/* The name may have spaces; the signature behind it has not. */
static bool take_name(const char **at, const char *end, char name[BC_CHAIN_NAME_MAX])
{
	ptrdiff_t len = end - *at - 2 * BC_CHAIN_SIGNATURE - 1;

	if (len < 1 || len >= BC_CHAIN_NAME_MAX)
		return false;
	memcpy(name, *at, (size_t)len);
	name[len] = '\0';
	*at += len;
	return *(*at)++ == ' ' && bc_chain_name_check(name) == 0;
}

int bc_chain_record_parse(const char *line, size_t len, struct bc_chain_record *ret)
{
	char copy[BC_CHAIN_LINE_MAX], again[BC_CHAIN_LINE_MAX];
	const char *at = copy;

	if (len >= sizeof(copy) || memchr(line, 0, len))
		return -EBADMSG;
	memcpy(copy, line, len);
	copy[len] = '\0';
	memset(ret, 0, sizeof(*ret));
	if (!take_number(&at, &ret->number) || !take_number(&at, &ret->time_ns) || !take_kind(&at, &ret->kind) ||
	    !take_number(&at, &ret->bytes) || !take_hex(&at, ret->hash, BC_CHAIN_HASH, ' ') ||
	    !take_hex(&at, ret->previous, BC_CHAIN_HASH, ' ') || !take_hex(&at, ret->key, BC_CHAIN_KEY_ID, ' ') ||
	    !take_name(&at, copy + len, ret->name) || !take_hex(&at, ret->signature, BC_CHAIN_SIGNATURE, '\0'))
		return -EBADMSG;
	/* One record has one form: leading zeros and the like are refused. */
	return bc_chain_record_line(ret, again) == len && !memcmp(again, copy, len) ? 0 : -EBADMSG;
}

/* With any signature it is a line. */
bool bc_chain_record_is_text(const char *text, size_t len)
{
	static const uint8_t none[BC_CHAIN_SIGNATURE];
	char line[BC_CHAIN_LINE_MAX];
	struct bc_chain_record r;

	if (len + 1 + 2 * BC_CHAIN_SIGNATURE >= sizeof(line))
		return false;
	memcpy(line, text, len);
	line[len] = ' ';
	bc_chain_hex(none, BC_CHAIN_SIGNATURE, line + len + 1);
	return !bc_chain_record_parse(line, len + 1 + 2 * BC_CHAIN_SIGNATURE, &r);
}
