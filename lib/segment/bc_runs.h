/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture file of any format and codec, decompressed and cut into runs of whole items: packets, or what stands beside them.
 * An index describes a file by them. One thread.
 */
#ifndef BC_RUNS_H
#define BC_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_decoder.h"
#include "bc_err.h"
#include "bc_flow_table.h"

/* Bytes of a run; one of a single item may have more. */
#define BC_RUNS_BYTES 65536U

struct bc_run {
	const uint8_t *bytes;		/* good until the next run, with some to read behind them, as bc_flow_packets wants it */
	size_t len;
	bool beside;			/* it has what is needed to read the packets of others */
	bool index;			/* it is a piece of an index, and nothing else */
	bool clamped;			/* a packet's time is behind the end of time: bc_reader.h */
	struct bc_flow_packets *packet;	/* its packets, of one block each */
	uint32_t n_packets;
};

struct bc_runs;

/* Takes the decoder in any case. erf: the file is one by its name. 0 and *ret, or -ENOMEM. free takes NULL. */
int bc_runs_new(struct bc_decoder *decoder, bool erf, struct bc_runs **ret);
void bc_runs_free(struct bc_runs *r);

/*
 * 1 and *ret; 0 at the end; or a negative errno with a line in err: -ENOTSUP: it is no capture file; -EBADMSG: it is damaged;
 * else what reading it met.
 */
int bc_runs_next(struct bc_runs *r, struct bc_run *ret, struct bc_err *err);

/* What the file is compressed by, once a run was read. */
enum bc_codec bc_runs_codec(const struct bc_runs *r);

#endif
