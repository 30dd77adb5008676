/* SPDX-License-Identifier: BSD-3-Clause */
/* Dequeue, merge, and enqueue to one lane's ring, as bc_merge_poll does it, by the number of links and the length of runs. */
#include "bench.h"

#include <math.h>

#include "bc_merge.h"

/* Packets in each link when the merge comes by: four bursts. */
#define PER_LINK 256U
#define PACKETS (1U << 20)
#define LINK 4096U
#define CHUNKS 64U
#define CHUNK_BYTES (256 * 1024 - 1024)

struct bed {
	uint32_t n;
	struct bc_link *link[BC_MAX_SOURCES], *lane, *free_chunks;
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	struct bc_chunk *chunks;
	struct bc_chunker chunker;
	struct bc_merge *merge;
	struct bench_random random;
	uint64_t ts_ns;
	double mean_run;
};

static struct bed *bed_new(uint32_t n, double mean_run)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct bc_chunker_config cc = { .n_lanes = 1, .chunk_bytes = CHUNK_BYTES, .overhead = 35, .snaplen = 262144,
					.flush_ns = BC_NS_PER_S };
	struct bc_merge_config mc = { .n_links = n, .n_outputs = 1, .output = { &b->chunker }, .max_wait_ns = BC_NS_PER_S };

	b->n = n;
	b->mean_run = mean_run;
	b->random.state = 11;
	b->ts_ns = 1;
	b->ifaces = bc_iface_table_new();
	b->ledger = bc_ledger_new();
	b->chunks = aligned_alloc(BC_CACHE_LINE, CHUNKS * sizeof(*b->chunks));
	memset(b->chunks, 0, CHUNKS * sizeof(*b->chunks));
	cc.ifaces = b->ifaces;
	cc.lane[0] = b->lane = bc_link_new(2 * PER_LINK * n);
	cc.free_chunks = b->free_chunks = bc_link_new(CHUNKS);
	for (uint32_t i = 0; i < CHUNKS; i++)
		bc_link_put(b->free_chunks, 0, bc_desc_word(&b->chunks[i], 0, 0));
	bc_chunker_init(&b->chunker, &cc);
	for (uint32_t i = 0; i < n; i++)
		mc.link[i] = b->link[i] = bc_link_new(LINK);
	mc.ledger = b->ledger;
	b->ledger->n_sources = n;
	b->ledger->n_outputs = 1;
	b->merge = bc_merge_new(&mc);
	return b;
}

static void bed_free(struct bed *b)
{
	bc_merge_free(b->merge);
	for (uint32_t i = 0; i < b->n; i++)
		bc_link_free(b->link[i]);
	bc_link_free(b->lane);
	bc_link_free(b->free_chunks);
	free(b->chunks);
	free(b->ifaces);
	bc_ledger_free(b->ledger);
	free(b);
}

static uint32_t run_length(struct bed *b)
{
	double u = (double)((bench_u64(&b->random) >> 11) + 1) / 9007199254740993.0;
	double n = b->mean_run <= 1 ? 1 : ceil(-log(u) * (b->mean_run - 0.5));

	return n < 1 ? 1 : n > PER_LINK ? PER_LINK : (uint32_t)n;
}

/* Runs to links at random, until one is full; then every watermark stands behind them. Returns the packets. */
static uint32_t produce(struct bed *b)
{
	uint32_t have[BC_MAX_SOURCES] = { 0 }, total = 0;

	for (;;) {
		uint32_t i = bench_below(&b->random, b->n), run = run_length(b);

		if (have[i] + run > PER_LINK + 32)
			break;
		for (uint32_t k = 0; k < run; k++, b->ts_ns++)
			bc_link_put(b->link[i], b->ts_ns, bc_desc_word((void *)(uintptr_t)(b->ts_ns << 6 & 0xffffffc0), 64, 1));
		have[i] += run;
		total += run;
	}
	for (uint32_t i = 0; i < b->n; i++)
		bc_link_set_watermark(b->link[i], b->ts_ns);
	return total;
}

/* What lane and committer do to the rings. */
static void consume(struct bed *b)
{
	const struct bc_desc *d;
	uint32_t n;

	while ((n = bc_link_peek(b->lane, &d))) {
		for (uint32_t k = 0; k < n; k++)
			if (!bc_desc_outputs(&d[k]))
				bc_link_put(b->free_chunks, 0, d[k].word);
		bc_link_pop(b->lane, n);
	}
}

static double ns_merge(struct bed *b)
{
	uint64_t ns = 0, cost = bench_cpu_cost_ns();
	uint32_t done = 0;

	while (done < PACKETS) {
		uint32_t n = produce(b), got = 0;
		uint64_t begin = bench_cpu_ns();

		while (got < n)
			got += bc_merge_poll(b->merge, 1024);
		ns += bench_cpu_ns() - begin - cost;
		done += n;
		consume(b);
	}
	return (double)ns / done;
}

int main(void)
{
	static const uint32_t links[] = { 2, 4, 8, 16, 64 };
	static const uint32_t run[] = { 1, 4, 16, 32 };
	uint32_t runs = bench_runs();

	bench_pin(bench_setting("BENCH_CPU", 0));
	for (uint32_t r = 0; r < sizeof(run) / sizeof(run[0]); r++)
		for (uint32_t k = 0; k < sizeof(links) / sizeof(links[0]); k++) {
			struct bed *b = bed_new(links[k], run[r]);
			double v[99];
			char name[64];

			ns_merge(b);
			for (uint32_t i = 0; i < runs; i++)
				v[i] = ns_merge(b);
			snprintf(name, sizeof(name), "mean run %u, %u links", run[r], links[k]);
			bench_print("merge", name, "ns/packet", v, runs);
			bed_free(b);
		}
	return 0;
}
