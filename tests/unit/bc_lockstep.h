/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the same bytes twice, side by side: all at once, and through windows of arbitrary size. Both must say the same.
 * Each window is a heap block of its own of exactly that size, so that a sanitizer sees every byte read outside it.
 */
#ifndef BC_LOCKSTEP_H
#define BC_LOCKSTEP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_reader.h"

struct lockstep {
	struct bc_reader *whole;
	struct bc_reader *windowed;
	uint32_t random;
	uint8_t *window;
};

struct lockstep_item {
	int rc;
	size_t consumed;
	size_t need;
	struct bc_record rec;
	struct bc_err err;
};

static inline uint32_t lockstep_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static inline void lockstep_check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "lockstep: %s\n", what);
	abort();
}

static inline void lockstep_one(struct bc_reader *r, const uint8_t *buf, size_t len, struct lockstep_item *i)
{
	memset(&i->rec, 0, sizeof(i->rec));
	i->err.msg[0] = '\0';
	i->need = 0;
	i->consumed = 0;
	i->rc = bc_reader_next(r, buf, len, &i->consumed, &i->need, &i->rec, &i->err);
	lockstep_check(i->rc >= 0 || i->err.msg[0], "an error without words");
	if (i->rc == BC_READ_MORE)
		lockstep_check(i->need > len && i->need <= BC_READER_MAX_BLOCK && !i->consumed, "a wrong need");
	else if (i->rc >= 0)
		lockstep_check((i->consumed || i->rc == BC_READ_IFACE) && i->consumed <= len, "consumed what is not there");
	if (i->rc == BC_READ_RECORD)
		lockstep_check(i->rec.data >= buf && i->rec.caplen <= (size_t)(buf + len - i->rec.data),
			       "data outside");
}

/* One item through windows: begin small; at MORE grow to what was asked for, or to a part of it. */
static inline void lockstep_windows(struct lockstep *l, const uint8_t *buf, size_t len, struct lockstep_item *i)
{
	size_t n = lockstep_random(&l->random) % 40;

	for (;;) {
		n = n < len ? n : len;
		free(l->window);
		l->window = malloc(n ? n : 1);
		lockstep_check(l->window != NULL, "no memory");
		memcpy(l->window, buf, n);
		lockstep_one(l->windowed, l->window, n, i);
		if (i->rc != BC_READ_MORE || n == len)
			return;
		n = lockstep_random(&l->random) % 4 ? i->need : n + 1 + lockstep_random(&l->random) % (i->need - n);
	}
}

static inline void lockstep_compare(const struct lockstep *l, const struct lockstep_item *a,
				    const struct lockstep_item *b)
{
	lockstep_check(a->rc == b->rc, "different results");
	lockstep_check(a->consumed == b->consumed && a->need == b->need, "different lengths");
	lockstep_check(!strcmp(a->err.msg, b->err.msg), "different errors");
	lockstep_check(a->rec.ts_ns == b->rec.ts_ns && a->rec.dropcount == b->rec.dropcount &&
		       a->rec.iface == b->rec.iface && a->rec.caplen == b->rec.caplen &&
		       a->rec.wirelen == b->rec.wirelen, "different records");
	if (a->rc == BC_READ_RECORD && a->rec.caplen)
		lockstep_check(!memcmp(a->rec.data, b->rec.data, a->rec.caplen), "different data");
	if (a->rc == BC_READ_RECORD && a->rec.kept_len)
		lockstep_check(a->rec.kept_len == b->rec.kept_len && !memcmp(a->rec.kept, b->rec.kept, a->rec.kept_len), "different options");
	if (a->rc == BC_READ_KEEP)
		lockstep_check(a->rec.keep == b->rec.keep && a->rec.kept_len == b->rec.kept_len && a->rec.kept_len % 4 == 0 &&
			       !memcmp(a->rec.kept, b->rec.kept, a->rec.kept_len), "different things kept");
	if (a->rc == BC_READ_IFACE)
		lockstep_check(!memcmp(bc_reader_iface(l->whole, a->rec.iface),
				       bc_reader_iface(l->windowed, b->rec.iface), sizeof(struct bc_iface)),
			       "different interfaces");
}

/* Read until the bytes end or are corrupt; the number of records. Aborts where the two readings differ. */
static inline size_t lockstep_run(struct bc_reader *(*new_reader)(void), const uint8_t *buf, size_t len, uint32_t seed)
{
	struct lockstep l = { .whole = new_reader(), .windowed = new_reader(), .random = seed | 1 };
	struct lockstep_item a, b;
	size_t records = 0;

	lockstep_check(l.whole && l.windowed, "no memory");
	do {
		lockstep_one(l.whole, buf, len, &a);
		lockstep_windows(&l, buf, len, &b);
		lockstep_compare(&l, &a, &b);
		buf += a.consumed;
		len -= a.consumed;
		records += a.rc == BC_READ_RECORD;
	} while (a.rc > BC_READ_MORE);
	free(l.window);
	bc_reader_free(l.whole);
	bc_reader_free(l.windowed);
	return records;
}

#endif
