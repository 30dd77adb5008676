/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks through a file from frame to frame, and what is between them. The inside of frames is
 * bc_codec_ops.h.
 */
#include "bc_decoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_bytes.h"
#include "bc_codec_ops.h"

#define READ_AHEAD (128 * 1024)
/* A plain file comes in pieces of which those of a few files stay in a core's second cache until they are parsed. */
#define PLAIN_READ (64 * 1024)
#define MAGIC_SIZE 4
#define SKIP_HEADER 8	/* a skippable frame's magic and length */

enum place { BETWEEN_FRAMES, IN_FRAME, IN_SKIPPABLE, IN_PADDING, IN_PLAIN, AT_END };

/* What a place's function says, or a negative errno. */
enum { GO_ON, WANT_INPUT, ENDED };

struct bc_decoder {
	int fd;
	struct bc_blob *blob;	/* instead of fd; NULL: fd is read */
	enum place place;
	bool eof;		/* the read-ahead is all there is */
	bool begun;		/* a frame was seen: this is no plain file */
	bool holding;		/* the last step filled the caller's buffer; the library may have more */
	enum bc_codec codec;	/* none before the first frame */
	const struct bc_decoder_ops *ops;	/* the codec's; NULL before the first frame */
	void *state;
	uint64_t taken;
	uint64_t limit;		/* of taken */
	uint64_t skip;		/* bytes of the skippable frame that are still ahead */
	int failed;		/* a negative errno, then it stays so and why says it */
	struct bc_err why;
	size_t pos, len;	/* the read-ahead is ahead[pos .. len) */
	uint8_t ahead[READ_AHEAD];
};

static size_t available(const struct bc_decoder *d)
{
	return d->len - d->pos;
}

static int fail(struct bc_decoder *d, int code, const char *why)
{
	uint64_t offset = d->taken - available(d);

	d->failed = code;
	if (code == -ENODATA)
		return bc_err_set(&d->why, code, "truncated: the file ends inside a frame at byte %" PRIu64, offset);
	if (code == -EBADMSG)
		return bc_err_set(&d->why, code, "corrupt at byte %" PRIu64 ": %s", offset, why);
	return bc_err_set(&d->why, code, "at byte %" PRIu64 ": %s", offset, why);
}

/* A magic that the end of the file cuts off counts as the one it started to be, so that it is reported as truncated. */
static bool begins_as(const uint8_t *p, size_t n, const uint8_t *magic, size_t magic_len)
{
	return memcmp(p, magic, n < magic_len ? n : magic_len) == 0;
}

/* 0x184D2A50 to 0x184D2A5F, for LZ4 and zstd alike. */
static bool is_skippable(const uint8_t *p, size_t n)
{
	static const uint8_t rest[] = { 0x2a, 0x4d, 0x18 };

	return (p[0] & 0xf0) == 0x50 && begins_as(p + 1, n - 1, rest, sizeof(rest));
}

/* None: a frame of no codec. */
static enum bc_codec find_codec(const uint8_t *p, size_t n)
{
	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++) {
		const struct bc_decoder_ops *ops = bc_codec_row(c)->decoder;

		if (ops && begins_as(p, n, ops->magic, ops->magic_len))
			return c;
	}
	return BC_CODEC_NONE;
}

static int begin_frame(struct bc_decoder *d, enum bc_codec c)
{
	if (!d->ops) {
		const struct bc_decoder_ops *ops = bc_codec_row(c)->decoder;

		d->state = ops->open();
		if (!d->state)
			return fail(d, -ENOMEM, "no memory for the decoder");
		d->codec = c;
		d->ops = ops;
	}
	d->ops->begin(d->state);
	d->begun = true;
	d->holding = false;
	d->place = IN_FRAME;
	return GO_ON;
}

static int begin_skippable(struct bc_decoder *d)
{
	const uint8_t *p = d->ahead + d->pos;

	if (available(d) < SKIP_HEADER)
		return d->eof ? fail(d, -ENODATA, NULL) : WANT_INPUT;
	d->skip = bc_get_le32(p + 4);
	d->pos += SKIP_HEADER;
	d->begun = true;
	d->place = IN_SKIPPABLE;
	return GO_ON;
}

static int between_frames(struct bc_decoder *d)
{
	const uint8_t *p = d->ahead + d->pos;
	size_t n = available(d);
	enum bc_codec c;

	if (n < MAGIC_SIZE && !d->eof)
		return WANT_INPUT;
	if (n == 0) {
		d->place = AT_END;
		return GO_ON;
	}
	if (is_skippable(p, n))
		return begin_skippable(d);
	c = find_codec(p, n);
	if (c != BC_CODEC_NONE && (!d->ops || c == d->codec))
		return begin_frame(d, c);
	if (!d->begun)
		d->place = IN_PLAIN;
	else if (p[0] == 0)
		d->place = IN_PADDING;
	else
		return fail(d, -EBADMSG, "what follows the frame is not a frame");
	return GO_ON;
}

static int in_frame(struct bc_decoder *d, struct bc_flow *out)
{
	struct bc_flow f = { d->ahead + d->pos, d->holding ? 0 : available(d), out->dst, out->dst_len };
	const size_t given = f.src_len;
	const char *why = "";
	size_t took;
	int r;

	/* Not to be asked for nothing: libzstd takes repeated calls without input for an endless loop. */
	if (given == 0 && !d->holding)
		return d->eof ? fail(d, -ENODATA, NULL) : WANT_INPUT;
	r = d->ops->step(d->state, &f, &why);
	took = given - f.src_len;
	d->pos += took;
	d->holding = f.dst_len == 0;
	if (r > 0 && given > 0 && took == 0 && f.dst_len == out->dst_len) {
		r = -EBADMSG;
		why = "it cannot be decoded further";
	}
	out->dst = f.dst;
	out->dst_len = f.dst_len;
	if (r < 0)
		return fail(d, r, why);
	if (r == 0)
		d->place = BETWEEN_FRAMES;
	return GO_ON;
}

static int in_skippable(struct bc_decoder *d)
{
	size_t n = available(d) < d->skip ? available(d) : (size_t)d->skip;

	d->pos += n;
	d->skip -= n;
	if (d->skip > 0)
		return d->eof ? fail(d, -ENODATA, NULL) : WANT_INPUT;
	d->place = BETWEEN_FRAMES;
	return GO_ON;
}

static int in_padding(struct bc_decoder *d)
{
	while (d->pos < d->len && d->ahead[d->pos] == 0)
		d->pos++;
	if (d->pos < d->len)
		return fail(d, -EBADMSG, "neither a frame nor zeros to the end follow the frame");
	if (!d->eof)
		return WANT_INPUT;
	d->place = AT_END;
	return GO_ON;
}

static int in_plain(struct bc_decoder *d, struct bc_flow *out)
{
	size_t n = available(d) < out->dst_len ? available(d) : out->dst_len;

	if (n == 0)
		return d->eof ? ENDED : WANT_INPUT;
	memcpy(out->dst, d->ahead + d->pos, n);
	d->pos += n;
	out->dst += n;
	out->dst_len -= n;
	return GO_ON;
}

static int advance(struct bc_decoder *d, struct bc_flow *out)
{
	switch (d->place) {
	case BETWEEN_FRAMES:
		return between_frames(d);
	case IN_FRAME:
		return in_frame(d, out);
	case IN_SKIPPABLE:
		return in_skippable(d);
	case IN_PADDING:
		return in_padding(d);
	case IN_PLAIN:
		return in_plain(d, out);
	case AT_END:
		break;
	}
	return ENDED;
}

static ptrdiff_t read_fd(struct bc_decoder *d, uint8_t *buf, size_t cap, struct bc_err *err)
{
	ssize_t n;

	do {
		n = read(d->fd, buf, cap);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		int code = -errno;

		return bc_err_set(err, code, "cannot read at byte %" PRIu64 ": %s", d->taken, strerror(-code));
	}
	return n;
}

static ptrdiff_t read_file(struct bc_decoder *d, uint8_t *buf, size_t cap, struct bc_err *err)
{
	ptrdiff_t n;

	if (cap > d->limit - d->taken)
		cap = (size_t)(d->limit - d->taken);
	if (!cap)
		n = 0;
	else if (d->blob)
		n = bc_blob_read(d->blob, buf, cap, d->taken, err);
	else
		n = read_fd(d, buf, cap, err);
	if (n < 0)
		return n;
	d->eof = n == 0;
	d->taken += (uint64_t)n;
	return n;
}

/* Called with less than a skippable frame's header in the read-ahead. */
static int fill(struct bc_decoder *d, struct bc_err *err)
{
	ptrdiff_t n;

	memmove(d->ahead, d->ahead + d->pos, available(d));
	d->len -= d->pos;
	d->pos = 0;
	n = read_file(d, d->ahead + d->len, sizeof(d->ahead) - d->len, err);
	if (n < 0)
		return (int)n;
	d->len += (size_t)n;
	return 0;
}

int bc_decoder_open(int fd, struct bc_decoder **ret, struct bc_err *err)
{
	struct bc_decoder *d = calloc(1, sizeof(*d));

	if (!d) {
		if (fd >= 0)
			close(fd);
		return bc_err_set(err, -ENOMEM, "no memory for the decoder");
	}
	d->fd = fd;
	d->limit = UINT64_MAX;
	*ret = d;
	return 0;
}

int bc_decoder_open_blob(struct bc_blob *blob, struct bc_decoder **ret, struct bc_err *err)
{
	struct bc_decoder *d;
	int r = bc_decoder_open(-1, &d, err);

	if (r)
		return r;
	d->blob = blob;
	*ret = d;
	return 0;
}

void bc_decoder_limit(struct bc_decoder *d, uint64_t bytes)
{
	d->limit = bytes;
}

ptrdiff_t bc_decoder_read(struct bc_decoder *d, uint8_t *buf, size_t cap, struct bc_err *err)
{
	struct bc_flow out = { .dst = buf, .dst_len = cap };
	int r = d->failed;

	/* Nothing stands between a plain file and its reader. */
	if (r >= 0 && d->place == IN_PLAIN && !available(d) && !d->eof) {
		ptrdiff_t n = read_file(d, buf, cap < PLAIN_READ ? cap : PLAIN_READ, err);

		if (n)
			return n;
	}
	while (r >= 0 && r != ENDED && out.dst_len > 0) {
		r = advance(d, &out);
		if (r != WANT_INPUT)
			continue;
		/* What there is goes out before a read that may block or fail. */
		if (out.dst != buf)
			break;
		r = fill(d, err);
		if (r < 0)
			return r;
	}
	if (out.dst != buf)
		return out.dst - buf;
	if (r < 0 && err)
		*err = d->why;
	return r < 0 ? r : 0;
}

enum bc_codec bc_decoder_codec(const struct bc_decoder *d)
{
	return d->codec;
}

uint64_t bc_decoder_offset(const struct bc_decoder *d)
{
	return d->taken;
}

void bc_decoder_close(struct bc_decoder *d)
{
	if (!d)
		return;
	if (d->ops)
		d->ops->close(d->state);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}
