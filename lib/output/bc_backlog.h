/* SPDX-License-Identifier: BSD-3-Clause */
/* What a store took and has not passed on yet: which packets end where in its bytes. One thread. */
#ifndef BC_BACKLOG_H
#define BC_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_tally.h"

struct bc_backlog;

/* Tallies by n_sources sources. NULL without memory; free takes NULL. */
struct bc_backlog *bc_backlog_new(uint32_t n_sources);
void bc_backlog_free(struct bc_backlog *b);

/* t's bytes end at end, behind all that was pushed before. Many entries become fewer, which pass together. */
void bc_backlog_push(struct bc_backlog *b, uint64_t end, const struct bc_tally *t);

/* The oldest entry, if its bytes end at passed or before, and where they end; it is then gone from here. Of ret->from, n_sources are set. */
bool bc_backlog_pop(struct bc_backlog *b, uint64_t passed, uint64_t *ret_end, struct bc_tally *ret);

bool bc_backlog_empty(const struct bc_backlog *b);

#endif
