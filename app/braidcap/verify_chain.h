/* SPDX-License-Identifier: BSD-3-Clause */
/* Says what folders' chains of custody tell of them. */
#ifndef VERIFY_CHAIN_H
#define VERIFY_CHAIN_H

#include <stdbool.h>

#include "bc_chain_key.h"
#include "bc_stamp.h"

/*
 * Each fault is a line on stderr, each folder's sum one on stdout; json: one object on stdout instead. trust: also check time stamps, and
 * say what they prove; NULL: not. Frees both. The exit status: 0 all is as it was, and stamped; 1 it is not.
 */
int verify_chains(char *const *folder, int n, struct bc_chain_key *key, struct bc_stamp_trust *trust, bool json);

#endif
