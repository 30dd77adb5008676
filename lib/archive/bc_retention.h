/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a folder within limits while a capture writes to it: a low-priority thread that checks after publications and
 * every minute.
 */
#ifndef BC_RETENTION_H
#define BC_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_expire.h"
#include "bc_retention_rules.h"
#include "bc_log.h"

struct bc_retention;

/* folder is copied. Each file that is removed or recompressed, and each failure, goes to the log. 0, or a negative errno and a line in err. */
int bc_retention_new(const char *folder, const struct bc_retention_rules *keep, const struct bc_log *log, struct bc_retention **ret,
		     struct bc_err *err);

/* Any thread: a segment was published. Never waits. */
void bc_retention_published(struct bc_retention *r);

/*
 * Ends the thread and abandons its current work. Unless now, the folder is looked at once more, so that what was published last
 * counts; nothing is recompressed then. Call once; the numbers stay readable.
 */
void bc_retention_close(struct bc_retention *r, bool now);
/* After close. Takes NULL. */
void bc_retention_free(struct bc_retention *r);

/* Since the beginning; left, kept, kept_bytes and oldest_ns are those of the last look. Any thread. */
void bc_retention_stats(struct bc_retention *r, struct bc_expired *ret);

#endif
