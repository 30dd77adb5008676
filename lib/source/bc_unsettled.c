/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_unsettled.h"

#include <string.h>

void bc_unsettled_begin(struct bc_unsettled *u, struct bc_batch *b)
{
	memcpy(b->mbuf, u->mbuf, u->n * sizeof(b->mbuf[0]));
	memcpy(b->ts_ns, u->ts_ns, u->n * sizeof(b->ts_ns[0]));
	b->n = u->n;
	u->n = 0;
}

static inline bool overtaken(uint64_t before_ns, uint64_t ts_ns)
{
	return __builtin_expect(before_ns > ts_ns, 0) && before_ns - ts_ns < BC_UNSETTLED_NS;
}

/* Forward to where it belongs. */
static void move(struct bc_batch *b, uint32_t i)
{
	const uint64_t ts_ns = b->ts_ns[i];
	struct rte_mbuf *m = b->mbuf[i];

	for (; i && overtaken(b->ts_ns[i - 1], ts_ns); i--) {
		b->ts_ns[i] = b->ts_ns[i - 1];
		b->mbuf[i] = b->mbuf[i - 1];
	}
	b->ts_ns[i] = ts_ns;
	b->mbuf[i] = m;
}

void bc_unsettled_end(struct bc_unsettled *u, struct bc_batch *b, uint32_t first, bool more)
{
	for (uint32_t i = first ? first : 1; i < b->n; i++)
		if (overtaken(b->ts_ns[i - 1], b->ts_ns[i]))
			move(b, i);
	if (!more)
		return;
	u->n = b->n < BC_UNSETTLED ? b->n : BC_UNSETTLED;
	b->n -= u->n;
	memcpy(u->mbuf, b->mbuf + b->n, u->n * sizeof(b->mbuf[0]));
	memcpy(u->ts_ns, b->ts_ns + b->n, u->n * sizeof(b->ts_ns[0]));
}
