/* SPDX-License-Identifier: BSD-3-Clause */
/* What was published: the last segments of one output, for telemetry and the report. Any thread. */
#ifndef BC_SEGLOG_H
#define BC_SEGLOG_H

#include <stdint.h>

#include "bc_store.h"

/* Older entries are dropped; how many is remembered. */
#define BC_SEGLOG_MAX 65536U

struct bc_seglog_entry {
	char *path;		/* NULL on failure to copy it */
	uint64_t file_bytes;
	struct bc_segment_info info;
	int err;		/* negative errno: path is where the data lie unpublished */
};

struct bc_seglog;

/* NULL without memory; free takes NULL. */
struct bc_seglog *bc_seglog_new(void);
void bc_seglog_free(struct bc_seglog *l);

void bc_seglog_add(struct bc_seglog *l, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err);

uint64_t bc_seglog_count(struct bc_seglog *l);		/* since the beginning */
uint64_t bc_seglog_failed(struct bc_seglog *l);		/* of these, unpublished */

/* Call visit for the newest max entries, oldest first, under the log's lock. */
void bc_seglog_visit(struct bc_seglog *l, uint32_t max, void (*visit)(void *ctx, const struct bc_seglog_entry *e), void *ctx);

#endif
