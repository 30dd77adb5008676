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

#define ROWS_SHARE 240U		/* bytes of memory for each flow, with all that goes with it */
#define TEMPLATES_SHARE 4U	/* the part of memory that templates may take */
#define TEMPLATE_LEAST 128U	/* bytes of one */
#define PROBES_MAX 64U		/* then a packet is in no row: nobody can make the table slow */
#define INLINE (BC_RUNS_INLINE - 8)

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* That which is looked up at random. */
static void *map_huge(size_t bytes)
{
	void *p = map(bytes);

	if (p)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
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
	t->units_max = (uint32_t)(memory / TEMPLATES_SHARE / BC_TEMPLATE_UNIT) + 256;
	t->tmpls_max = (uint32_t)(memory / TEMPLATES_SHARE / TEMPLATE_LEAST) + 16;
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
	t->flow = map_huge(t->flows_max * sizeof(*t->flow));
	t->node = map(t->nodes_max * sizeof(*t->node));
	t->tmpl = map(t->units_max * (size_t)BC_TEMPLATE_UNIT);
	t->tmpl_at = map(t->tmpls_max * sizeof(*t->tmpl_at));
	t->outer = map(t->outers_max * sizeof(*t->outer));
	t->flow_slot = map_huge((t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	t->tmpl_slot = map((t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	t->packer = bc_packer_new();
	if (!t->block || !t->flow || !t->node || !t->tmpl || !t->tmpl_at || !t->outer || !t->flow_slot || !t->tmpl_slot ||
	    !t->packer) {
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
	unmap(t->tmpl, t->units_max * (size_t)BC_TEMPLATE_UNIT);
	unmap(t->tmpl_at, t->tmpls_max * sizeof(*t->tmpl_at));
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
	t->n_flows = t->n_nodes = t->n_tmpls = t->n_units = t->n_outers = 0;
	memset(t->recent, 0, sizeof(t->recent));
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

/* With the packet's bytes, where the mask has bits. */
static void make_template(const struct bc_tuple *u, const uint8_t *data, struct bc_flow_template *ret)
{
	uint32_t n = bc_round16(u->len);
	uint8_t *mask = ret->bytes, *value = ret->bytes + n;

	memset(ret, 0, sizeof(*ret));
	ret->h.linktype = u->linktype;
	ret->h.len = u->len;
	ret->h.addr_len = u->addr_len;
	ret->h.addr_at[0] = u->addr_at[0];
	ret->h.addr_at[1] = u->addr_at[1];
	ret->h.port_at = u->port_at;
	ret->h.flags_at = u->flags_at;
	ret->h.proto = u->proto;
	memcpy(mask, u->mask, n);
	for (uint32_t i = 0; i < n; i++)
		value[i] = data[i] & mask[i];
	ret->hash = (uint32_t)XXH3_64bits_withSeed(value, n, (uint64_t)u->len << 8 | u->port_at);
}

static bool same_template(const struct bc_flow_template *a, const struct bc_flow_template *b)
{
	return a->hash == b->hash && !memcmp(&a->h, &b->h, sizeof(a->h)) && !memcmp(a->bytes, b->bytes, 2 * bc_round16(a->h.len));
}

static bool keep_outers(struct bc_flow_table *t, struct bc_flow_template *k, const struct bc_tuple *u, const uint8_t *data)
{
	if (t->outers_max - t->n_outers < u->n_outer)
		return false;
	k->outer_at = t->n_outers;
	k->n_outer = u->n_outer;
	for (uint32_t i = 0; i < u->n_outer; i++)
		t->outer[t->n_outers++] = bc_index_filter_hash(data + u->outer_at[i], u->outer_len[i]);
	return true;
}

/* The template, new or known, 1 + its number; 0: there is no room. */
static uint32_t intern(struct bc_flow_table *t, const struct bc_tuple *u, const uint8_t *data)
{
	uint32_t units = (uint32_t)(sizeof(struct bc_flow_template) + 2 * bc_round16(u->len) + BC_TEMPLATE_UNIT - 1) / BC_TEMPLATE_UNIT;
	struct bc_flow_template *k = (struct bc_flow_template *)(t->tmpl + t->n_units * (size_t)BC_TEMPLATE_UNIT);
	uint32_t at;

	if (t->units_max - t->n_units < units)
		return 0;
	make_template(u, data, k);
	at = k->hash & t->tmpl_mask;
	for (uint32_t i = 0; t->tmpl_slot[at]; at = (at + 1) & t->tmpl_mask, i++) {
		if (same_template(bc_flow_template(t, t->tmpl_slot[at] - 1), k))
			return t->tmpl_slot[at];
		if (i == PROBES_MAX)
			return 0;
	}
	if (t->n_tmpls == t->tmpls_max || !keep_outers(t, k, u, data))
		return 0;
	t->tmpl_at[t->n_tmpls] = t->n_units;
	t->n_units += units;
	t->tmpl_slot[at] = ++t->n_tmpls;
	return t->n_tmpls;
}

typedef uint8_t vec16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t vec2x64 __attribute__((vector_size(16)));

static bool agrees(const struct bc_flow_template *m, const uint8_t *data)
{
	const uint8_t *mask = bc_flow_mask(m), *value = bc_flow_value(m);
	vec16 differ = { 0 };
	vec2x64 any;

	for (uint32_t i = 0; i < m->h.len; i += 16)
		differ |= (*(const vec16 *)(data + i) & *(const vec16 *)(mask + i)) ^ *(const vec16 *)(value + i);
	any = (vec2x64)differ;
	return !(any[0] | any[1]);
}

/*
 * A packet with the template's bits has just this template, where its walk ended with TCP's flags, or with UDP's ports, which are
 * those of no tunnel: all that the walk depended on is in the mask.
 */
static bool is_of(const struct bc_flow_template *m, const struct bc_flow_packet *p)
{
	return m->h.linktype == p->linktype && p->len >= m->h.len &&
	       (m->h.flags_at || (m->h.port_at && m->h.proto == 17 && !bc_tuple_may_tunnel(p->data + m->h.port_at))) &&
	       agrees(m, p->data);
}

/* Where templates of packets that begin like this one are kept; NULL: nowhere. */
static uint32_t *recent_of(struct bc_flow_table *t, const struct bc_flow_packet *p)
{
	uint64_t a, b;

	if (p->len < 16)
		return NULL;
	memcpy(&a, p->data, 8);
	memcpy(&b, p->data + 6, 8);
	if (p->data[12] == 0x81)
		b ^= p->data[15];
	return t->recent[((a ^ b * 0x9E3779B97F4A7C15ULL) * 0xD6E8FEB86659FD93ULL) >> 56];
}

_Static_assert(BC_RECENT_SETS == 256, "the hash has 8 bits");

/* What is known of a packet before its flow is found. */
struct pending {
	struct bc_flow key;	/* its ends */
	uint32_t hash;
	uint32_t tmpl;		/* 1 + its number; 0: there is no room */
	bool high;		/* it is high's */
	bool alone;		/* it has no ports */
	uint8_t flags;
};

/* Addresses and ports, the lower end first. */
static void take_ends(const struct bc_index_head *h, const uint8_t *data, struct pending *ret)
{
	const uint8_t *from = data + h->addr_at[0], *to = data + h->addr_at[1];
	struct bc_flow *k = &ret->key;
	uint16_t port[2] = { 0, 0 };
	int order = h->addr_len == 4 ? memcmp(from, to, 4) : h->addr_len ? memcmp(from, to, 16) : 0;

	if (h->port_at) {
		port[0] = bc_get_be16(data + h->port_at);
		port[1] = bc_get_be16(data + h->port_at + 2);
	}
	ret->high = order > 0 || (order == 0 && port[0] > port[1]);
	memset(k->addr, 0, sizeof(k->addr));
	if (h->addr_len == 4) {
		memcpy(k->addr[ret->high], from, 4);
		memcpy(k->addr[!ret->high], to, 4);
	} else if (h->addr_len) {
		memcpy(k->addr[ret->high], from, 16);
		memcpy(k->addr[!ret->high], to, 16);
	}
	k->port[ret->high] = port[0];
	k->port[!ret->high] = port[1];
	k->addr_len = h->addr_len;
	k->proto = h->proto;
	ret->flags = h->flags_at ? data[h->flags_at] : 0;
	ret->alone = !h->port_at;
}

/* Without ports only packets of one template belong together: an attacker's fragments may have as many as there are offsets. */
static void take_hash(struct pending *ret)
{
	ret->hash = (uint32_t)XXH3_64bits(&ret->key, offsetof(struct bc_flow, addr_len)) + ret->key.proto * 0x9E3779B1U;
	if (ret->alone)
		ret->hash += ret->tmpl * 0x85EBCA77U;
}

/* Of the packet's tuple, which may have been made less exact. */
static void take_tuple(struct bc_flow_table *t, const struct bc_tuple *u, const uint8_t *data, struct pending *ret)
{
	if (u->opaque)
		t->part.flags |= BC_INDEX_PART_OPAQUE;
	ret->tmpl = intern(t, u, data);
	if (!ret->tmpl)
		return;
	take_ends(&bc_flow_template(t, ret->tmpl - 1)->h, data, ret);
	take_hash(ret);
}

static void take_packet(struct bc_flow_table *t, const struct bc_flow_packet *p, struct pending *ret)
{
	uint32_t *recent = recent_of(t, p);
	struct bc_tuple u;

	for (uint32_t i = 0; recent && i < BC_RECENT_WAYS && recent[i]; i++) {
		const struct bc_flow_template *m = bc_flow_template(t, recent[i] - 1);

		if (!is_of(m, p))
			continue;
		ret->tmpl = recent[i];
		take_ends(&m->h, p->data, ret);
		take_hash(ret);
		return;
	}
	bc_tuple_of(p->linktype, p->data, p->len, p->cut, &u);
	take_tuple(t, &u, p->data, ret);
	if (recent && ret->tmpl && u.port_at) {
		recent[1] = recent[0];
		recent[0] = ret->tmpl;
	}
}

static inline bool same_ends(const struct bc_flow *a, const struct bc_flow *b)
{
	return !memcmp(a, b, offsetof(struct bc_flow, flags_or));
}

/*
 * The slot of the flow with these ends whose packets of this direction have the template, or have not been seen yet; or a free one.
 * NULL: it was searched for too long.
 */
static struct bc_flow_slot *find_slot(struct bc_flow_table *t, const struct pending *p)
{
	uint32_t at = p->hash & t->flow_mask;

	for (uint32_t i = 0; i < PROBES_MAX; at = (at + 1) & t->flow_mask, i++) {
		struct bc_flow_slot *s = &t->flow_slot[at];
		const struct bc_flow *f = &t->flow[s->flow - 1];

		if (!s->flow || (s->hash == p->hash && same_ends(f, &p->key) &&
				 (f->from[p->high] == p->tmpl || (!f->from[p->high] && !p->alone))))
			return s;
	}
	return NULL;
}

static struct bc_flow *new_flow(struct bc_flow_table *t, struct bc_flow_slot *s, const struct pending *p)
{
	struct bc_flow *f;

	if (t->n_flows == t->flows_max)
		return NULL;
	f = &t->flow[t->n_flows];
	memset(f, 0, sizeof(*f));
	memcpy(f, &p->key, offsetof(struct bc_flow, flags_or));
	*s = (struct bc_flow_slot){ ++t->n_flows, p->hash };
	return f;
}

/* When there is little room left, only hosts are told apart in what is new. */
static void drop_ports(struct bc_flow_table *t, const struct bc_flow_packet *p, struct pending *ret)
{
	struct bc_tuple u;

	bc_tuple_of(p->linktype, p->data, p->len, p->cut, &u);
	if (u.addr_len)
		u.port_at = u.flags_at = 0;
	take_tuple(t, &u, p->data, ret);
}

/* NULL: there is no room. */
static struct bc_flow *find_flow(struct bc_flow_table *t, const struct bc_flow_packet *p, struct pending *k)
{
	struct bc_flow_slot *s = find_slot(t, k);

	if (s && !s->flow && bc_flow_table_tight(t)) {
		drop_ports(t, p, k);
		s = k->tmpl ? find_slot(t, k) : NULL;
	}
	if (!s)
		return NULL;
	return s->flow ? &t->flow[s->flow - 1] : new_flow(t, s, k);
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

static void count_packet(struct bc_flow_table *t, const struct bc_flow_packet *p, struct pending *k)
{
	struct bc_flow *f = k->tmpl ? find_flow(t, p, k) : NULL;

	if (!f || f->packets == UINT32_MAX || !add_block(t, f)) {
		skip_packet(t);
		return;
	}
	f->from[k->high] = k->tmpl;
	count(f, p->ts_ns, p->wire_len, k->flags);
}

/* What comes next will look here first. */
static void look_ahead(const struct bc_flow_table *t, const struct pending *p)
{
	const struct bc_flow_slot *s = &t->flow_slot[p->hash & t->flow_mask];

	if (!p->tmpl || !s->flow)
		return;
	__builtin_prefetch(&t->flow[s->flow - 1]);
	__builtin_prefetch((const uint8_t *)&t->flow[s->flow - 1] + 64);
}

void bc_flow_table_packets(struct bc_flow_table *t, const struct bc_flow_packet *p, uint32_t n)
{
	struct pending k[BC_FLOW_BATCH];

	for (uint32_t i = 0; i < n; i++) {
		take_packet(t, &p[i], &k[i]);
		if (k[i].tmpl)
			__builtin_prefetch(&t->flow_slot[k[i].hash & t->flow_mask]);
	}
	for (uint32_t i = 0; i < n; i++)
		look_ahead(t, &k[i]);
	for (uint32_t i = 0; i < n; i++)
		count_packet(t, &p[i], &k[i]);
}

bool bc_flow_table_tight(const struct bc_flow_table *t)
{
	return t->n_flows > t->flows_max / 4 * 3;
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
