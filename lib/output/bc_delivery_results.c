/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_delivery_results.h"

#include <errno.h>
#include <stdlib.h>

int bc_results_init(struct bc_results *r)
{
	r->waiting = calloc(BC_RESULTS, sizeof(*r->waiting));
	return r->waiting ? 0 : -ENOMEM;
}

void bc_results_fini(struct bc_results *r)
{
	free(r->waiting);
}

void bc_results_await(struct bc_results *r, const struct bc_tally *t)
{
	r->waiting[r->finished++ % BC_RESULTS] = *t;
}

void bc_results_put(struct bc_results *r, uint64_t file_bytes, int err)
{
	uint32_t n = atomic_load_explicit(&r->known, memory_order_relaxed);

	r->result[n % BC_RESULTS] = (struct bc_result){ .file_bytes = file_bytes, .err = err };
	atomic_store_explicit(&r->known, n + 1, memory_order_release);
}

struct bc_tally *bc_results_take(struct bc_results *r, struct bc_result *ret)
{
	uint32_t n = r->reaped;

	if (n == atomic_load_explicit(&r->known, memory_order_acquire))
		return NULL;
	r->reaped++;
	*ret = r->result[n % BC_RESULTS];
	return &r->waiting[n % BC_RESULTS];
}

bool bc_results_wait(const struct bc_results *r)
{
	return r->reaped != r->finished;
}
