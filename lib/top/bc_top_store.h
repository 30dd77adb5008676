/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `braidcap top` asks beside the counters, as questions (bc_top_errand.h): the store of a capture, and new segments. They may wait
 * for a capture for 5 s an answer, and for a disk as long as that takes.
 */
#ifndef BC_TOP_STORE_H
#define BC_TOP_STORE_H

#include <jansson.h>

/*
 * {"outputs": [{"size", "free": bytes of the file system that it is on, "segment": the path of its newest segment}]}; what is not
 * known is missing. Where ctx is not NULL also "flows", the largest ones in the index of the newest segment of all: [{"name",
 * "packets", "bytes", "ns": how long}], and "segment", its path; or "why" there are none. last: flows of the same segment are taken
 * from it.
 */
json_t *bc_top_store(void *ctx, const char *prefix, const json_t *last);

/* Begin new segments: {"message": what came of it}. */
json_t *bc_top_rotate(void *ctx, const char *prefix, const json_t *last);

#endif
