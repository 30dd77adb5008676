/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that keeps folders within limits for a program that has given up the rights to them. It was told which folders, and which limits. */
#ifndef BC_TENDER_H
#define BC_TENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_expire.h"
#include "bc_log.h"
#include "bc_retention_rules.h"

struct bc_tender;

/* Borrowed until bc_tender_free(). */
struct bc_tender_config {
	const char *folder;
	bool clients;		/* each has a folder of its own in it: FOLDER/CLIENT */
	const struct bc_retention_rules *keep;
	const struct bc_log *log;	/* the new process's, too */
	/* In the new process: give up what it is not to have. 0, or a negative errno with a line in err. May be NULL. */
	int (*begin)(void *ctx, struct bc_err *err);
	void *ctx;
};

/* Before other threads. 0 and *ret, or a negative errno with a line in err. */
int bc_tender_new(const struct bc_tender_config *cfg, struct bc_tender **ret, struct bc_err *err);

/* Any thread, as all that follow: it has ended before its time, and nothing is removed any more. */
bool bc_tender_has_ended(struct bc_tender *t);

/* Its process; 0: it has ended. */
int bc_tender_pid(struct bc_tender *t);

/* As bc_retention's, of which there is one there for each number. -EINVAL: it was not told of this folder; -EOWNERDEAD: it has ended. */
int bc_tender_add(struct bc_tender *t, const char *folder, uint32_t *ret_number);
void bc_tender_published(struct bc_tender *t, uint32_t number);
void bc_tender_close(struct bc_tender *t, uint32_t number, bool now);
/* False: there is no answer, and *ret untouched. */
bool bc_tender_stats(struct bc_tender *t, uint32_t number, struct bc_expired *ret);

/* Takes NULL. */
void bc_tender_free(struct bc_tender *t);

#endif
