/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table's memory; for bc_flow_table.c, which fills it, and bc_index_encode.c, which writes it. */
#ifndef BC_FLOW_TABLE_PRIV_H
#define BC_FLOW_TABLE_PRIV_H

#include "bc_flow_table.h"
#include "bc_index_piece.h"

/* A flow, a cache line of it: what identifies it, then what is counted. */
struct bc_flow {
	uint8_t addr[2][4];	/* low, high; of IPv6 a hash of both, which lie in the cell behind */
	uint16_t port[2];
	uint8_t addr_len;
	uint8_t proto;
	uint8_t flags_or, flags_and;
	uint32_t from[2];	/* 1 + the template of low's packets, and of high's; 0: none */
	uint64_t first_ns, last_ns;
	uint64_t bytes;
	uint32_t packets;
	uint16_t n_runs;	/* of blocks that are closed: they are in the table's log */
	uint16_t run_first, run_last;	/* the run that is open; first > last: there is none */
	uint16_t base, blocks;	/* behind it: bit i is block base + i */
	uint16_t pad;
};

/* The table's memory is cells, of which a flow has one, and one of IPv6 two. */
union bc_flow_cell {
	struct bc_flow flow;
	uint8_t addr6[2][16];
	uint8_t line[64];
};

_Static_assert(sizeof(union bc_flow_cell) == 64, "a cache line");

/* A run of blocks that hold packets of a flow. */
struct bc_flow_run {
	uint32_t flow;		/* its cell */
	uint16_t first, last;
};

/* A template, in as many units of memory as it needs; value and mask have zeros behind len, up to a multiple of 16. */
struct bc_flow_template {
	struct bc_index_head {
		uint16_t linktype;
		uint8_t len, addr_len;
		uint8_t addr_at[2];
		uint8_t port_at, flags_at;
		uint8_t proto;
	} h;
	uint8_t n_outer;
	uint8_t shape;		/* that of the packet that it was made of */
	uint8_t pad;
	uint32_t outer_at;	/* in outer */
	uint32_t hash;
	uint8_t bytes[];	/* mask, then value */
};

#define BC_TEMPLATE_UNIT 16U

/* What an item of scratch takes. */
#define BC_SCRATCH(bytes) (((size_t)(bytes) + 63) / 64 * 64)

static inline uint32_t bc_round16(uint32_t n)
{
	return (n + 15) / 16 * 16;
}

static inline const uint8_t *bc_flow_mask(const struct bc_flow_template *m)
{
	return m->bytes;
}

static inline const uint8_t *bc_flow_value(const struct bc_flow_template *m)
{
	return m->bytes + bc_round16(m->h.len);
}

struct bc_flow_slot {
	uint32_t flow;		/* 1 + its cell; 0: free */
	uint32_t hash;
};

#define BC_RECENT_SETS 1024U
#define BC_RECENT_WAYS 2U

struct bc_flow_table {
	bool flows;
	struct bc_index_part part;	/* what is known of it by now */
	uint64_t plain_bytes, file_bytes;
	uint64_t skipped;

	struct bc_index_block *block;	/* BC_INDEX_BLOCKS_MAX */
	union bc_flow_cell *cell;
	struct bc_flow_run *run;	/* closed ones, in the order of their ends */
	uint8_t *tmpl;			/* templates, of units */
	uint32_t *tmpl_at;		/* where each begins, in units */
	uint64_t *outer;		/* hashes of addresses in templates */
	struct bc_flow_slot *flow_slot;
	uint32_t *tmpl_slot;		/* 1 + the number; 0: free */
	uint32_t cells_max, runs_max, tmpls_max, units_max, outers_max;
	uint32_t flow_mask, tmpl_mask;	/* slots less 1 */
	uint32_t n_cells, n_flows, n_runs, n_tmpls, n_units, n_outers;
	uint32_t recent[BC_RECENT_SETS][BC_RECENT_WAYS];	/* 1 + templates by what begins packets */

	struct bc_packer *packer;
	void (*pause)(void *ctx);	/* NULL: none is wanted */
	void *pause_ctx;
	uint8_t *scratch;		/* for encoding; kept, so that its pages are not taken anew for each part */
	size_t scratch_size, scratch_used;
};

static inline const struct bc_flow_template *bc_flow_template(const struct bc_flow_table *t, uint32_t i)
{
	return (const struct bc_flow_template *)(t->tmpl + t->tmpl_at[i] * (size_t)BC_TEMPLATE_UNIT);
}

#define BC_FLOW_PAUSE_ITEMS 32768U	/* that are sorted between two pauses */

static inline void bc_flow_table_pause(const struct bc_flow_table *t)
{
	if (t->pause)
		t->pause(t->pause_ctx);
}

/* Memory for an encoding that begins, bytes of it in all; false without. */
bool bc_flow_table_scratch(struct bc_flow_table *t, size_t bytes);

/* Some of that memory, aligned to a cache line; what is taken is given back when the next encoding begins. */
static inline void *bc_flow_table_take(struct bc_flow_table *t, size_t bytes)
{
	void *p = t->scratch + t->scratch_used;

	t->scratch_used += BC_SCRATCH(bytes);
	return p;
}

/* The flow's two addresses, addr_len bytes each. */
static inline const uint8_t *bc_flow_addr(const struct bc_flow_table *t, uint32_t cell, int end)
{
	const struct bc_flow *f = &t->cell[cell].flow;

	return f->addr_len == 16 ? t->cell[cell + 1].addr6[end] : f->addr[end];
}

static inline uint32_t bc_flow_cells(const struct bc_flow *f)
{
	return f->addr_len == 16 ? 2 : 1;
}

/* The flow's runs that are not in the log: the open one, and those of the blocks behind it. Returns how many, BC_FLOW_OPEN at most. */
#define BC_FLOW_OPEN 9
uint32_t bc_flow_open_runs(const struct bc_flow *f, struct bc_flow_run dst[BC_FLOW_OPEN]);

#endif
