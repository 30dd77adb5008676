/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_peer_fate.h"

#include <string.h>

void bc_peer_fate_init(struct bc_peer_fate *f)
{
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
}

void bc_peer_fate_fini(struct bc_peer_fate *f)
{
	pthread_mutex_destroy(&f->lock);
}

void bc_peer_fate_pass(struct bc_peer_fate *f, uint64_t to)
{
	if (to > bc_peer_fate_known(f))
		atomic_store(&f->known, to);
}

void bc_peer_fate_lose(struct bc_peer_fate *f, uint64_t to)
{
	uint64_t from = bc_peer_fate_known(f);

	if (to <= from)
		return;
	pthread_mutex_lock(&f->lock);
	if (f->n < BC_PEER_FATE_RANGES)
		f->lost[f->n++] = (struct bc_peer_fate_range){ from, to };
	else
		f->lost[f->n - 1].to = to;
	pthread_mutex_unlock(&f->lock);
	/* Whoever sees it known sees that it is lost. */
	atomic_store(&f->known, to);
}

bool bc_peer_fate_lost(struct bc_peer_fate *f, uint64_t from, uint64_t to)
{
	uint32_t old = 0;
	bool lost;

	pthread_mutex_lock(&f->lock);
	while (old < f->n && f->lost[old].to <= from)
		old++;
	f->n -= old;
	memmove(f->lost, f->lost + old, f->n * sizeof(f->lost[0]));
	lost = f->n && f->lost[0].from < to;
	pthread_mutex_unlock(&f->lock);
	return lost;
}
