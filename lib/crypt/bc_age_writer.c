/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_writer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SEALED (BC_AGE_BLOCK + BC_AGE_TAG)
#define END_MAX 64
#define NONE UINT64_MAX

struct bc_age_writer {
	struct bc_age_recipients to;
	struct bc_age_blocks *blocks;	/* NULL: no file is begun, or it is over */
	uint64_t number;		/* of the block that fills */
	uint64_t ended;			/* the highest number that was sealed as an end so far; NONE: none was */
	size_t fill;			/* a full one waits until it is known whether it is the last */
	size_t end_len;
	uint8_t end[END_MAX];
	uint8_t plain[BC_AGE_BLOCK];
};

int bc_age_writer_new(const struct bc_age_recipients *to, const uint8_t *end, size_t end_len, struct bc_age_writer **ret)
{
	struct bc_age_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->to = *to;
	w->end_len = end_len < END_MAX ? end_len : END_MAX;
	memcpy(w->end, end, w->end_len);
	*ret = w;
	return 0;
}

void bc_age_writer_give_up(struct bc_age_writer *w)
{
	bc_age_blocks_free(w->blocks);
	w->blocks = NULL;
	OPENSSL_cleanse(w->plain, sizeof(w->plain));
}

void bc_age_writer_free(struct bc_age_writer *w)
{
	if (!w)
		return;
	bc_age_writer_give_up(w);
	free(w);
}

int bc_age_writer_begin_like(struct bc_age_writer *w, const uint8_t *header, size_t len, const uint8_t file_key[BC_AGE_FILE_KEY], uint8_t *dst,
			     size_t *ret_len)
{
	bc_age_writer_give_up(w);
	w->number = w->fill = 0;
	w->ended = NONE;
	memmove(dst, header, len);
	if (RAND_bytes(dst + len, BC_AGE_NONCE) != 1)
		return -EIO;
	*ret_len = len + BC_AGE_NONCE;
	return bc_age_blocks_new(file_key, dst + len, &w->blocks);
}

int bc_age_writer_begin(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len, struct bc_err *err)
{
	uint8_t file_key[BC_AGE_FILE_KEY];
	size_t len;
	int r;

	bc_age_writer_give_up(w);
	r = bc_age_header_make(&w->to, file_key, (char *)dst, &len, err);
	if (!r) {
		r = bc_age_writer_begin_like(w, dst, len, file_key, dst, ret_len);
		if (r)
			bc_err_set(err, r, "no memory, or no randomness");
	}
	OPENSSL_cleanse(file_key, sizeof(file_key));
	return r;
}

/* The block that fills, as it is. */
static int seal(struct bc_age_writer *w, bool last, uint8_t *dst, size_t *ret_len)
{
	int r = w->blocks ? bc_age_seal(w->blocks, w->number, last, w->plain, w->fill, dst) : -EINVAL;

	if (r) {
		bc_age_writer_give_up(w);
		return r;
	}
	*ret_len += w->fill + BC_AGE_TAG;
	w->number++;
	w->fill = 0;
	return 0;
}

int bc_age_writer_put(struct bc_age_writer *w, const uint8_t *data, size_t len, uint8_t *dst, size_t *ret_len)
{
	*ret_len = 0;
	while (len > 0) {
		size_t n;
		int r = w->fill == BC_AGE_BLOCK ? seal(w, false, dst + *ret_len, ret_len) : w->blocks ? 0 : -EINVAL;

		if (r)
			return r;
		n = len < BC_AGE_BLOCK - w->fill ? len : BC_AGE_BLOCK - w->fill;
		memcpy(w->plain + w->fill, data, n);
		w->fill += n;
		data += n;
		len -= n;
	}
	return 0;
}

size_t bc_age_writer_gap(const struct bc_age_writer *w)
{
	return w->fill ? BC_AGE_BLOCK - w->fill : 0;
}

int bc_age_writer_flush(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len)
{
	*ret_len = 0;
	if (!w->fill)
		return w->blocks ? 0 : -EINVAL;
	return w->fill == BC_AGE_BLOCK ? seal(w, false, dst, ret_len) : -EINVAL;
}

int bc_age_writer_end_so_far(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len)
{
	int r;

	*ret_len = 0;
	if (w->fill || !w->blocks)
		return -EINVAL;
	w->ended = w->number;
	r = bc_age_seal(w->blocks, w->number, true, w->end, w->end_len, dst);
	if (r) {
		bc_age_writer_give_up(w);
		return r;
	}
	*ret_len = w->end_len + BC_AGE_TAG;
	return 0;
}

bool bc_age_writer_must_go_on(const struct bc_age_writer *w)
{
	return w->ended == w->number;
}

int bc_age_writer_end(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len)
{
	int r;

	*ret_len = 0;
	if (bc_age_writer_must_go_on(w) || (!w->fill && w->number))
		return -EINVAL;
	r = seal(w, true, dst, ret_len);
	bc_age_writer_give_up(w);
	return r;
}
