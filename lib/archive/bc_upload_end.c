/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_end.h"

#include <stdlib.h>
#include <string.h>

#include "bc_index.h"
#include "bc_index_subject.h"

#define SMALL_INDEX 16384U	/* an index that is not larger goes in as a whole */

static uint8_t *read_at(struct bc_blob *b, uint64_t at, size_t len)
{
	uint8_t *bytes = len <= b->bytes && at <= b->bytes - len ? malloc(len + 1) : NULL;

	if (bytes && bc_blob_read(b, bytes, len, at, NULL) == (ptrdiff_t)len)
		return bytes;
	free(bytes);
	return NULL;
}

/* Where it begins: with all of a small index, or with the filters, or with the directory. Places are those of a file of size bytes. */
static uint64_t choose(const struct bc_index_footer *f, const struct bc_index_part *part, uint64_t size)
{
	uint64_t at = f->directory_at;

	for (uint32_t i = f->n_parts; i--;)
		if (part[i].filter_bytes && part[i].filter_at < at && size - part[i].filter_at <= BC_HOUR_TAIL_MOST - BC_SUBJECT_SIZE)
			at = part[i].filter_at;
	return f->n_parts && size - part[0].at <= SMALL_INDEX ? part[0].at : at;
}

/* How many bytes of b's end; 0: it has no index. before: bytes of the file that the index tells of, if that is another one. */
static uint64_t end_len(struct bc_blob *b, uint64_t before)
{
	const uint64_t size = before + b->bytes, foot_len = b->bytes < BC_INDEX_TAIL ? b->bytes : BC_INDEX_TAIL;
	uint8_t *foot = read_at(b, b->bytes - foot_len, foot_len), *directory = NULL;
	struct bc_index_part *part = NULL;
	struct bc_index_footer f;
	uint64_t len = 0;

	if (foot && !bc_index_footer_find(foot, foot_len, size, &f, NULL) && f.directory_at >= before) {
		directory = read_at(b, f.directory_at - before, f.directory_bytes);
		part = calloc(f.n_parts + 1, sizeof(*part));
		if (directory && part && !bc_index_directory(&f, directory, f.directory_bytes, part, NULL))
			len = size - choose(&f, part, size);
	}
	free(part);
	free(directory);
	free(foot);
	return len <= b->bytes && len <= BC_HOUR_TAIL_MOST - BC_SUBJECT_SIZE ? len : 0;
}

static bool take_own(struct bc_blob *b, struct bc_hour_entry *e)
{
	const uint64_t len = end_len(b, 0);

	e->tail = len ? read_at(b, b->bytes - len, len) : NULL;
	e->tail_len = (uint32_t)len;
	return e->tail != NULL;
}

static bool take_beside(struct bc_blob *b, const uint8_t *subject, struct bc_hour_entry *e)
{
	struct bc_subject s;
	uint64_t len = bc_subject_get(subject, BC_SUBJECT_SIZE, &s, NULL) ? 0 : end_len(b, s.plain_bytes);
	bool all = b->bytes <= SMALL_INDEX || len + BC_SUBJECT_SIZE >= b->bytes;
	uint8_t *tail;

	if (!len)
		return false;
	len = all ? b->bytes : len + BC_SUBJECT_SIZE;
	tail = read_at(b, b->bytes - len, len);
	if (tail)
		memcpy(tail, subject, BC_SUBJECT_SIZE);
	e->tail = tail;
	e->tail_len = (uint32_t)len;
	return tail != NULL;
}

bool bc_upload_end(struct bc_blob *b, const uint8_t *subject, struct bc_hour_entry *e)
{
	return subject ? take_beside(b, subject, e) : take_own(b, e);
}
