/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sandbox.h"

#include <sys/prctl.h>

#include "bc_landlock.h"
#include "bc_sandbox_calls.h"

static bool forswear(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

unsigned bc_sandbox_enter_files(const struct bc_sandbox *s)
{
	return (s->read || s->write) && forswear() && !bc_landlock_enter(s) ? BC_SANDBOX_FILES : 0;
}

unsigned bc_sandbox_enter_calls(const struct bc_sandbox *s)
{
	return forswear() && !bc_sandbox_restrict_calls(s) ? BC_SANDBOX_CALLS : 0;
}

unsigned bc_sandbox_enter(const struct bc_sandbox *s)
{
	unsigned files = bc_sandbox_enter_files(s);

	return files | bc_sandbox_enter_calls(s);
}
