/* SPDX-License-Identifier: BSD-3-Clause */
/* A source whose driver delivers what the test says, and the merge's end of its link. */
#ifndef INGRESS_H
#define INGRESS_H

#include "pool.h"

#include "bc_source.h"

static struct rte_mempool *ingress_pool;
static struct bc_clock ingress_clock;

static inline int ingress_start(void **state)
{
	ingress_pool = mbuf_pool(2048);
	bc_clock_init(&ingress_clock);
	return 0;
}

struct ingress {
	struct bc_ledger *ledger;
	struct bc_iface_table *ifaces;
	struct bc_source *s;
	struct bc_source_account *account;

	/* What the next rounds of the driver bring. */
	uint32_t packets;
	uint32_t wire_len;	/* of each; alternates with second_len, if that is not 0 */
	uint32_t second_len;
	uint32_t segments;	/* of each; 0: 1 */
	const uint8_t *data;	/* their bytes, data_len of them; NULL: 60 zeros */
	uint32_t data_len;
	uint64_t ts_ns;		/* of the next; grows by one */
	uint64_t watermark_ns;
	uint64_t asked_ns;	/* a live device, as in bc_batch */
	bool empty, unsure;
	uint64_t lateness_ns;
	enum bc_time time;
	uint64_t drops;		/* the driver's own mark, on the first one */
	bool ended;
	uint32_t rounds;	/* that the driver was asked */
	uint64_t sent;
	bool closed;
};

static inline void ingress_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct ingress *d = s->priv;

	d->rounds++;
	while (d->packets && b->n < max) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(s->env.pool);

		assert_non_null(m);
		for (uint32_t i = 1; i < d->segments; i++)
			assert_int_equal(rte_pktmbuf_chain(m, rte_pktmbuf_alloc(s->env.pool)), 0);
		if (d->data)
			memcpy(rte_pktmbuf_append(m, (uint16_t)d->data_len), d->data, d->data_len);
		else
			memset(rte_pktmbuf_append(m, 60), 0, 60);
		m->port = (uint16_t)s->account->iface;
		*bc_meta(m) = (struct bc_meta){ .wire_len = d->sent % 2 && d->second_len ? d->second_len : d->wire_len,
						.source = s->index };
		if (d->drops) {
			bc_meta(m)->flags = BC_META_DROPS;
			m->tx_offload = d->drops;
			d->drops = 0;
		}
		b->ts_ns[b->n] = d->ts_ns++;
		b->mbuf[b->n++] = m;
		d->packets--;
		d->sent++;
	}
	b->watermark_ns = d->watermark_ns;
	b->asked_ns = d->asked_ns;
	b->empty = d->empty;
	b->unsure = d->unsure;
	b->lateness_ns = d->lateness_ns;
	b->time = d->time;
	b->ended = d->ended;
}

static inline void ingress_close(struct bc_source *s)
{
	((struct ingress *)s->priv)->closed = true;
}

static const struct bc_source_ops ingress_ops = { .rx = ingress_rx, .close = ingress_close };
static const struct bc_source_kind ingress_kind = { .name = "test", .live = true };
static const struct bc_source_kind blocking_kind = { .name = "test", .blocking = true, .waits = true, .lossless = true };

static inline void ingress_open(struct ingress *d, const struct bc_source_kind *kind, uint32_t outputs, bool wait)
{
	struct bc_source_config cfg = { .spec = (char *)"test:", .kind = kind, .wait = wait };
	struct bc_iface iface = { .name = "test0", .linktype = 1 };
	struct bc_source_env env;
	struct bc_err err = { "" };

	memset(d, 0, sizeof(*d));
	d->ledger = bc_ledger_new();
	d->ledger->n_outputs = outputs;
	d->ifaces = bc_iface_table_new();
	d->wire_len = 100;
	d->ts_ns = 1000;
	env = (struct bc_source_env){ .pool = ingress_pool, .clock = &ingress_clock, .ifaces = d->ifaces, .ledger = d->ledger,
				      .n_outputs = outputs };
	d->s = bc_source_new(&cfg, &env, &ingress_ops, &iface, 0, &err);
	assert_non_null(d->s);
	d->s->priv = d;
	d->s->link = bc_link_new(64);
	d->account = d->s->account;
}

/* Take the oldest descriptor; false when there is none. */
static inline bool ingress_take(struct ingress *d, struct bc_desc *ret)
{
	const struct bc_desc *p;

	*ret = (struct bc_desc){ 0 };
	if (!bc_link_peek(d->s->link, &p))
		return false;
	*ret = *p;
	bc_link_pop(d->s->link, 1);
	return true;
}

/* As many outputs as want it give it back. */
static inline void ingress_done(const struct bc_desc *p)
{
	for (uint32_t left = bc_desc_outputs(p); left; left &= left - 1)
		rte_pktmbuf_free(bc_desc_obj(p));
}

static inline uint32_t ingress_discard(struct ingress *d)
{
	struct bc_desc p;
	uint32_t n = 0;

	for (; ingress_take(d, &p); n++)
		ingress_done(&p);
	return n;
}

/* The dropcount of the oldest packet, which is then thrown away. */
static inline uint64_t ingress_drops(struct ingress *d)
{
	struct rte_mbuf *m;
	struct bc_desc p;
	uint64_t drops;

	assert_true(ingress_take(d, &p));
	m = bc_desc_obj(&p);
	drops = bc_meta(m)->flags & BC_META_DROPS ? m->tx_offload : 0;
	assert_int_equal(bc_desc_bytes(&p), 60 + (drops ? 16 : 0));
	ingress_done(&p);
	return drops;
}

static inline void ingress_free(struct ingress *d)
{
	ingress_discard(d);
	bc_link_free(d->s->link);
	bc_source_close(d->s);
	assert_true(d->closed);
	bc_ledger_free(d->ledger);
	free(d->ifaces);
	assert_pool_full(ingress_pool);
}

static inline uint64_t ingress_lost(const struct ingress *d, enum bc_loss loss)
{
	return bc_counter_get(&d->account->ingress.dropped[loss]);
}

static inline uint64_t ingress_filtered(const struct ingress *d, uint32_t output)
{
	return bc_counter_get(&d->account->ingress.filtered[output]);
}

static inline uint64_t ingress_received(const struct ingress *d)
{
	return bc_counter_get(&d->account->ingress.received);
}

#endif
