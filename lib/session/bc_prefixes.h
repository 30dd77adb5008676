/* SPDX-License-Identifier: BSD-3-Clause */
/* Sources that are prefixes of a store: below each, every series of segments (a node's, as a rule) becomes a source of its own. */
#ifndef BC_PREFIXES_H
#define BC_PREFIXES_H

#include "bc_config.h"
#include "bc_err.h"

/*
 * Lists what is below them; the merge then has all series in one order of time. Other sources stay as they are. 0, or a negative errno
 * with a line in err.
 */
int bc_prefixes_expand(struct bc_config *c, struct bc_err *err);

#endif
