/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/publish: the newest part of a stream, in pieces of whole records, that many read at a pace of their own. One thread. */
#ifndef BC_TAP_LOG_H
#define BC_TAP_LOG_H

#include <stddef.h>
#include <stdint.h>

#define BC_TAP_PIECES 4096U

struct bc_tap_piece {
	uint32_t refs;
	uint32_t packets;
	uint64_t before;	/* packets put before it */
	size_t head;		/* so many bytes of the stream's head have to be read first */
	size_t len;
	uint8_t data[];
};

struct bc_tap_log {
	struct bc_tap_piece *slot[BC_TAP_PIECES];
	uint64_t first, next;	/* pieces are numbered; these are in slot[number % BC_TAP_PIECES] */
	uint64_t packets;	/* put, ever */
	size_t bytes, limit;
};

/* Where a reader is. */
struct bc_tap_cursor {
	uint64_t next;
	uint64_t packets;	/* put up to there */
};

/* Add a copy; the oldest pieces go, until all are within the limit. 0 or -ENOMEM: its packets count as put nevertheless. */
int bc_tap_log_put(struct bc_tap_log *l, const uint8_t *data, size_t len, uint32_t packets, size_t head);

/* Forget all. */
void bc_tap_log_clear(struct bc_tap_log *l);

/* Behind all that is there. */
struct bc_tap_cursor bc_tap_log_end(const struct bc_tap_log *l);

/* Packets that are no longer there when the reader comes to them; it goes on behind them. */
uint64_t bc_tap_log_overtaken(const struct bc_tap_log *l, struct bc_tap_cursor *at);

/*
 * The next piece for bc_tap_piece_put(), or NULL: the reader has had all. *ret_lost: packets between the last piece and
 * this one, or the end, that are no longer there.
 */
struct bc_tap_piece *bc_tap_log_take(const struct bc_tap_log *l, struct bc_tap_cursor *at, uint64_t *ret_lost);

/* Takes NULL. */
void bc_tap_piece_put(struct bc_tap_piece *p);

#endif
