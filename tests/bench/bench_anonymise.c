/* SPDX-License-Identifier: BSD-3-Clause */
/* What --anonymise costs a lane for each packet that it has just copied: addresses that are met again, and such as never are. */
#include "bench_flows.h"

#include "bc_anonymise.h"

#define CHUNK (256U << 10)
#define CHUNKS 64U
/* A record is not longer. */
#define RECORD 1600U

/* Records into a chunk; their bytes. */
static uint32_t fill(struct flow_traffic *t, uint8_t *chunk)
{
	uint8_t *p = chunk;

	while (p < chunk + CHUNK - RECORD)
		p = put_flow_packet(t, p);
	return (uint32_t)(p - chunk);
}

static double ns_each(struct flow_traffic *t, struct bc_cryptopan *map)
{
	static uint8_t chunk[CHUNK];
	uint64_t ns = 0, n = 0, cost = bench_cpu_cost_ns();

	for (uint32_t k = 0; k < CHUNKS; k++) {
		uint32_t len = fill(t, chunk);
		uint64_t begin = bench_cpu_ns();

		for (uint32_t at = 0; at < len; at += bc_get_le32(chunk + at + 4), n++)
			bc_anonymise(map, 1, chunk + at + BC_EPB_FIXED - 4, bc_get_le32(chunk + at + 20), bc_get_le32(chunk + at + 24));
		ns += bench_cpu_ns() - begin - cost;
	}
	return (double)ns / (double)n;
}

static void measure(const char *what, enum kind kind, bool small)
{
	static const struct bc_anonymise_key key = { { 21, 34, 23, 141, 51, 164, 207, 128 } };
	static struct flow_traffic t;
	struct bc_cryptopan *map = bc_cryptopan_new(&key);
	uint32_t runs = bench_runs();
	double v[99];

	if (!map)
		abort();
	begin_flows(&t, kind, small, 1);
	ns_each(&t, map);
	for (uint32_t i = 0; i < runs; i++)
		v[i] = ns_each(&t, map);
	bench_print("anonymise", what, "ns/packet", v, runs);
	bc_cryptopan_free(map);
}

int main(void)
{
	measure("flows", PLAIN, false);
	measure("flows, 64 B", PLAIN, true);
	measure("flows in GTP-U", GTP, false);
	measure("scan", SCAN, true);
	return 0;
}
