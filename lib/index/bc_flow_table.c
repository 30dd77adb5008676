/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_flow_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bc_bytes.h"
#include "bc_flow_table_priv.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

#define CELL_SHARE 160U		/* bytes of memory for each cell of a flow, with its slots, and runs of blocks: */
#define RUNS 5U			/* closed ones for each cell */
#define TEMPLATES_SHARE 4U	/* the part of memory that templates may take */
#define TEMPLATE_LEAST 128U	/* bytes of one */
#define GROUP 16U		/* packets that wait for memory together */
#define PROBES_MAX 64U		/* then a packet is in no row: nobody can make the table slow */

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
	t->cells_max = (uint32_t)(memory / CELL_SHARE) + 16;
	t->runs_max = t->cells_max * RUNS;
	t->flow_mask = slots_for(t->cells_max) - 1;
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
	t->cell = map_huge(t->cells_max * sizeof(*t->cell));
	t->run = map(t->runs_max * sizeof(*t->run));
	t->tmpl = map(t->units_max * (size_t)BC_TEMPLATE_UNIT);
	t->tmpl_at = map(t->tmpls_max * sizeof(*t->tmpl_at));
	t->outer = map(t->outers_max * sizeof(*t->outer));
	t->flow_slot = map_huge((t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	t->tmpl_slot = map((t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	t->packer = bc_packer_new();
	if (!t->block || !t->cell || !t->run || !t->tmpl || !t->tmpl_at || !t->outer || !t->flow_slot || !t->tmpl_slot ||
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
	unmap(t->cell, t->cells_max * sizeof(*t->cell));
	unmap(t->run, t->runs_max * sizeof(*t->run));
	unmap(t->tmpl, t->units_max * (size_t)BC_TEMPLATE_UNIT);
	unmap(t->tmpl_at, t->tmpls_max * sizeof(*t->tmpl_at));
	unmap(t->outer, t->outers_max * sizeof(*t->outer));
	unmap(t->flow_slot, (t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	unmap(t->tmpl_slot, (t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	unmap(t->scratch, t->scratch_size);
	bc_packer_free(t->packer);
	free(t);
}

void bc_flow_table_pauses(struct bc_flow_table *t, void (*pause)(void *ctx), void *ctx)
{
	t->pause = pause;
	t->pause_ctx = ctx;
}

bool bc_flow_table_scratch(struct bc_flow_table *t, size_t bytes)
{
	t->scratch_used = 0;
	if (bytes <= t->scratch_size)
		return true;
	unmap(t->scratch, t->scratch_size);
	t->scratch = map(bytes);
	t->scratch_size = t->scratch ? bytes : 0;
	return t->scratch;
}

void bc_flow_table_begin(struct bc_flow_table *t, uint64_t file_at, uint64_t plain_at)
{
	if (t->n_flows)
		memset(t->flow_slot, 0, (t->flow_mask + 1ULL) * sizeof(*t->flow_slot));
	if (t->n_tmpls)
		memset(t->tmpl_slot, 0, (t->tmpl_mask + 1ULL) * sizeof(*t->tmpl_slot));
	t->n_cells = t->n_flows = t->n_runs = t->n_tmpls = t->n_units = t->n_outers = 0;
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

static void unindexed(struct bc_flow_table *t, uint32_t block)
{
	struct bc_index_block *k = &t->block[block];

	if (!(k->flags & BC_INDEX_BLOCK_UNINDEXED))
		t->part.n_unindexed++;
	k->flags |= BC_INDEX_BLOCK_UNINDEXED;
}

void bc_flow_table_unindexed(struct bc_flow_table *t)
{
	unindexed(t, t->part.n_blocks - 1);
}

static void skip_packets(struct bc_flow_table *t, const struct bc_flow_packets *p)
{
	t->skipped += p->packets;
	for (uint32_t i = 0; i < 16; i++)
		if (p->blocks >> i & 1)
			unindexed(t, p->first_block + i);
}

/* With the packet's bytes, where the mask has bits. */
static void make_template(const struct bc_tuple *u, const struct bc_flow_packets *p, struct bc_flow_template *ret)
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
	ret->shape = p->shape;
	memcpy(mask, u->mask, n);
	for (uint32_t i = 0; i < n; i++)
		value[i] = p->data[i] & mask[i];
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
static uint32_t intern(struct bc_flow_table *t, const struct bc_tuple *u, const struct bc_flow_packets *p)
{
	uint32_t units = (uint32_t)(sizeof(struct bc_flow_template) + 2 * bc_round16(u->len) + BC_TEMPLATE_UNIT - 1) / BC_TEMPLATE_UNIT;
	struct bc_flow_template *k = (struct bc_flow_template *)(t->tmpl + t->n_units * (size_t)BC_TEMPLATE_UNIT);
	uint32_t at;

	if (t->units_max - t->n_units < units)
		return 0;
	make_template(u, p, k);
	at = k->hash & t->tmpl_mask;
	for (uint32_t i = 0; t->tmpl_slot[at]; at = (at + 1) & t->tmpl_mask, i++) {
		if (same_template(bc_flow_template(t, t->tmpl_slot[at] - 1), k))
			return t->tmpl_slot[at];
		if (i == PROBES_MAX)
			return 0;
	}
	if (t->n_tmpls == t->tmpls_max || !keep_outers(t, k, u, p->data))
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
 * A packet with the template's bits has just this template if it has the same shape, or where its walk ended with TCP's flags: all that
 * the walk depended on is then in the mask.
 */
static bool is_of(const struct bc_flow_template *m, const struct bc_flow_packets *p)
{
	return m->h.linktype == p->linktype && p->len >= m->h.len && m->shape == p->shape && (m->shape || m->h.flags_at) &&
	       agrees(m, p->data);
}

/* Where templates of packets that begin like these are kept; NULL: nowhere. */
static uint32_t *recent_of(struct bc_flow_table *t, const struct bc_flow_packets *p)
{
	uint64_t a, b, c = 0;

	if (p->len < 16)
		return NULL;
	memcpy(&a, p->data, 8);
	memcpy(&b, p->data + 6, 8);
	if (p->data[12] == 0x81)
		c = p->data[15];
	else if (p->shape == BC_TUPLE_GTP)
		memcpy(&c, p->data + 26, 8);
	return t->recent[((a ^ b * 0x9E3779B97F4A7C15ULL ^ c * 0xC2B2AE3D27D4EB4FULL) * 0xD6E8FEB86659FD93ULL) >> 54];
}

_Static_assert(BC_RECENT_SETS == 1024, "the hash has 10 bits");

/* What is known of packets before their flow is found. */
struct pending {
	struct key {
		uint8_t addr[2][4];
		uint16_t port[2];
		uint8_t addr_len, proto;
		uint16_t zero;
	} key;
	const uint8_t *addr6[2];
	uint32_t hash;
	uint32_t tmpl;		/* 1 + its number; 0: there is no room */
	bool high;		/* they are high's */
	bool alone;		/* they have no ports */
	uint8_t flags_or, flags_and;
};

_Static_assert(offsetof(struct bc_flow, flags_or) == offsetof(struct key, zero), "a flow begins with its key");

static void take_addresses(const struct bc_index_head *h, const uint8_t *data, struct pending *ret)
{
	const uint8_t *from = data + h->addr_at[0], *to = data + h->addr_at[1];
	struct key *k = &ret->key;
	uint64_t hash;

	if (h->addr_len == 4) {
		memcpy(k->addr[ret->high], from, 4);
		memcpy(k->addr[!ret->high], to, 4);
	} else if (h->addr_len) {
		ret->addr6[ret->high] = from;
		ret->addr6[!ret->high] = to;
		hash = XXH3_64bits(ret->addr6[0], 16) * 3 + XXH3_64bits(ret->addr6[1], 16);
		memcpy(k->addr, &hash, sizeof(hash));
	}
}

static bool is_high(const struct bc_index_head *h, const uint8_t *data, const uint16_t port[2])
{
	const uint8_t *from = data + h->addr_at[0], *to = data + h->addr_at[1];
	int order = h->addr_len == 16 ? memcmp(from, to, 16) : 0;

	if (h->addr_len == 4)
		return ((uint64_t)bc_get_be32(from) << 16 | port[0]) > ((uint64_t)bc_get_be32(to) << 16 | port[1]);
	return order > 0 || (order == 0 && port[0] > port[1]);
}

/* Addresses and ports, the lower end first. */
static void take_ends(const struct bc_index_head *h, const struct bc_flow_packets *p, struct pending *ret)
{
	const uint8_t *data = p->data;
	uint16_t port[2] = { 0, 0 };

	if (h->port_at) {
		port[0] = bc_get_be16(data + h->port_at);
		port[1] = bc_get_be16(data + h->port_at + 2);
	}
	ret->high = is_high(h, data, port);
	ret->key = (struct key){ .addr_len = h->addr_len, .proto = h->proto };
	take_addresses(h, data, ret);
	ret->key.port[ret->high] = port[0];
	ret->key.port[!ret->high] = port[1];
	ret->flags_or = ret->flags_and = h->flags_at ? data[h->flags_at] : 0;
	if (h->flags_at && p->packets > 1) {
		ret->flags_or = p->flags_or;
		ret->flags_and = p->flags_and;
	}
	ret->alone = !h->port_at;
}

/* Without ports only packets of one template belong together: an attacker's fragments may have as many as there are offsets. */
static void take_hash(struct pending *ret)
{
	ret->hash = (uint32_t)XXH3_64bits(&ret->key, sizeof(ret->key));
	if (ret->alone)
		ret->hash += ret->tmpl * 0x85EBCA77U;
}

/* Of the packet's tuple, which may have been made less exact. */
static void take_tuple(struct bc_flow_table *t, const struct bc_tuple *u, const struct bc_flow_packets *p, struct pending *ret)
{
	if (u->opaque)
		t->part.flags |= BC_INDEX_PART_OPAQUE;
	ret->tmpl = intern(t, u, p);
	if (!ret->tmpl)
		return;
	take_ends(&bc_flow_template(t, ret->tmpl - 1)->h, p, ret);
	take_hash(ret);
}

static void take_packets(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *ret)
{
	uint32_t *recent = recent_of(t, p);
	struct bc_tuple u;

	for (uint32_t i = 0; recent && i < BC_RECENT_WAYS && recent[i]; i++) {
		const struct bc_flow_template *m = bc_flow_template(t, recent[i] - 1);

		if (!is_of(m, p))
			continue;
		ret->tmpl = recent[i];
		take_ends(&m->h, p, ret);
		take_hash(ret);
		return;
	}
	bc_tuple_of(p->linktype, p->data, p->len, p->cut, &u);
	take_tuple(t, &u, p, ret);
	if (recent && ret->tmpl && (p->shape || u.flags_at)) {
		recent[1] = recent[0];
		recent[0] = ret->tmpl;
	}
}

static inline bool same_ends(const union bc_flow_cell *c, const struct pending *p)
{
	return !memcmp(&c->flow, &p->key, offsetof(struct key, zero)) &&
	       (p->key.addr_len != 16 || (!memcmp(c[1].addr6[0], p->addr6[0], 16) && !memcmp(c[1].addr6[1], p->addr6[1], 16)));
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
		const union bc_flow_cell *c;

		if (!s->flow)
			return s;
		c = &t->cell[s->flow - 1];
		if (s->hash == p->hash && same_ends(c, p) &&
		    (c->flow.from[p->high] == p->tmpl || (!c->flow.from[p->high] && !p->alone)))
			return s;
	}
	return NULL;
}

static struct bc_flow *new_flow(struct bc_flow_table *t, struct bc_flow_slot *s, const struct pending *p)
{
	union bc_flow_cell *c = &t->cell[t->n_cells];

	if (t->cells_max - t->n_cells < 2)
		return NULL;
	memset(&c->flow, 0, sizeof(c->flow));
	memcpy(&c->flow, &p->key, offsetof(struct key, zero));
	c->flow.run_first = 1;
	for (int i = 0; p->key.addr_len == 16 && i < 2; i++)
		memcpy(c[1].addr6[i], p->addr6[i], 16);
	*s = (struct bc_flow_slot){ t->n_cells + 1, p->hash };
	t->n_cells += bc_flow_cells(&c->flow);
	t->n_flows++;
	return &c->flow;
}

/* When there is little room left, only hosts are told apart in what is new. */
static void drop_ports(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *ret)
{
	struct bc_tuple u;

	bc_tuple_of(p->linktype, p->data, p->len, p->cut, &u);
	if (u.addr_len)
		u.port_at = u.flags_at = 0;
	take_tuple(t, &u, p, ret);
}

/* NULL: there is no room. */
static struct bc_flow *find_flow(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *k)
{
	struct bc_flow_slot *s = find_slot(t, k);

	if (s && !s->flow && bc_flow_table_tight(t)) {
		drop_ports(t, p, k);
		s = k->tmpl ? find_slot(t, k) : NULL;
	}
	if (!s)
		return NULL;
	return s->flow ? &t->cell[s->flow - 1].flow : new_flow(t, s, k);
}

uint32_t bc_flow_open_runs(const struct bc_flow *f, struct bc_flow_run dst[BC_FLOW_OPEN])
{
	struct bc_flow_run run = { .first = f->run_first, .last = f->run_last };
	uint32_t n = 0, blocks = f->blocks;

	while (blocks) {
		uint32_t at = (uint32_t)__builtin_ctz(blocks), len = (uint32_t)__builtin_ctz(~(blocks >> at));
		uint32_t first = f->base + at;

		if (run.first <= run.last && run.last + 1U != first)
			dst[n++] = run;
		if (run.first > run.last || run.last + 1U != first)
			run.first = (uint16_t)first;
		run.last = (uint16_t)(first + len - 1);
		blocks &= ~(((1U << len) - 1) << at);
	}
	dst[n++] = run;
	return n;
}

/* Runs that are over go to the log. False: there may be no room, and nothing has changed. */
static bool close_runs(struct bc_flow_table *t, struct bc_flow *f)
{
	struct bc_flow_run run[BC_FLOW_OPEN];
	uint32_t n, cell = (uint32_t)((union bc_flow_cell *)f - t->cell);

	if (t->runs_max - t->n_runs < BC_FLOW_OPEN)
		return false;
	n = bc_flow_open_runs(f, run) - 1;
	for (uint32_t i = 0; i < n; i++)
		t->run[t->n_runs++] = (struct bc_flow_run){ cell, run[i].first, run[i].last };
	f->n_runs = (uint16_t)(f->n_runs + n);
	f->run_first = run[n].first;
	f->run_last = run[n].last;
	return true;
}

/* The flow is in these blocks. */
static bool add_blocks(struct bc_flow_table *t, struct bc_flow *f, const struct bc_flow_packets *p)
{
	if (f->packets && f->base == p->first_block) {
		f->blocks |= p->blocks;
		return true;
	}
	if (f->packets && !close_runs(t, f))
		return false;
	f->base = (uint16_t)p->first_block;
	f->blocks = p->blocks;
	return true;
}

static void count(struct bc_flow *f, const struct bc_flow_packets *p, const struct pending *k)
{
	if (!f->packets) {
		f->first_ns = p->first_ns;
		f->last_ns = p->last_ns;
		f->flags_or = k->flags_or;
		f->flags_and = k->flags_and;
	}
	f->packets += p->packets;
	f->bytes += p->bytes;
	f->flags_or |= k->flags_or;
	f->flags_and &= k->flags_and;
	f->first_ns = p->first_ns < f->first_ns ? p->first_ns : f->first_ns;
	f->last_ns = p->last_ns > f->last_ns ? p->last_ns : f->last_ns;
}

static void count_packets(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *k)
{
	struct bc_flow *f = k->tmpl ? find_flow(t, p, k) : NULL;

	if (!f || p->packets > UINT32_MAX - f->packets || !add_blocks(t, f, p)) {
		skip_packets(t, p);
		return;
	}
	f->from[k->high] = k->tmpl;
	count(f, p, k);
}

/* Each of these three waits for no memory that the one before has asked for a group earlier. */

static void find_template(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *k, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		take_packets(t, &p[i], &k[i]);
		if (k[i].tmpl)
			__builtin_prefetch(&t->flow_slot[k[i].hash & t->flow_mask], 1);
	}
}

static void look_ahead(const struct bc_flow_table *t, const struct pending *k, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct bc_flow_slot *s = &t->flow_slot[k[i].hash & t->flow_mask];

		if (!k[i].tmpl || !s->flow)
			continue;
		__builtin_prefetch(&t->cell[s->flow - 1], 1);
		if (k[i].key.addr_len == 16)
			__builtin_prefetch(&t->cell[s->flow]);
	}
}

static void count_all(struct bc_flow_table *t, const struct bc_flow_packets *p, struct pending *k, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		count_packets(t, &p[i], &k[i]);
}

static uint32_t group_of(uint32_t at, uint32_t n)
{
	return n - at < GROUP ? n - at : GROUP;
}

void bc_flow_table_packets(struct bc_flow_table *t, const struct bc_flow_packets *p, uint32_t n)
{
	struct pending k[BC_FLOW_BATCH];

	for (uint32_t at = 0; at < n + 2 * GROUP; at += GROUP) {
		if (at < n)
			find_template(t, p + at, k + at, group_of(at, n));
		if (at >= GROUP && at - GROUP < n)
			look_ahead(t, k + (at - GROUP), group_of(at - GROUP, n));
		if (at >= 2 * GROUP)
			count_all(t, p + (at - 2 * GROUP), k + (at - 2 * GROUP), group_of(at - 2 * GROUP, n));
	}
}

bool bc_flow_table_tight(const struct bc_flow_table *t)
{
	return t->n_cells > t->cells_max / 4 * 3;
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
