/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_beside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_depot.h"
#include "bc_index.h"
#include "bc_index_beside_priv.h"
#include "bc_plain_blob.h"

struct beside {
	struct bc_blob blob;
	struct bc_blob *file, *index;
	struct bc_blob *plain;		/* the file before compression; the file itself where it has none */
	bool owns_file;
	struct bc_subject subject;
	struct bc_lz4_map map;
	uint64_t taken;			/* of a file that is not compressed */
};

static ptrdiff_t beside_read(struct bc_blob *blob, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	struct beside *b = (struct beside *)blob;
	const uint64_t plain = b->subject.plain_bytes;
	size_t first = at >= plain ? 0 : len < plain - at ? len : (size_t)(plain - at);
	ptrdiff_t n = first ? bc_blob_read(b->plain, to, first, at, err) : 0, m;

	if (n < 0)
		return n;
	b->taken += (uint64_t)n;
	if ((size_t)n < first || first == len)
		return n;
	m = bc_blob_read(b->index, (uint8_t *)to + first, len - first, at + first - plain, err);
	return m < 0 ? m : n + m;
}

static void beside_want(struct bc_blob *blob, const struct bc_blob_range *range, uint32_t n)
{
	const struct beside *b = (const struct beside *)blob;

	bc_blob_want(b->plain, range, n);
}

static void beside_close(struct bc_blob *blob)
{
	struct beside *b = (struct beside *)blob;

	if (b->plain != b->file)
		bc_blob_close(b->plain);
	bc_blob_close(b->index);
	if (b->owns_file)
		bc_blob_close(b->file);
	bc_lz4_map_free(&b->map);
	free(b);
}

static const struct bc_blob_ops beside_ops = { .read = beside_read, .want = beside_want, .close = beside_close };

static int damaged(struct bc_err *err)
{
	return bc_err_set(err, -EBADMSG, "the index is damaged: it ends too early");
}

static int read_at(struct bc_blob *blob, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	ptrdiff_t n = bc_blob_read(blob, to, len, at, err);

	return n < 0 ? (int)n : (size_t)n < len ? damaged(err) : 0;
}

static int edge_of(struct bc_blob *file, uint64_t at, uint64_t *ret, struct bc_err *err)
{
	const size_t len = file->bytes < BC_SUBJECT_EDGE ? file->bytes : BC_SUBJECT_EDGE;
	uint8_t *p = malloc(len + 1);
	int r = p ? read_at(file, p, len, at, err) : bc_err_set(err, -ENOMEM, "no memory for an index");

	if (!r)
		*ret = bc_subject_edge(p, len);
	free(p);
	return r;
}

int bc_index_beside_edges(struct bc_blob *file, uint64_t *ret_begin, uint64_t *ret_end, struct bc_err *err)
{
	int r = edge_of(file, 0, ret_begin, err);

	return r ? r : edge_of(file, file->bytes < BC_SUBJECT_EDGE ? 0 : file->bytes - BC_SUBJECT_EDGE, ret_end, err);
}

/* A file that has not changed since. */
static int check_file(const struct bc_subject *s, struct bc_blob *file, struct bc_err *err)
{
	uint64_t begin = 0, end = 0;
	bool same = s->bytes == file->bytes && s->mtime_ns == file->mtime_ns;
	int r = same ? bc_index_beside_edges(file, &begin, &end, err) : 0;

	if (r)
		return r;
	return same && s->begin == begin && s->end == end ? 0 :
	       bc_err_set(err, -EBADMSG, "the index beside it is of another file, or of this one before it was changed: 'braidcap index' "
			  "makes it anew");
}

/* The very object: a store keeps no time of its file, and has another ETag for other bytes. */
static int check_object(const struct bc_subject *s, const struct bc_blob *file, struct bc_err *err)
{
	return s->bytes == file->bytes && s->object == bc_subject_object(file->etag) ? 0 :
	       bc_err_set(err, -EBADMSG, "the index beside it is of another object: 'braidcap upload' brings its own");
}

static int check_subject(const struct bc_subject *s, struct bc_blob *file, struct bc_err *err)
{
	return file->etag ? check_object(s, file, err) : check_file(s, file, err);
}

static int read_frame(struct beside *b, struct bc_err *err)
{
	const struct bc_subject *s = &b->subject;
	struct bc_subject_block *block;
	uint8_t *bytes;
	int r;

	if (s->piece_bytes > b->index->bytes)
		return damaged(err);
	bytes = malloc(s->piece_bytes + 1ULL);
	block = calloc(s->n_blocks + 1ULL, sizeof(*block));
	r = bytes && block ? read_at(b->index, bytes, s->piece_bytes, BC_SUBJECT_SIZE, err) : bc_err_set(err, -ENOMEM, "no memory for an index");
	if (!r)
		r = bc_subject_get_blocks(s, bytes, block, err);
	b->map.header_len = s->header_len;
	memcpy(b->map.header, s->header, s->header_len);
	for (uint32_t i = 0; !r && i < s->n_blocks; i++)
		if (bc_lz4_map_add(&b->map, &(struct bc_lz4_map_block){ block[i].file_len, block[i].plain_len }))
			r = bc_err_set(err, -ENOMEM, "no memory for an index");
	free(block);
	free(bytes);
	return r;
}

static int open_plain(struct beside *b, struct bc_err *err)
{
	const struct bc_subject *s = &b->subject;
	int r = 0;

	b->plain = b->file;
	if (s->way == BC_SUBJECT_PLAIN)
		return 0;
	if (s->way == BC_SUBJECT_LZ4)
		r = read_frame(b, err);
	if (!r)
		r = bc_plain_blob_open(b->file, s->way == BC_SUBJECT_LZ4 ? &b->map : NULL, s->plain_bytes, &b->plain, err);
	return r;
}

/* Which file it is of, and whether it is that one. */
static int read_subject(struct bc_blob *index, struct bc_blob *file, struct bc_subject *ret, struct bc_err *err)
{
	uint8_t bytes[BC_SUBJECT_SIZE];
	int r = read_at(index, bytes, sizeof(bytes), 0, err);

	if (!r)
		r = bc_subject_get(bytes, sizeof(bytes), ret, err);
	return r ? r : check_subject(ret, file, err);
}

static bool has_own(struct bc_blob *file)
{
	const size_t len = file->bytes < BC_INDEX_TAIL ? file->bytes : BC_INDEX_TAIL;
	struct bc_index_footer footer;
	uint8_t tail[BC_INDEX_TAIL];

	return bc_blob_read(file, tail, len, file->bytes - len, NULL) == (ptrdiff_t)len &&
	       bc_index_footer_find(tail, len, file->bytes, &footer, NULL) != -ENODATA;
}

static int open_named(struct bc_depot *depot, const char *name, const struct bc_blob *file, struct bc_blob **ret, struct bc_err *err)
{
	const char *known;

	if (!file->etag)
		return file->mtime_ns ? bc_blob_open_file(name, ret, err) : -ENODATA;
	known = depot ? bc_depot_known(depot, name) : NULL;
	return known ? bc_depot_open(depot, known, ret, err) : -ENODATA;
}

/* -ENODATA: there is none. */
static int open_index(struct bc_depot *depot, const char *path, struct bc_blob *file, struct bc_blob **ret, struct bc_err *err)
{
	char *name = NULL;
	int r;

	if (asprintf(&name, "%s" BC_INDEX_BESIDE_EXT, path) < 0)
		return bc_err_set(err, -ENOMEM, "no memory for an index");
	r = open_named(depot, name, file, ret, err);
	free(name);
	if (r)
		return r == -ENOENT || r == -ENAMETOOLONG ? -ENODATA : r;
	/* Nobody puts one beside an object with its own, of which the end is another request. */
	if (file->etag || !has_own(file))
		return 0;
	bc_blob_close(*ret);
	return -ENODATA;
}

int bc_index_beside_bind(struct bc_blob *file, struct bc_blob *index, const char *etag, uint8_t ret[BC_SUBJECT_SIZE], struct bc_err *err)
{
	struct bc_subject s;
	int r = has_own(file) ? -ENODATA : read_subject(index, file, &s, err);

	if (r)
		return r;
	s.object = bc_subject_object(etag);
	bc_subject_put(ret, &s);
	return 0;
}

int bc_index_beside_open(struct bc_depot *depot, const char *path, struct bc_blob *file, struct bc_blob **ret, struct bc_err *err)
{
	struct bc_blob *index;
	struct beside *b;
	int r = open_index(depot, path, file, &index, err);

	if (r)
		return r;
	b = calloc(1, sizeof(*b));
	if (!b) {
		bc_blob_close(index);
		return bc_err_set(err, -ENOMEM, "no memory for an index");
	}
	b->file = b->plain = file;
	b->index = index;
	r = read_subject(index, file, &b->subject, err);
	if (!r)
		r = open_plain(b, err);
	if (r) {
		beside_close(&b->blob);
		return r;
	}
	b->blob = (struct bc_blob){
		.ops = &beside_ops, .bytes = b->subject.plain_bytes + index->bytes, .mtime_ns = file->mtime_ns, .gap = file->gap, .run = file->run,
	};
	*ret = &b->blob;
	return 0;
}

int bc_index_beside_wrap(struct bc_depot *depot, const char *path, struct bc_blob **blob, struct bc_err *err)
{
	struct bc_blob *both;
	int r = bc_index_beside_open(depot, path, *blob, &both, err);

	if (r)
		return r;
	((struct beside *)both)->owns_file = true;
	*blob = both;
	return 0;
}

uint64_t bc_index_beside_taken(const struct bc_blob *blob)
{
	const struct beside *b = (const struct beside *)blob;

	return b->plain == b->file ? b->taken : bc_plain_blob_taken(b->plain);
}

uint64_t bc_index_beside_cost(const struct bc_blob *blob, uint64_t plain_bytes)
{
	const struct beside *b = (const struct beside *)blob;

	if (b->subject.way == BC_SUBJECT_PLAIN)
		return plain_bytes;
	if (b->subject.way == BC_SUBJECT_STREAM || !b->subject.plain_bytes)
		return plain_bytes ? b->file->bytes : 0;
	return (uint64_t)((double)plain_bytes / (double)b->subject.plain_bytes * (double)b->file->bytes);
}

/* Does any part tell of flows, or has none a packet to tell of? */
static bool tells_of_flows(struct bc_blob *b, const struct bc_index_footer *f)
{
	uint8_t *bytes = malloc(f->directory_bytes);
	struct bc_index_part *part = calloc(f->n_parts + 1, sizeof(*part));
	bool good = bytes && part && !read_at(b, bytes, f->directory_bytes, f->directory_at, NULL) &&
		    !bc_index_directory(f, bytes, f->directory_bytes, part, NULL), flows = good && !f->packets;

	for (uint32_t i = 0; good && i < f->n_parts; i++)
		flows |= !(part[i].flags & BC_INDEX_PART_TIME_ONLY);
	free(bytes);
	free(part);
	return flows;
}

bool bc_index_has(struct bc_blob *b, bool flows)
{
	const size_t len = b->bytes < BC_INDEX_TAIL ? b->bytes : BC_INDEX_TAIL;
	struct bc_index_footer f;
	uint8_t tail[BC_INDEX_TAIL];

	return !read_at(b, tail, len, b->bytes - len, NULL) && !bc_index_footer_find(tail, len, b->bytes, &f, NULL) &&
	       (!flows || tells_of_flows(b, &f));
}
