/* SPDX-License-Identifier: BSD-3-Clause */
/* A store that counts and drops, for measuring everything in front of a disk. */
#include <errno.h>
#include <stdlib.h>

#include "bc_store_ops.h"

struct null_store {
	struct bc_store base;
	bc_store_published published;
	void *ctx;
	bc_counter_t finished;
};

static int null_begin(struct bc_store *s)
{
	return 0;
}

static ptrdiff_t null_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	return (ptrdiff_t)len;
}

static int null_cut(struct bc_store *s, uint64_t size)
{
	return 0;
}

static void null_sync(struct bc_store *s)
{
}

static int null_finish(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info)
{
	struct null_store *n = (struct null_store *)s;

	bc_counter_add(&n->finished, 1);
	if (n->published)
		n->published(n->ctx, "", size, info, tail_err);
	return 0;
}

static int null_close(struct bc_store *s, bool now)
{
	free(s);
	return 0;
}

static void null_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	ret->published = bc_counter_get(&((struct null_store *)s)->finished);
}

static const struct bc_store_ops null_ops = {
	.begin = null_begin,
	.write = null_write,
	.cut = null_cut,
	.sync = null_sync,
	.finish = null_finish,
	.close = null_close,
	.stats = null_stats,
};

int bc_store_null_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err)
{
	struct null_store *n = calloc(1, sizeof(*n));

	if (!n)
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	n->base.ops = &null_ops;
	n->published = cfg->published;
	n->ctx = cfg->ctx;
	*ret = &n->base;
	return 0;
}
