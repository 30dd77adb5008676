/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of CPUs as people and the kernel write them: "2-5,8". */
#ifndef BC_CPULIST_H
#define BC_CPULIST_H

#include <sched.h>
#include <stddef.h>

#include "bc_err.h"

/* Linux CPU numbers are below this; so are those of a cpu_set_t, and so of DPDK. */
#define BC_MAX_CPUS CPU_SETSIZE

/*
 * Parse the whole of text: numbers and ascending ranges, separated by commas, at least one, without spaces. 0,
 * or -EINVAL with a line in err that begins with what (for example "--lcores"); *ret is then untouched.
 */
int bc_cpulist_parse(const char *what, const char *text, cpu_set_t *ret, struct bc_err *err);

/* The reverse, in shortest form; ends with "..." where size (at least 4) is too small. Returns buf. */
char *bc_cpulist_format(const cpu_set_t *set, char *buf, size_t size);

#endif
