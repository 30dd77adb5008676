/* SPDX-License-Identifier: BSD-3-Clause */
/* What a link needs, computed from what was measured: cores, memory, disks. Pure. */
#ifndef BC_SIZING_H
#define BC_SIZING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bc_figures.h"

/* FCS, preamble and the gap between frames, in bytes. */
#define BC_SIZING_FRAME 24

struct bc_sizing_request {
	double bits_per_s;		/* of the link, full */
	uint32_t packet;		/* bytes without FCS */
	bool lz4;
	double hold_s;			/* so long the disks may stall without a loss */
};

struct bc_sizing {
	double pps;
	double packet_bytes_per_s;	/* of packets */
	double pcapng_bytes_per_s;	/* with the records around them, before compression */
	double core_pps, ratio;		/* of figures, between those of the nearest sizes */
	double file_bytes_per_s;	/* after compression */
	double cores, disks;		/* not rounded; disks 0: not known */
	double buffer_bytes, mbuf_bytes;
};

void bc_sizing_compute(const struct bc_figures *f, const struct bc_sizing_request *req, struct bc_sizing *ret);

/* As text: what was asked, what was measured, what is computed from both. */
void bc_sizing_print(FILE *out, const struct bc_figures *f, const struct bc_sizing_request *req, const struct bc_sizing *s);

#endif
