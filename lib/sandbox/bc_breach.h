/* SPDX-License-Identifier: BSD-3-Clause */
/* System calls that the sandbox refused: the kernel tells by a signal (SIGSYS), in whose handler they are counted. */
#ifndef BC_BREACH_H
#define BC_BREACH_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_log.h"

/* Before the sandbox is entered, once in a process. False: not on this architecture; refused calls are not to raise the signal then. */
bool bc_breach_watch(void);

/* One that nothing of ours makes: it fails with EPERM, others with ENOSYS. Before the sandbox is entered. */
void bc_breach_is_grave(int nr);

/* One thread, now and then: what was refused and not yet said goes to the log, a call again once it is ten times as often. */
void bc_breach_tell(const struct bc_log *log);

#endif
