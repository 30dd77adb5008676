/* SPDX-License-Identifier: BSD-3-Clause */
/* What all stores share: the state of the segment, and writes that happen completely or not at all. */
#include "bc_store.h"

#include <errno.h>

#include "bc_store_ops.h"
#include "bc_time.h"

int bc_store_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err)
{
	switch (cfg->kind) {
	case BC_STORE_DIR:
	case BC_STORE_FILE:
		return bc_store_dir_open(cfg, ret, err);
	case BC_STORE_FD:
		return bc_store_fd_open(cfg, ret, err);
	case BC_STORE_PEER:
		return bc_store_peer_open(cfg, ret, err);
	case BC_STORE_NULL:
		return bc_store_null_open(cfg, ret, err);
	}
	return bc_err_set(err, -EINVAL, "store: unknown kind %d", (int)cfg->kind);
}

int bc_store_begin(struct bc_store *s)
{
	int r;

	if (s->begun)
		return -EINVAL;
	r = s->ops->begin(s);
	if (r < 0)
		return r;
	s->begun = true;
	s->size = s->settled = 0;
	s->doubt = false;
	s->dead = 0;
	s->tail_err = 0;
	s->settle_err = 0;
	bc_counter_add(&s->segments, 1);
	return 0;
}

static void note_slowest(struct bc_store *s, uint64_t start_ns)
{
	uint64_t took = bc_mono_ns() - start_ns;

	if (took > bc_counter_get(&s->slowest_write_ns))
		bc_counter_set(&s->slowest_write_ns, took);
}

static void note_settled(struct bc_store *s)
{
	bc_counter_add(&s->written, s->size - s->settled);
	s->settled = s->size;
}

static int put(struct bc_store *s, const uint8_t *data, size_t len, bool tail)
{
	uint64_t start_ns = bc_mono_ns();
	size_t done = 0;
	ptrdiff_t n = 0;

	if (!s->begun)
		return -EINVAL;
	if (s->dead)
		return s->dead;
	while (done < len) {
		n = s->ops->write(s, s->size + done, data + done, len - done, tail);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	note_slowest(s, start_ns);
	if (done == len) {
		s->size += len;
		s->settle_err = 0;
		if (!s->ops->settle)
			note_settled(s);
		return 0;
	}
	if (n == 0)
		n = -EIO;
	s->doubt = s->ops->settle != NULL;
	if (done && s->ops->cut(s, s->size) < 0)
		s->dead = (int)n;
	return (int)n;
}

int bc_store_write(struct bc_store *s, const void *data, size_t len)
{
	return put(s, data, len, false);
}

int bc_store_write_tail(struct bc_store *s, const void *data, size_t len)
{
	s->tail_err = put(s, data, len, true);
	return s->tail_err;
}

bool bc_store_can_write_behind(const struct bc_store *s)
{
	return s->ops->write_behind != NULL;
}

int bc_store_write_behind(struct bc_store *s, const void *data, size_t len)
{
	if (!s->begun || !s->ops->write_behind)
		return -EINVAL;
	return s->dead ? s->dead : s->ops->write_behind(s, s->size, data, len);
}

void bc_store_cancel(struct bc_store *s)
{
	atomic_store(&s->cancelled, true);
}

void bc_store_spoil(struct bc_store *s, int err)
{
	s->tail_err = err;
}

uint64_t bc_store_size(const struct bc_store *s)
{
	return s->begun ? s->size : 0;
}

bool bc_store_settles(const struct bc_store *s)
{
	return s->ops->settle != NULL;
}

bool bc_store_settled(const struct bc_store *s)
{
	return s->settled == s->size && !s->doubt;
}

int bc_store_settle(struct bc_store *s)
{
	uint64_t start_ns;
	int r;

	if (!s->begun || bc_store_settled(s))
		return 0;
	start_ns = bc_mono_ns();
	r = s->ops->settle(s);
	note_slowest(s, start_ns);
	s->doubt = false;
	if (r == 0) {
		note_settled(s);
		return 0;
	}
	s->size = s->settled;
	s->settle_err = r;
	if (s->ops->cut(s, s->size) < 0)
		s->dead = r;
	return r;
}

bool bc_store_lags(const struct bc_store *s)
{
	return s->ops->passed != NULL;
}

uint64_t bc_store_passed(struct bc_store *s)
{
	return s->ops->passed ? s->ops->passed(s) : s->size;
}

bool bc_store_lost(struct bc_store *s, uint64_t from, uint64_t to)
{
	return s->ops->lost && s->ops->lost(s, from, to);
}

bool bc_store_kept(struct bc_store *s, uint64_t to)
{
	return s->ops->kept && s->ops->kept(s, to);
}

void bc_store_drain(struct bc_store *s)
{
	if (s->ops->drain)
		s->ops->drain(s);
}

void bc_store_sync(struct bc_store *s)
{
	if (s->begun)
		s->ops->sync(s);
}

bool bc_store_syncs(const struct bc_store *s)
{
	return s->ops->synced != NULL;
}

int bc_store_synced(struct bc_store *s, uint64_t *ret_bytes)
{
	*ret_bytes = 0;
	return s->begun && s->ops->synced ? s->ops->synced(s, ret_bytes) : 0;
}

int bc_store_finish(struct bc_store *s, const struct bc_segment_info *info)
{
	int r;

	if (!s->begun)
		return -EINVAL;
	r = bc_store_settle(s);
	if (r == 0)
		r = s->settle_err;
	r = s->ops->finish(s, s->size, s->tail_err ? s->tail_err : r, info);
	if (r == 0)
		s->begun = false;
	return r;
}

int bc_store_close(struct bc_store *s)
{
	return s ? s->ops->close(s, false) : 0;
}

void bc_store_abort(struct bc_store *s)
{
	if (s)
		s->ops->close(s, true);
}

void bc_store_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	*ret = (struct bc_store_stats){
		.written_bytes = bc_counter_get(&s->written),
		.slowest_write_ns = bc_counter_get(&s->slowest_write_ns),
		.begun = bc_counter_get(&s->segments),
		.io = "",
	};
	s->ops->stats(s, ret);
}
