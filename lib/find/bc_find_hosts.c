/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_hosts.h"

#include <string.h>

/* Tags one in another that are looked through. */
#define TAGS 2

enum kind { IP4, IP6, ARP, TAG };

/* What a field says of what follows it. */
struct bc_find_type {
	uint32_t value;
	enum kind kind;
};

static const struct bc_find_type ethertypes[] = {
	{ 0x0800, IP4 }, { 0x86dd, IP6 }, { 0x0806, ARP }, { 0x8035, ARP }, { 0x8100, TAG }, { 0x88a8, TAG }, { 0x9100, TAG }, { 0 },
};
/* Of NULL in either byte order, and of LOOP. */
static const struct bc_find_type families[] = {
	{ 2, IP4 }, { 10, IP6 }, { 24, IP6 }, { 28, IP6 }, { 30, IP6 },
	{ 2U << 24, IP4 }, { 10U << 24, IP6 }, { 24U << 24, IP6 }, { 28U << 24, IP6 }, { 30U << 24, IP6 }, { 0 },
};

/* Link types with such a field; at next it is over. */
static const struct link {
	uint16_t linktype;
	uint8_t type_at, type_len, next;
	const struct bc_find_type *types;
} links[] = {
	{ 1, 12, 2, 14, ethertypes },	/* Ethernet */
	{ 113, 14, 2, 16, ethertypes },	/* Linux cooked */
	{ 276, 0, 2, 20, ethertypes },	/* Linux cooked, version 2 */
	{ 0, 0, 4, 4, families },	/* NULL */
	{ 108, 0, 4, 4, families },	/* LOOP */
};

/* Where the two addresses are. */
static const uint8_t places[][3] = { [IP4] = { 4, 12, 16 }, [IP6] = { 16, 8, 24 }, [ARP] = { 4, 14, 24 } };

struct visit {
	bool (*each)(void *ctx, const struct bc_find_shape *shape);
	void *ctx;
	struct bc_find_shape s;
};

static void know(struct bc_find_shape *s, uint32_t at, uint32_t value, uint32_t len)
{
	for (uint32_t i = len; i; i--, value >>= 8) {
		s->pattern.value[at + i - 1] = (uint8_t)value;
		s->pattern.mask[at + i - 1] = 0xff;
	}
	s->pattern.len = at + len;
}

static void put_addresses(struct bc_find_shape *s, enum kind kind, uint32_t at)
{
	s->addr_len = places[kind][0];
	s->addr_at[0] = (uint8_t)(at + places[kind][1]);
	s->addr_at[1] = (uint8_t)(at + places[kind][2]);
}

/* With a field of len bytes at type_at, behind which the next header begins at next. */
static bool visit_types(struct visit *v, const struct bc_find_type *types, uint32_t type_at, uint32_t len, uint32_t next, int tags)
{
	const struct bc_find_shape before = v->s;

	for (const struct bc_find_type *t = types; t->value; t++) {
		v->s = before;
		know(&v->s, type_at, t->value, len);
		if (t->kind != TAG)
			put_addresses(&v->s, t->kind, next);
		if (t->kind == TAG && tags ? visit_types(v, types, next + 2, len, next + 4, tags - 1) : v->each(v->ctx, &v->s))
			return true;
	}
	v->s = before;
	v->s.not = types;
	v->s.type_at = (uint8_t)type_at;
	v->s.type_len = (uint8_t)len;
	return v->each(v->ctx, &v->s);
}

static bool visit_link(struct visit *v, const struct link *l)
{
	v->s = (struct bc_find_shape){ .pattern.linktype = l->linktype };
	return visit_types(v, l->types, l->type_at, l->type_len, l->next, TAGS);
}

/* IP at once, of the version that its first bits say. */
static bool visit_raw(struct visit *v)
{
	for (uint8_t version = 0; version < 16; version++) {
		v->s = (struct bc_find_shape){
			.pattern = { .linktype = 101, .len = 1, .value = { (uint8_t)(version << 4) }, .mask = { 0xf0 } },
		};
		if (version == 4 || version == 6)
			put_addresses(&v->s, version == 4 ? IP4 : IP6, 0);
		if (v->each(v->ctx, &v->s))
			return true;
	}
	v->s = (struct bc_find_shape){ .pattern.linktype = 101, .empty = true };
	return v->each(v->ctx, &v->s);
}

static bool visit_ip(struct visit *v, uint16_t linktype, enum kind kind)
{
	v->s = (struct bc_find_shape){ .pattern.linktype = linktype };
	put_addresses(&v->s, kind, 0);
	return v->each(v->ctx, &v->s);
}

bool bc_find_shapes(bool (*each)(void *ctx, const struct bc_find_shape *shape), void *ctx)
{
	struct visit v = { .each = each, .ctx = ctx };

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (visit_link(&v, &links[i]))
			return true;
	return visit_raw(&v) || visit_ip(&v, 228, IP4) || visit_ip(&v, 229, IP6);
}

void bc_find_shape_of(const struct bc_index_template *t, struct bc_find_shape *ret)
{
	*ret = (struct bc_find_shape){ .addr_len = t->addr_len, .addr_at = { t->addr_at[0], t->addr_at[1] } };
	bc_index_pattern_of(t, &ret->pattern);
}

bool bc_find_shape_may_be(const struct bc_find_shape *s, const struct bc_find_hosts *hosts, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	uint32_t value = 0;

	if (s->addr_len && len == s->addr_len && (at == s->addr_at[0] || at == s->addr_at[1]))
		return hosts->may_hold(hosts->ctx, bytes, len);
	if (!s->not || at != s->type_at || len != s->type_len)
		return true;
	for (uint32_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	for (const struct bc_find_type *t = s->not; t->value; t++)
		if (t->value == value)
			return false;
	return true;
}

bool bc_find_asked_add(void *ctx, const uint8_t *addr, size_t len)
{
	struct bc_find_asked *a = ctx;

	for (uint32_t i = 0; i < a->n; i++)
		if (a->host[i].len == len && !memcmp(a->host[i].addr, addr, len))
			return true;
	a->is_full |= a->n == BC_FIND_ASKED_MAX;
	if (a->is_full)
		return true;
	memcpy(a->host[a->n].addr, addr, len);
	a->host[a->n++].len = (uint8_t)len;
	return true;
}
