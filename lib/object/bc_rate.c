/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_rate.h"

#include "bc_time.h"

#define LEAST 4096	/* bytes at a time: not one by one */

void bc_rate_init(struct bc_rate *r, uint64_t bytes_per_s)
{
	pthread_mutex_init(&r->lock, NULL);
	r->bytes_per_s = bytes_per_s;
	r->tokens = 0;
	r->filled_ns = bc_mono_ns();
}

void bc_rate_destroy(struct bc_rate *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* At most a fifth of a second is saved up. */
static void fill(struct bc_rate *r, uint64_t now_ns)
{
	const uint64_t most = r->bytes_per_s / 5 > LEAST ? r->bytes_per_s / 5 : LEAST;
	uint64_t passed = now_ns > r->filled_ns ? now_ns - r->filled_ns : 0, more;

	if (passed > BC_NS_PER_S)
		passed = BC_NS_PER_S;
	more = (uint64_t)((unsigned __int128)passed * r->bytes_per_s / BC_NS_PER_S);
	if (!more)
		return;
	r->tokens = r->tokens + more < most ? r->tokens + more : most;
	r->filled_ns = now_ns;
}

size_t bc_rate_take(struct bc_rate *r, size_t want, uint64_t now_ns)
{
	size_t n;

	if (!r->bytes_per_s)
		return want;
	pthread_mutex_lock(&r->lock);
	fill(r, now_ns);
	n = want < r->tokens ? want : (size_t)r->tokens;
	if (n < LEAST && n < want)
		n = 0;
	r->tokens -= n;
	pthread_mutex_unlock(&r->lock);
	return n;
}
