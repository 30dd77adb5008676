/* SPDX-License-Identifier: BSD-3-Clause */
/* Private memory for a pool that is used from its begin on; the kernel gives it as it is touched. */
#ifndef BC_MAP_PAGES_H
#define BC_MAP_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_HUGE_PAGE (2UL << 20)

/*
 * bytes of zeroes, a multiple of BC_HUGE_PAGE. reserved: in pages of hugetlbfs, if so many are free. Otherwise, transparent:
 * in huge pages where the kernel finds some, but for the begin, so that a small capture takes little. To be freed with
 * munmap. NULL and errno without memory.
 */
uint8_t *bc_map_pages(size_t bytes, bool reserved, bool transparent);

static inline size_t bc_map_pages_round(size_t bytes)
{
	return (bytes + BC_HUGE_PAGE - 1) / BC_HUGE_PAGE * BC_HUGE_PAGE;
}

#endif
