/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_allow.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "bc_number.h"

static int parse_name(const char *what, const char *text, size_t len, struct bc_allow *ret, struct bc_err *err)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !(i && strchr("_-.", text[i])))
			len = 0;
	if (!len || len >= sizeof(ret->name))
		return bc_err_set(err, -EINVAL, "%s: '%.200s': a client's name must have 1 to %zu letters, digits, _, "
				  "- and ., and begin with a letter or digit", what, text, sizeof(ret->name) - 1);
	memcpy(ret->name, text, len);
	ret->name[len] = '\0';
	return 0;
}

static void mask(struct bc_allow *a)
{
	for (uint32_t bit = a->bits; bit < 128; bit++)
		a->address[bit / 8] &= (uint8_t)~(0x80U >> bit % 8);
}

static int parse_address(const char *what, const char *text, size_t len, struct bc_allow *ret, struct bc_err *err)
{
	char word[INET6_ADDRSTRLEN + 8], *slash;
	uint64_t bits;
	int r;

	if (len >= sizeof(word))
		return bc_err_set(err, -EINVAL, "%s: '%.200s' is not an address", what, text);
	memcpy(word, text, len);
	word[len] = '\0';
	slash = strchr(word, '/');
	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET, word, ret->address) == 1)
		ret->family = AF_INET;
	else if (inet_pton(AF_INET6, word, ret->address) == 1)
		ret->family = AF_INET6;
	else
		return bc_err_set(err, -EINVAL, "%s: '%s' is not an IPv4 or IPv6 address", what, word);
	bits = ret->family == AF_INET ? 32 : 128;
	r = slash ? bc_parse_u64("the prefix", slash, 0, bits, &bits, err) : 0;
	if (r)
		return bc_err_prefix(err, r, "%s", what);
	ret->bits = (uint8_t)bits;
	mask(ret);
	return 0;
}

static int parse_word(const char *what, const char *word, size_t len, struct bc_allow *ret, struct bc_err *err)
{
	if (len == 3 && !memcmp(word, "tls", len))
		ret->tls = true;
	else if (len == 8 && !memcmp(word, "no-store", len))
		ret->no_store = true;
	else
		return bc_err_set(err, -EINVAL, "%s: '%.*s' is neither tls nor no-store", what, (int)(len < 200 ? len : 200), word);
	return 0;
}

int bc_allow_parse(const char *what, const char *text, struct bc_allow *ret, struct bc_err *err)
{
	const char *equals = strchr(text, '='), *at;
	struct bc_allow a = { .bits = 0 };
	size_t len;
	int r;

	if (!equals)
		return bc_err_set(err, -EINVAL, "%s: '%.200s' is not NAME=ADDRESS[/PREFIX][,tls][,no-store]", what, text);
	r = parse_name(what, text, (size_t)(equals - text), &a, err);
	at = equals + 1;
	len = strcspn(at, ",");
	if (!r)
		r = parse_address(what, at, len, &a, err);
	for (at += len; !r && *at == ','; at += len) {
		len = strcspn(++at, ",");
		r = parse_word(what, at, len, &a, err);
	}
	if (!r)
		*ret = a;
	return r;
}

static bool same_prefix(const struct bc_allow *a, const struct bc_allow *b)
{
	return a->family == b->family && a->bits == b->bits && !memcmp(a->address, b->address, sizeof(a->address));
}

static uint32_t number_of(const char *name, const char *const *known, uint32_t n_known)
{
	uint32_t i = 0;

	while (i < n_known && strcmp(known[i], name))
		i++;
	return i;
}

int bc_allow_number(struct bc_allow *list, uint32_t n, const char *const *known, uint32_t n_known, struct bc_err *err)
{
	uint32_t clients = n_known;

	for (uint32_t i = 0; i < n; i++) {
		list[i].client = number_of(list[i].name, known, n_known);
		if (list[i].client == n_known)
			list[i].client = clients;
		for (uint32_t k = 0; k < i; k++) {
			if (same_prefix(&list[i], &list[k]))
				return bc_err_set(err, -EINVAL, "--allow: '%s' and '%s' have the same address", list[k].name, list[i].name);
			if (!strcmp(list[i].name, list[k].name))
				list[i].client = list[k].client;
		}
		clients += list[i].client == clients;
	}
	if (clients > BC_MAX_CLIENTS)
		return bc_err_set(err, -EINVAL, "--allow: more than %u clients", BC_MAX_CLIENTS);
	return (int)clients;
}

static bool holds(const struct bc_allow *a, int family, const uint8_t *address)
{
	uint32_t whole = a->bits / 8, rest = a->bits % 8;

	return a->family == family && !memcmp(a->address, address, whole) &&
	       (!rest || (address[whole] & (uint8_t)(0xff00U >> rest)) == a->address[whole]);
}

const struct bc_allow *bc_allow_find(const struct bc_allow *list, uint32_t n, const struct sockaddr *address)
{
	const struct bc_allow *best = NULL;
	int family = address->sa_family;
	uint8_t bytes[16] = { 0 };

	if (family == AF_INET) {
		memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
	} else if (family == AF_INET6) {
		const struct in6_addr *a6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

		memcpy(bytes, a6, sizeof(bytes));
		if (IN6_IS_ADDR_V4MAPPED(a6)) {
			family = AF_INET;
			memcpy(bytes, bytes + 12, 4);
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (holds(&list[i], family, bytes) && (!best || list[i].bits > best->bits))
			best = &list[i];
	return best;
}
