/* SPDX-License-Identifier: BSD-3-Clause */
/* `braidcap top`: running captures on a terminal, until the user quits. */
#ifndef BC_TOP_H
#define BC_TOP_H

#include <stdint.h>

#include "bc_err.h"

struct bc_top_config {
	const char *const *prefix;	/* of the captures; borrowed */
	uint32_t n_prefixes;		/* 0: all of this user that answer */
	uint64_t delay_ns;		/* between two looks: a second or more */
};

/* 0; -ENOTTY with a line in err: there is no terminal that it can use; or another negative errno with a line. Once in a process. */
int bc_top_run(const struct bc_top_config *cfg, struct bc_err *err);

#endif
