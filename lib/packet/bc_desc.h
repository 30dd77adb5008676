/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 16-byte descriptor that travels instead of a packet, so that merging and chunking never touch an mbuf.
 *
 *     word: bits 0..40   address / 64 (objects are aligned to a cache line; user addresses have 47 bits)
 *           bits 41..56  record bytes / 4: the captured length padded to 4, with the drops before it; 65535: only the object tells, because
 *                        it is that or more, or because it has options
 *           bits 57..63  the outputs that want the packet; 0: not a packet but a control object (a chunk's end)
 */
#ifndef BC_DESC_H
#define BC_DESC_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_ledger.h"

/* The latest time that a packet can have: UINT64_MAX is the watermark of a source that has ended. */
#define BC_TS_MAX (UINT64_MAX - 1)

struct bc_desc {
	uint64_t ts_ns;		/* at most BC_TS_MAX */
	uint64_t word;
};

_Static_assert(sizeof(struct bc_desc) == 16, "four descriptors to a cache line");

#define BC_DESC_ADDR_BITS 41
#define BC_DESC_LEN_BITS 16
#define BC_DESC_MASK_SHIFT (BC_DESC_ADDR_BITS + BC_DESC_LEN_BITS)
#define BC_DESC_LEN_MAX ((1U << BC_DESC_LEN_BITS) - 1)

_Static_assert(BC_DESC_MASK_SHIFT + BC_MAX_OUTPUTS == 64, "every bit is used");

/* Can obj be named by a descriptor? Checked once for each pool of objects. */
static inline bool bc_desc_fits(const void *obj)
{
	return ((uintptr_t)obj & 63) == 0 && ((uintptr_t)obj >> (BC_DESC_ADDR_BITS + 6)) == 0;
}

static inline uint64_t bc_desc_word(const void *obj, uint32_t record_bytes, uint32_t outputs)
{
	uint32_t len4 = (record_bytes + 3) / 4;

	if (len4 > BC_DESC_LEN_MAX)
		len4 = BC_DESC_LEN_MAX;
	return (uint64_t)(uintptr_t)obj >> 6 | (uint64_t)len4 << BC_DESC_ADDR_BITS |
	       (uint64_t)outputs << BC_DESC_MASK_SHIFT;
}

static inline void *bc_desc_obj(const struct bc_desc *d)
{
	return (void *)(uintptr_t)((d->word & ((1ULL << BC_DESC_ADDR_BITS) - 1)) << 6);
}

static inline uint32_t bc_desc_bytes(const struct bc_desc *d)
{
	return (uint32_t)(d->word >> BC_DESC_ADDR_BITS & BC_DESC_LEN_MAX) * 4;
}

static inline uint32_t bc_desc_outputs(const struct bc_desc *d)
{
	return (uint32_t)(d->word >> BC_DESC_MASK_SHIFT);
}

#endif
