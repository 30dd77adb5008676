/* SPDX-License-Identifier: BSD-3-Clause */
/* Words that follow a number. */
#ifndef BC_PLURAL_H
#define BC_PLURAL_H

#include <stdint.h>

/* one for 1, otherwise many: "%u packet%s" with bc_plural(n, "", "s"). */
static inline const char *bc_plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

#endif
