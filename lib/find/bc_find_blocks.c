/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_blocks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_codec.h"

/* No block of ours is longer, packed or plain. */
#define BLOCK_MOST (16U * 1024 * 1024)
#define LZ4_AROUND 8U	/* length and checksum of a block */

struct bc_find_blocks {
	const struct bc_find_plan *plan;
	struct bc_blob *blob;
	struct bc_blob_range *run;	/* what is read at once, in the order of the file */
	uint32_t n_runs, next_run;
	uint32_t next;			/* block */
	uint64_t taken;
	uint64_t behind;		/* where the block before next ends */
	bool skipped;
	uint8_t *raw;			/* bytes of the file, from raw_at on */
	size_t raw_cap, raw_len;
	uint64_t raw_at;
	uint8_t *plain;			/* of the block before next; [at, len) was not given yet */
	size_t plain_cap, at, len;
};

/* Is its length one of a block that is read? */
static bool is_possible(const struct bc_find_plan *plan, const struct bc_find_block *k)
{
	return k->len <= BLOCK_MOST && k->plain_len <= BLOCK_MOST && (plan->packed || k->len == k->plain_len);
}

/* Which blocks are read together: neighbours, up to a length. What is behind an impossible one will not be read. */
static int make_runs(struct bc_find_blocks *b)
{
	struct bc_blob_range *run;

	b->run = run = malloc((b->plan->n + 1) * sizeof(*run));
	if (!run)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->plan->n && is_possible(b->plan, &b->plan->block[i]); i++) {
		const struct bc_find_block *k = &b->plan->block[i];

		if (b->n_runs && k->at >= run->at + run->len && k->at - (run->at + run->len) <= b->blob->gap &&
		    k->at + k->len - run->at <= b->blob->run) {
			run->len = (uint32_t)(k->at + k->len - run->at);
		} else {
			run = &b->run[b->n_runs++];
			*run = (struct bc_blob_range){ .at = k->at, .len = k->len };
		}
	}
	bc_blob_want(b->blob, b->run, b->n_runs);
	return 0;
}

struct bc_find_blocks *bc_find_blocks_new(struct bc_blob *blob, const struct bc_find_plan *plan)
{
	struct bc_find_blocks *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->blob = blob;
	b->plan = plan;
	if (make_runs(b)) {
		free(b);
		return NULL;
	}
	return b;
}

void bc_find_blocks_free(struct bc_find_blocks *b)
{
	if (!b)
		return;
	free(b->run);
	free(b->raw);
	free(b->plain);
	free(b);
}

static int grow(uint8_t **p, size_t *cap, size_t len)
{
	uint8_t *grown;

	if (len <= *cap)
		return 0;
	grown = realloc(*p, len);
	if (!grown)
		return -ENOMEM;
	*p = grown;
	*cap = len;
	return 0;
}

static int bad(const struct bc_find_block *k, const char *what, struct bc_err *err)
{
	return bc_err_set(err, -EBADMSG, "the block at byte %" PRIu64 " %s", k->at, what);
}

/* The next run, which begins with block k. */
static int read_run(struct bc_find_blocks *b, const struct bc_find_block *k, struct bc_err *err)
{
	const struct bc_blob_range *run = &b->run[b->next_run++];
	ptrdiff_t n;

	if (grow(&b->raw, &b->raw_cap, run->len))
		return bc_err_set(err, -ENOMEM, "no memory for a block");
	b->raw_at = run->at;
	b->raw_len = 0;
	n = bc_blob_read(b->blob, b->raw, run->len, run->at, err);
	if (n < 0)
		return (int)n;
	if ((size_t)n < run->len)
		return bad(k, "is behind the file's end", err);
	b->raw_len = run->len;
	b->taken += run->len;
	return 0;
}

static int unpack(struct bc_find_blocks *b, const struct bc_find_block *k, const uint8_t *raw, struct bc_err *err)
{
	size_t used = 0;

	if (k->len <= LZ4_AROUND || (bc_get_le32(raw) & INT32_MAX) != k->len - LZ4_AROUND)
		return bad(k, "has another length than its index says", err);
	if (XXH32(raw + 4, k->len - LZ4_AROUND, 0) != bc_get_le32(raw + k->len - 4))
		return bad(k, "has a wrong checksum", err);
	if (bc_lz4_plain(raw, k->len, b->plain, k->plain_len, &used) != (ptrdiff_t)k->plain_len || used != k->len)
		return bad(k, "cannot be decompressed", err);
	return 0;
}

static int next_block(struct bc_find_blocks *b, struct bc_err *err)
{
	const struct bc_find_block *k = &b->plan->block[b->next];
	int r = 0;

	if (!is_possible(b->plan, k))
		return bad(k, "is impossibly long", err);
	if (k->at < b->raw_at || k->at + k->len > b->raw_at + b->raw_len)
		r = read_run(b, k, err);
	if (!r && grow(&b->plain, &b->plain_cap, k->plain_len))
		r = bc_err_set(err, -ENOMEM, "no memory for a block");
	if (!r && b->plan->packed)
		r = unpack(b, k, b->raw + (k->at - b->raw_at), err);
	else if (!r)
		memcpy(b->plain, b->raw + (k->at - b->raw_at), k->len);
	if (r)
		return r;
	b->skipped |= b->behind && k->at != b->behind;
	b->behind = k->at + k->len;
	b->at = 0;
	b->len = k->plain_len;
	b->next++;
	return 0;
}

ptrdiff_t bc_find_blocks_read(struct bc_find_blocks *b, uint8_t *buf, size_t cap, struct bc_err *err)
{
	size_t n;
	int r;

	while (b->at == b->len) {
		if (b->next == b->plan->n)
			return 0;
		r = next_block(b, err);
		if (r)
			return r;
	}
	n = b->len - b->at < cap ? b->len - b->at : cap;
	memcpy(buf, b->plain + b->at, n);
	b->at += n;
	return (ptrdiff_t)n;
}

bool bc_find_blocks_skipped(const struct bc_find_blocks *b)
{
	return b->skipped;
}

uint64_t bc_find_blocks_taken(const struct bc_find_blocks *b)
{
	return b->taken;
}
