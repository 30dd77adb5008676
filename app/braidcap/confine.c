/* SPDX-License-Identifier: BSD-3-Clause */
#include "confine.h"

#include "bc_depot.h"
#include "bc_sandbox.h"

void confine_calls(void)
{
	bc_sandbox_enter(&(struct bc_sandbox){ .net = true });
}

void confine(char *const *paths, size_t n, const char *write)
{
	for (size_t i = 0; i < n; i++)
		if (bc_depot_is_name(paths[i])) {
			confine_calls();
			return;
		}
	bc_sandbox_enter(&(struct bc_sandbox){ .read = paths, .n_read = n, .write = write });
}
