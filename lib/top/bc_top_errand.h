/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A question that may take long, asked in the background one at a time: neither the answer nor the end of the program is waited
 * for. One thread, beside the one that is made.
 */
#ifndef BC_TOP_ERRAND_H
#define BC_TOP_ERRAND_H

#include <stdbool.h>

#include <jansson.h>

#include "bc_top_model.h"

struct bc_top_errand;

/* Of ctx and the capture of that prefix; last is what was answered before, or NULL. A new object, or NULL. Another thread. */
typedef json_t *(*bc_top_question)(void *ctx, const char *prefix, const json_t *last);

/* bell: an eventfd that is rung when there is an answer. NULL without memory or descriptors. */
struct bc_top_errand *bc_top_errand_new(bc_top_question question, int bell);
/* What is under way ends by itself, and ctx must live as long as that. Takes NULL. */
void bc_top_errand_free(struct bc_top_errand *e);

/* Ask; takes the reference last, which may be NULL. false: something is under way, or there is no thread for it. */
bool bc_top_errand_start(struct bc_top_errand *e, void *ctx, const char *prefix, json_t *last);

/* Is there an answer? Once for each start: true, *ret, which is NULL where that was none, and whose it is. */
bool bc_top_errand_take(struct bc_top_errand *e, char prefix[BC_TOP_PREFIX_MAX], json_t **ret);

#endif
