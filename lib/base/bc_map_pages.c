/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_map_pages.h"

#include <sys/mman.h>

/* In pages of 4 KiB: enough for a small capture, and a quarter of what a TLB covers. */
#define BEGIN BC_HUGE_PAGE

uint8_t *bc_map_pages(size_t bytes, bool reserved, bool transparent)
{
	uint8_t *m = MAP_FAILED;

	if (reserved)
		m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (m == MAP_FAILED) {
		m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (m != MAP_FAILED && transparent && bytes > BEGIN)
			madvise(m + BEGIN, bytes - BEGIN, MADV_HUGEPAGE);
	}
	return m == MAP_FAILED ? NULL : m;
}
