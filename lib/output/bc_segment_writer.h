/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes of an output's segments, one segment at a time: its beginning, chunks, what is inserted between them, its
 * end; in the output's format and codec. Where the bytes go is the caller's: a write that fails leaves the segment as
 * it was. One thread.
 */
#ifndef BC_SEGMENT_WRITER_H
#define BC_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_chunk.h"
#include "bc_codec.h"
#include "bc_err.h"
#include "bc_sealer.h"
#include "bc_section.h"
#include "bc_store.h"

struct bc_segment_index;

struct bc_segment_writer_config {
	struct bc_section section;
	enum bc_codec codec;
	int level;
	unsigned stream_workers;	/* threads of a stream codec */
	uint32_t block_max;		/* the largest block that a lane makes; encrypted: two blocks of age at least */
	const struct bc_age_recipients *encrypt;	/* NULL: in clear. Not owned; bc_padding_possible() */
	bc_counter_t *padding;		/* counts bytes of it then; not owned; may be NULL */
	/* All len bytes (0), or none and a negative errno. end: they close the segment, and len may be 0. */
	int (*write)(void *ctx, const uint8_t *data, size_t len, bool end);
	void *write_ctx;
	/* The filter in force, for the interface descriptions; called at each segment's begin; may be NULL. */
	const char *(*filter)(void *ctx);
	void *filter_ctx;
	struct bc_segment_index *index;	/* not owned; NULL: none */
};

struct bc_segment_writer;

#define BC_SEGMENT_END_MAX BC_SEALER_END_MAX

/* 0 and *ret, or a negative errno with a line in err. free takes NULL. */
int bc_segment_writer_new(const struct bc_segment_writer_config *cfg, struct bc_segment_writer **ret,
			  struct bc_err *err);
void bc_segment_writer_free(struct bc_segment_writer *w);

/* A new segment's beginning. begin_ns as bc_segment_info has it; linktype as bc_section has it. */
int bc_segment_writer_begin(struct bc_segment_writer *w, uint64_t begin_ns, int32_t linktype);

/* Its beginning was written, and it is not over. */
bool bc_segment_writer_begun(const struct bc_segment_writer *w);

/* What it holds so far. */
const struct bc_segment_info *bc_segment_writer_info(const struct bc_segment_writer *w);

/* Describe the interfaces up to n that are not described in it yet. */
int bc_segment_writer_describe(struct bc_segment_writer *w, uint32_t n);

/* Write what the inputs said beside their packets since then (bc_carry.h). */
int bc_segment_writer_carry(struct bc_segment_writer *w);

/* Write that the system clock was stepped here, where the format has a place for it. */
int bc_segment_writer_tell_step(struct bc_segment_writer *w, int64_t stepped_ns, uint64_t ts_ns);

/* Write len bytes of whole items of the output's format as they are. */
int bc_segment_writer_insert(struct bc_segment_writer *w, const uint8_t *items, size_t len);

/*
 * lost packets of the output are lost by now, the last ones under this name: write how many that is since a segment
 * was told of a loss last. Where the format has no place for it, it counts as told. lost_told: how many segments were
 * told of.
 */
int bc_segment_writer_tell_loss(struct bc_segment_writer *w, uint64_t lost, enum bc_loss loss, uint64_t ts_ns);
uint64_t bc_segment_writer_lost_told(const struct bc_segment_writer *w);

/*
 * A chunk, of which packets count. Of a stream codec, and encrypted, bytes are held back, and only push and flush write: push what
 * has come out, flush all that was given, behind padding if it is encrypted. What they could not write is held until the next push, flush or
 * end. -ESTALE, also of all calls before: it cannot be encrypted, and the segment not go on.
 */
int bc_segment_writer_chunk(struct bc_segment_writer *w, struct bc_chunk *k, uint64_t packets);
int bc_segment_writer_push(struct bc_segment_writer *w);
int bc_segment_writer_flush(struct bc_segment_writer *w);
bool bc_segment_writer_holds(const struct bc_segment_writer *w);

/*
 * Encrypted, after a flush: the end of the file as it is so far, for the place behind its bytes, where the next ones will go. Returns its
 * length; 0: there is none.
 */
size_t bc_segment_writer_end_so_far(struct bc_segment_writer *w, uint8_t dst[BC_SEGMENT_END_MAX]);

/* Encrypted: bytes of the index, as they are. -ENOSPC: others are held, and go first. */
int bc_segment_writer_raw(struct bc_segment_writer *w, const uint8_t *data, size_t len);

/*
 * The segment's statistics, and its end mark; they have to fit into BC_STORE_RESERVE, which the store keeps free for them. After a
 * failure it may be called again; closed: of what is held back, the end was made by then.
 */
int bc_segment_writer_end(struct bc_segment_writer *w);
bool bc_segment_writer_closed(const struct bc_segment_writer *w);

/* Nothing more is written to this segment, ended or not. */
void bc_segment_writer_over(struct bc_segment_writer *w);

/*
 * mark: all that was written so far will stay. cut: what was written since then is gone. A stream cannot go on after
 * a cut.
 */
void bc_segment_writer_mark(struct bc_segment_writer *w);
void bc_segment_writer_cut(struct bc_segment_writer *w);

#endif
