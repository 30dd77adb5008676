/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_hour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_index.h"
#include "bc_index_subject.h"

#define MAGIC "braidcap hours\r\n"
#define MAGIC_LEN 16U
#define VERSION 1U
#define HEAD (MAGIC_LEN + 8U)
#define ENTRY 16U	/* before its texts */
#define SUM 8U

struct bc_hour {
	uint32_t n;
	struct bc_hour_entry entry[];
};

size_t bc_hour_head_len(const char *name, uint64_t bytes, size_t tail_len)
{
	return bc_index_beside_is_name(name) && tail_len < bytes && tail_len > BC_SUBJECT_SIZE ? BC_SUBJECT_SIZE : 0;
}

/* Bytes that stand before the object's in what its index tells of. */
static bool before_it(const struct bc_hour_entry *e, uint64_t *ret)
{
	struct bc_subject s = { .plain_bytes = 0 };
	bool ok = !bc_index_beside_is_name(e->name) || !bc_subject_get(e->tail, e->tail_len, &s, NULL);

	*ret = s.plain_bytes;
	return ok && s.plain_bytes <= UINT64_MAX - e->bytes;
}

bool bc_hour_has_index(const struct bc_hour_entry *e)
{
	const size_t head = bc_hour_head_len(e->name, e->bytes, e->tail_len), len = e->tail_len - head, foot = len < BC_INDEX_TAIL ? len : BC_INDEX_TAIL;
	struct bc_index_part *part = NULL;
	struct bc_index_footer f;
	uint64_t before, begin;
	bool has;

	if (e->tail_len > e->bytes || !before_it(e, &before) || bc_index_footer_find(e->tail + e->tail_len - foot, foot, before + e->bytes, &f, NULL))
		return false;
	begin = before + e->bytes - len;
	has = f.directory_at >= begin && (part = calloc(f.n_parts + 1, sizeof(*part))) &&
	      !bc_index_directory(&f, e->tail + head + (f.directory_at - begin), f.directory_bytes, part, NULL);
	free(part);
	return has;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bc_hour_entry *)a)->name, ((const struct bc_hour_entry *)b)->name);
}

static size_t size_of(const struct bc_hour_entry *e)
{
	return ENTRY + strlen(e->name) + 1 + strlen(e->etag) + 1 + e->tail_len;
}

static bool is_good(const struct bc_hour_entry *e)
{
	const size_t name_len = strlen(e->name), etag_len = strlen(e->etag);

	return name_len && name_len <= BC_HOUR_TEXT_MOST && !strchr(e->name, '/') && etag_len && etag_len <= BC_HOUR_TEXT_MOST && e->tail_len &&
	       e->tail_len <= BC_HOUR_TAIL_MOST && e->tail_len <= e->bytes;
}

/* Sorted; those that are written come first, and how many they are is returned. */
static uint32_t choose(struct bc_hour_entry *entry, uint32_t n, size_t *ret_len)
{
	size_t len = HEAD + SUM;
	uint32_t kept = 0;

	if (n)
		qsort(entry, n, sizeof(*entry), by_name);
	for (uint32_t i = 0; i < n && kept < BC_HOUR_ENTRIES_MOST; i++) {
		const size_t more = size_of(&entry[i]);

		if (!is_good(&entry[i]) || more > BC_HOUR_MOST - len || (kept && !by_name(&entry[kept - 1], &entry[i])))
			continue;
		len += more;
		entry[kept++] = entry[i];
	}
	*ret_len = len;
	return kept;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	const size_t len = strlen(text) + 1;

	memcpy(p, text, len);
	return p + len;
}

static uint8_t *put_entry(uint8_t *p, const struct bc_hour_entry *e)
{
	p = bc_put_le64(p, e->bytes);
	p = bc_put_le32(p, e->tail_len);
	p = bc_put_le16(p, (uint16_t)strlen(e->name));
	p = bc_put_le16(p, (uint16_t)strlen(e->etag));
	p = put_text(p, e->name);
	p = put_text(p, e->etag);
	memcpy(p, e->tail, e->tail_len);
	return p + e->tail_len;
}

int bc_hour_encode(struct bc_hour_entry *entry, uint32_t n, uint8_t **ret, size_t *ret_len)
{
	uint8_t *bytes, *p;
	size_t len;

	n = choose(entry, n, &len);
	bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, MAGIC, MAGIC_LEN);
	p = bc_put_le32(bytes + MAGIC_LEN, VERSION);
	p = bc_put_le32(p, n);
	for (uint32_t i = 0; i < n; i++)
		p = put_entry(p, &entry[i]);
	bc_put_le64(p, XXH64(bytes, len - SUM, 0));
	*ret = bytes;
	*ret_len = len;
	return 0;
}

static int bad(struct bc_err *err, const char *what)
{
	return bc_err_set(err, -EBADMSG, "the catalogue of an hour is damaged: %s", what);
}

/* A text of len bytes and its final zero at *p, of which left bytes are there. */
static const char *get_text(const uint8_t **p, size_t *left, uint16_t len)
{
	const char *text = (const char *)*p;

	if (!len || len > BC_HOUR_TEXT_MOST || *left <= len || memchr(text, '\0', (size_t)len + 1) != text + len)
		return NULL;
	*p += len + 1;
	*left -= (size_t)len + 1;
	return text;
}

/* Moves *p behind it. */
static bool get_entry(const uint8_t **p, size_t *left, struct bc_hour_entry *ret)
{
	uint16_t name_len, etag_len;

	if (*left < ENTRY)
		return false;
	*ret = (struct bc_hour_entry){ .bytes = bc_get64(*p, false), .tail_len = bc_get_le32(*p + 8) };
	name_len = bc_get16(*p + 12, false);
	etag_len = bc_get16(*p + 14, false);
	*p += ENTRY;
	*left -= ENTRY;
	ret->name = get_text(p, left, name_len);
	ret->etag = ret->name ? get_text(p, left, etag_len) : NULL;
	if (!ret->etag || ret->tail_len > *left || !is_good(ret))
		return false;
	ret->tail = *p;
	*p += ret->tail_len;
	*left -= ret->tail_len;
	return true;
}

int bc_hour_open(const uint8_t *bytes, size_t len, struct bc_hour **ret, struct bc_err *err)
{
	const uint8_t *p;
	struct bc_hour *h;
	size_t left;
	uint32_t n;

	if (len < HEAD + SUM || len > BC_HOUR_MOST || memcmp(bytes, MAGIC, MAGIC_LEN))
		return bad(err, "it is none");
	if (bc_get_le32(bytes + MAGIC_LEN) != VERSION)
		return bc_err_set(err, -EBADMSG, "the catalogue of an hour has version %u, this program knows %u", bc_get_le32(bytes + MAGIC_LEN), VERSION);
	if (bc_get64(bytes + len - SUM, false) != XXH64(bytes, len - SUM, 0))
		return bad(err, "its checksum is wrong");
	p = bytes + HEAD;
	left = len - HEAD - SUM;
	n = bc_get_le32(bytes + MAGIC_LEN + 4);
	if (n > BC_HOUR_ENTRIES_MOST || n > left / ENTRY)
		return bad(err, "it has too many entries");
	h = malloc(sizeof(*h) + n * sizeof(*h->entry));
	if (!h)
		return bc_err_set(err, -ENOMEM, "no memory for the catalogue of an hour");
	for (h->n = 0; h->n < n; h->n++)
		if (!get_entry(&p, &left, &h->entry[h->n]) || (h->n && by_name(&h->entry[h->n - 1], &h->entry[h->n]) >= 0))
			break;
	if (h->n < n || left) {
		free(h);
		return bad(err, "an entry is none");
	}
	*ret = h;
	return 0;
}

void bc_hour_close(struct bc_hour *h)
{
	free(h);
}

uint32_t bc_hour_count(const struct bc_hour *h)
{
	return h->n;
}

const struct bc_hour_entry *bc_hour_at(const struct bc_hour *h, uint32_t i)
{
	return &h->entry[i];
}

const struct bc_hour_entry *bc_hour_find(const struct bc_hour *h, const char *name)
{
	const struct bc_hour_entry key = { .name = name };

	return h->n ? bsearch(&key, h->entry, h->n, sizeof(key), by_name) : NULL;
}
