/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Placement: which CPU does what. A pure function of the machine and the request; docs/placement.md gives its
 * rules and their reasons.
 */
#ifndef BC_PLAN_H
#define BC_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bc_ledger.h"
#include "bc_topology.h"

#define BC_PLAN_MAX_LCORES 128
#define BC_PLAN_MAX_LANES 64
#define BC_PLAN_MAX_STAGES (BC_MAX_SOURCES + 1 + BC_MAX_OUTPUTS * BC_PLAN_MAX_LANES)
#define BC_PLAN_MAX_LINES 64

/* One source of the capture, which is one RX stage. */
struct bc_plan_source {
	char name[128];	/* as messages and the picture call it, without the queue */
	int queue;	/* -1: the source has no queues to tell apart */
	int numa;	/* the node it is near; -1: none */
	bool waits;	/* a file: nothing is lost while its lcore does other work */
	bool busy;	/* a poll-mode queue, worth a core of its own; else a few such share one */
};

struct bc_plan_output {
	char name[128];
	uint32_t writers;	/* lanes wanted; 0: as many as there is room for */
	bool compressing;	/* in the lanes */
};

struct bc_plan_request {
	uint32_t n_sources;
	uint32_t n_outputs;
	struct bc_plan_source source[BC_MAX_SOURCES];
	struct bc_plan_output output[BC_MAX_OUTPUTS];
	const char *lcores;	/* the CPUs to use, "2-5,8"; NULL: the plan chooses. The caller's string. */
	bool busy_poll;		/* lcores spin when idle */
};

enum bc_stage_kind { BC_STAGE_RX, BC_STAGE_MERGE, BC_STAGE_LANE };

struct bc_plan_stage {
	enum bc_stage_kind kind;
	uint16_t source;	/* RX: index in the request */
	uint8_t output;		/* LANE: index in the request */
	uint8_t lane;		/* LANE: 0 .. writers - 1 */
};

/*
 * One thread on one CPU; it runs stage[first] .. stage[first + n - 1] in turn, in the order of the
 * pipeline. n >= 1.
 */
struct bc_plan_lcore {
	uint16_t cpu;
	uint16_t first;
	uint16_t n;
};

/* Sentences for the user; n also counts those that did not fit. */
struct bc_plan_lines {
	uint32_t n;
	char line[BC_PLAN_MAX_LINES][224];
};

/*
 * Every source of the request has one RX stage, there is one MERGE, and output o has lanes 0 .. writers[o] - 1.
 * No CPU has two lcores. About 36 KiB, no pointers.
 */
struct bc_plan {
	uint32_t n_lcores;
	uint32_t n_stages;
	uint32_t writers[BC_MAX_OUTPUTS];
	struct bc_plan_lcore lcore[BC_PLAN_MAX_LCORES];	/* RX lcores, the merge's, the lanes' */
	struct bc_plan_stage stage[BC_PLAN_MAX_STAGES];
	cpu_set_t control;		/* where main and the I/O threads run; never empty */
	struct bc_plan_lines notes;	/* what is shared or left out */
	struct bc_plan_lines warnings;	/* what will cost packets, and can be fixed */
};

/*
 * 0, or -EINVAL with a line in err that says what is missing or impossible; *ret is then untouched. Same
 * arguments, same plan.
 */
int bc_plan_make(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *ret,
		 struct bc_err *err);

/*
 * The machine and the pipeline as a picture 80 columns wide, then notes and warnings. utf8: lines of box drawing
 * characters, else ASCII. Names are shown in ASCII, '?' for the rest. Write errors on out are the caller's to
 * find with ferror().
 */
void bc_plan_print(FILE *out, const struct bc_topology *topo, const struct bc_plan_request *req,
		   const struct bc_plan *plan, bool utf8);

#endif
