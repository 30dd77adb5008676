/* SPDX-License-Identifier: BSD-3-Clause */
/* Synthetic packets as fast as they are taken: the core without a NIC, for tests and measurements. */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bc_packet.h"

struct null_source {
	uint64_t left;		/* UINT64_MAX: no end */
	uint32_t size;
};

static void null_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct null_source *p = s->priv;
	uint64_t now_ns = bc_clock_now(s->env.clock);

	b->watermark_ns = now_ns;
	if (max > p->left)
		max = (uint32_t)p->left;
	if (!max) {
		b->ended = true;
		return;
	}
	if (rte_pktmbuf_alloc_bulk(s->env.pool, b->mbuf, max) != 0)
		return;
	for (uint32_t i = 0; i < max; i++) {
		struct rte_mbuf *m = b->mbuf[i];

		m->data_len = (uint16_t)p->size;
		m->pkt_len = p->size;
		m->port = (uint16_t)s->account->iface;
		*bc_meta(m) = (struct bc_meta){ .wire_len = p->size, .source = s->index };
		b->ts_ns[i] = now_ns;
	}
	b->n = max;
	if (p->left != UINT64_MAX)
		p->left -= max;
}

static void null_close(struct bc_source *s)
{
	free(s->priv);
}

static const struct bc_source_ops null_ops = {
	.rx = null_rx,
	.close = null_close,
};

static int open_null(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		     uint32_t *ret_n, struct bc_err *err)
{
	struct bc_iface iface = { .stamp = BC_STAMP_SOFTWARE, .linktype = 1 };
	uint32_t n = 0;

	snprintf(iface.name, sizeof(iface.name), "null%u", env->ledger->n_sources);
	snprintf(iface.description, sizeof(iface.description), "synthetic packets of %u bytes", cfg->size);
	bc_clock_describe(env->clock, iface.clock, sizeof(iface.clock));
	for (; n < cfg->queues; n++) {
		struct null_source *p = malloc(sizeof(*p));
		struct bc_source *s = p ? bc_source_new(cfg, env, &null_ops, &iface, (uint16_t)n, err) : NULL;

		if (!s) {
			while (n)
				bc_source_close(ret[--n]);
			if (!p)
				return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
			free(p);
			return -ENOSPC;
		}
		*p = (struct null_source){ .left = cfg->count ? cfg->count : UINT64_MAX, .size = cfg->size };
		s->priv = p;
		ret[n] = s;
	}
	*ret_n = n;
	return 0;
}

/* Its packets are whole mbufs of the usual size, hence 2048. */
static const struct bc_source_key null_keys[] = {
	BC_KEY_QUEUES,
	BC_KEY_FULL,
	{ "count", BC_KEY_U64, BC_KEY_AT(count), .zero = true, .min = 1, .max = 999999999999999 },
	{ "size", BC_KEY_U32, BC_KEY_AT(size), .min = 14, .max = 2048 },
};

const struct bc_source_kind bc_source_null = {
	.name = "null",
	.target = BC_TARGET_NONE,
	.live = true,
	.poll_mode = true,
	.waits = true,
	.lossless = true,
	.keys = null_keys,
	.n_keys = sizeof(null_keys) / sizeof(null_keys[0]),
	.open = open_null,
};
