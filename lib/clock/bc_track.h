/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A counter under discipline: pairs go in, a published line and telemetry come out. Pure but for calibration's
 * pauses.
 */
#ifndef BC_TRACK_H
#define BC_TRACK_H

#include <stdint.h>

#include "bc_counter.h"
#include "bc_discipline.h"
#include "bc_line.h"

#define BC_TRACK_LEAD_NS 10e6	/* how far ahead of its publication a new line begins */

struct bc_track {
	struct bc_line line;		/* writer: the feeding thread; readers: all */
	struct bc_discipline d;		/* the feeding thread's own */
	int steady;			/* constant from init on */

	/* Writer: the feeding thread; readers: telemetry. The first three hold doubles as their bits. */
	bc_counter_t rms_ns, slope, first_slope, offset_ns, updates, steps;
};

struct bc_track_status {
	int64_t offset_ns;	/* reference - published line, at the last update: what is left to slew */
	double rms_ns;		/* residual of the pairs */
	double freq_hz;		/* of the counter; 0: not measured */
	double ppm;		/* of freq_hz against the first estimate */
	uint64_t updates;
	uint64_t steps;		/* of the reference by more than about 1 ms, or the counter began afresh */
};

/*
 * slope and bits as in bc_discipline_init; line is what readers get until there is a better one. steady: the
 * reference never steps back, so that the counter must have jumped if it seems to. The line then follows every
 * error of more than BC_LINE_FORWARD_STEP_NS at once, in either direction.
 */
void bc_track_init(struct bc_track *t, double slope, unsigned bits, const struct bc_seg *line, int steady);

/* A sample of the counter against the reference. 0, or a negative errno. */
typedef int (*bc_track_sample_fn)(void *ctx, struct bc_pair *ret);

/*
 * Before any reader, about 40 ms: take pairs, then set the line. 0; the error of sample; -ERANGE if the counter
 * does not advance steadily.
 */
int bc_track_calibrate(struct bc_track *t, bc_track_sample_fn sample, void *ctx);

/*
 * Take a pair read at about now_ticks, publish a line from BC_TRACK_LEAD_NS after it. A counter that went back was
 * started afresh, and so is the line. 0; -ERANGE if the rate is impossible, and the old line then stands.
 */
int bc_track_feed(struct bc_track *t, const struct bc_pair *pair, uint64_t now_ticks);

/*
 * The two halves of a feed, for whoever fits by other means, by the feeding thread: steer the line to target
 * (bc_line_steer, or what steady says), and the telemetry of a fit.
 */
void bc_track_publish(struct bc_track *t, const struct bc_seg *target);
void bc_track_tell(struct bc_track *t, double slope, double first_slope, double rms_ns, int stepped);

/* Any thread. */
void bc_track_status(const struct bc_track *t, struct bc_track_status *ret);

#endif
