/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sandbox.h"

#include <sys/prctl.h>

#include "bc_landlock.h"
#include "bc_sandbox_calls.h"

unsigned bc_sandbox_enter(const struct bc_sandbox *s)
{
	unsigned holds = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 0;
	if ((s->read || s->write) && !bc_landlock_enter(s))
		holds |= BC_SANDBOX_FILES;
	if (!bc_sandbox_restrict_calls(s))
		holds |= BC_SANDBOX_CALLS;
	return holds;
}
