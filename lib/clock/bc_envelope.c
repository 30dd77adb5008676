/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_envelope.h"

#include <math.h>
#include <string.h>

void bc_envelope_init(struct bc_envelope *e, unsigned bits)
{
	memset(e, 0, sizeof(*e));
	e->slope = 1.0;
	e->wrap = 64 - bits;
}

static double ticks_from(const struct bc_envelope *e, const struct bc_envelope_point *p,
			 const struct bc_envelope_point *origin)
{
	return (double)bc_line_delta(p->stamp, origin->stamp, e->wrap);
}

/* How much later the host saw p than origin, beyond what the counter's rate explains. */
static double delay_over(const struct bc_envelope *e, const struct bc_envelope_point *p,
			 const struct bc_envelope_point *origin)
{
	return (double)(int64_t)(p->host_ns - origin->host_ns) - ticks_from(e, p, origin) * e->slope;
}

static const struct bc_envelope_point *newest(const struct bc_envelope *e)
{
	return &e->point[e->count - 1];
}

/*
 * Of all lines under the points the one nearest to them on average is the edge of their lower hull that spans
 * their mean. It gives the change of slope.
 */
static double hull_slope(const struct bc_envelope *e)
{
	const struct bc_envelope_point *o = &e->point[0];
	double x[BC_ENVELOPE_POINTS], y[BC_ENVELOPE_POINTS], mean = 0;
	unsigned n = 0, i;

	for (i = 0; i < e->count; i++) {
		double px = ticks_from(e, &e->point[i], o), py = delay_over(e, &e->point[i], o);

		mean += px / e->count;
		while (n > 1 && (y[n - 1] - y[n - 2]) * (px - x[n - 1]) >= (py - y[n - 1]) * (x[n - 1] - x[n - 2]))
			n--;
		x[n] = px;
		y[n++] = py;
	}
	if (n < 2)
		return 0;
	for (i = 1; i < n - 1 && x[i] < mean; i++)
		;
	return (y[i] - y[i - 1]) / (x[i] - x[i - 1]);
}

static double clamp_slope(double slope)
{
	double most = BC_ENVELOPE_MAX_PPM * 1e-6;

	return fmin(fmax(slope, 1.0 - most), 1.0 + most);
}

/* Over less than this, what the delays vary says more about the slope than the counter does. */
static int long_enough(const struct bc_envelope *e)
{
	return e->count > 2 && ticks_from(e, newest(e), &e->point[0]) >= 2.0 * BC_ENVELOPE_LAST_NS;
}

/* The lowest point's distance under the newest, negative or 0. */
static double lowest_under_newest(const struct bc_envelope *e)
{
	double low = 0;

	for (unsigned i = 0; i < e->count; i++)
		low = fmin(low, delay_over(e, &e->point[i], newest(e)));
	return low;
}

static void fit(struct bc_envelope *e)
{
	double low, sum = 0;

	if (long_enough(e))
		e->slope = clamp_slope(e->slope + hull_slope(e));
	low = lowest_under_newest(e);
	for (unsigned i = 0; i < e->count; i++)
		sum += delay_over(e, &e->point[i], newest(e)) - low;
	e->spread_ns = sum / e->count;
}

static int is_step(const struct bc_envelope *e, const struct bc_envelope_point *p)
{
	double off_ns = delay_over(e, p, newest(e)) - lowest_under_newest(e);
	double drift_ns = fabs(ticks_from(e, p, newest(e))) * BC_ENVELOPE_MAX_PPM * 1e-6;

	return off_ns > BC_ENVELOPE_STEP_UP_NS + drift_ns || off_ns < -(BC_ENVELOPE_STEP_DOWN_NS + drift_ns);
}

static void close_bucket(struct bc_envelope *e)
{
	e->stepped = e->count && (is_step(e, &e->lowest) || ticks_from(e, &e->lowest, newest(e)) <= 0);
	if (e->stepped)
		e->count = 0;
	if (e->count == BC_ENVELOPE_POINTS)
		memmove(&e->point[0], &e->point[1], --e->count * sizeof(e->point[0]));
	e->point[e->count++] = e->lowest;
	fit(e);
	e->open = 0;
}

int bc_envelope_add(struct bc_envelope *e, uint64_t stamp, uint64_t host_ns)
{
	const struct bc_envelope_point p = { stamp, host_ns };

	if (!e->count) {
		e->lowest = p;
		e->bucket_ns = BC_ENVELOPE_FIRST_NS;
		close_bucket(e);
		return 1;
	}
	if (!e->open) {
		e->open = 1;
		e->lowest = p;
		e->bucket_start_ns = host_ns;
		return 0;
	}
	if (delay_over(e, &p, &e->lowest) < 0)
		e->lowest = p;
	if ((int64_t)(host_ns - e->bucket_start_ns) < (int64_t)e->bucket_ns)
		return 0;
	close_bucket(e);
	e->bucket_ns = e->bucket_ns * 2 < BC_ENVELOPE_LAST_NS ? e->bucket_ns * 2 : BC_ENVELOPE_LAST_NS;
	return 1;
}

struct bc_seg bc_envelope_line(const struct bc_envelope *e, uint64_t stamp)
{
	struct bc_seg s = { newest(e)->stamp, newest(e)->host_ns + (uint64_t)llround(lowest_under_newest(e)),
			    bc_line_mult(e->slope) };

	s.base_ns = bc_seg_to_ns(&s, bc_line_delta(stamp, s.base_ticks, e->wrap));
	s.base_ticks = stamp;
	return s;
}
