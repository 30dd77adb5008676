/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dequeue, merge, and enqueue to one lane's ring, as bc_merge_poll does it, by the number of links and the length of runs. Beside it,
 * over the same packets in the same links, the best of three textbook merges, which keep no account, cut no chunks, and know neither
 * late packets nor waiting; the ratio is its time over ours, so that 1 says that all of this costs nothing.
 */
#include "bench.h"

#include <math.h>

#include "bc_merge.h"

/* Packets in each link when the merge comes by: four bursts. */
#define PER_LINK 256U
#define PACKETS (1U << 18)
#define LINK 4096U
#define CHUNKS 64U
#define CHUNK_BYTES (256 * 1024 - 1024)

enum way { OURS, LINEAR, TREE, TREE_OF_RUNS, WAYS };

/* What a textbook merge knows of a link: a window of n packets, of which those from at on are left. No key once all is taken. */
struct head {
	const struct bc_desc *d;
	uint32_t at, n;
	uint64_t key;
};

struct bed {
	uint32_t n;
	struct bc_link *link[BC_MAX_SOURCES], *lane, *free_chunks;
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	struct bc_chunk *chunks;
	uint32_t *counts;
	struct bc_chunker chunker;
	struct bc_merge *merge;
	struct head head[BC_MAX_SOURCES];
	uint32_t loser[BC_MAX_SOURCES];		/* loser[0] is the winner */
	struct bench_random random;
	uint64_t ts_ns;
	double mean_run;
};

static struct bed *bed_new(uint32_t n, double mean_run)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct bc_chunker_config cc = { .n_sources = n, .n_lanes = 1, .chunk_bytes = CHUNK_BYTES, .overhead = 35, .snaplen = 262144,
					.flush_ns = BC_NS_PER_S };
	struct bc_merge_config mc = { .n_links = n, .link = b->link, .n_outputs = 1, .output = { &b->chunker }, .max_wait_ns = BC_NS_PER_S };

	b->n = n;
	b->mean_run = mean_run;
	b->random.state = 11;
	b->ts_ns = 1;
	b->ifaces = bc_iface_table_new();
	b->ledger = bc_ledger_new();
	b->chunks = aligned_alloc(BC_CACHE_LINE, CHUNKS * sizeof(*b->chunks));
	memset(b->chunks, 0, CHUNKS * sizeof(*b->chunks));
	b->counts = bc_chunk_new_counts(b->chunks, CHUNKS, n);
	cc.ifaces = b->ifaces;
	cc.lane[0] = b->lane = bc_link_new(2 * PER_LINK * n);
	cc.free_chunks = b->free_chunks = bc_link_new(CHUNKS);
	for (uint32_t i = 0; i < CHUNKS; i++)
		bc_link_put(b->free_chunks, 0, bc_desc_word(&b->chunks[i], 0, 0));
	bc_chunker_init(&b->chunker, &cc);
	for (uint32_t i = 0; i < n; i++)
		b->link[i] = bc_link_new(LINK);
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
	free(b->counts);
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

static inline bool before(const struct bed *b, uint32_t i, uint32_t j)
{
	uint64_t x = b->head[i].key, y = b->head[j].key;

	return x < y || (x == y && i < j);
}

static inline void advance(struct bed *b, uint32_t i, uint32_t taken)
{
	struct head *h = &b->head[i];

	h->at += taken;
	if (h->at == h->n) {
		bc_link_pop(b->link[i], h->n);
		h->at = 0;
		h->n = bc_link_peek(b->link[i], &h->d);
	}
	h->key = h->n ? h->d[h->at].ts_ns : UINT64_MAX;
}

static inline uint32_t least(const struct bed *b)
{
	uint32_t w = 0;

	for (uint32_t i = 1; i < b->n; i++)
		w = b->head[i].key < b->head[w].key ? i : w;
	return w;
}

static uint32_t play(struct bed *b, uint32_t node)
{
	uint32_t i, j;

	if (node >= b->n)
		return node - b->n;
	i = play(b, 2 * node);
	j = play(b, 2 * node + 1);
	b->loser[node] = before(b, i, j) ? j : i;
	return before(b, i, j) ? i : j;
}

static inline void replay(struct bed *b, uint32_t w)
{
	for (uint32_t node = (w + b->n) / 2; node; node /= 2) {
		uint32_t l = b->loser[node];

		if (before(b, l, w)) {
			b->loser[node] = w;
			w = l;
		}
	}
	b->loser[0] = w;
}

/* The first time at which the winner w is not first any more. */
static inline uint64_t bound_of(const struct bed *b, uint32_t w)
{
	uint32_t r = b->loser[(w + b->n) / 2];

	for (uint32_t node = (w + b->n) / 4; node; node /= 2)
		if (before(b, b->loser[node], r))
			r = b->loser[node];
	return b->head[r].key + (w < r && b->head[r].key != UINT64_MAX);
}

/* All that is in the links. A constant way makes a function of it for each. */
static inline __attribute__((always_inline)) void merge_plainly(struct bed *b, enum way way, uint32_t packets)
{
	for (uint32_t i = 0; i < b->n; i++) {
		b->head[i].at = b->head[i].n = 0;
		advance(b, i, 0);
	}
	b->loser[0] = play(b, 1);
	while (packets) {
		struct bc_link_slots slots = bc_link_slots(b->lane);
		uint32_t room = bc_link_room(b->lane, 64), n = 0;

		room = room < packets ? room : packets;
		for (room = room < 64 ? room : 64; n < room;) {
			uint32_t w = way == LINEAR ? least(b) : b->loser[0], run = 0;
			uint64_t bound = way == TREE_OF_RUNS ? bound_of(b, w) : 0;
			const struct bc_desc *d = b->head[w].d + b->head[w].at;
			uint32_t left = b->head[w].n - b->head[w].at, most = left < room - n ? left : room - n;

			do
				*bc_link_at(&slots, n + run) = d[run];
			while (++run < most && d[run].ts_ns < bound);
			n += run;
			advance(b, w, run);
			if (way != LINEAR)
				replay(b, w);
		}
		bc_link_push(b->lane, n);
		packets -= n;
	}
}

static void merge(struct bed *b, enum way way, uint32_t packets)
{
	switch (way) {
	case LINEAR:
		merge_plainly(b, LINEAR, packets);
		break;
	case TREE:
		merge_plainly(b, TREE, packets);
		break;
	case TREE_OF_RUNS:
		merge_plainly(b, TREE_OF_RUNS, packets);
		break;
	default:
		for (uint32_t got = 0; got < packets;)
			got += bc_merge_poll(b->merge, 1024);
	}
}

/* Every way once, in turns of one filling of the links, each time with the same lengths of runs. */
static void measure(struct bed *b, double ret_ns[WAYS])
{
	uint64_t ns[WAYS] = { 0 }, cost = bench_cpu_cost_ns();
	uint32_t done = 0;

	while (done < PACKETS) {
		struct bench_random same = b->random;
		uint32_t n = 0;

		for (int w = 0; w < WAYS; w++) {
			uint64_t begin;

			b->random = same;
			n = produce(b);
			begin = bench_cpu_ns();
			merge(b, w, n);
			ns[w] += bench_cpu_ns() - begin - cost;
			consume(b);
		}
		done += n;
	}
	for (int w = 0; w < WAYS; w++)
		ret_ns[w] = (double)ns[w] / done;
}

static void bench_case(uint32_t mean_run, uint32_t links, uint32_t runs)
{
	struct bed *b = bed_new(links, mean_run);
	double v[WAYS][99], one[WAYS];
	enum way best = LINEAR;
	char name[64];

	for (uint32_t i = 0; i <= runs; i++) {
		measure(b, one);
		for (int w = 0; i && w < WAYS; w++)
			v[w][i - 1] = one[w];
	}
	for (int w = LINEAR; w < WAYS; w++)
		if (bench_median(v[w], runs) < bench_median(v[best], runs))
			best = w;
	snprintf(name, sizeof(name), "mean run %u, %u links", mean_run, links);
	bench_print("merge", name, "ns/packet", v[OURS], runs);
	snprintf(name, sizeof(name), "mean run %u, %u links, best plain", mean_run, links);
	bench_print("merge", name, "ns/packet", v[best], runs);
	bench_print_ratio("merge", name, v[OURS], v[best], runs);
	bed_free(b);
}

int main(void)
{
	static const uint32_t links[] = { 2, 4, 8, 16, 64 };
	static const uint32_t run[] = { 1, 4, 16, 32 };
	uint32_t runs = bench_runs();

	bench_pin(bench_setting("BENCH_CPU", 0));
	for (uint32_t r = 0; r < sizeof(run) / sizeof(run[0]); r++)
		for (uint32_t k = 0; k < sizeof(links) / sizeof(links[0]); k++)
			bench_case(run[r], links[k], runs);
	return 0;
}
