/* SPDX-License-Identifier: BSD-3-Clause */
/* What the source's stage costs behind its driver: filters of several outputs, counters, the link. */
#include "bench_eal.h"

#include "bc_source.h"

#define ROUNDS 20000U
#define LONG 200U
#define SHORT 100U

static struct bench_random random_len = { 1 };

/* Long and short packets in no order. */
static void bench_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	if (rte_pktmbuf_alloc_bulk(s->env.pool, b->mbuf, max) != 0)
		abort();
	b->n = max;
	for (uint32_t i = 0; i < max; i++) {
		bench_receive(b->mbuf[i], 64);
		bc_meta(b->mbuf[i])->wire_len = bench_u64(&random_len) >> 63 ? LONG : SHORT;
		b->ts_ns[i] = i;
	}
}

static void bench_close(struct bc_source *s)
{
}

static const struct bc_source_ops ops = { .rx = bench_rx, .close = bench_close };
static const struct bc_source_kind kind = { .name = "bench", .live = true };

static void take_all(struct bc_source *s)
{
	const struct bc_desc *d;
	uint32_t n = bc_link_peek(s->link, &d);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t left = bc_desc_outputs(&d[i]); left; left &= left - 1)
			rte_pktmbuf_free(bc_desc_obj(&d[i]));
	bc_link_pop(s->link, n);
}

static double ns_each(struct bc_source *s)
{
	uint64_t begin = bench_cpu_ns();

	for (uint32_t i = 0; i < ROUNDS; i++) {
		bc_source_poll(s);
		take_all(s);
	}
	return (double)(bench_cpu_ns() - begin) / ((double)ROUNDS * BC_BURST);
}

static void measure(struct rte_mempool *pool, const char *what, uint32_t outputs, const char *expression)
{
	struct bc_source_config cfg = { .spec = "bench:", .kind = &kind };
	struct bc_clock clock;
	struct bc_source_env env = { .pool = pool, .clock = &clock, .ifaces = bc_iface_table_new(), .ledger = bc_ledger_new(),
				     .n_outputs = outputs };
	struct bc_iface iface = { .name = "bench0", .linktype = 1 };
	struct bc_source *s = bc_source_new(&cfg, &env, &ops, &iface, 0, NULL);
	struct bc_filters *f = bc_filters_new(1, outputs, "", true, NULL);
	uint32_t runs = bench_runs();
	double v[99];

	bc_clock_init(&clock);
	bc_filters_add(f, &s->filters);
	s->link = bc_link_new(BC_BURST);
	for (uint32_t o = 0; o < outputs; o++)
		if (expression && bc_filters_set(f, o, expression, NULL) != 0)
			abort();
	for (uint32_t k = 0; k < runs; k++)
		v[k] = ns_each(s);
	bench_print("source", what, "ns/packet", v, runs);
	bc_filters_free(f);
	bc_link_free(s->link);
	bc_source_close(s);
	bc_ledger_free(env.ledger);
	free(env.ifaces);
}

int main(void)
{
	struct rte_mempool *pool;

	bench_eal(4096, 1);
	pool = bench_pool("bench", 4096);
	measure(pool, "no filter", 1, NULL);
	measure(pool, "1 output, all", 1, "greater 50");
	measure(pool, "1 output, half", 1, "greater 150");
	measure(pool, "1 output, nothing", 1, "greater 250");
	measure(pool, "3 outputs, half each", 3, "greater 150");
	measure(pool, "7 outputs, half each", 7, "greater 150");
	return 0;
}
