/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One ordered output by 1, 2, 4, 8 and 12 writer lanes, as far as there are CPUs: packets of the mix out of memory into the null
 * output. Lane i has CPU i to itself, but for CPU 0, which also runs source and merge; a stream codec's threads share those CPUs.
 */
#include "bench_pipeline.h"

#define MBUFS 32768U
/* Bytes that a lane compresses in a run. */
#define BYTES_PER_LANE (128ULL << 20)
#define MEAN_LEN 790U

/* Packets that lie ready: each has a reference of the benchmark's own, so that it does not go back to its pool. */
struct store {
	struct rte_mempool *pool;
	struct rte_mbuf *mbuf[MBUFS];
	uint32_t next;
	uint64_t left;
};

static struct store store;

static void rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	uint64_t now_ns = bc_clock_now(s->env.clock);

	b->watermark_ns = now_ns;
	if (max > store.left)
		max = (uint32_t)store.left;
	b->ended = !max;
	for (uint32_t i = 0; i < max; i++) {
		struct rte_mbuf *m = store.mbuf[store.next++ % MBUFS];

		rte_mbuf_refcnt_update(m, 1);
		b->mbuf[i] = m;
		b->ts_ns[i] = now_ns;
	}
	b->n = max;
	store.left -= max;
}

static void fill_store(void)
{
	struct bench_random r = { 23 };

	store.pool = bench_pool("store", MBUFS);
	for (uint32_t i = 0; i < MBUFS; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(store.pool);
		uint32_t len = bench_mix_len(&r);

		bench_receive(m, len);
		bench_packet(&r, rte_pktmbuf_mtod(m, uint8_t *), len, true);
		store.mbuf[i] = m;
	}
}

/* GB/s before compression. */
static double rate(uint32_t lanes, enum bc_codec codec, int level)
{
	uint64_t packets = lanes * BYTES_PER_LANE / MEAN_LEN, begin;
	struct bench_pipeline *b = bench_pipeline_new(1, lanes, packets, 64, codec, level);
	struct bc_source_ops ops = *b->p->source[0]->ops;
	double r;

	ops.rx = rx;
	b->p->source[0]->ops = &ops;
	store.left = packets;
	begin = bc_mono_ns();
	bench_pipeline_run(b);
	r = (double)bc_counter_get(&b->p->ledger->output[0].written_bytes) / (double)(bc_mono_ns() - begin);
	if (bc_counter_get(&b->p->ledger->output[0].written) != packets)
		abort();
	bench_pipeline_free(b);
	return r;
}

static void measure(const char *name, enum bc_codec codec, int level, uint32_t cpus)
{
	static const uint32_t lanes[] = { 1, 2, 4, 8, 12 };
	double v[5][99];
	uint32_t runs = bench_setting("BENCH_RUNS", 7), n = 0;
	char label[96];

	while (n < 5 && lanes[n] <= cpus)
		n++;
	for (uint32_t i = 0; i < runs && i < 99; i++)
		for (uint32_t k = 0; k < n; k++)
			v[k][i] = rate(lanes[k], codec, level);
	for (uint32_t k = 0; k < n; k++) {
		double linear[99];

		snprintf(label, sizeof(label), "%s, %u lane%s", name, lanes[k], k ? "s" : "");
		bench_print("lanes", label, "GB/s", v[k], runs);
		for (uint32_t i = 0; i < runs; i++)
			linear[i] = v[k][i] / (v[0][i] * lanes[k]);
		snprintf(label, sizeof(label), "%s, %u lane%s, of linear", name, lanes[k], k ? "s" : "");
		bench_print("lanes", label, "ratio", linear, runs);
	}
}

int main(void)
{
	uint32_t cpus = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus > 12)
		cpus = 12;
	bench_eal(2 * MBUFS + 1024 * cpus + 32768, cpus);
	fill_store();
	measure("lz4", BC_CODEC_LZ4, 1, cpus);
	measure("zstd-3", BC_CODEC_ZSTD, 3, cpus);
	rte_eal_cleanup();
	return 0;
}
