/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the core does to a packet besides receiving, copying and compressing it: null sources of 4 queues, merge, one lane that
 * only packs, committer, null output, all on one CPU. Sources and merge by the lcore's own counters, the rest and the sum
 * by CPU time.
 */
#include "bench_pipeline.h"

#define QUEUES 4U
#define PACKETS (1ULL << 21)
#define HOT 1024U
#define DENSE (768U * 1024)

/* The null source behind a burst of another size, and the time that it takes: that is receiving. */
struct receiver {
	const struct bc_source_ops *ops;
	uint32_t burst;
	uint64_t tsc;
};

static struct receiver receiver;

static void rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	uint64_t begin = rte_rdtsc();

	receiver.ops->rx(s, b, max < receiver.burst ? max : receiver.burst);
	receiver.tsc += rte_rdtsc() - begin;
}

enum part { RECEIVE, SOURCE, MERGE, LANE, COPY, COMMITTER, OWN, TOTAL, PARTS };

static const char *const part_name[PARTS] = {
	[RECEIVE] = "receive (not counted)", [SOURCE] = "source and link", [MERGE] = "merge and chunk",
	[LANE] = "lane with the copy, and the loop", [COPY] = "the copy (not counted)", [COMMITTER] = "committer",
	[OWN] = "own cost", [TOTAL] = "all",
};

static double ns_of(uint64_t tsc, uint64_t packets)
{
	return (double)tsc * 1e9 / (double)rte_get_tsc_hz() / (double)packets;
}

/* Plain memcpy of packets that lie as hot as a small pool lies, into as many bytes as the buffers have that go round. */
static double ns_copy(const uint8_t *packets, uint8_t *dst, uint32_t size)
{
	uint32_t rounds = (uint32_t)(PACKETS / 4 / HOT), pos = 0;
	uint64_t begin = bench_cpu_ns();

	for (uint32_t k = 0; k < rounds; k++)
		for (uint32_t i = 0; i < HOT; i++) {
			memcpy(dst + pos, packets + (size_t)i * 2304, size);
			pos = pos + 2 * size < DENSE ? pos + size : 0;
		}
	return (double)(bench_cpu_ns() - begin) / (rounds * HOT);
}

static void run(uint32_t size, uint32_t burst, const uint8_t *packets, uint8_t *dst, double part[PARTS])
{
	struct bench_pipeline *b = bench_pipeline_new(QUEUES, 1, PACKETS, size, BC_CODEC_NONE, 0);
	static struct bc_source_ops ops;
	uint64_t own, all, source = 0;

	receiver = (struct receiver){ .ops = b->p->source[0]->ops, .burst = burst };
	ops = *receiver.ops;
	ops.rx = rx;
	for (uint32_t i = 0; i < QUEUES; i++)
		b->p->source[i]->ops = &ops;
	all = bc_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	own = bench_cpu_ns();
	bench_pipeline_run(b);
	own = bench_cpu_ns() - own;
	all = bc_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - all;
	for (uint32_t i = 0; i < QUEUES; i++)
		source += bc_counter_get(&b->stage[i].busy_tsc);
	if (bc_counter_get(&b->p->ledger->output[0].written) != PACKETS)
		abort();
	part[RECEIVE] = ns_of(receiver.tsc, PACKETS);
	part[SOURCE] = ns_of(source - receiver.tsc, PACKETS);
	part[MERGE] = ns_of(bc_counter_get(&b->stage[QUEUES].busy_tsc), PACKETS);
	/* The lane's own counter would also tell what the committer takes that it wakes on the same CPU. */
	part[LANE] = (double)own / (double)PACKETS - ns_of(source, PACKETS) - part[MERGE];
	part[COPY] = ns_copy(packets, dst, size);
	part[COMMITTER] = (double)(all - own) / (double)PACKETS;
	part[TOTAL] = (double)all / (double)PACKETS;
	part[OWN] = part[TOTAL] - part[RECEIVE] - part[COPY];
	bench_pipeline_free(b);
}

static void measure(uint32_t size, uint32_t burst, const uint8_t *packets, uint8_t *dst)
{
	double v[PARTS][99], part[PARTS];
	uint32_t runs = bench_runs();

	for (uint32_t i = 0; i < runs; i++) {
		run(size, burst, packets, dst, part);
		for (int k = 0; k < PARTS; k++)
			v[k][i] = part[k];
	}
	for (int k = 0; k < PARTS; k++) {
		char name[96];

		snprintf(name, sizeof(name), "%u B, bursts of %u, %s", size, burst, part_name[k]);
		bench_print("own", name, "ns/packet", v[k], runs);
	}
}

int main(void)
{
	uint8_t *packets = malloc(HOT * 2304), *dst = malloc(DENSE);

	if (!packets || !dst)
		abort();
	memset(packets, 1, HOT * 2304);
	memset(dst, 1, DENSE);
	bench_eal(32768, 1);
	measure(64, 32, packets, dst);
	measure(64, 64, packets, dst);
	measure(512, 32, packets, dst);
	measure(1500, 32, packets, dst);
	rte_eal_cleanup();
	free(packets);
	free(dst);
	return 0;
}
