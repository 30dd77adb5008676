/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which packets of an output's numbered sources are in which segment, and on disk (bc_ack.h); what its segments say of
 * their numbers (bc_ack_block.h), and the file beside them. A mark says how far each source is; it holds when all that was
 * written by then is synced, or its segment is published. The committer's thread calls, except where it says otherwise.
 */
#ifndef BC_ACKS_H
#define BC_ACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_ack.h"
#include "bc_ledger.h"

struct bc_acks;

/* ack: by source; NULL: its packets have no numbers. Both are not owned. NULL without memory; free takes NULL. */
struct bc_acks *bc_acks_new(struct bc_ack *const *ack, const struct bc_ledger *ledger);
void bc_acks_free(struct bc_acks *a);

/* Packets by source have been dealt with, whatever became of them. */
void bc_acks_handled(struct bc_acks *a, const uint32_t *from);

/*
 * The block that a segment needs before these packets by source, which are handled next; good until the next call. 0
 * bytes: none. wrote: block and packets are in it. forget: the blocks in it are not to be relied on.
 */
size_t bc_acks_block(struct bc_acks *a, const uint32_t *from, const uint8_t **ret);
void bc_acks_wrote(struct bc_acks *a, const uint32_t *from);
void bc_acks_forget(struct bc_acks *a);

/* What was written since the store settled last is in the file, which has so many bytes; or is lost. */
void bc_acks_confirm(struct bc_acks *a, uint64_t size);
void bc_acks_lose(struct bc_acks *a);

/* Packets by source that are handled next are lost: their nodes are to send them again. */
void bc_acks_lose_next(struct bc_acks *a, const uint32_t *from);

/* All that was handled is in segments, and size bytes are in the one that is begun, if any: a sync begins. */
void bc_acks_mark(struct bc_acks *a, uint64_t size);

/* The segment is over; so many bytes of it are on disk for good, whatever becomes of the rest. */
void bc_acks_finish(struct bc_acks *a, uint64_t kept);

/*
 * The thread that publishes: the next n segments that are over get their names when this returns; on_disk: which of them
 * are, others are lost but for the bytes that were kept. Returns what the file beside them is to be then (bc_ack_file.h), for
 * free(); NULL: what it is.
 */
uint8_t *bc_acks_publishing(struct bc_acks *a, uint32_t n, const bool *on_disk, size_t *ret_len);

/* The same thread: the fate of one more segment that is over is known. lost: what of it was not kept is lost. */
void bc_acks_result(struct bc_acks *a, bool lost);

/* So many bytes of the segment that is begun are on disk, 0 if none is begun: acknowledge what is due. */
void bc_acks_synced(struct bc_acks *a, uint64_t bytes);

/* Is there a node that keeps what it sends until it is acknowledged? */
bool bc_acks_numbered(const struct bc_acks *a);

/* A node waits for a sync. */
bool bc_acks_hurried(struct bc_acks *a);

/* Something was handled and is not known to be on disk. */
bool bc_acks_wait(const struct bc_acks *a);

#endif
