/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a backend of bc_store.h provides; for the backends only. bc_store.c keeps the segment's size, continues short
 * writes and undoes broken ones, so that a backend's write is as raw as a system call.
 */
#ifndef BC_STORE_OPS_H
#define BC_STORE_OPS_H

#include "bc_counter.h"
#include "bc_store.h"

struct bc_store_ops {
	int (*begin)(struct bc_store *s);
	/* 1 to len bytes written at off, the segment's current end, or a negative errno; never -EINTR. len is not 0. */
	ptrdiff_t (*write)(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail);
	/* All len bytes at off, the segment's current end, which stays where it is; NULL: there is no such place. 0 or a negative errno. */
	int (*write_behind)(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len);
	/* After a write that failed half way: forget what lies beyond size. An error makes the segment unwritable. */
	int (*cut)(struct bc_store *s, uint64_t size);
	/*
	 * Wait until all that was written is known to be in the file. After a negative errno that is open; cut() to where
	 * the segment was settled last follows. NULL: it always is.
	 */
	int (*settle)(struct bc_store *s);
	void (*sync)(struct bc_store *s);
	/* NULL: there is no disk. */
	int (*synced)(struct bc_store *s, uint64_t *ret_bytes);
	/* NULL, all four: what was written has passed. */
	uint64_t (*passed)(struct bc_store *s);
	bool (*lost)(struct bc_store *s, uint64_t from, uint64_t to);
	bool (*kept)(struct bc_store *s, uint64_t to);
	void (*drain)(struct bc_store *s);
	/* tail_err: the closing bytes are missing for this reason, so the segment must not be published; else 0. */
	int (*finish)(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info);
	/* Frees s. now: bc_store_abort(). */
	int (*close)(struct bc_store *s, bool now);
	/* Adds what the backend knows to a zeroed *ret: everything but written_bytes, slowest_write_ns and begun. */
	void (*stats)(struct bc_store *s, struct bc_store_stats *ret);
};

/* First in every backend's struct, zeroed but for ops. Written by the caller's thread; the counters are read by all. */
struct bc_store {
	const struct bc_store_ops *ops;
	uint64_t size;		/* of the segment that is begun */
	uint64_t settled;	/* of these, what is known to be in the file */
	bool begun;
	bool doubt;		/* a write failed since it was settled */
	int dead;		/* the segment's write error that could not be undone */
	int tail_err;		/* what the last bc_store_write_tail() returned, or bc_store_spoil() was told */
	int settle_err;		/* of the last settle; until something is written behind it */
	_Atomic bool cancelled;	/* any thread sets it */
	bc_counter_t written;
	bc_counter_t slowest_write_ns;
	bc_counter_t segments;
};

int bc_store_dir_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err);
int bc_store_fd_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err);
int bc_store_peer_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err);
int bc_store_null_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err);

#endif
