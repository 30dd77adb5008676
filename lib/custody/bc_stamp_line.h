/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line of a folder's ".chain.stamps": an authority's answer about one record of the chain. docs/formats.md has its form. Hostile
 * input. Pure.
 */
#ifndef BC_STAMP_LINE_H
#define BC_STAMP_LINE_H

#include "bc_stamp.h"

#define BC_STAMPS_FILE ".chain.stamps"
/* Number, hash, base64, two spaces, and a final zero. */
#define BC_STAMP_LINE_MAX (20U + 2 * BC_CHAIN_HASH + 4 * ((BC_STAMP_ANSWER_MAX + 2) / 3) + 3)

struct bc_stamp_line {
	uint64_t number;		/* of the record */
	uint8_t hash[BC_CHAIN_HASH];	/* of its line, without its end: what was stamped */
	size_t len;			/* 1 to BC_STAMP_ANSWER_MAX */
	uint8_t answer[BC_STAMP_ANSWER_MAX + 3];	/* TimeStampResp of RFC 3161, in DER; 3: room while it is decoded */
};

/* The line, without a newline, with a zero behind it. Its length. */
size_t bc_stamp_line_text(const struct bc_stamp_line *l, char text[BC_STAMP_LINE_MAX]);

/* 0 and *ret, of len bytes without a newline; or -EBADMSG: it is not what bc_stamp_line_text() makes; *ret is then anything. */
int bc_stamp_line_parse(const char *text, size_t len, struct bc_stamp_line *ret);

#endif
