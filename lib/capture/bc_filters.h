/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters in force, for each source's link type, and their exchange while packets flow. Control thread, but for the reading of texts. */
#ifndef BC_FILTERS_H
#define BC_FILTERS_H

#include "bc_source.h"

struct bc_filters;

/* always, an expression or "", holds for every output beside its own. Strings are copied. NULL without memory. */
struct bc_filters *bc_filters_new(struct bc_source *const *source, uint32_t n_sources, uint32_t n_outputs, const char *always,
				  bool jit, const struct bc_log *log);
/* No source polls any more. NULL is taken. */
void bc_filters_free(struct bc_filters *f);

/* From the next bc_filters_set on, that output is not given user traffic of GPRS either; g outlives f. NULL: it is. */
void bc_filters_exclude_gprs(struct bc_filters *f, uint32_t output, const struct bc_gprs *g);

/*
 * Compile expression ("" or NULL: everything) for output and every source, hand it to the sources, and wait until none uses the old
 * one. 0; or a negative errno with a line in err, and the old one stays.
 */
int bc_filters_set(struct bc_filters *f, uint32_t output, const char *expression, struct bc_err *err);

/* NULL: everything. The text stays valid until bc_filters_free. Any thread. */
const char *bc_filters_text(const struct bc_filters *f, uint32_t output);

#endif
