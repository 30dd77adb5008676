/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_linktype.h"

#define ETHERTYPE_AT 12

struct bc_flows {
	enum bc_flows_by by;
	struct bc_flow *at;	/* in the order in which they came, or sorted */
	uint32_t n, cap;
	uint32_t *slot;		/* 1 + the place in at; a power of 2 of them, at most half full */
	uint32_t n_slots;
};

struct bc_flows *bc_flows_new(enum bc_flows_by by)
{
	struct bc_flows *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->by = by;
	f->n_slots = 1024;
	f->slot = calloc(f->n_slots, sizeof(*f->slot));
	if (!f->slot) {
		free(f);
		return NULL;
	}
	return f;
}

void bc_flows_free(struct bc_flows *f)
{
	if (!f)
		return;
	free(f->at);
	free(f->slot);
	free(f);
}

void bc_flows_clear(struct bc_flows *f)
{
	memset(f->slot, 0, f->n_slots * sizeof(*f->slot));
	f->n = 0;
}

/* FNV-1a, folded. Keys are hostile: what they can do is to make this slow, up to BC_FLOWS_MOST. */
static uint32_t hash_of(const struct bc_flow_key *k)
{
	const uint8_t *p = (const uint8_t *)k;
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < sizeof(*k); i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return (uint32_t)(h ^ h >> 32);
}

static uint32_t *find_slot(const struct bc_flows *f, const struct bc_flow_key *k)
{
	uint32_t i = hash_of(k) & (f->n_slots - 1);

	while (f->slot[i] && memcmp(&f->at[f->slot[i] - 1].key, k, sizeof(*k)))
		i = (i + 1) & (f->n_slots - 1);
	return &f->slot[i];
}

static int grow_slots(struct bc_flows *f)
{
	uint32_t *bigger = calloc(2 * (size_t)f->n_slots, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	free(f->slot);
	f->slot = bigger;
	f->n_slots *= 2;
	for (uint32_t i = 0; i < f->n; i++)
		*find_slot(f, &f->at[i].key) = i + 1;
	return 0;
}

static int grow(struct bc_flows *f)
{
	uint32_t cap = f->cap ? 2 * f->cap : 512;
	struct bc_flow *grown;

	if (f->n == BC_FLOWS_MOST)
		return -E2BIG;
	if (2 * f->n >= f->n_slots && grow_slots(f))
		return -ENOMEM;
	if (f->n < f->cap)
		return 0;
	grown = realloc(f->at, cap * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	f->at = grown;
	f->cap = cap;
	return 0;
}

static int add(struct bc_flows *f, const struct bc_flow_key *key, const struct bc_index_row *row)
{
	uint32_t *slot = find_slot(f, key);
	struct bc_flow *w;

	if (!*slot) {
		int r = grow(f);

		if (r)
			return r;
		slot = find_slot(f, key);
		f->at[f->n] = (struct bc_flow){ .key = *key, .first_ns = row->first_ns, .last_ns = row->last_ns };
		*slot = ++f->n;
	}
	w = &f->at[*slot - 1];
	w->packets += row->packets;
	w->bytes += row->bytes;
	w->tcp_flags |= row->flags_or;
	w->first_ns = row->first_ns < w->first_ns ? row->first_ns : w->first_ns;
	w->last_ns = row->last_ns > w->last_ns ? row->last_ns : w->last_ns;
	return 0;
}

/* Keep so many bits. */
static void cut_to_network(uint8_t *addr, uint8_t len)
{
	uint32_t bits = len == 4 ? BC_FLOWS_NET4 : BC_FLOWS_NET6;

	memset(addr + bits / 8, 0, len - bits / 8);
}

/* Of a host or a network: each end that is another. */
static int add_ends(struct bc_flows *f, struct bc_flow_key *k, const struct bc_index_row *row)
{
	struct bc_flow_key end[2];
	int r;

	for (int i = 0; i < 2; i++) {
		end[i] = (struct bc_flow_key){ .addr_len = k->addr_len, .ethertype = k->ethertype };
		memcpy(end[i].addr[0], k->addr[i], sizeof(k->addr[i]));
		if (f->by == BC_FLOWS_BY_NETWORK && k->addr_len)
			cut_to_network(end[i].addr[0], k->addr_len);
	}
	r = add(f, &end[0], row);
	return r || !memcmp(&end[0], &end[1], sizeof(end[0])) ? r : add(f, &end[1], row);
}

int bc_flows_add(struct bc_flows *f, const struct bc_index_row *row, const struct bc_index_template *templates)
{
	const struct bc_index_template *t = &templates[(row->from_low ? row->from_low : row->from_high) - 1];
	struct bc_flow_key k = { .addr_len = row->addr_len, .proto = t->proto, .port = { row->low_port, row->high_port } };

	memcpy(k.addr[0], row->low, sizeof(row->low));
	memcpy(k.addr[1], row->high, sizeof(row->high));
	if (!row->addr_len && t->linktype == LINKTYPE_ETHERNET && t->len >= ETHERTYPE_AT + 2 && t->mask[ETHERTYPE_AT] == 0xff)
		k.ethertype = (uint16_t)(t->value[ETHERTYPE_AT] << 8 | t->value[ETHERTYPE_AT + 1]);
	if (f->by == BC_FLOWS_BY_HOST || f->by == BC_FLOWS_BY_NETWORK)
		return add_ends(f, &k, row);
	if (f->by == BC_FLOWS_BY_PORT) {
		k.port[0] = k.port[0] < k.port[1] ? k.port[0] : k.port[1];
		k.port[1] = 0;
		memset(k.addr, 0, sizeof(k.addr));
		k.addr_len = 0;
	}
	return add(f, &k, row);
}

static uint64_t worth(const struct bc_flow *w, enum bc_flows_order order)
{
	return order == BC_FLOWS_BYTES ? w->bytes : order == BC_FLOWS_PACKETS ? w->packets : w->last_ns - w->first_ns;
}

static int compare(const void *a, const void *b, void *order)
{
	uint64_t u = worth(a, *(const enum bc_flows_order *)order), v = worth(b, *(const enum bc_flows_order *)order);

	if (u != v)
		return u > v ? -1 : 1;
	return memcmp(&((const struct bc_flow *)a)->key, &((const struct bc_flow *)b)->key, sizeof(struct bc_flow_key));
}

const struct bc_flow *bc_flows_sorted(struct bc_flows *f, enum bc_flows_order order, uint32_t *ret_n)
{
	if (f->n)
		qsort_r(f->at, f->n, sizeof(*f->at), compare, &order);
	*ret_n = f->n;
	/* Places are no longer what slots say. */
	memset(f->slot, 0, f->n_slots * sizeof(*f->slot));
	for (uint32_t i = 0; i < f->n; i++)
		*find_slot(f, &f->at[i].key) = i + 1;
	return f->at;
}
