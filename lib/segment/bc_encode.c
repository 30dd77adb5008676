/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_age_writer.h"

#define BLOCK (1024U * 1024)
/* A block of LZ4 is no longer without need, as in a capture, so that little has to be read for one packet. */
#define LZ4_BLOCK 65536U

struct bc_encode {
	enum bc_codec codec;
	int level;
	struct bc_store *store;
	struct bc_age_writer *age;	/* NULL: in clear */
	struct bc_lz4 *lz4;
	struct bc_stream *stream;
	size_t fill, slice;	/* slice: a block ends where the next item would go beyond it */
	uint8_t block[BLOCK];
	uint8_t packed[BLOCK + BC_LZ4_BLOCK_OVERHEAD];
	uint8_t sealed[BC_AGE_WRITER_BOUND(BC_AGE_BLOCK)];
};

/* A write that fails ends the segment: what was sealed for it is not sealed again. */
static int write_sealed(struct bc_encode *e, const uint8_t *data, size_t len)
{
	int r = 0;

	for (size_t n; !r && len > 0; data += n, len -= n) {
		size_t sealed;

		n = len < BC_AGE_BLOCK ? len : BC_AGE_BLOCK;
		r = bc_age_writer_put(e->age, data, n, e->sealed, &sealed);
		if (!r && sealed)
			r = bc_store_write(e->store, e->sealed, sealed);
	}
	return r;
}

static int to_store(void *ctx, const uint8_t *data, size_t len)
{
	struct bc_encode *e = ctx;

	return e->age ? write_sealed(e, data, len) : bc_store_write(e->store, data, len);
}

static int start(struct bc_encode *e, struct bc_err *err)
{
	int r;

	if (e->codec == BC_CODEC_LZ4) {
		e->lz4 = bc_lz4_new(BC_LZ4_ANY);
		r = e->lz4 ? to_store(e, e->packed, bc_lz4_header(e->packed, BLOCK)) : -ENOMEM;
	} else if (bc_codec_is_stream(e->codec)) {
		r = bc_stream_new(e->codec, e->level, 1, to_store, e, &e->stream, err);
		if (r < 0)
			return r;
		r = bc_stream_begin(e->stream);
	} else {
		r = 0;
	}
	return r < 0 ? bc_err_set(err, r, "cannot start the segment: %s", strerror(-r)) : 0;
}

int bc_encode_new(enum bc_codec codec, int level, struct bc_store *store, struct bc_age_writer *age, struct bc_encode **ret, struct bc_err *err)
{
	struct bc_encode *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return bc_err_set(err, -ENOMEM, "no memory for compressing a segment");
	e->codec = codec;
	e->slice = codec == BC_CODEC_LZ4 ? LZ4_BLOCK : BLOCK;
	e->level = level;
	e->store = store;
	e->age = age;
	r = start(e, err);
	if (r < 0) {
		bc_encode_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

static int flush(struct bc_encode *e)
{
	size_t len = e->fill;
	bool stored;

	e->fill = 0;
	if (len == 0)
		return 0;
	if (e->stream)
		return bc_stream_feed(e->stream, e->block, len);
	if (!e->lz4)
		return to_store(e, e->block, len);
	len = bc_lz4_block(e->lz4, e->block, len, e->packed, e->level > 1 ? -e->level : 1, &stored);
	return to_store(e, e->packed, len);
}

int bc_encode_put(struct bc_encode *e, const uint8_t *item, size_t len)
{
	int r = e->fill + len > e->slice ? flush(e) : 0;

	while (r == 0 && len > 0) {
		size_t n = len < BLOCK - e->fill ? len : BLOCK - e->fill;

		memcpy(e->block + e->fill, item, n);
		e->fill += n;
		item += n;
		len -= n;
		if (e->fill == BLOCK)
			r = flush(e);
	}
	return r;
}

int bc_encode_flush(struct bc_encode *e)
{
	int r = flush(e);

	return r == 0 && e->stream ? bc_stream_flush(e->stream) : r;
}

static int end_sealed(struct bc_encode *e)
{
	size_t len;
	int r = bc_age_writer_end(e->age, e->sealed, &len);

	return r ? r : bc_store_write_tail(e->store, e->sealed, len);
}

int bc_encode_end(struct bc_encode *e)
{
	uint8_t end[BC_LZ4_END_SIZE];
	int r = flush(e);

	if (r == 0 && e->stream)
		r = bc_stream_end(e->stream);
	if (r == 0 && e->lz4) {
		bc_lz4_end(end);
		r = e->age ? to_store(e, end, sizeof(end)) : bc_store_write_tail(e->store, end, sizeof(end));
	}
	return r == 0 && e->age ? end_sealed(e) : r;
}

void bc_encode_free(struct bc_encode *e)
{
	if (!e)
		return;
	bc_stream_free(e->stream);
	bc_lz4_free(e->lz4);
	free(e);
}
