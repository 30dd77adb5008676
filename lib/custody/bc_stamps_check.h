/* SPDX-License-Identifier: BSD-3-Clause */
/* Says which records of a chain of custody were there by which time, as the time stamps beside it prove. All of it is hostile input. */
#ifndef BC_STAMPS_CHECK_H
#define BC_STAMPS_CHECK_H

#include "bc_stamp.h"

enum bc_stamped_kind {
	BC_STAMPED_PROVEN,	/* they were there by that time */
	BC_STAMPED_EXPIRED,	/* the same, if the authority's key was kept since: its certificate is no longer valid */
	BC_STAMPED_MISSING,	/* no stamp covers them */
	BC_STAMPED_WAITING,	/* the same, of the newest ones while a capture is running */
};

/* Records that follow each other. */
struct bc_stamped {
	enum bc_stamped_kind kind;
	uint64_t from, to;		/* numbers of records, both with it */
	const char *first, *last;	/* names of their segments */
	uint64_t time_s;		/* UTC; this and the next: of PROVEN and EXPIRED */
	const char *authority;
};

/* What is wanted. */
struct bc_stamps_asked {
	struct bc_stamp_trust *trust;
	uint64_t now_s;			/* UTC */
	/* Each range, in the order of the records; what it points at is good until it returns. */
	void (*range)(void *ctx, const struct bc_stamped *s);
	/* Line n (from 1) of ".chain.stamps" is no stamp of this chain that can be believed. */
	void (*fault)(void *ctx, uint64_t n, const char *why);
	void *ctx;
};

/*
 * record: all of the chain, in its order. folder: the folder's descriptor. running: stamps may yet come. Each fault and each range that
 * is expired or missing adds one to *faults. 0; -ENOMEM, -EIO: the stamps cannot be read.
 */
int bc_stamps_check(int folder, const struct bc_chain_record *record, size_t n, bool running, const struct bc_stamps_asked *asked,
		    uint64_t *faults);

#endif
