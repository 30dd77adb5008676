/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_epoch.h"

#include "bc_packet.h"

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

bool bc_epoch_unknown(const struct bc_clock *clock)
{
	return apart(bc_clock_utc(clock), bc_clock_now(clock)) > BC_CLOCK_STEP_NS;
}

/* Of two epochs, the one in which a stamp of now lies nearer. */
static uint8_t nearer(const struct bc_steps *steps, uint8_t old, uint8_t new, uint64_t ts_ns, uint64_t now_ns)
{
	return apart(ts_ns + bc_steps_ahead(steps, old), now_ns) < apart(ts_ns + bc_steps_ahead(steps, new), now_ns) ? old : new;
}

void bc_epoch_mark(struct bc_source *s, struct bc_batch *b)
{
	const struct bc_steps *steps = &s->env.clock->steps;
	const uint32_t n = bc_steps_count(steps);
	const uint8_t old = bc_steps_epoch(n - 1), new = bc_steps_epoch(n);

	if (__builtin_expect(!n, 1) || b->time == BC_TIME_OWN)
		return;
	for (uint32_t i = 0; i < b->n; i++) {
		uint8_t epoch = new;

		if (b->time == BC_TIME_UTC) {
			epoch = nearer(steps, old, new, b->ts_ns[i], b->asked_ns);
			b->ts_ns[i] += bc_steps_ahead(steps, epoch);
		} else if (b->ts_ns[i] < bc_steps_from(steps, new)) {
			epoch = old;
		}
		bc_meta_set_epoch(b->mbuf[i], epoch);
	}
}
