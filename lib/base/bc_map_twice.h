/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for a ring: the same pages twice, one mapping right after the other, so that what lies across the ring's end is contiguous.
 */
#ifndef BC_MAP_TWICE_H
#define BC_MAP_TWICE_H

#include <stddef.h>
#include <stdint.h>

/* size bytes, a multiple of the page size: 2 * size can be addressed. Pages are allocated when first used. NULL without memory. */
uint8_t *bc_map_twice(size_t size);

/* Takes NULL. */
void bc_unmap_twice(uint8_t *map, size_t size);

#endif
