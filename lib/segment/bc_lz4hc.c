/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lz4hc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_bytes.h"
#include "bc_codec.h"
#include "bc_file.h"
#include "bc_index_maker.h"
#include "bc_pcapng.h"
#include "bc_runs.h"

#define MEMORY (64U << 20)		/* for the flows of a part */
#define BLOCK_MAX (1U << 20)		/* as the header says; a piece of an index has some 100 KiB */
#define LONGEST (4U << 20)		/* that a header can say */

struct job {
	int to, level;
	struct bc_lz4 *lz4;
	struct bc_index_maker *maker;
	uint8_t *packed;		/* room for a block */
	size_t longest;			/* block before compression */
	uint64_t plain_bytes;
	bool pcapng;
};

static bool cancelled(const _Atomic bool *cancel)
{
	return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}

int bc_lz4hc_is(int fd)
{
	uint8_t head[BC_LZ4_HEADER_MAX] = { 0 };

	if (pread(fd, head, sizeof(head), 0) < 0)
		return -errno;
	return bc_lz4_header_is_sized(head);
}

static int open_runs(int fd, bool erf, struct bc_runs **ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_decoder *decoder;

	if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	r = bc_decoder_open(copy, &decoder, NULL);
	return r ? r : bc_runs_new(decoder, erf, ret);
}

static int write_out(void *ctx, const uint8_t *data, size_t len)
{
	const struct job *j = ctx;

	return bc_write_all(j->to, data, len);
}

static int put_run(struct job *j, struct bc_run *run, struct bc_err *err)
{
	struct bc_index_block b = { .plain_len = (uint32_t)run->len, .flags = run->beside ? BC_INDEX_BLOCK_META : 0 };
	bool stored;
	int r;

	if (run->len > LONGEST)
		return bc_err_set(err, -ENOTSUP, "it has an item of %zu bytes: no block of LZ4 holds it", run->len);
	b.file_len = (uint32_t)bc_lz4_block(j->lz4, run->bytes, run->len, j->packed, -j->level, &stored);
	r = j->pcapng ? bc_index_maker_block(j->maker, &b, run->packet, run->n_packets) : 0;
	if (r)
		return r == -E2BIG ? bc_err_set(err, r, "it is too long for an index") : r;
	j->longest = run->len > j->longest ? run->len : j->longest;
	j->plain_bytes += run->len;
	return write_out(j, j->packed, b.file_len);
}

static int put_runs(struct job *j, struct bc_runs *runs, const _Atomic bool *cancel, struct bc_err *err)
{
	struct bc_run run;
	int r;

	while ((r = bc_runs_next(runs, &run, err)) > 0) {
		if (!j->plain_bytes)
			j->pcapng = run.len >= 4 && bc_get_le32(run.bytes) == BC_PCAPNG_SHB;
		r = cancelled(cancel) ? -ECANCELED : run.index ? 0 : put_run(j, &run, err);
		if (r)
			break;
	}
	return r;
}

/* The header is written last, when it is known what it has to say. */
static int put_frame(struct job *j, struct bc_runs *runs, const _Atomic bool *cancel, struct bc_err *err)
{
	uint8_t head[BC_LZ4_HEADER_MAX], end[BC_LZ4_END_SIZE];
	const size_t len = bc_lz4_header_sized(head, BLOCK_MAX, 0);
	int r = write_out(j, head, len);

	bc_index_maker_begin(j->maker, len);
	if (!r)
		r = put_runs(j, runs, cancel, err);
	if (!r && j->pcapng) {
		r = bc_index_maker_end(j->maker, write_out, j);
		j->plain_bytes = bc_index_maker_made(j->maker).plain_bytes;
	}
	bc_lz4_end(end);
	if (!r)
		r = write_out(j, end, sizeof(end));
	bc_lz4_header_sized(head, j->longest > BLOCK_MAX ? LONGEST : BLOCK_MAX, j->plain_bytes);
	return r ? r : pwrite(j->to, head, len, 0) < 0 ? -errno : 0;
}

int bc_lz4hc(int from, int to, bool erf, int level, const _Atomic bool *cancel, struct bc_err *err)
{
	struct job j = { .to = to, .level = level };
	struct bc_err why = { .msg = "" };
	struct bc_runs *runs = NULL;
	int r = open_runs(from, erf, &runs);

	j.lz4 = bc_lz4_new(BC_LZ4_ANY);
	j.maker = bc_index_maker_new(MEMORY, true, BC_CODEC_LZ4);
	j.packed = malloc(LONGEST + BC_LZ4_BLOCK_OVERHEAD);
	if (!r)
		r = j.lz4 && j.maker && j.packed ? put_frame(&j, runs, cancel, &why) : -ENOMEM;
	free(j.packed);
	bc_index_maker_free(j.maker);
	bc_lz4_free(j.lz4);
	bc_runs_free(runs);
	return r ? bc_err_set(err, r, "%s", why.msg[0] ? why.msg : strerror(-r)) : 0;
}

/* Bytes of a run that were not compared yet; the next one with any that count, if there are none. 1; 0 at the end. */
static int at_hand(struct bc_runs *runs, struct bc_run *run)
{
	int r = 1;

	while (r > 0 && (!run->len || run->index))
		r = bc_runs_next(runs, run, NULL);
	return r;
}

int bc_lz4hc_same(int a, int b, bool erf, const _Atomic bool *cancel)
{
	struct bc_run x = { .len = 0 }, y = { .len = 0 };
	struct bc_runs *of_a = NULL, *of_b = NULL;
	int r = open_runs(a, erf, &of_a), s = 0;

	if (!r)
		r = open_runs(b, erf, &of_b);
	for (bool more = !r; more;) {
		r = at_hand(of_a, &x);
		s = at_hand(of_b, &y);
		more = r > 0 && s > 0 && !cancelled(cancel);
		if (more) {
			size_t n = x.len < y.len ? x.len : y.len;

			more = !memcmp(x.bytes, y.bytes, n);
			x.bytes += n;
			y.bytes += n;
			x.len -= n;
			y.len -= n;
		}
	}
	bc_runs_free(of_a);
	bc_runs_free(of_b);
	if (r < 0 || s < 0)
		return r < 0 ? r : s;
	return cancelled(cancel) ? -ECANCELED : !r && !s;
}
