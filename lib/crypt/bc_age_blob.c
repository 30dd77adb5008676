/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_blob.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "bc_age_blocks.h"

#define SEALED (BC_AGE_BLOCK + BC_AGE_TAG)
#define NO_BLOCK UINT64_MAX
#define AROUND 1024	/* blocks */

struct age {
	struct bc_blob blob;
	struct bc_blob *file;
	struct bc_age_blocks *blocks;
	uint64_t begin, n;		/* where the first block is; how many there are */
	uint64_t have;			/* the number of the block in plain, or NO_BLOCK */
	bool torn;			/* there are n blocks at most, and no last one */
	uint8_t plain[BC_AGE_BLOCK], sealed[SEALED];
};

static size_t sealed_len(const struct age *a, uint64_t number)
{
	return a->torn || number + 1 < a->n ? SEALED : (size_t)(a->file->bytes - a->begin - (a->n - 1) * SEALED);
}

/* Which block does it hold? NO_BLOCK: none of this file's, as it seems: those around it are tried. */
static uint64_t whose(struct age *a, uint64_t number, size_t len, bool *ret_last)
{
	for (uint64_t i = number > AROUND ? number - AROUND : 0; i <= number + AROUND; i++)
		for (int last = 0; last < 2; last++)
			if (bc_age_open(a->blocks, i, last, a->sealed, len, a->plain) == 0) {
				*ret_last = last;
				return i;
			}
	return NO_BLOCK;
}

/* It is not what it should be. */
static int refuse(struct age *a, uint64_t number, size_t len, struct bc_err *err)
{
	bool last = false;
	uint64_t other = whose(a, number, len, &last);

	if (a->torn && other == NO_BLOCK)
		return bc_err_set(err, -ENODATA, number ? "it is cut off behind block %" PRIu64 : "it is cut off before the end of block 0", number - 1);
	if (other == number && !last)
		return bc_err_set(err, -ENODATA, "it is cut off behind block %" PRIu64, number);
	if (other == number)
		return bc_err_set(err, -EBADMSG, "something follows block %" PRIu64 ", which is the last", number);
	if (other != NO_BLOCK)
		return bc_err_set(err, -EBADMSG, "block %" PRIu64 " stands where block %" PRIu64 " belongs", other, number);
	return bc_err_set(err, -EBADMSG, "block %" PRIu64 " is damaged%s", number, number + 1 == a->n ? ", or cut off" : "");
}

/* Behind all blocks of a torn file. */
static int refuse_end(const struct age *a, struct bc_err *err)
{
	return bc_err_set(err, -ENODATA, a->n ? "it is cut off behind block %" PRIu64 : "it is cut off before the end of block 0", a->n - 1);
}

/* 0, -EAGAIN (hurried), or another negative errno. */
static int get_block(struct age *a, uint64_t number, struct bc_err *err)
{
	const size_t len = sealed_len(a, number);
	ptrdiff_t n;

	if (a->have == number)
		return 0;
	if (number >= a->n)
		return refuse_end(a, err);
	a->have = NO_BLOCK;
	a->file->hurried = a->blob.hurried;
	n = bc_blob_read(a->file, a->sealed, len, a->begin + number * SEALED, err);
	if (n < 0)
		return (int)n;
	if ((size_t)n < len)
		return a->blob.hurried ? -EAGAIN : bc_err_set(err, -ENODATA, "it became shorter");
	if (bc_age_open(a->blocks, number, !a->torn && number + 1 == a->n, a->sealed, len, a->plain))
		return refuse(a, number, len, err);
	a->have = number;
	return 0;
}

static ptrdiff_t age_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	struct age *a = (struct age *)b;
	size_t done = 0;

	if (at >= b->bytes)
		return 0;
	if (len > b->bytes - at)
		len = (size_t)(b->bytes - at);
	while (done < len) {
		const size_t from = (size_t)((at + done) % BC_AGE_BLOCK), rest = BC_AGE_BLOCK - from, want = len - done;
		int r = get_block(a, (at + done) / BC_AGE_BLOCK, err);

		if (r)
			return (r == -EAGAIN || a->torn) && done ? (ptrdiff_t)done : r;
		memcpy((uint8_t *)to + done, a->plain + from, want < rest ? want : rest);
		done += want < rest ? want : rest;
	}
	return (ptrdiff_t)done;
}

/* The blocks of those ranges; each block once, as it is read. */
static void age_want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n)
{
	struct age *a = (struct age *)b;
	struct bc_blob_range *want = n ? malloc(n * sizeof(*want)) : NULL;
	uint64_t next = 0;
	uint32_t kept = 0;

	for (uint32_t i = 0; want && i < n; i++) {
		uint64_t first = range[i].at / BC_AGE_BLOCK, behind = (range[i].at + range[i].len + BC_AGE_BLOCK - 1) / BC_AGE_BLOCK;

		first = kept && first == next - 1 ? next : first;
		behind = behind < a->n ? behind : a->n;
		if (behind <= first)
			continue;
		want[kept++] = (struct bc_blob_range){ a->begin + first * SEALED,
						       (uint32_t)((behind - 1 - first) * SEALED + sealed_len(a, behind - 1)) };
		next = behind;
	}
	bc_blob_want(a->file, want, want ? kept : 0);
	free(want);
}

static void age_free(struct age *a)
{
	bc_age_blocks_free(a->blocks);
	OPENSSL_cleanse(a->plain, sizeof(a->plain));
	free(a);
}

static void age_close(struct bc_blob *b)
{
	struct age *a = (struct age *)b;

	bc_blob_close(a->file);
	age_free(a);
}

static const struct bc_blob_ops age_ops = { .read = age_read, .want = age_want, .close = age_close };

/* How many blocks there are, and bytes in them: all but the last are full, and that one is not empty unless it is the only one. */
static int measure(struct age *a, struct bc_err *err)
{
	const uint64_t bytes = a->file->bytes > a->begin ? a->file->bytes - a->begin : 0;
	uint64_t in_last;

	if (a->torn) {
		a->n = bytes / SEALED;
		a->blob.bytes = a->n * BC_AGE_BLOCK + 1;
		return 0;
	}
	a->n = (bytes + SEALED - 1) / SEALED;
	in_last = a->n ? bytes - (a->n - 1) * SEALED : 0;
	if (in_last < BC_AGE_TAG || (in_last == BC_AGE_TAG && a->n > 1))
		return bc_err_set(err, -ENODATA, "it is cut off");
	a->blob.bytes = bytes - a->n * BC_AGE_TAG;
	return 0;
}

static int wrap_key(struct bc_blob **blob, const uint8_t file_key[BC_AGE_FILE_KEY], size_t header, bool torn, struct bc_err *err)
{
	struct bc_blob *file = *blob;
	struct age *a = calloc(1, sizeof(*a));
	uint8_t nonce[BC_AGE_NONCE];
	ptrdiff_t n;
	int r;

	if (!a)
		return bc_err_set(err, -ENOMEM, "no memory");
	a->blob = (struct bc_blob){ .ops = &age_ops, .mtime_ns = file->mtime_ns, .gap = file->gap, .run = file->run };
	a->file = file;
	a->begin = header + BC_AGE_NONCE;
	a->have = NO_BLOCK;
	a->torn = torn;
	n = bc_blob_read(file, nonce, sizeof(nonce), header, err);
	r = n < 0 ? (int)n : n < (ptrdiff_t)sizeof(nonce) ? bc_err_set(err, -ENODATA, "it is cut off") : measure(a, err);
	if (!r && bc_age_blocks_new(file_key, nonce, &a->blocks))
		r = bc_err_set(err, -ENOMEM, "no memory");
	if (!r && !torn)
		r = get_block(a, a->n - 1, err);
	if (r)
		age_free(a);
	else
		*blob = &a->blob;
	return r;
}

int bc_age_blob_wrap_key(struct bc_blob **blob, const uint8_t file_key[BC_AGE_FILE_KEY], size_t header, struct bc_err *err)
{
	return wrap_key(blob, file_key, header, false, err);
}

int bc_age_is_encrypted(struct bc_blob *file, struct bc_err *err)
{
	char magic[BC_AGE_MAGIC_LEN];
	ptrdiff_t n = bc_blob_read(file, magic, sizeof(magic), 0, err);

	return n < 0 ? (int)n : n == (ptrdiff_t)sizeof(magic) && !memcmp(magic, BC_AGE_MAGIC, sizeof(magic));
}

static int wrap(struct bc_blob **blob, const struct bc_age_identities *ids, bool torn, struct bc_err *err)
{
	uint8_t file_key[BC_AGE_FILE_KEY], *head = malloc(BC_AGE_HEADER_MAX);
	size_t header;
	ptrdiff_t n;
	int r;

	if (!head)
		return bc_err_set(err, -ENOMEM, "no memory");
	n = bc_blob_read(*blob, head, BC_AGE_HEADER_MAX, 0, err);
	r = n < 0 ? (int)n : bc_age_header_read(head, (size_t)n, ids, file_key, &header, err);
	if (!r)
		r = wrap_key(blob, file_key, header, torn, err);
	OPENSSL_cleanse(file_key, sizeof(file_key));
	free(head);
	return r;
}

int bc_age_blob_wrap(struct bc_blob **blob, const struct bc_age_identities *ids, struct bc_err *err)
{
	return wrap(blob, ids, false, err);
}

int bc_age_blob_wrap_torn(struct bc_blob **blob, const struct bc_age_identities *ids, struct bc_err *err)
{
	return wrap(blob, ids, true, err);
}
