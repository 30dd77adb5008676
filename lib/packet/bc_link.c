/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_link.h"

#include <stdlib.h>

struct bc_link *bc_link_new(uint32_t size)
{
	struct bc_link *l;
	uint32_t n = 64;

	if (size > BC_LINK_MAX)
		return NULL;
	while (n < size)
		n *= 2;
	l = aligned_alloc(BC_CACHE_LINE, sizeof(*l));
	if (!l)
		return NULL;
	memset(l, 0, sizeof(*l));
	l->size = n;
	l->ring = aligned_alloc(BC_CACHE_LINE, n * sizeof(*l->ring));
	if (!l->ring) {
		free(l);
		return NULL;
	}
	memset(l->ring, 0, n * sizeof(*l->ring));
	return l;
}

void bc_link_free(struct bc_link *l)
{
	if (l)
		free(l->ring);
	free(l);
}
