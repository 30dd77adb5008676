/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_store_fault.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bc_store_ops.h"
#include "bc_time.h"

struct fault_store {
	struct bc_store base;
	struct bc_store_ops ops;	/* base's: what inner cannot is left out */
	struct bc_store *inner;
	struct bc_fault *fault;
	uint64_t end;		/* of what took space, half a block included */
	uint32_t busy;		/* calls of begin since one succeeded */
};

static int fault_begin(struct bc_store *s)
{
	struct fault_store *f = (struct fault_store *)s;
	int err = atomic_load(&f->fault->begin_err);

	f->end = 0;
	if (f->busy++ < atomic_load(&f->fault->busy))
		return -EAGAIN;
	f->busy = 0;
	return err ? err : f->inner->ops->begin(f->inner);
}

static void delay(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

	if (ns)
		nanosleep(&t, NULL);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The counts change by atomic additions, so that an order stored by the test meanwhile is never overwritten. */
static bool is_due(_Atomic uint64_t *calls)
{
	uint64_t left = atomic_load(calls);

	return left && atomic_compare_exchange_strong(calls, &left, left - 1) && left == 1;
}

static void space_add(struct bc_fault *f, uint64_t n)
{
	if (atomic_load(&f->space) != BC_FAULT_NO_LIMIT)
		atomic_fetch_add(&f->space, n);
}

static ptrdiff_t fault_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	struct fault_store *f = (struct fault_store *)s;
	uint64_t space = atomic_load(&f->fault->space), most = atomic_load(&f->fault->short_max);
	ptrdiff_t n;

	delay(atomic_load(&f->fault->delay_ns));
	if (is_due(&f->fault->eio_call))
		return -EIO;
	if (!tail && space == 0)
		return -ENOSPC;
	if (most)
		len = min(len, most);
	if (!tail)
		len = min(len, space);
	n = f->inner->ops->write(f->inner, off, data, len, tail);
	if (n > 0 && !tail) {
		f->end = off + (uint64_t)n;
		space_add(f->fault, -(uint64_t)n);
	}
	return n;
}

static int fault_write_behind(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	return inner->ops->write_behind(inner, off, data, len);
}

static int fault_cut(struct bc_store *s, uint64_t size)
{
	struct fault_store *f = (struct fault_store *)s;

	if (f->end > size) {
		space_add(f->fault, f->end - size);
		f->end = size;
	}
	return f->inner->ops->cut(f->inner, size);
}

/* What the inner store had taken is lost by the cut that follows a failure. */
static int fault_settle(struct bc_store *s)
{
	struct fault_store *f = (struct fault_store *)s;
	int r = f->inner->ops->settle ? f->inner->ops->settle(f->inner) : 0;

	return is_due(&f->fault->eio_settle) ? -EIO : r;
}

static void fault_sync(struct bc_store *s)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	inner->ops->sync(inner);
}

static int fault_synced(struct bc_store *s, uint64_t *ret_bytes)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	return inner->ops->synced(inner, ret_bytes);
}

static int fault_finish(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	return inner->ops->finish(inner, size, tail_err, info);
}

static int fault_close(struct bc_store *s, bool now)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	free(s);
	return inner->ops->close(inner, now);
}

static void fault_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	struct bc_store *inner = ((struct fault_store *)s)->inner;

	inner->ops->stats(inner, ret);
}

static const struct bc_store_ops fault_ops = {
	.begin = fault_begin,
	.write = fault_write,
	.write_behind = fault_write_behind,
	.cut = fault_cut,
	.sync = fault_sync,
	.synced = fault_synced,
	.finish = fault_finish,
	.close = fault_close,
	.stats = fault_stats,
};

static const struct bc_store_ops settling_ops = {
	.begin = fault_begin,
	.write = fault_write,
	.cut = fault_cut,
	.settle = fault_settle,
	.sync = fault_sync,
	.synced = fault_synced,
	.finish = fault_finish,
	.close = fault_close,
	.stats = fault_stats,
};

int bc_store_fault_wrap(struct bc_store *inner, struct bc_fault *fault, struct bc_store **ret, struct bc_err *err)
{
	struct fault_store *f = calloc(1, sizeof(*f));

	if (!f) {
		bc_store_close(inner);
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	}
	f->ops = fault->settling || inner->ops->settle ? settling_ops : fault_ops;
	if (!inner->ops->synced)
		f->ops.synced = NULL;
	if (!inner->ops->write_behind)
		f->ops.write_behind = NULL;
	f->base.ops = &f->ops;
	f->inner = inner;
	f->fault = fault;
	*ret = &f->base;
	return 0;
}
