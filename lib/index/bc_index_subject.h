/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an index beside its file begins with, as bytes: which file it is of, and where the blocks of that are if it is LZ4.
 * docs/formats.md describes it. Decoding is given bytes that anybody may have written. Pure.
 */
#ifndef BC_INDEX_SUBJECT_H
#define BC_INDEX_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_flow_table.h"

#define BC_INDEX_BESIDE_EXT ".bcidx"	/* of FILE: FILE.bcidx */

/* Has a path the name of such an index? */
bool bc_index_beside_is_name(const char *path);

#define BC_SUBJECT_SIZE 160U		/* its piece; pcapng's block around it included */
#define BC_SUBJECT_EDGE 65536U		/* so many bytes of the file's begin and end it knows by their checksums */
#define BC_SUBJECT_HEADER_MAX 19U
#define BC_SUBJECT_BLOCKS_MOST (4U << 20)	/* of its frame */
#define BC_SUBJECT_FRAME_BYTES (256U * 1024 * 1024)	/* of the pieces of its frame, at most */

enum bc_subject_way {
	BC_SUBJECT_PLAIN,	/* the file is not compressed */
	BC_SUBJECT_LZ4,		/* one frame of independent blocks: pieces tell where they are */
	BC_SUBJECT_STREAM,	/* it can only be decompressed from its begin */
};

/* Plain data. */
struct bc_subject {
	uint64_t bytes;		/* of the file */
	uint64_t mtime_ns;
	uint64_t begin, end;	/* bc_subject_edge() of its first bytes and of its last ones */
	uint64_t plain_bytes;	/* before compression */
	uint32_t way;
	uint32_t n_blocks;	/* of LZ4 */
	uint32_t n_pieces;	/* that tell of these; they follow */
	uint32_t piece_bytes;
	uint8_t header_len;	/* of the frame's header */
	uint8_t header[BC_SUBJECT_HEADER_MAX];
	uint64_t object;	/* of an index that lies beside an object: bc_subject_object() of the ETag of that; 0: beside a file */
};

uint64_t bc_subject_edge(const uint8_t *p, size_t len);
/* Not 0. */
uint64_t bc_subject_object(const char *etag);

/* BC_SUBJECT_SIZE bytes. */
void bc_subject_put(uint8_t dst[BC_SUBJECT_SIZE], const struct bc_subject *s);
/* 0, or -EBADMSG with a line in err. */
int bc_subject_get(const uint8_t *bytes, size_t len, struct bc_subject *ret, struct bc_err *err);

/* Lengths of blocks, in the file and before compression. */
struct bc_subject_block {
	uint32_t file_len, plain_len;
};

/* The next n of them, at most BC_SUBJECT_IN_PIECE, as a piece that is appended to bytes. 0 or -ENOMEM. */
#define BC_SUBJECT_IN_PIECE 4096U
int bc_subject_put_blocks(struct bc_index_bytes *bytes, const struct bc_subject_block *block, uint32_t n);

/* All s->n_blocks from the s->piece_bytes that follow the subject. 0, or -EBADMSG with a line in err; -ENOMEM. */
int bc_subject_get_blocks(const struct bc_subject *s, const uint8_t *bytes, struct bc_subject_block *ret, struct bc_err *err);

#endif
