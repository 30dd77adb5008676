/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_decoder.h"

#define CHUNK (256U * 1024)
#define MAX_NEED (BC_READER_MAX_BLOCK + 4096U)

static const char ahead[] = "only zeros follow: space that was taken ahead";

struct scanner {
	struct bc_decoder *decoder;
	struct bc_reader *reader;
	uint8_t *buf;
	size_t cap, pos, have;	/* buf[pos..have) is not parsed yet */
	uint64_t file_bytes;
	struct bc_scan *res;
	bool done;
};

static void stop(struct scanner *s, enum bc_scan_end end, const char *why)
{
	s->done = true;
	s->res->end = end;
	snprintf(s->res->why, sizeof(s->res->why), "%s", why);
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static void end_of_file(struct scanner *s)
{
	size_t rest = s->have - s->pos;

	if (!rest) {
		stop(s, BC_SCAN_WHOLE, "");
	} else if (all_zero(s->buf + s->pos, rest)) {
		s->pos = s->have;
		stop(s, BC_SCAN_TRUNCATED, ahead);
	} else {
		stop(s, BC_SCAN_TRUNCATED, "the file ends inside a block");
	}
}

/* Room for need bytes from pos on, and a chunk at least. */
static int make_room(struct scanner *s, size_t need, struct bc_err *err)
{
	size_t cap = need > CHUNK ? need : CHUNK;
	uint8_t *p;

	memmove(s->buf, s->buf + s->pos, s->have - s->pos);
	s->have -= s->pos;
	s->pos = 0;
	if (cap <= s->cap)
		return 0;
	p = realloc(s->buf, cap);
	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for a block of %zu bytes", need);
	s->buf = p;
	s->cap = cap;
	return 0;
}

/* Decompress more bytes after those already there; need counts from pos. */
static int more(struct scanner *s, size_t need, struct bc_err *err)
{
	struct bc_err why;
	ptrdiff_t n;
	int r;

	if (need > MAX_NEED) {
		stop(s, BC_SCAN_CORRUPT, "a block claims to be longer than the format allows");
		return 0;
	}
	r = make_room(s, need > s->have - s->pos ? need : s->have - s->pos + 1, err);
	if (r < 0)
		return r;
	n = bc_decoder_read(s->decoder, s->buf + s->have, s->cap - s->have, &why);
	if (n > 0)
		s->have += (size_t)n;
	else if (n == 0)
		end_of_file(s);
	else if (n == -ENODATA || n == -EBADMSG)
		stop(s, n == -ENODATA ? BC_SCAN_TRUNCATED : BC_SCAN_CORRUPT, why.msg);
	else
		return bc_err_set(err, (int)n, "%s", why.msg);
	return 0;
}

static void note_record(struct bc_scan *res, const struct bc_record *rec)
{
	res->records++;
	res->backwards += rec->ts_ns < res->highest_ns;
	if (rec->ts_ns > res->highest_ns)
		res->highest_ns = rec->ts_ns;
	if (!rec->ts_ns)
		return;
	if (!res->first_ns)
		res->first_ns = rec->ts_ns;
	res->last_ns = rec->ts_ns;
}

/* Damage was found. Space that was taken ahead reads as zeros to the end of the file, and is no damage. */
static int classify_damage(struct scanner *s, const struct bc_err *damage, struct bc_err *err)
{
	uint64_t zeros = 0;
	int r = 0;

	while (r == 0 && !s->done && all_zero(s->buf + s->pos, s->have - s->pos)) {
		zeros += s->have - s->pos;
		s->pos = s->have;
		r = more(s, 1, err);
	}
	if (r == 0 && s->done && s->res->end == BC_SCAN_WHOLE) {
		stop(s, BC_SCAN_TRUNCATED, ahead);
		return 0;
	}
	s->res->lost_bytes = zeros;
	if (r == 0 && !s->done)
		stop(s, BC_SCAN_CORRUPT, damage->msg);
	return r;
}

static int step(struct scanner *s, bc_scan_item item, void *ctx, struct bc_err *err)
{
	struct bc_record rec;
	struct bc_err why;
	size_t len = 0, need = 1;
	int r = BC_READ_MORE;

	if (s->have > s->pos)
		r = bc_reader_next(s->reader, s->buf + s->pos, s->have - s->pos, &len, &need, &rec, &why);
	if (r < 0 && r != -EBADMSG)
		return bc_err_set(err, r, "%s", why.msg);
	if (r < 0) {
		bc_err_prefix(&why, r, "at offset %" PRIu64 "%s", s->res->kept_bytes,
			      bc_decoder_codec(s->decoder) == BC_CODEC_NONE ? "" : " of the decompressed data");
		return classify_damage(s, &why, err);
	}
	if (r == BC_READ_MORE)
		return more(s, need, err);
	if (len == 0)
		return 0;
	s->res->items++;
	s->res->kept_bytes += len;
	if (r == BC_READ_RECORD)
		note_record(s->res, &rec);
	r = item ? item(ctx, s->buf + s->pos, len, r == BC_READ_RECORD ? &rec : NULL) : 0;
	s->pos += len;
	return r;
}

static int open_scanner(struct scanner *s, bool erf, struct bc_err *err)
{
	s->reader = erf ? bc_reader_new_erf() : bc_reader_new();
	s->buf = malloc(CHUNK);
	s->cap = CHUNK;
	return s->reader && s->buf ? 0 : bc_err_set(err, -ENOMEM, "no memory for reading a segment");
}

static int run(struct scanner *s, bc_scan_item item, void *ctx, struct bc_err *err)
{
	uint64_t taken;
	int r = 0;

	while (r == 0 && !s->done)
		r = step(s, item, ctx, err);
	s->res->lost_bytes += s->have - s->pos;
	taken = bc_decoder_offset(s->decoder);
	s->res->unread_bytes = s->file_bytes > taken ? s->file_bytes - taken : 0;
	return r;
}

static void close_scanner(struct scanner *s)
{
	bc_decoder_close(s->decoder);
	bc_reader_free(s->reader);
	free(s->buf);
}

int bc_scan(int fd, bool erf, uint64_t limit, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err)
{
	struct scanner s = { .res = ret };
	struct stat st;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		s.file_bytes = (uint64_t)st.st_size < limit ? (uint64_t)st.st_size : limit;
	r = bc_decoder_open(fd, &s.decoder, err);
	if (r == 0) {
		bc_decoder_limit(s.decoder, limit);
		r = open_scanner(&s, erf, err);
	}
	if (r == 0)
		r = run(&s, item, ctx, err);
	close_scanner(&s);
	return r;
}

int bc_scan_blob(struct bc_blob *blob, bool erf, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err)
{
	struct scanner s = { .res = ret, .file_bytes = blob->bytes };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = bc_decoder_open_blob(blob, &s.decoder, err);
	if (r == 0)
		r = open_scanner(&s, erf, err);
	if (r == 0)
		r = run(&s, item, ctx, err);
	close_scanner(&s);
	return r;
}
