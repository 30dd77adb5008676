/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table's memory; for bc_flow_table.c, which fills it, and bc_index_encode.c, which writes it. */
#ifndef BC_FLOW_TABLE_PRIV_H
#define BC_FLOW_TABLE_PRIV_H

#include "bc_flow_table.h"
#include "bc_index_piece.h"

#define BC_RUNS_INLINE 24U
#define BC_RUNS_NODE 28U

/* A flow, two cache lines of it: what identifies it, then what is counted. */
struct bc_flow {
	uint8_t addr[2][16];	/* low, high */
	uint16_t port[2];
	uint8_t addr_len;
	uint8_t proto;
	uint8_t flags_or, flags_and;
	uint32_t from[2];	/* 1 + the template of low's packets, and of high's; 0: none */
	uint64_t first_ns, last_ns;
	uint64_t bytes;
	uint32_t packets;
	uint32_t hash;
	uint32_t run_first, run_last;	/* the run of blocks that is open */
	uint32_t runs_end;	/* behind the last block of those that are closed */
	uint32_t n_runs;	/* closed */
	uint32_t runs_len;	/* their bytes: a gap and a length each; the first lie here, the others in nodes */
	uint32_t node;		/* 1 + the first node; 0: none */
	uint8_t runs[BC_RUNS_INLINE - 8];
	uint32_t last_node;
	uint32_t pad;
};

_Static_assert(sizeof(struct bc_flow) == 128, "two cache lines");

struct bc_run_node {
	uint32_t next;		/* 1 + its number; 0: none */
	uint8_t bytes[BC_RUNS_NODE];
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
	uint16_t pad;
	uint32_t outer_at;	/* in outer */
	uint32_t hash;
	uint8_t bytes[];	/* mask, then value */
};

#define BC_TEMPLATE_UNIT 16U

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
	uint32_t flow;		/* 1 + its number; 0: free */
	uint32_t hash;
};

#define BC_RECENT_SETS 256U
#define BC_RECENT_WAYS 2U

struct bc_flow_table {
	bool flows;
	struct bc_index_part part;	/* what is known of it by now */
	uint64_t plain_bytes, file_bytes;
	uint64_t skipped;

	struct bc_index_block *block;	/* BC_INDEX_BLOCKS_MAX */
	struct bc_flow *flow;
	struct bc_run_node *node;
	uint8_t *tmpl;			/* templates, of units */
	uint32_t *tmpl_at;		/* where each begins, in units */
	uint64_t *outer;		/* hashes of addresses in templates */
	struct bc_flow_slot *flow_slot;
	uint32_t *tmpl_slot;		/* 1 + the number; 0: free */
	uint32_t flows_max, nodes_max, tmpls_max, units_max, outers_max;
	uint32_t flow_mask, tmpl_mask;	/* slots less 1 */
	uint32_t n_flows, n_nodes, n_tmpls, n_units, n_outers;
	uint32_t recent[BC_RECENT_SETS][BC_RECENT_WAYS];	/* 1 + templates by what begins packets */

	struct bc_packer *packer;
};

static inline const struct bc_flow_template *bc_flow_template(const struct bc_flow_table *t, uint32_t i)
{
	return (const struct bc_flow_template *)(t->tmpl + t->tmpl_at[i] * (size_t)BC_TEMPLATE_UNIT);
}

/* A closed run's bytes of a flow into dst, the open one included; returns how many, at most runs_len + 10. */
uint32_t bc_flow_runs(const struct bc_flow_table *t, const struct bc_flow *f, uint8_t *dst, uint32_t *ret_n);

#endif
