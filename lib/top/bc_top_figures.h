/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rates of a capture, its sources, outputs, losses, CPUs and clients, from two of its answers (bc_ctl_watch.h). Pure. Any field of an answer
 * may be missing or of a wrong type: it counts as 0 then.
 */
#ifndef BC_TOP_FIGURES_H
#define BC_TOP_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bc_top_clients.h"

/* Of a lcore, so many of its stages are shown. */
#define BC_TOP_STAGES 16

/* A source or an output. Rates are per second; of an output they are what was written, and the bytes those on disk. */
struct bc_top_element {
	const json_t *view;		/* as its view has it; of the answer */
	double packets, bytes, lost;
	uint64_t dropped;		/* packets, for whatever reason */
};

/* A loss that has occurred. */
struct bc_top_loss {
	const char *name, *where;	/* of the answer: which loss, of which source or output */
	bool at_output;
	uint32_t element;		/* its number */
	uint64_t packets;
	double rate;
	uint64_t last_ns;		/* the time of the answer in which it last grew; 0: not since the first one */
};

struct bc_top_cpu {
	const json_t *view;
	double busy;			/* share of the time, of all its stages */
	uint32_t n;
	double stage[BC_TOP_STAGES];	/* of each */
};

struct bc_top_figures {
	bool known;			/* there are rates: two answers of the same run */
	double packets, bytes, lost, disk;	/* per second; bytes on the wire, and on disk */
	double buffers;			/* share in use of the fullest output's */
	double packet_buffers;		/* share in use */
	struct bc_top_element *source, *output;
	struct bc_top_loss *loss;
	struct bc_top_cpu *cpu;
	struct bc_top_client *client;
	uint32_t n_sources, n_outputs, n_losses, n_cpus, n_clients;
};

/*
 * old: the figures of before; both NULL where now is the first answer. What *ret points at of now lives as long as that. 0,
 * or -ENOMEM.
 */
int bc_top_figures(const json_t *before, const json_t *now, const struct bc_top_figures *old, struct bc_top_figures *ret);

/* Takes a zeroed one. */
void bc_top_figures_free(struct bc_top_figures *f);

/* No rates any more: the capture does not tell. */
void bc_top_figures_still(struct bc_top_figures *f);

#endif
