/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_open_segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_log_limit.h"
#include "bc_patience.h"
#include "bc_plural.h"
#include "bc_segment_index.h"
#include "bc_segment_writer.h"
#include "bc_time.h"

struct bc_open_segment {
	struct bc_open_segment_config cfg;
	struct bc_segment_writer *writer;
	struct bc_segment_index *index;	/* NULL: none */
	bool holding;			/* its codec, or encryption, holds bytes back */
	bool begun;			/* the store has a segment */
	bool end_pending;		/* its last chunk has come, its end is not written yet */
	bool dirty;			/* something was written since the last sync */
	uint64_t confirmed;		/* bytes */
	uint64_t settled_ns;
	struct bc_log_limit lost_limit;	/* of lines on packets that a segment lost */
};

static int write_bytes(void *ctx, const uint8_t *data, size_t len, bool end)
{
	struct bc_open_segment *s = ctx;
	int r;

	do
		r = end ? bc_store_write_tail(s->cfg.store, data, len) : bc_store_write(s->cfg.store, data, len);
	while (s->cfg.again(s->cfg.again_ctx, r));
	if (r)
		return r;
	if (!end)
		s->dirty = true;
	bc_delivery_take_bytes(s->cfg.delivery, len);
	return 0;
}

/* Once, without patience: packets have more right to the space. */
static int write_index(void *ctx, const uint8_t *data, size_t len)
{
	struct bc_open_segment *s = ctx;
	int r;

	if (s->cfg.encrypt)
		return bc_segment_writer_raw(s->writer, data, len);
	r = bc_store_write(s->cfg.store, data, len);
	if (r)
		return r;
	s->dirty = true;
	bc_delivery_take_bytes(s->cfg.delivery, len);
	return 0;
}

static void finish(struct bc_open_segment *s)
{
	struct bc_segment_info info = *bc_segment_writer_info(s->writer);

	if (s->cfg.ended)
		s->cfg.ended(s->cfg.ended_ctx, bc_delivery_segment(s->cfg.delivery)->from);
	bc_delivery_finish(s->cfg.delivery);
	/* What is not kept will be sent again. */
	if (s->cfg.acks) {
		info.cut_back = true;
		info.confirmed = s->confirmed;
		bc_store_synced(s->cfg.store, &info.kept);
		bc_acks_finish(s->cfg.acks, info.kept);
	}
	bc_store_finish(s->cfg.store, &info);
	bc_segment_writer_over(s->writer);
	s->begun = s->end_pending = s->dirty = false;
}

static void confirm_numbers(struct bc_open_segment *s)
{
	s->confirmed = bc_store_size(s->cfg.store);
	if (s->cfg.acks)
		bc_acks_confirm(s->cfg.acks, s->confirmed);
}

/* The store has all that was written for good. */
static void confirm(struct bc_open_segment *s)
{
	bc_delivery_confirm(s->cfg.delivery);
	confirm_numbers(s);
	bc_segment_writer_mark(s->writer);
}

/* What was taken since the store settled last. */
static void lose_pending(struct bc_open_segment *s, int r)
{
	if (s->cfg.acks)
		bc_acks_lose(s->cfg.acks);
	bc_delivery_lose_pending(s->cfg.delivery, bc_patience_loss(r));
}

/* The store has cut the segment back to what was confirmed last. */
static void roll_back(struct bc_open_segment *s, int r)
{
	uint64_t packets = bc_delivery_pending(s->cfg.delivery)->packets;

	if (packets)
		bc_log_limited(s->cfg.log, &s->lost_limit, BC_ERROR, s->cfg.name,
			       "pending writes did not reach the disk (%s): %" PRIu64 " packet%s lost as %s",
			       strerror(-r), packets, bc_plural(packets, "", "s"), bc_loss_name(bc_patience_loss(r)));
	lose_pending(s, r);
	bc_segment_writer_cut(s->writer);
	if (s->cfg.acks)
		bc_acks_forget(s->cfg.acks);
	/* A stream's frame cannot go on: the segment keeps its temporary name, and the next packets begin another. */
	if (s->holding)
		finish(s);
}

int bc_open_segment_settle_store(struct bc_open_segment *s, int r)
{
	int lost = bc_store_settle(s->cfg.store);

	if (lost) {
		roll_back(s, lost);
		return lost;
	}
	if (!r || !s->holding)
		confirm(s);
	return r;
}

static int settle(struct bc_open_segment *s)
{
	bool pending = bc_delivery_pending(s->cfg.delivery)->packets;

	s->settled_ns = bc_mono_ns();
	return bc_open_segment_settle_store(s, pending ? bc_segment_writer_flush(s->writer) :
						 bc_segment_writer_push(s->writer));
}

/* What an encrypted file needs for being whole, as long as nothing follows. Without it nothing is lost. */
static void end_so_far(struct bc_open_segment *s)
{
	uint8_t end[BC_SEGMENT_END_MAX];
	size_t len = bc_store_can_write_behind(s->cfg.store) ? bc_segment_writer_end_so_far(s->writer, end) : 0;

	if (len && bc_store_write_behind(s->cfg.store, end, len) == 0)
		s->dirty = true;
}

/* It is tried again, and they stay in flight, until the disk is back or the segment ends. */
static void tell_of_waiting(struct bc_open_segment *s, int r)
{
	uint64_t packets = bc_delivery_pending(s->cfg.delivery)->packets;

	if (packets && !bc_patience_passes(r))
		bc_log_limited(s->cfg.log, &s->lost_limit, BC_ERROR, s->cfg.name,
			       "writing failed (%s): %" PRIu64 " packet%s for the disk, which is tried again", strerror(-r), packets,
			       bc_plural(packets, " waits", "s wait"));
}

int bc_open_segment_settle(struct bc_open_segment *s)
{
	bool pending = bc_delivery_pending(s->cfg.delivery)->packets;
	int r = settle(s);

	if (r)
		tell_of_waiting(s, r);
	if (!r && pending && s->cfg.encrypt)
		end_so_far(s);
	return r;
}

bool bc_open_segment_unsettled(const struct bc_open_segment *s)
{
	return bc_delivery_pending(s->cfg.delivery)->packets || !bc_store_settled(s->cfg.store);
}

uint64_t bc_open_segment_settled_ns(const struct bc_open_segment *s)
{
	return s->settled_ns;
}

/* Its file cannot go on: what it had not brought to the disk is lost. */
static void fail(struct bc_open_segment *s, int r)
{
	bc_log_limited(s->cfg.log, &s->lost_limit, BC_ERROR, s->cfg.name,
		       "a segment cannot go on (%s): it is not published, what comes goes into the next one", strerror(-r));
	lose_pending(s, r);
	bc_store_spoil(s->cfg.store, r);
	finish(s);
}

/* The command reads no more: what it was given is lost with it. */
static void abandon(struct bc_open_segment *s)
{
	bc_delivery_abandon(s->cfg.delivery);
	bc_store_spoil(s->cfg.store, -ECOMM);
	finish(s);
}

/* Is this the end of the segment, but not of the output? Then it has ended. */
static bool failed(struct bc_open_segment *s, int r)
{
	if (r == -ECOMM)
		abandon(s);
	else if (r == -ESTALE)
		fail(s, r);
	return r == -ECOMM || r == -ESTALE;
}

static int begin(struct bc_open_segment *s, const struct bc_chunk *k)
{
	int r = 0;

	if (!s->begun) {
		do
			r = bc_store_begin(s->cfg.store);
		while (s->cfg.again(s->cfg.again_ctx, r));
		s->begun = !r;
		s->confirmed = 0;
	}
	return r ? r : bc_segment_writer_begin(s->writer, k->segment_begin_ns, k->linktype);
}

/* Which numbers its packets have, if the segment does not tell so far. */
static int tell_numbers(struct bc_open_segment *s, const struct bc_chunk *k)
{
	const uint8_t *block;
	size_t len = s->cfg.acks ? bc_acks_block(s->cfg.acks, k->from, &block) : 0;

	return len ? bc_segment_writer_insert(s->writer, block, len) : 0;
}

static int write_chunk(struct bc_open_segment *s, struct bc_chunk *k, const struct bc_tally *t)
{
	int r = tell_numbers(s, k);

	if (!r)
		r = bc_segment_writer_chunk(s->writer, k, t->packets);
	if (s->cfg.acks && r)
		bc_acks_forget(s->cfg.acks);
	else if (s->cfg.acks)
		bc_acks_wrote(s->cfg.acks, k->from);
	return r;
}

/* What stands before a chunk's packets, and these. */
static int write_records(struct bc_open_segment *s, struct bc_chunk *k, const struct bc_tally *t)
{
	enum bc_loss loss;
	uint64_t lost = bc_delivery_lost(s->cfg.delivery, &loss);
	int r = bc_segment_writer_begun(s->writer) ? 0 : begin(s, k);

	if (!r)
		r = bc_segment_writer_describe(s->writer, k->ifaces);
	if (!r)
		r = bc_segment_writer_carry(s->writer);
	if (!r && k->stepped_ns && k->len)
		r = bc_segment_writer_tell_step(s->writer, k->stepped_ns, k->first_ns);
	if (!r && k->len)
		r = bc_segment_writer_tell_loss(s->writer, lost, loss, k->first_ns);
	if (!r)
		r = write_chunk(s, k, t);
	return r;
}

/* What cannot be written waits for the next try. But a store that settles may have lost what it took before. */
static void push_stream(struct bc_open_segment *s)
{
	int r = bc_segment_writer_push(s->writer);

	if (r == -ESTALE)
		fail(s, r);
	else if (r)
		bc_open_segment_settle_store(s, r);
}

int bc_open_segment_write(struct bc_open_segment *s, struct bc_chunk *k, const struct bc_tally *t)
{
	int r = write_records(s, k, t);

	if (r) {
		failed(s, r);
		return r;
	}
	bc_delivery_take(s->cfg.delivery, t);
	if (s->holding) {
		push_stream(s);
		return 0;
	}
	bc_delivery_wrote(s->cfg.delivery);
	if (!bc_delivery_pending(s->cfg.delivery)->packets)
		confirm_numbers(s);
	return 0;
}

bool bc_open_segment_holds(const struct bc_open_segment *s)
{
	return bc_segment_writer_holds(s->writer);
}

int bc_open_segment_retry(struct bc_open_segment *s)
{
	int r;

	if (s->end_pending)
		return bc_open_segment_end(s, false);
	if (!bc_segment_writer_holds(s->writer))
		return 0;
	r = bc_segment_writer_push(s->writer);
	return failed(s, r) ? 0 : r;
}

uint64_t bc_open_segment_lost_told(const struct bc_open_segment *s)
{
	return bc_segment_writer_lost_told(s->writer);
}

void bc_open_segment_sync(struct bc_open_segment *s)
{
	if (s->cfg.acks && !s->end_pending && !bc_open_segment_unsettled(s) && !bc_segment_writer_holds(s->writer))
		bc_acks_mark(s->cfg.acks, s->begun ? bc_store_size(s->cfg.store) : 0);
	if (s->dirty)
		bc_store_sync(s->cfg.store);
	s->dirty = false;
}

void bc_open_segment_check(struct bc_open_segment *s)
{
	uint64_t bytes = 0;
	int r = s->begun ? bc_store_synced(s->cfg.store, &bytes) : 0;

	if (r)
		fail(s, r);
	else if (s->cfg.acks)
		bc_acks_synced(s->cfg.acks, bytes);
}

void bc_open_segment_index(struct bc_open_segment *s)
{
	bc_segment_index_poll(s->index);
}

/* Its end is there (r == 0), or cannot be written. */
static void close_segment(struct bc_open_segment *s, int r)
{
	if (!r) {
		confirm(s);
	} else {
		bc_store_spoil(s->cfg.store, r);
		if (bc_patience_loss(r) == BC_LOSS_DISK_ERROR)
			bc_log(s->cfg.log, BC_ERROR, "%s: cannot write the end of a segment (%s): it keeps its "
			       "temporary name; 'braidcap recover' completes it", s->cfg.name, strerror(-r));
		lose_pending(s, r);
	}
	finish(s);
}

int bc_open_segment_end(struct bc_open_segment *s, bool last_try)
{
	int r = 0;

	s->end_pending = true;
	/* First, so that the statistics know what was written. */
	if (!bc_segment_writer_closed(s->writer) && bc_open_segment_unsettled(s))
		r = settle(s);
	if (!bc_segment_writer_begun(s->writer)) {
		s->end_pending = false;
		return 0;
	}
	if (r && bc_delivery_pending(s->cfg.delivery)->packets && bc_patience_passes(r) && !last_try)
		return r;
	/* What does not fit is for the next segment. */
	if (!r && !bc_segment_writer_closed(s->writer))
		bc_segment_writer_carry(s->writer);
	r = bc_segment_writer_end(s->writer);
	if (r && bc_patience_passes(r))
		return r;
	if (!r)
		r = bc_store_settle(s->cfg.store);
	close_segment(s, r);
	return 0;
}

bool bc_open_segment_end_pending(const struct bc_open_segment *s)
{
	return s->end_pending;
}

bool bc_open_segment_begun(const struct bc_open_segment *s)
{
	return s->begun;
}

bool bc_open_segment_described(const struct bc_open_segment *s)
{
	return bc_segment_writer_begun(s->writer);
}

bool bc_open_segment_restless(const struct bc_open_segment *s)
{
	return s->dirty || s->end_pending || bc_segment_index_busy(s->index) || bc_open_segment_unsettled(s) ||
	       bc_segment_writer_holds(s->writer);
}

static int new_index(struct bc_open_segment *s, struct bc_err *err)
{
	const struct bc_segment_index_config ic = {
		.indexer = s->cfg.indexer,
		.codec = s->cfg.codec,
		.block_max = s->cfg.block_max,
		.write = write_index,
		.write_ctx = s,
		.patient = s->cfg.patient,
		.patient_ctx = s->cfg.patient_ctx,
	};

	return s->cfg.indexer ? bc_segment_index_new(&ic, &s->index, err) : 0;
}

static int new_writer(struct bc_open_segment *s, struct bc_err *err)
{
	const struct bc_segment_writer_config wc = {
		.section = s->cfg.section,
		.codec = s->cfg.codec,
		.level = s->cfg.level,
		.stream_workers = s->cfg.stream_workers,
		.block_max = s->cfg.block_max,
		.encrypt = s->cfg.encrypt,
		.padding = s->cfg.padding,
		.write = write_bytes,
		.write_ctx = s,
		.filter = s->cfg.filter,
		.filter_ctx = s->cfg.filter_ctx,
		.index = s->index,
	};

	return bc_segment_writer_new(&wc, &s->writer, err);
}

int bc_open_segment_new(const struct bc_open_segment_config *cfg, struct bc_open_segment **ret, struct bc_err *err)
{
	struct bc_open_segment *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for a segment");
	s->cfg = *cfg;
	s->holding = cfg->encrypt || bc_codec_is_stream(cfg->codec);
	s->settled_ns = bc_mono_ns();
	r = new_index(s, err);
	if (!r)
		r = new_writer(s, err);
	if (r) {
		bc_open_segment_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void bc_open_segment_free(struct bc_open_segment *s)
{
	if (!s)
		return;
	bc_segment_writer_free(s->writer);
	bc_segment_index_free(s->index);
	free(s);
}
