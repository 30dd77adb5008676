/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of the progress line, out of two readings of the counters. */
#ifndef BC_DISPLAY_LINE_H
#define BC_DISPLAY_LINE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_pipeline.h"

/* With more sources than this only their sum is shown. */
#define BC_DISPLAY_SOURCES 4

struct bc_display_sample {
	uint64_t mono_ns;
	uint64_t received;
	uint64_t received_bytes;
	uint64_t dropped;
	uint64_t file_bytes;
	uint64_t segments;
	uint64_t in_flight;
	uint32_t n_sources;
	uint64_t source[BC_DISPLAY_SOURCES];		/* received */
	const char *interface[BC_DISPLAY_SOURCES];		/* of the ledger */
	uint32_t link_percent;				/* the fullest */
	uint32_t buffer_percent;			/* of the fullest output */
	const char *state;
	/* Where all sources are files whose size is known: of these, how much is read. */
	uint64_t read_bytes, files_bytes;
	bool ending;					/* no more is captured */
	uint32_t n_outputs;
	uint64_t left[BC_MAX_OUTPUTS];			/* of each, what is still to be written: packets; of a peer, bytes for it */
	/* The caller knows: */
	uint64_t elapsed_ns;				/* since reading began, or the ending did */
	double drained;					/* share of what was left at the most while it is ending; negative: not known */
};

/* Read the counters. Any thread. */
void bc_display_sample(const struct bc_pipeline *p, uint64_t mono_ns, struct bc_display_sample *ret);

/*
 * At most width characters into buf, which has size bytes: what matters most comes first, and what finds no room is left out as a
 * whole. before and now may be the same reading; the rates are 0 then.
 */
void bc_display_line(const struct bc_display_sample *before, const struct bc_display_sample *now, size_t width, char *buf,
		     size_t size);

#endif
