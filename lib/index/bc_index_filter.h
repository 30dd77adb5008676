/* SPDX-License-Identifier: BSD-3-Clause */
/* A Bloom filter over hosts: BC_INDEX_FILTER_BITS bits for each, BC_INDEX_FILTER_HASHES of them set. docs/formats.md has the arithmetic. */
#ifndef BC_INDEX_FILTER_H
#define BC_INDEX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL	/* its inputs are of few bytes */
#include <xxhash.h>

#define BC_INDEX_FILTER_BITS 10
#define BC_INDEX_FILTER_HASHES 6

static inline uint64_t bc_index_filter_hash(const uint8_t *addr, size_t len)
{
	return XXH64(addr, len, len);
}

static inline uint32_t bc_index_filter_bit(uint64_t hash, uint32_t i, uint32_t bits)
{
	uint32_t h = (uint32_t)hash + i * ((uint32_t)(hash >> 32) | 1);

	return (uint32_t)((uint64_t)h * bits >> 32);
}

static inline void bc_index_filter_add(uint8_t *filter, uint32_t bytes, uint64_t hash)
{
	for (uint32_t i = 0; i < BC_INDEX_FILTER_HASHES; i++) {
		uint32_t bit = bc_index_filter_bit(hash, i, bytes * 8);

		filter[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
}

/* An empty one holds nothing. */
static inline bool bc_index_filter_has(const uint8_t *filter, uint32_t bytes, uint64_t hash)
{
	for (uint32_t i = 0; i < BC_INDEX_FILTER_HASHES; i++) {
		uint32_t bit = bc_index_filter_bit(hash, i, bytes * 8);

		if (!bytes || !(filter[bit / 8] >> bit % 8 & 1))
			return false;
	}
	return true;
}

#endif
