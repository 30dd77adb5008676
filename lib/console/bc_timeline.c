/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_timeline.h"

#include <stdlib.h>

#include "bc_index.h"
#include "bc_index_beside.h"

/* Of indexes read for one timeline. */
#define READ_MOST (256U * 1024 * 1024)

static double width(const struct bc_timeline *t)
{
	return (double)(t->to_ns - t->from_ns) / t->n;
}

/* Evenly, to the bins that [min, max] has a share in. */
static void spread(struct bc_timeline *t, uint64_t min_ns, uint64_t max_ns, double packets, double bytes)
{
	double w = width(t), begin = ((double)min_ns - (double)t->from_ns) / w, end = ((double)max_ns - (double)t->from_ns) / w;
	double length = end - begin;

	if (end < 0 || begin >= t->n || max_ns < min_ns)
		return;
	for (uint32_t i = begin > 0 ? (uint32_t)begin : 0; i < t->n && i <= end; i++) {
		double from = begin > i ? begin : i, to = end < i + 1 ? end : i + 1, share = length > 0 ? (to - from) / length : 1;

		t->bin[i].packets += packets * share;
		t->bin[i].bytes += bytes * share;
	}
}

static bool is_short(const struct bc_timeline *t, uint64_t min_ns, uint64_t max_ns)
{
	return (double)(max_ns - min_ns) <= width(t);
}

/* len bytes of the file; NULL: they cannot be read. */
static uint8_t *read_bytes(struct bc_blob *b, uint64_t at, size_t len)
{
	uint8_t *bytes = at <= b->bytes && len <= b->bytes - at ? malloc(len + 1) : NULL;

	if (bytes && bc_blob_read(b, bytes, len, at, NULL) != (ptrdiff_t)len) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

/* Its blocks; false: they could not be read. */
static bool add_blocks(struct bc_timeline *t, struct bc_blob *b, const struct bc_index_part *part, uint32_t codec, uint64_t *left)
{
	uint64_t len = bc_index_part_bytes(part, codec);
	struct bc_index_reader *reader = NULL;
	uint8_t *bytes = len <= *left ? read_bytes(b, part->at, (size_t)len) : NULL;
	const struct bc_index_block *block;

	if (!bytes)
		return false;
	*left -= len;
	if (bc_index_part_open(part, codec, bytes, (size_t)len, &reader, NULL)) {
		free(bytes);
		return false;
	}
	block = bc_index_blocks(reader);
	for (uint32_t i = 0; i < part->n_blocks; i++)
		if (block[i].packets && !(block[i].flags & BC_INDEX_BLOCK_NO_TIME))
			spread(t, block[i].min_ns, block[i].max_ns, block[i].packets, block[i].plain_len);
	bc_index_part_close(reader);
	free(bytes);
	return true;
}

static void add_part(struct bc_timeline *t, struct bc_blob *b, const struct bc_index_footer *f, const struct bc_index_part *part, uint64_t *left)
{
	uint64_t blocks_bytes = f->packets ? (uint64_t)((double)f->plain_bytes * (double)part->packets / (double)f->packets) : 0;

	if (!part->min_ns || part->max_ns < t->from_ns || part->min_ns >= t->to_ns)
		return;
	if (is_short(t, part->min_ns, part->max_ns)) {
		spread(t, part->min_ns, part->max_ns, (double)part->packets, (double)blocks_bytes);
	} else if (!add_blocks(t, b, part, f->codec, left)) {
		t->spread++;
		spread(t, part->min_ns, part->max_ns, (double)part->packets, (double)blocks_bytes);
	}
}

/* By its parts; false: these could not be read. */
static bool add_parts(struct bc_timeline *t, struct bc_blob *b, uint64_t *left)
{
	size_t len = b->bytes < BC_INDEX_TAIL ? b->bytes : BC_INDEX_TAIL;
	uint8_t *tail = read_bytes(b, b->bytes - len, len), *directory = NULL;
	struct bc_index_part *part = NULL;
	struct bc_index_footer f;
	bool ok = tail && !bc_index_footer_find(tail, len, b->bytes, &f, NULL);

	if (ok) {
		directory = read_bytes(b, f.directory_at, f.directory_bytes);
		part = calloc(f.n_parts + 1, sizeof(*part));
		ok = directory && part && !bc_index_directory(&f, directory, f.directory_bytes, part, NULL);
	}
	for (uint32_t i = 0; ok && i < f.n_parts; i++)
		add_part(t, b, &f, &part[i], left);
	free(part);
	free(directory);
	free(tail);
	return ok;
}

static void add_segment(struct bc_timeline *t, const struct bc_catalogue_segment *s, struct bc_depot *depot, uint64_t *left)
{
	struct bc_blob *b;
	bool ok = false;

	if (!is_short(t, s->min_ns, s->max_ns) && *left && !bc_depot_open(depot, s->path, &b, NULL)) {
		bc_index_beside_wrap(depot, s->path, &b, NULL);
		ok = add_parts(t, b, left);
		bc_blob_close(b);
	}
	if (ok)
		return;
	t->spread += !is_short(t, s->min_ns, s->max_ns);
	spread(t, s->min_ns, s->max_ns, (double)s->packets, (double)s->plain_bytes);
}

void bc_timeline_add(struct bc_timeline *t, const struct bc_catalogue_state *s, struct bc_depot *depot)
{
	uint64_t left = READ_MOST;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct bc_catalogue_segment *g = &s->segment[i];

		if (!g->indexed)
			t->unindexed += g->first_ns >= t->from_ns && g->first_ns < t->to_ns;
		else if (g->packets && g->min_ns && g->max_ns >= t->from_ns && g->min_ns < t->to_ns && g->max_ns >= g->min_ns)
			add_segment(t, g, depot, &left);
	}
}
