/* SPDX-License-Identifier: BSD-3-Clause */
/* Which numbered packets a segment holds, and up to where in its file they are. One thread at a time. */
#ifndef BC_ACK_RUNS_H
#define BC_ACK_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_ack_set.h"

/* Numbers from mark.next up to to. */
struct bc_ack_run {
	uint32_t source;
	struct bc_ack_mark mark;
	uint64_t to;
	uint64_t stored;	/* all numbers below were on disk before */
	uint64_t end;		/* of the file when they were in it; UINT64_MAX: not known yet */
};

struct bc_ack_list {
	struct bc_ack_run *run;
	uint32_t n, room;
};

/* Zeroed memory is an empty one. */
struct bc_ack_runs {
	struct bc_ack_list kept;	/* on disk for good */
	struct bc_ack_list rest;	/* in the order in which they were written */
	uint32_t confirmed;		/* of the rest: those whose end is known */
};

void bc_ack_runs_fini(struct bc_ack_runs *r);

/* False without memory. */
bool bc_ack_runs_add(struct bc_ack_runs *r, const struct bc_ack_run *run);

/* Those whose end was not known are in the file, which has so many bytes. */
void bc_ack_runs_confirm(struct bc_ack_runs *r, uint64_t size);

/* So many bytes are on disk for good. */
void bc_ack_runs_keep(struct bc_ack_runs *r, uint64_t bytes);

#endif
