/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_SANDBOX_CALLS_H
#define BC_SANDBOX_CALLS_H

#include "bc_sandbox.h"

/* All threads of the process make no other system calls than those of its duty. 0; or a negative errno: nothing has changed then. */
int bc_sandbox_restrict_calls(const struct bc_sandbox *s);

#endif
