/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamp_guard.h"

/* Does a raw stamp speak for a clock that is off_ns ahead? */
static int speaks_for(uint64_t off_ns, uint64_t ts_ns, uint64_t now_ns)
{
	return ts_ns - (now_ns + off_ns - BC_STAMP_AHEAD_NS) <= 2 * BC_STAMP_AHEAD_NS;
}

/* The device's clock differs from what was assumed once enough packets in a row say so. */
static void learn(struct bc_stamp_guard *g, uint64_t ts_ns, uint64_t now_ns)
{
	const uint64_t other_ns = g->off_ns ? 0 : BC_TAI_NS;

	if (!speaks_for(other_ns, ts_ns, now_ns)) {
		g->run = 0;
	} else if (++g->run == BC_STAMP_RUN) {
		g->off_ns = other_ns;
		g->run = 0;
	}
}

static uint32_t put_right(struct bc_stamp_guard *g, uint64_t *ts_ns, uint32_t n, uint64_t now_ns)
{
	const uint64_t limit_ns = now_ns + BC_STAMP_AHEAD_NS;
	uint64_t next_ns = now_ns;
	uint32_t ahead = 0;

	for (uint32_t i = 0; i < n; i++) {
		learn(g, ts_ns[i], now_ns);
		ts_ns[i] = ts_ns[i] > g->off_ns ? ts_ns[i] - g->off_ns : 0;
	}
	for (uint32_t i = n; i-- > 0;) {
		if (ts_ns[i] <= limit_ns) {
			next_ns = ts_ns[i] < now_ns ? ts_ns[i] : now_ns;
			continue;
		}
		ts_ns[i] = next_ns;
		ahead++;
	}
	return ahead;
}

uint32_t bc_stamp_guard(struct bc_stamp_guard *g, uint64_t *ts_ns, uint32_t n, uint64_t now_ns)
{
	uint64_t highest_ns = 0;
	uint32_t ahead = 0;

	for (uint32_t i = 0; i < n; i++)
		highest_ns = ts_ns[i] > highest_ns ? ts_ns[i] : highest_ns;
	if (__builtin_expect(highest_ns > now_ns + BC_STAMP_AHEAD_NS || g->off_ns, 0)) {
		ahead = put_right(g, ts_ns, n, now_ns);
		highest_ns = 0;
		for (uint32_t i = 0; i < n; i++)
			highest_ns = ts_ns[i] > highest_ns ? ts_ns[i] : highest_ns;
	} else {
		g->run = 0;
	}
	g->last_ns = highest_ns > g->last_ns ? highest_ns : g->last_ns;
	return ahead;
}
