/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets of one segment that are wanted, in the order of the file, in batches. A stream is used by one thread at a
 * time.
 */
#ifndef BC_FIND_STREAM_H
#define BC_FIND_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_carry.h"
#include "bc_err.h"
#include "bc_find_ifaces.h"
#include "bc_find_plan.h"
#include "bc_log.h"

struct bc_depot;

/* What all streams of a search share. Numbers are written by any stream's thread. */
struct bc_find_shared {
	struct bc_find_ifaces *ifaces;
	uint64_t from_ns, to_ns;	/* packets from from_ns on and before to_ns */
	bool no_index;			/* indexes are not asked */
	struct bc_depot *depot;	/* NULL: only paths */
	const struct bc_log *log;	/* thread safe; may be NULL */
	_Atomic bool stop;		/* set by any thread: streams end where they are */
	_Atomic uint64_t read_bytes;	/* of files */
	_Atomic uint64_t read_packets;
	_Atomic uint32_t damaged;	/* segments that were not read to their end */
	_Atomic uint64_t done_bytes;	/* of files, read or found not to be needed */
	_Atomic uint64_t rows, rows_wanted;	/* of indexes, as struct bc_find_plan has them */
	_Atomic uint32_t way[BC_FIND_WAYS];	/* segments, by enum bc_find_way */
	_Atomic uint32_t bad_index;	/* segments with an index that is damaged, or wrong */
	_Atomic uint32_t unfit;		/* interfaces whose packets the expression cannot be asked of */
};

/*
 * One packet. Its data stand in the batch's bytes at `at`, and behind them its options without their end and the drop
 * count. Or, without an interface, what stands beside the packets before the next one: caplen bytes, as bc_carry_add()
 * takes them, with that one's time.
 */
struct bc_find_packet {
	uint64_t ts_ns;
	uint64_t dropcount;
	const struct bc_find_iface *iface;
	enum bc_carry_kind keep;
	uint32_t caplen, wirelen, opt_len;
	uint32_t at;
};

/* Empty when zeroed. Taken up again with bc_find_stream_fill(). */
struct bc_find_batch {
	struct bc_find_packet *packet;
	uint32_t n, packet_cap;
	uint8_t *bytes;
	uint32_t len, byte_cap;
};

void bc_find_batch_free(struct bc_find_batch *b);

struct bc_find_stream;

/*
 * 0 and *ret, or a negative errno with a line in err. free takes NULL. path and shared outlive it. bytes: of the file.
 */
int bc_find_stream_new(const char *path, uint64_t bytes, struct bc_find_shared *shared, struct bc_find_stream **ret, struct bc_err *err);
void bc_find_stream_free(struct bc_find_stream *s);

/*
 * The next packets that are wanted into b, in place of what was in it, up to about max_bytes. True: more may follow.
 * False: these are the last, if there are any. After some reading it is content with few, so that they need not wait.
 * What is wrong with the file goes to the log.
 */
bool bc_find_stream_fill(struct bc_find_stream *s, struct bc_find_batch *b, uint32_t max_bytes);

#endif
