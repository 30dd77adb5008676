/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_LANDLOCK_H
#define BC_LANDLOCK_H

#include "bc_sandbox.h"

/* The files of s, with read also what the C library reads, and no others: for the calling thread, which can gain no rights any more, and those
 * that it will start. 0; or a negative errno, where the kernel cannot: nothing has changed then. */
int bc_landlock_enter(const struct bc_sandbox *s);

#endif
