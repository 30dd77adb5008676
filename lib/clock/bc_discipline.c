/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_discipline.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "bc_time.h"

/* Below this width pairs count alike: reading a clock is not more exact. */
#define WIDTH_FLOOR_NS 20.0

void bc_discipline_init(struct bc_discipline *d, double slope, unsigned bits)
{
	memset(d, 0, sizeof(*d));
	d->slope = slope;
	d->wrap = 64 - bits;
}

void bc_discipline_restart(struct bc_discipline *d)
{
	d->count = 0;
	d->offset_ns = 0;
	d->rms_ns = 0;
}

static const struct bc_pair *pair_at(const struct bc_discipline *d, unsigned age)
{
	return &d->pair[(d->newest + BC_DISCIPLINE_PAIRS - age) % BC_DISCIPLINE_PAIRS];
}

/* Ticks from the newest pair to p: negative, and small enough for a double to hold it exactly. */
static double ticks_from_newest(const struct bc_discipline *d, const struct bc_pair *p)
{
	return (double)bc_line_delta(p->ticks, pair_at(d, 0)->ticks, d->wrap);
}

/*
 * How far UTC runs away from the present rate, seen from the newest pair. Small numbers, so that doubles are exact
 * enough.
 */
static double deviation(const struct bc_discipline *d, const struct bc_pair *p)
{
	return (double)(int64_t)(p->utc_ns - pair_at(d, 0)->utc_ns) - ticks_from_newest(d, p) * d->slope;
}

static double weight(const struct bc_pair *p)
{
	double w = WIDTH_FLOOR_NS + p->width_ns;

	return 1.0 / (w * w);
}

struct sums {
	double w, x, y, xx, xy, yy;
};

static struct sums sum(const struct bc_discipline *d)
{
	struct sums s = { 0 };

	for (unsigned i = 0; i < d->count; i++) {
		const struct bc_pair *p = pair_at(d, i);
		double w = weight(p), x = ticks_from_newest(d, p), y = deviation(d, p);

		s.w += w;
		s.x += w * x;
		s.y += w * y;
	}
	s.x /= s.w;
	s.y /= s.w;
	for (unsigned i = 0; i < d->count; i++) {
		const struct bc_pair *p = pair_at(d, i);
		double w = weight(p), x = ticks_from_newest(d, p) - s.x, y = deviation(d, p) - s.y;

		s.xx += w * x * x;
		s.xy += w * x * y;
		s.yy += w * y * y;
	}
	return s;
}

/*
 * A short run of pairs gives a good offset but a bad rate: it does not replace a rate that was measured over
 * longer.
 */
static void fit(struct bc_discipline *d)
{
	struct sums s = sum(d);
	double span_ns = -ticks_from_newest(d, pair_at(d, d->count - 1)) * d->slope;
	double change = 0;

	if (span_ns >= d->span_ns && s.xx > 0) {
		change = s.xy / s.xx;
		d->span_ns = fmin(span_ns, BC_NS_PER_S);
	}
	d->slope += change;
	d->offset_ns = s.y - change * s.x;
	d->rms_ns = sqrt(fmax(0, (s.yy - 2 * change * s.xy + change * change * s.xx) / s.w));
}

static int is_step(const struct bc_discipline *d, const struct bc_pair *pair)
{
	const struct bc_pair *last = pair_at(d, 0);
	double gap_ns = ticks_from_newest(d, pair) * d->slope;
	double off_ns = deviation(d, pair) - d->offset_ns;

	return fabs(off_ns) > BC_DISCIPLINE_STEP_NS + pair->width_ns + last->width_ns + gap_ns * BC_DISCIPLINE_SLEW;
}

static void push(struct bc_discipline *d, const struct bc_pair *pair)
{
	d->newest = (d->newest + 1) % BC_DISCIPLINE_PAIRS;
	d->pair[d->newest] = *pair;
	if (d->count < BC_DISCIPLINE_PAIRS)
		d->count++;
}

/*
 * The first rate out of two pairs. A UTC that stepped back between them says nothing: the younger pair stands
 * alone.
 */
static void first_rate(struct bc_discipline *d, const struct bc_pair *pair)
{
	int64_t utc_ns = (int64_t)(pair->utc_ns - pair_at(d, 0)->utc_ns);

	if (utc_ns <= 0)
		bc_discipline_restart(d);
	else
		d->slope = (double)utc_ns / ticks_from_newest(d, pair);
}

int bc_discipline_add(struct bc_discipline *d, const struct bc_pair *pair)
{
	if (d->count > 0 && ticks_from_newest(d, pair) <= 0)
		return -EINVAL;
	d->stepped = d->count > 0 && d->slope > 0 && is_step(d, pair);
	if (d->stepped)
		bc_discipline_restart(d);
	else if (d->count > 0 && d->slope == 0)
		first_rate(d, pair);
	push(d, pair);
	if (d->count > 1)
		fit(d);
	if (d->slope < 0 || d->slope > BC_LINE_MAX_SLOPE / 2 || (d->count > 1 && d->slope < 1e-6)) {
		bc_discipline_init(d, 0, 64 - d->wrap);
		return -ERANGE;
	}
	if (d->first_slope == 0 && d->count > 1)
		d->first_slope = d->slope;
	return 0;
}

struct bc_seg bc_discipline_line(const struct bc_discipline *d, uint64_t ticks)
{
	const struct bc_pair *last = pair_at(d, 0);
	struct bc_seg s = { last->ticks, last->utc_ns + (uint64_t)llround(d->offset_ns), bc_line_mult(d->slope) };

	s.base_ns = bc_seg_to_ns(&s, bc_line_delta(ticks, last->ticks, d->wrap));
	s.base_ticks = ticks;
	return s;
}
