/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_flow_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_flow_table_priv.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

#define ROWS_SHARE 200U		/* bytes of memory for each flow, with all that goes with it */
#define TEMPLATES_SHARE 8U	/* the part of memory that templates may take */
#define PROBES_MAX 64U		/* then a packet is in no row: nobody can make the table slow */
#define INLINE (BC_RUNS_INLINE - 8)

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void unmap(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}

static uint32_t slots_for(uint32_t n)
{
	uint32_t slots = 64;

	while (slots < n + n / 2)
		slots *= 2;
	return slots;
}

static void size_table(struct bc_flow_table *t, size_t memory)
{
	t->tmpls_max = (uint32_t)(memory / TEMPLATES_SHARE / sizeof(*t->tmpl)) + 16;
	if (t->tmpls_max > BC_INDEX_TEMPLATES_MAX)
		t->tmpls_max = BC_INDEX_TEMPLATES_MAX;
	t->outers_max = t->tmpls_max * 2;
	t->flows_max = (uint32_t)(memory / ROWS_SHARE) + 16;
	t->nodes_max = t->flows_max;
	t->flow_mask = slots_for(t->flows_max) - 1;
	t->tmpl_mask = slots_for(t->tmpls_max) - 1;
}

struct bc_flow_table *bc_flow_table_new(size_t memory, bool flows)
{
	struct bc_flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->flows = flows;
	size_table(t, flows ? memory : 0);
	t->block = map(BC_INDEX_BLOCKS_MAX * sizeof(*t->block));
	t->flow = map(t->flows_max * sizeof(*t->flow));
	t->node = map(t->nodes_max * sizeof(*t->node));
	t->tmpl = map(t->tmpls_max * sizeof(*t->tmpl));
	t->outer = map(t->outers_max * sizeof(*t->outer));
	t->flow_slot = map((t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	t->tmpl_slot = map((t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	t->packer = bc_packer_new();
	if (!t->block || !t->flow || !t->node || !t->tmpl || !t->outer || !t->flow_slot || !t->tmpl_slot || !t->packer) {
		bc_flow_table_free(t);
		return NULL;
	}
	bc_flow_table_begin(t, 0, 0);
	return t;
}

void bc_flow_table_free(struct bc_flow_table *t)
{
	if (!t)
		return;
	unmap(t->block, BC_INDEX_BLOCKS_MAX * sizeof(*t->block));
	unmap(t->flow, t->flows_max * sizeof(*t->flow));
	unmap(t->node, t->nodes_max * sizeof(*t->node));
	unmap(t->tmpl, t->tmpls_max * sizeof(*t->tmpl));
	unmap(t->outer, t->outers_max * sizeof(*t->outer));
	unmap(t->flow_slot, (t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	unmap(t->tmpl_slot, (t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	bc_packer_free(t->packer);
	free(t);
}

void bc_flow_table_begin(struct bc_flow_table *t, uint64_t file_at, uint64_t plain_at)
{
	if (t->n_flows)
		memset(t->flow_slot, 0, (t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	if (t->n_tmpls)
		memset(t->tmpl_slot, 0, (t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	t->n_flows = t->n_nodes = t->n_tmpls = t->n_outers = t->recent = 0;
	t->part = (struct bc_index_part){
		.blocks_at = file_at, .plain_at = plain_at, .flags = t->flows ? 0 : BC_INDEX_PART_TIME_ONLY,
	};
	t->file_bytes = t->plain_bytes = 0;
}

void bc_flow_table_block(struct bc_flow_table *t, const struct bc_index_block *b)
{
	struct bc_index_part *a = &t->part;
	struct bc_index_block *k = &t->block[a->n_blocks++];

	*k = *b;
	k->file_at = a->blocks_at + t->file_bytes;
	k->plain_at = a->plain_at + t->plain_bytes;
	t->file_bytes += b->file_len;
	t->plain_bytes += b->plain_len;
	a->packets += b->packets;
	if (!t->flows && b->packets)
		bc_flow_table_unindexed(t);
	else if (b->flags & BC_INDEX_BLOCK_UNINDEXED)
		a->n_unindexed++;
	if (b->flags & BC_INDEX_BLOCK_NO_TIME || !b->packets)
		return;
	if (!a->max_ns || b->min_ns < a->min_ns)
		a->min_ns = b->min_ns;
	if (b->max_ns > a->max_ns)
		a->max_ns = b->max_ns;
}

void bc_flow_table_unindexed(struct bc_flow_table *t)
{
	struct bc_index_block *k = &t->block[t->part.n_blocks - 1];

	if (!(k->flags & BC_INDEX_BLOCK_UNINDEXED))
		t->part.n_unindexed++;
	k->flags |= BC_INDEX_BLOCK_UNINDEXED;
}

static void skip_packet(struct bc_flow_table *t)
{
	t->skipped++;
	bc_flow_table_unindexed(t);
}

/* What the packet has where the mask has bits. */
static void make_template(const struct bc_tuple *u, const uint8_t *data, struct bc_index_template *ret)
{
	ret->linktype = u->linktype;
	ret->len = u->len;
	ret->addr_len = u->addr_len;
	ret->addr_at[0] = u->addr_at[0];
	ret->addr_at[1] = u->addr_at[1];
	ret->port_at = u->port_at;
	ret->flags_at = u->flags_at;
	ret->proto = u->proto;
	for (uint32_t i = 0; i < u->len; i++)
		ret->value[i] = data[i] & u->mask[i];
	memcpy(ret->mask, u->mask, u->len);
}

static bool same_template(const struct bc_index_template *a, const struct bc_index_template *b)
{
	return !memcmp(a, b, offsetof(struct bc_index_template, value)) && !memcmp(a->value, b->value, a->len) &&
	       !memcmp(a->mask, b->mask, a->len);
}

static bool keep_outers(struct bc_flow_table *t, struct bc_flow_template *k, const struct bc_tuple *u, const uint8_t *data)
{
	k->outer_at = t->n_outers;
	k->n_outer = 0;
	for (uint32_t i = 0; i < u->n_outer; i++) {
		if (t->n_outers == t->outers_max)
			return false;
		t->outer[t->n_outers++] = bc_index_filter_hash(data + u->outer_at[i], u->outer_len[i]);
		k->n_outer++;
	}
	return true;
}

/* The template's number, new or known; UINT32_MAX: there is no room. */
static uint32_t intern(struct bc_flow_table *t, const struct bc_tuple *u, const uint8_t *data)
{
	struct bc_index_template want;
	struct bc_flow_template *k;
	uint32_t hash, at;

	make_template(u, data, &want);
	hash = (uint32_t)XXH3_64bits_withSeed(want.value, want.len, (uint64_t)want.len << 8 | want.port_at);
	at = hash & t->tmpl_mask;
	for (uint32_t i = 0; t->tmpl_slot[at]; at = (at + 1) & t->tmpl_mask, i++) {
		k = &t->tmpl[t->tmpl_slot[at] - 1];
		if (k->hash == hash && same_template(&k->t, &want))
			return t->tmpl_slot[at] - 1;
		if (i == PROBES_MAX)
			return UINT32_MAX;
	}
	if (t->n_tmpls == t->tmpls_max)
		return UINT32_MAX;
	k = &t->tmpl[t->n_tmpls];
	k->t = want;
	k->hash = hash;
	if (!keep_outers(t, k, u, data))
		return UINT32_MAX;
	t->tmpl_slot[at] = ++t->n_tmpls;
	return t->n_tmpls - 1;
}

/* Addresses and ports, the lower end first; returns whether the packet is from high. */
static bool ends(const struct bc_tuple *u, const uint8_t *data, struct bc_flow *ret)
{
	const uint8_t *from = data + u->addr_at[0], *to = data + u->addr_at[1];
	uint16_t port[2] = { 0, 0 };
	int order = u->addr_len ? memcmp(from, to, u->addr_len) : 0;
	bool high;

	if (u->port_at) {
		port[0] = bc_get_be16(data + u->port_at);
		port[1] = bc_get_be16(data + u->port_at + 2);
	}
	high = order > 0 || (order == 0 && port[0] > port[1]);
	memset(ret->addr, 0, sizeof(ret->addr));
	if (u->addr_len == 4) {
		memcpy(ret->addr[high], from, 4);
		memcpy(ret->addr[!high], to, 4);
	} else if (u->addr_len) {
		memcpy(ret->addr[high], from, 16);
		memcpy(ret->addr[!high], to, 16);
	}
	ret->port[high] = port[0];
	ret->port[!high] = port[1];
	ret->addr_len = u->addr_len;
	ret->proto = u->proto;
	return high;
}

static inline bool same_ends(const struct bc_flow *a, const struct bc_flow *b)
{
	return !memcmp(a->addr, b->addr, sizeof(a->addr)) && !memcmp(a->port, b->port, sizeof(a->port)) &&
	       a->addr_len == b->addr_len && a->proto == b->proto;
}

/*
 * The flow with these ends whose packets of this direction have the template, or have not been seen yet. Without addresses only those
 * of one direction belong together. NULL: there is no room.
 */
static struct bc_flow *find_flow(struct bc_flow_table *t, const struct bc_flow *want, bool high, uint32_t tmpl)
{
	uint32_t hash = (uint32_t)XXH3_64bits(want, offsetof(struct bc_flow, addr_len));
	uint32_t at = 0;
	struct bc_flow *f;

	hash += want->proto * 0x9E3779B1U + (want->addr_len ? 0 : tmpl * 0x85EBCA77U);
	at = hash & t->flow_mask;
	for (uint32_t i = 0; t->flow_slot[at]; at = (at + 1) & t->flow_mask, i++) {
		f = &t->flow[t->flow_slot[at] - 1];
		if (f->hash == hash && same_ends(f, want) && (f->from[high] == tmpl || (!f->from[high] && want->addr_len)))
			return f;
		if (i == PROBES_MAX)
			return NULL;
	}
	if (t->n_flows == t->flows_max)
		return NULL;
	f = &t->flow[t->n_flows];
	*f = *want;
	f->hash = hash;
	f->from[0] = f->from[1] = 0;
	f->packets = 0;
	f->node = f->last_node = f->runs_len = f->n_runs = f->runs_end = 0;
	t->flow_slot[at] = ++t->n_flows;
	return f;
}

/* One more byte of the flow's runs; false: there is no room. */
static bool add_run_byte(struct bc_flow_table *t, struct bc_flow *f, uint8_t byte)
{
	uint32_t at;

	if (f->runs_len < INLINE) {
		f->runs[f->runs_len++] = byte;
		return true;
	}
	at = (f->runs_len - INLINE) % BC_RUNS_NODE;
	if (!at) {
		if (t->n_nodes == t->nodes_max)
			return false;
		t->node[t->n_nodes++].next = 0;
		if (f->node)
			t->node[f->last_node - 1].next = t->n_nodes;
		else
			f->node = t->n_nodes;
		f->last_node = t->n_nodes;
	}
	t->node[f->last_node - 1].bytes[at] = byte;
	f->runs_len++;
	return true;
}

static uint8_t *put_run(uint8_t *p, const struct bc_flow *f)
{
	p = bc_put_varint(p, f->run_first - f->runs_end);
	return bc_put_varint(p, f->run_last - f->run_first);
}

/* The run that is open goes to the others. False: there is no room, and it is still open. */
static bool close_run(struct bc_flow_table *t, struct bc_flow *f)
{
	uint8_t bytes[2 * BC_VARINT_MAX];
	uint32_t n = (uint32_t)(put_run(bytes, f) - bytes), need = n + BC_RUNS_NODE;

	if (f->runs_len + n > INLINE && t->nodes_max - t->n_nodes < need / BC_RUNS_NODE)
		return false;
	for (uint32_t i = 0; i < n; i++)
		add_run_byte(t, f, bytes[i]);
	f->n_runs++;
	f->runs_end = f->run_last + 1;
	return true;
}

uint32_t bc_flow_runs(const struct bc_flow_table *t, const struct bc_flow *f, uint8_t *dst, uint32_t *ret_n)
{
	uint32_t len = f->runs_len < INLINE ? f->runs_len : INLINE, left = f->runs_len - len;
	uint8_t *p = dst;

	memcpy(p, f->runs, len);
	p += len;
	for (uint32_t node = f->node; left; node = t->node[node - 1].next) {
		len = left < BC_RUNS_NODE ? left : BC_RUNS_NODE;
		memcpy(p, t->node[node - 1].bytes, len);
		p += len;
		left -= len;
	}
	*ret_n = f->n_runs + 1;
	return (uint32_t)(put_run(p, f) - dst);
}

/* The flow is in the block that is open. */
static bool add_block(struct bc_flow_table *t, struct bc_flow *f)
{
	uint32_t block = t->part.n_blocks - 1;

	if (!f->packets) {
		f->run_first = f->run_last = block;
	} else if (f->run_last + 1 == block) {
		f->run_last = block;
	} else if (f->run_last != block) {
		if (!close_run(t, f))
			return false;
		f->run_first = f->run_last = block;
	}
	return true;
}

static void count(struct bc_flow *f, uint64_t ts_ns, uint32_t wire_len, uint8_t flags)
{
	if (!f->packets) {
		f->first_ns = f->last_ns = ts_ns;
		f->bytes = 0;
		f->flags_or = f->flags_and = flags;
	}
	f->packets++;
	f->bytes += wire_len;
	f->flags_or |= flags;
	f->flags_and &= flags;
	if (ts_ns < f->first_ns)
		f->first_ns = ts_ns;
	if (ts_ns > f->last_ns)
		f->last_ns = ts_ns;
}

/* When there is little room left, only hosts are told apart. */
static void drop_ports(struct bc_tuple *u)
{
	if (u->port_at && u->addr_len)
		u->port_at = u->flags_at = 0;
}

void bc_flow_table_packet(struct bc_flow_table *t, uint16_t linktype, const uint8_t *data, uint32_t len, bool cut,
			  uint64_t ts_ns, uint32_t wire_len)
{
	struct bc_flow want, *f;
	struct bc_tuple u;
	uint32_t tmpl;
	bool high;

	bc_tuple_of(linktype, data, len, cut, &u);
	if (t->n_flows > t->flows_max / 4 * 3)
		drop_ports(&u);
	if (u.opaque)
		t->part.flags |= BC_INDEX_PART_OPAQUE;
	tmpl = intern(t, &u, data);
	if (tmpl == UINT32_MAX) {
		skip_packet(t);
		return;
	}
	high = ends(&u, data, &want);
	f = find_flow(t, &want, high, tmpl + 1);
	if (!f || f->packets == UINT32_MAX || !add_block(t, f)) {
		skip_packet(t);
		return;
	}
	f->from[high] = tmpl + 1;
	count(f, ts_ns, wire_len, u.flags_at ? data[u.flags_at] : 0);
}

uint32_t bc_flow_table_blocks(const struct bc_flow_table *t)
{
	return t->part.n_blocks;
}

uint64_t bc_flow_table_plain_bytes(const struct bc_flow_table *t)
{
	return t->plain_bytes;
}

uint64_t bc_flow_table_skipped(const struct bc_flow_table *t)
{
	return t->skipped;
}
