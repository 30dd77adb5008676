/* SPDX-License-Identifier: BSD-3-Clause */
/* Says what folders' chains of custody tell of them. */
#ifndef VERIFY_CHAIN_H
#define VERIFY_CHAIN_H

#include <stdbool.h>

#include "bc_chain_check.h"

/*
 * asked: without stamps, tell and ctx, which are this module's. Each fault is a line on stderr, each folder's sum one on stdout; json: one object
 * on stdout instead. trust: also check time stamps, and say what they prove; NULL: not. The exit status: 0 all is as it was, and
 * stamped; 1 it is not.
 */
int verify_chains(char *const *folder, int n, const struct bc_chain_asked *asked, struct bc_stamp_trust *trust, bool json);

#endif
