/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_blocks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_codec.h"

/*
 * What is not wanted between two blocks is read with them up to this length: about what a disk reads in the time of
 * another request. So much is read at once.
 */
#define GAP (128U * 1024)
#define RUN (1024U * 1024)
/* No block of ours is longer, packed or plain. */
#define BLOCK_MOST (16U * 1024 * 1024)
#define LZ4_AROUND 8U	/* length and checksum of a block */

struct bc_find_blocks {
	const struct bc_find_plan *plan;
	int fd;
	uint32_t next;			/* block */
	uint64_t taken;
	uint8_t *raw;			/* bytes of the file, from raw_at on */
	size_t raw_cap, raw_len;
	uint64_t raw_at;
	uint8_t *plain;			/* of the block before next; [at, len) was not given yet */
	size_t plain_cap, at, len;
};

struct bc_find_blocks *bc_find_blocks_new(int fd, const struct bc_find_plan *plan)
{
	struct bc_find_blocks *b = calloc(1, sizeof(*b));

	if (b) {
		b->fd = fd;
		b->plan = plan;
	}
	return b;
}

void bc_find_blocks_free(struct bc_find_blocks *b)
{
	if (!b)
		return;
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

/* Read the next block, and those behind it that are near. */
static int read_run(struct bc_find_blocks *b, struct bc_err *err)
{
	const struct bc_find_block *k = &b->plan->block[b->next];
	uint64_t end = k->at + k->len;
	size_t len;

	for (uint32_t i = b->next + 1; i < b->plan->n; i++) {
		const struct bc_find_block *n = &b->plan->block[i];

		if (n->at > end + GAP || n->at + n->len > k->at + RUN)
			break;
		end = n->at + n->len;
	}
	len = (size_t)(end - k->at);
	if (grow(&b->raw, &b->raw_cap, len))
		return bc_err_set(err, -ENOMEM, "no memory for a block");
	b->raw_at = k->at;
	for (b->raw_len = 0; b->raw_len < len;) {
		ssize_t n = pread(b->fd, b->raw + b->raw_len, len - b->raw_len, (off_t)(k->at + b->raw_len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bc_err_set(err, -errno, "cannot read at byte %" PRIu64 ": %s", k->at, strerror(errno));
		if (n == 0)
			return bad(k, "is behind the file's end", err);
		b->raw_len += (size_t)n;
	}
	b->taken += len;
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

	if (k->len > BLOCK_MOST || k->plain_len > BLOCK_MOST || (!b->plan->packed && k->len != k->plain_len))
		return bad(k, "is impossibly long", err);
	if (k->at < b->raw_at || k->at + k->len > b->raw_at + b->raw_len)
		r = read_run(b, err);
	if (!r && grow(&b->plain, &b->plain_cap, k->plain_len))
		r = bc_err_set(err, -ENOMEM, "no memory for a block");
	if (!r && b->plan->packed)
		r = unpack(b, k, b->raw + (k->at - b->raw_at), err);
	else if (!r)
		memcpy(b->plain, b->raw + (k->at - b->raw_at), k->len);
	if (r)
		return r;
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

uint64_t bc_find_blocks_taken(const struct bc_find_blocks *b)
{
	return b->taken;
}
