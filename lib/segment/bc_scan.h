/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a segment from its beginning to its end or its first damage, whichever comes first. */
#ifndef BC_SCAN_H
#define BC_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_err.h"
#include "bc_reader.h"

enum bc_scan_end {
	BC_SCAN_WHOLE,		/* the file ends where a block and its frame end */
	BC_SCAN_TRUNCATED,	/* it ends inside one, or in zeros: preallocated space */
	BC_SCAN_CORRUPT,	/* something in it is impossible */
};

/* What was found. Plain data. */
struct bc_scan {
	enum bc_scan_end end;
	uint64_t items;		/* blocks of pcapng, the file header and the records of pcap, the records of ERF */
	uint64_t records;	/* packets among them */
	uint64_t backwards;	/* packets older than one before them, as `late` counts them */
	uint64_t highest_ns;	/* the latest time of all packets */
	uint64_t first_ns;	/* of the packets with a time, in the order of the file; 0 without one */
	uint64_t last_ns;
	uint64_t kept_bytes;	/* all items, decompressed */
	uint64_t lost_bytes;	/* decompressed, but after the last complete item; zeros up to the end do not count */
	uint64_t unread_bytes;	/* of the file, never taken by the decoder */
	char why[BC_ERR_MSG_MAX];	/* of an end that is not WHOLE: one line for a person; otherwise "" */
};

/* One item's decompressed bytes, valid during the call. rec: NULL for what is no packet. A negative errno ends it. */
typedef int (*bc_scan_item)(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec);

/*
 * Reads fd from where it stands, limit bytes at most (UINT64_MAX: all), and closes it in every case. erf: it is ERF. item may be
 * NULL. Damage is no failure: it is described in *ret, which is always filled. Negative errno: no memory, the disk cannot be
 * read, or what item returned; err then has a line (of item's error, only if item wrote it).
 */
int bc_scan(int fd, bool erf, uint64_t limit, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err);

/* The same of all of a blob, which stays open. */
int bc_scan_blob(struct bc_blob *blob, bool erf, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err);

#endif
