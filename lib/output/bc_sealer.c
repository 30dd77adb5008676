/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sealer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bc_age_writer.h"

/* The next block, and a gap before it that is too small for padding. */
#define PADDING_MAX (BC_AGE_BLOCK + 128)
/* So much at once, that one block at most comes out. */
#define PIECE (BC_AGE_BLOCK - 1)

struct bc_sealer {
	enum bc_codec codec;
	int (*out)(void *ctx, const uint8_t *data, size_t len);
	void *ctx;
	struct bc_age_writer *age;
	bc_counter_t *padded;		/* NULL: nobody counts */
	uint8_t padding[PADDING_MAX];
	union {
		uint8_t head[BC_AGE_WRITER_HEAD];
		uint8_t sealed[BC_AGE_WRITER_BOUND(PIECE)];
	};
};

int bc_sealer_new(const struct bc_age_recipients *to, enum bc_codec codec, int (*out)(void *ctx, const uint8_t *data, size_t len), void *ctx,
		  bc_counter_t *padding, struct bc_sealer **ret)
{
	struct bc_sealer *s = calloc(1, sizeof(*s));
	uint8_t end[BC_PADDING_END_MAX];
	size_t len = bc_padding_end(codec, end);
	struct bc_err ignored;
	int r = s ? bc_age_writer_new(to, end, len, &s->age) : -ENOMEM;

	/* A trial: what OpenSSL does not do is said before a packet comes. */
	if (!r && bc_age_writer_begin(s->age, s->head, &len, &ignored))
		r = -EIO;
	if (r) {
		bc_sealer_free(s);
		return r;
	}
	s->codec = codec;
	s->padded = padding;
	s->out = out;
	s->ctx = ctx;
	*ret = s;
	return 0;
}

void bc_sealer_free(struct bc_sealer *s)
{
	if (!s)
		return;
	bc_age_writer_free(s->age);
	free(s);
}

/* What was sealed is not sealed again: if it cannot be kept, the file cannot go on, whatever is tried, nor get an end. */
static int put_out(struct bc_sealer *s, int r, const uint8_t *data, size_t len)
{
	if (!r && (!len || !s->out(s->ctx, data, len)))
		return 0;
	bc_age_writer_give_up(s->age);
	return -ESTALE;
}

int bc_sealer_begin(struct bc_sealer *s)
{
	struct bc_err ignored;
	size_t len = 0;
	int r = bc_age_writer_begin(s->age, s->head, &len, &ignored);

	return put_out(s, r, s->head, len) ? -EIO : 0;
}

int bc_sealer_put(struct bc_sealer *s, const uint8_t *data, size_t len)
{
	int r = 0;

	for (size_t at = 0, n; !r && at < len; at += n) {
		size_t sealed;

		n = len - at < PIECE ? len - at : PIECE;
		r = bc_age_writer_put(s->age, data + at, n, s->sealed, &sealed);
		r = put_out(s, r, s->sealed, sealed);
	}
	return r;
}

static int pad(struct bc_sealer *s, size_t len)
{
	assert(len <= PADDING_MAX);
	bc_padding_make(s->codec, s->padding, len);
	if (s->padded)
		bc_counter_add(s->padded, len);
	return bc_sealer_put(s, s->padding, len);
}

int bc_sealer_pad(struct bc_sealer *s, bool more, size_t *ret_len)
{
	size_t gap = bc_age_writer_gap(s->age);

	*ret_len = gap || more ? bc_padding_for(s->codec, gap, BC_AGE_BLOCK) : 0;
	return *ret_len ? pad(s, *ret_len) : 0;
}

int bc_sealer_pad_least(struct bc_sealer *s)
{
	return pad(s, bc_padding_min(s->codec));
}

int bc_sealer_flush(struct bc_sealer *s)
{
	size_t len;
	int r = bc_age_writer_flush(s->age, s->sealed, &len);

	return put_out(s, r, s->sealed, len);
}

size_t bc_sealer_end_so_far(struct bc_sealer *s, uint8_t dst[BC_SEALER_END_MAX])
{
	size_t len;

	return bc_age_writer_end_so_far(s->age, dst, &len) ? 0 : len;
}

bool bc_sealer_must_go_on(const struct bc_sealer *s)
{
	return bc_age_writer_must_go_on(s->age);
}

int bc_sealer_end(struct bc_sealer *s)
{
	size_t len;
	int r = bc_age_writer_end(s->age, s->sealed, &len);

	return put_out(s, r, s->sealed, len);
}
