/* SPDX-License-Identifier: BSD-3-Clause */
/* A bit that says that there is something to do: any thread sets it, whoever does that clears it. */
#ifndef BC_BELL_H
#define BC_BELL_H

#include <stdatomic.h>
#include <stdint.h>

struct bc_bell {
	_Atomic uint64_t *word;		/* not owned; NULL: nobody wants to be told */
	uint64_t bit;
};

static inline void bc_bell_ring(const struct bc_bell *b)
{
	if (b->word && !(atomic_load_explicit(b->word, memory_order_relaxed) & b->bit))
		atomic_fetch_or_explicit(b->word, b->bit, memory_order_release);
}

#endif
