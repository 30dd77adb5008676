/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What --exclude gprs-user-data costs at the source: the detector alone, by what it is shown, over packets that are in the
 * cache and over such as are not.
 */
#include "bench.h"

#include "bc_gprs.h"
#include "gprs_packet.h"

#define ROUNDS 2000U
#define STRIDE 2176U	/* an mbuf's */

enum { TCP, UDP, SIGNALLING, USER, N_KINDS };

static const char *const kind_name[N_KINDS] = { "TCP", "other UDP", "signalling", "user traffic" };

static void make(struct gp *p, int kind)
{
	switch (kind) {
	case TCP:
		gp_unitdata(p, GP_UL_UNITDATA, 3, 600);
		p->b[p->ip_at + 9] = 6;
		break;
	case UDP:
		gp_unitdata(p, GP_UL_UNITDATA, 3, 600);
		p->b[p->ns_at] = 0x80;
		break;
	case SIGNALLING:
		gp_unitdata(p, GP_UL_UNITDATA, 1, 60);
		break;
	default:
		gp_unitdata(p, GP_DL_UNITDATA, 3, 600);
		break;
	}
}

static double ns_each(const uint8_t *packets, uint32_t n, uint32_t len, uint32_t rounds, uint64_t *found)
{
	const struct bc_gprs any = { 0 };
	uint64_t begin = bench_cpu_ns();

	for (uint32_t k = 0; k < rounds; k++)
		for (uint32_t i = 0; i < n; i++) {
			if (i + 4 < n)
				__builtin_prefetch(packets + (size_t)(i + 4) * STRIDE);
			*found += bc_gprs_user_data(&any, GP_ETHERNET, packets + (size_t)i * STRIDE, len, len);
		}
	return (double)(bench_cpu_ns() - begin) / ((double)n * rounds);
}

static void measure(int kind, uint32_t n, const char *where)
{
	uint8_t *packets = aligned_alloc(64, (size_t)n * STRIDE);
	uint32_t runs = bench_runs();
	uint64_t found = 0;
	char what[64];
	double v[99];
	struct gp p;

	if (!packets)
		abort();
	make(&p, kind);
	for (uint32_t i = 0; i < n; i++)
		memcpy(packets + (size_t)i * STRIDE, p.b, p.len);
	for (uint32_t k = 0; k < runs; k++)
		v[k] = ns_each(packets, n, p.len, n < 1024 ? ROUNDS : ROUNDS * 64 / n, &found);
	if ((found != 0) != (kind == USER))
		abort();
	snprintf(what, sizeof(what), "%s, %s", kind_name[kind], where);
	bench_print("gprs", what, "ns/packet", v, runs);
	free(packets);
}

int main(void)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		measure(kind, 64, "64 packets");
		measure(kind, 32768, "32768 packets");
	}
	return 0;
}
