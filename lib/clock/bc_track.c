/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_track.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define CALIBRATION_PAIRS 9
#define CALIBRATION_GAP_NS 4000000

static void put_double(bc_counter_t *c, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bc_counter_set(c, bits);
}

static double get_double(const bc_counter_t *c)
{
	uint64_t bits = bc_counter_get(c);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

void bc_track_tell(struct bc_track *t, double slope, double first_slope, double rms_ns, int stepped)
{
	put_double(&t->slope, slope);
	put_double(&t->first_slope, first_slope);
	put_double(&t->rms_ns, rms_ns);
	bc_counter_add(&t->updates, 1);
	bc_counter_add(&t->steps, stepped ? 1 : 0);
}

void bc_track_publish(struct bc_track *t, const struct bc_seg *target)
{
	int64_t left = (int64_t)(target->base_ns - bc_line_to_ns(&t->line, target->base_ticks));

	if (t->steady && (left < -BC_LINE_FORWARD_STEP_NS || left > BC_LINE_FORWARD_STEP_NS)) {
		bc_line_set(&t->line, target);
		left = 0;
	} else {
		left = bc_line_steer(&t->line, target);
	}
	bc_counter_set(&t->offset_ns, (uint64_t)left);
}

void bc_track_init(struct bc_track *t, double slope, unsigned bits, const struct bc_seg *line, int steady)
{
	memset(t, 0, sizeof(*t));
	bc_discipline_init(&t->d, slope, bits);
	bc_line_init(&t->line, line, bits);
	t->steady = steady;
}

int bc_track_calibrate(struct bc_track *t, bc_track_sample_fn sample, void *ctx)
{
	const struct timespec gap = { 0, CALIBRATION_GAP_NS };
	struct bc_pair pair;
	struct bc_seg seg;

	for (int i = 0; i < CALIBRATION_PAIRS; i++) {
		int r;

		if (i)
			nanosleep(&gap, NULL);
		r = sample(ctx, &pair);
		if (r < 0)
			return r;
		if (bc_discipline_add(&t->d, &pair) < 0)
			return -ERANGE;
	}
	if (!bc_discipline_ready(&t->d))
		return -ERANGE;
	seg = bc_discipline_line(&t->d, pair.ticks);
	bc_line_set(&t->line, &seg);
	bc_track_tell(t, t->d.slope, t->d.first_slope, t->d.rms_ns, 0);
	return 0;
}

int bc_track_feed(struct bc_track *t, const struct bc_pair *pair, uint64_t now_ticks)
{
	int r = bc_discipline_add(&t->d, pair);
	int afresh = r == -EINVAL;
	struct bc_seg target;

	if (afresh) {
		bc_discipline_restart(&t->d);
		r = bc_discipline_add(&t->d, pair);
	}
	if (r < 0)
		return r;
	bc_track_tell(t, t->d.slope, t->d.first_slope, t->d.rms_ns, afresh || bc_discipline_stepped(&t->d));
	if (!bc_discipline_ready(&t->d))
		return 0;
	if (afresh) {
		target = bc_discipline_line(&t->d, now_ticks);
		bc_line_set(&t->line, &target);
	}
	target = bc_discipline_line(&t->d, now_ticks + (uint64_t)(BC_TRACK_LEAD_NS / t->d.slope));
	bc_track_publish(t, &target);
	return 0;
}

void bc_track_status(const struct bc_track *t, struct bc_track_status *ret)
{
	double slope = get_double(&t->slope), first = get_double(&t->first_slope);

	*ret = (struct bc_track_status){
		.offset_ns = (int64_t)bc_counter_get(&t->offset_ns),
		.rms_ns = get_double(&t->rms_ns),
		.freq_hz = slope > 0 ? 1e9 / slope : 0,
		.ppm = slope > 0 && first > 0 ? (first / slope - 1) * 1e6 : 0,
		.updates = bc_counter_get(&t->updates),
		.steps = bc_counter_get(&t->steps),
	};
}
