/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of a segment, as bytes: docs/formats.md describes them. Encoding makes no system call, decoding is given bytes that
 * anybody may have written. No file, no thread.
 *
 * A segment's index has parts, one for some of its bytes each. A part is pieces: what its compressed blocks are, and which flows
 * are in them. Behind the last part come the directory with the hosts' filters, and the footer, of fixed size, which ends the file.
 */
#ifndef BC_INDEX_H
#define BC_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_tuple.h"

#define BC_INDEX_BLOCK_TYPE 0xBCA90001U	/* of pcapng: for local use */
#define BC_INDEX_VERSION 1
#define BC_INDEX_PLAIN_MAX 131072U	/* bytes of a piece before it is packed */
#define BC_INDEX_PIECE_OVERHEAD 44U	/* of its pcapng block, header and all */
#define BC_INDEX_PIECE_MAX (BC_INDEX_PIECE_OVERHEAD + 2 * BC_INDEX_PLAIN_MAX)
#define BC_INDEX_FOOTER_SIZE 160U	/* its pcapng block */
#define BC_INDEX_ROWS_MAX 1024U		/* in a page */
#define BC_INDEX_PARTS_MAX 1024U
#define BC_INDEX_BLOCKS_MAX 65536U	/* in a part */
#define BC_INDEX_TEMPLATES_MAX 262144U
#define BC_INDEX_TIME_UNIT 100000U	/* ns: how exact the times of a row are */

/* ---- blocks ---- */

enum bc_index_block_flags {
	BC_INDEX_BLOCK_META = 1,	/* not only packets: the section's header, interfaces, statistics; it is read in any case */
	BC_INDEX_BLOCK_UNINDEXED = 2,	/* some of its packets may be in no row */
	BC_INDEX_BLOCK_NO_TIME = 4,	/* its times are not known */
	BC_INDEX_BLOCK_PIECES = 8,	/* no blocks: pieces of the index, those of the part before; plain_len is 0 */
};

/* An LZ4 block of the file, or a run of bytes of one that is not compressed. Blocks of a part follow each other without a gap. */
struct bc_index_block {
	uint64_t file_at;	/* where it begins: LZ4's length field */
	uint64_t plain_at;	/* where its bytes begin in the file before compression, without pieces of index */
	uint32_t file_len;	/* LZ4's length field and checksum included */
	uint32_t plain_len;
	uint32_t packets;
	uint32_t flags;
	uint64_t min_ns;	/* of its packets, which need not be in order; 0 without one */
	uint64_t max_ns;
};

/* ---- flows ---- */

/* Headers that rows share; see bc_tuple.h for the mask and the places. value has the bytes where mask has bits, else 0. */
struct bc_index_template {
	uint16_t linktype;
	uint8_t len;
	uint8_t addr_len;
	uint8_t addr_at[2];
	uint8_t port_at;
	uint8_t flags_at;
	uint8_t proto;
	uint8_t value[BC_TUPLE_MAX];
	uint8_t mask[BC_TUPLE_MAX];
};

/*
 * The flow's packets of both directions. "Low" is the end whose address and port are not greater, as bytes compare. Of a template
 * without addresses all is 0, and without ports these.
 */
struct bc_index_row {
	uint32_t from_low;	/* 1 + the template of the packets that low sent; 0: there are none */
	uint32_t from_high;
	uint8_t addr_len;
	uint8_t low[16], high[16];	/* addr_len bytes each, then zeros */
	uint16_t low_port, high_port;
	uint8_t flags_or;	/* TCP's flags of all packets */
	uint8_t flags_and;
	uint64_t first_ns;	/* not later than the first packet, by less than BC_INDEX_TIME_UNIT */
	uint64_t last_ns;	/* not earlier than the last one, by less than that */
	uint64_t packets;
	uint64_t bytes;		/* as they were on the wire */
	uint32_t n_runs;	/* of blocks that hold packets of it */
	uint32_t runs_at;	/* in the page */
};

/* The bits that all packets of a row in one direction agree in: packet[i] & mask[i] == value[i]; each has len bytes and more. */
struct bc_index_pattern {
	uint16_t linktype;
	uint32_t len;
	uint8_t value[BC_TUPLE_MAX];
	uint8_t mask[BC_TUPLE_MAX];
};

/* t is the row's from_low (from_high false) or from_high, which is not 0. */
void bc_index_pattern(const struct bc_index_template *t, const struct bc_index_row *row, bool from_high,
		      struct bc_index_pattern *ret);
/* The same with the addresses, ports and flags unknown: what all rows with t agree in. */
void bc_index_pattern_of(const struct bc_index_template *t, struct bc_index_pattern *ret);

/* ---- directory and footer ---- */

enum bc_index_part_flags {
	BC_INDEX_PART_OPAQUE = 1,	/* its filters do not have all addresses */
	BC_INDEX_PART_TIME_ONLY = 2,	/* no flows were asked for: all blocks are unindexed */
};

struct bc_index_part {
	uint64_t at;		/* in the file: the pcapng block of its first piece */
	uint32_t bytes;		/* of its pieces, without what is between them */
	uint32_t n_pieces;
	uint64_t blocks_at;	/* in the file: its first block; the others follow */
	uint64_t plain_at;	/* of that block */
	uint64_t min_ns, max_ns;	/* of its packets with known times; 0, 0: there are none */
	uint64_t packets;
	uint32_t n_blocks, n_templates, n_rows;
	uint32_t n_unindexed;	/* blocks */
	uint32_t flags;
	uint32_t filter_bytes;	/* the piece with its hosts' filter; 0: none */
	uint64_t filter_at;	/* in the file */
};

struct bc_index_footer {
	uint64_t at;		/* in the file: its own pcapng block */
	uint64_t directory_at;	/* that of the directory's */
	uint32_t directory_bytes;
	uint32_t n_parts;
	uint32_t codec;		/* as numbered in docs/formats.md: 0 none, 1 LZ4 */
	uint32_t reserved;	/* 0 */
	uint64_t first_ns;	/* of the first packet in the file's order */
	uint64_t min_ns, max_ns;
	uint64_t packets;
	uint64_t plain_bytes;	/* of the file before compression, without the index */
};

/*
 * What stands between two pieces that follow each other in the file, and behind the last one: LZ4's checksum and the length of the
 * next block. A piece that begins at AT is preceded by 4 bytes of length, in a file of LZ4.
 */
static inline uint32_t bc_index_gap(uint32_t codec)
{
	return codec ? 8 : 0;
}

/* ---- decoding: 0, or -EBADMSG with a line in err ---- */

enum bc_index_kind {
	BC_INDEX_BLOCKS = 1, BC_INDEX_TEMPLATES, BC_INDEX_ROWS, BC_INDEX_FILTER, BC_INDEX_DIRECTORY, BC_INDEX_FOOTER,
	/* Of an index beside its file: bc_index_subject.h. */
	BC_INDEX_SUBJECT, BC_INDEX_FRAME,
};

/* A piece whose checksum is right. The pointers are into the bytes that it was opened from. */
struct bc_index_piece {
	uint8_t kind;
	uint8_t packing;
	uint8_t extra;		/* of rows: addr_len */
	uint32_t total;		/* of the pcapng block */
	uint32_t items;
	const uint8_t *lead;	/* of rows: the page's filter */
	uint32_t lead_len;
	const uint8_t *body;
	uint32_t body_len, plain_len;
};

int bc_index_piece_open(const uint8_t *bytes, size_t len, struct bc_index_piece *ret, struct bc_err *err);

/*
 * From a file's last bytes: the last len of them, which end the file of file_bytes. -ENODATA: there is no index.
 * BC_INDEX_TAIL bytes suffice; the directory lies before them.
 */
#define BC_INDEX_TAIL (BC_INDEX_FOOTER_SIZE + 8)
int bc_index_footer_find(const uint8_t *tail, size_t len, uint64_t file_bytes, struct bc_index_footer *ret, struct bc_err *err);

/* The directory of f, from the f->directory_bytes at f->directory_at; ret has f->n_parts. Parts are in the file's order. */
int bc_index_directory(const struct bc_index_footer *f, const uint8_t *bytes, size_t len, struct bc_index_part *ret,
		       struct bc_err *err);

/*
 * A part in memory, from the bytes of the file from part->at on, of which there must be bc_index_part_bytes(). bytes are borrowed
 * until bc_index_part_close(), which takes NULL. -ENOMEM too.
 */
struct bc_index_reader;
uint64_t bc_index_part_bytes(const struct bc_index_part *part, uint32_t codec);
int bc_index_part_open(const struct bc_index_part *part, uint32_t codec, const uint8_t *bytes, size_t len,
		       struct bc_index_reader **ret, struct bc_err *err);
void bc_index_part_close(struct bc_index_reader *r);
const struct bc_index_block *bc_index_blocks(const struct bc_index_reader *r);		/* part->n_blocks */
const struct bc_index_template *bc_index_templates(const struct bc_index_reader *r);	/* part->n_templates */
uint32_t bc_index_pages(const struct bc_index_reader *r);

/* A page of rows; large: for the heap, used again and again. */
struct bc_index_page {
	uint32_t n;
	struct bc_index_row row[BC_INDEX_ROWS_MAX];
	uint32_t plain_len;
	uint8_t plain[BC_INDEX_PLAIN_MAX];	/* the runs are read from here */
};

/* Page i of bc_index_pages(); everything in it has been checked when it returns 0. */
int bc_index_page(const struct bc_index_reader *r, uint32_t i, struct bc_index_page *ret, struct bc_err *err);
/* False: no row of the page has this host, as an address of its own or of a header around. */
bool bc_index_page_may_hold(const struct bc_index_reader *r, uint32_t i, const uint8_t *addr, size_t addr_len);

/* The runs of blocks of a row in its page, n_runs times; numbers within the part, ascending. at begins with row->runs_at. */
struct bc_index_run {
	uint32_t at;		/* where to read on */
	uint32_t first, n;
};
void bc_index_run_begin(const struct bc_index_row *row, struct bc_index_run *run);
/* False: that was the last one. left is the caller's: row->n_runs at first. */
bool bc_index_run_next(const struct bc_index_page *page, uint32_t *left, struct bc_index_run *run);

/* The part's filter, from the piece at part->filter_at. False: no packet in the part has this host, unless it is OPAQUE or n_unindexed. */
bool bc_index_filter_may_hold(const struct bc_index_piece *filter, const uint8_t *addr, size_t addr_len);

#endif
