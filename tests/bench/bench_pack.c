/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bc_pack_burst, which also gives the mbufs back, against plain memcpy of the same packets out of the same mbufs into the same
 * buffer, and against the same with the mbufs given back.
 */
#include "bench_eal.h"

#include "bc_pack.h"
#include "bc_pcapng.h"

#define HOT 1024U
#define COLD 262144U
#define COLD_SMALL 65536U
/* Packets of one run, as often as it takes. */
#define PACKETS (1U << 19)
/* A chunk, and as much as a burst may add. */
#define CAP (256U * 1024)
#define SNAPLEN 262144U

static struct bc_iface_table *ifaces;

struct work {
	struct rte_mbuf **mbuf;
	struct bc_desc *desc;
	uint32_t n;
	uint64_t bytes;
	uint8_t *buf;
};

static uint32_t memory_for_cold(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return bytes > 4 * COLD * BENCH_MBUF_PAGE ? COLD : COLD_SMALL;
}

static void fill(struct work *w, uint32_t size)
{
	struct bench_random r = { 3 };

	w->bytes = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		struct rte_mbuf *m = w->mbuf[i];
		uint32_t len = size ? size : bench_mix_len(&r);

		bench_receive(m, len);
		w->desc[i] = (struct bc_desc){ 1792888200ULL * BC_NS_PER_S + i, bc_desc_word(m, len, 1) };
		w->bytes += len;
	}
}

static uint32_t copy_burst(const struct work *w, struct rte_mbuf **m, uint32_t pos)
{
	if (pos > CAP - BC_PACK_BURST * 2048)
		pos = 0;
	for (uint32_t i = 0; i < BC_PACK_BURST; i++) {
		memcpy(w->buf + pos, rte_pktmbuf_mtod(m[i], const uint8_t *), m[i]->data_len);
		pos += m[i]->data_len;
	}
	return pos;
}

enum how { PACK, COPY, COPY_AND_FREE, HOWS };

/* The mbufs come back by being allocated again, which is not counted; refcnt and order are as before. */
static double ns_of(const struct work *w, struct rte_mempool *pool, struct rte_mbuf **scratch, enum how how)
{
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = SNAPLEN, .ifaces = ifaces, .buf = w->buf, .cap = CAP };
	uint32_t rounds = PACKETS / w->n, pos = 0;
	uint64_t ns = 0, cost = bench_cpu_cost_ns();

	for (uint32_t k = 0; k < rounds; k++) {
		uint64_t begin = bench_cpu_ns();

		for (uint32_t i = 0; i < w->n; i += BC_PACK_BURST) {
			if (how == PACK) {
				if (p.pos > CAP - BC_PACK_BURST * 2048)
					p.pos = 0;
				bc_pack_burst(&p, w->desc + i, BC_PACK_BURST);
			} else {
				pos = copy_burst(w, w->mbuf + i, pos);
			}
			if (how == COPY_AND_FREE)
				rte_mempool_put_bulk(pool, (void **)w->mbuf + i, BC_PACK_BURST);
		}
		ns += bench_cpu_ns() - begin - cost;
		if (how != COPY && rte_mempool_get_bulk(pool, (void **)scratch, w->n) != 0)
			abort();
	}
	return (double)ns / (rounds * w->n);
}

static void measure(struct work *w, struct rte_mempool *pool, const char *place, uint32_t size, struct rte_mbuf **scratch)
{
	double v[HOWS][99];
	uint32_t runs = bench_runs();
	char name[64], label[96];

	if (size)
		snprintf(name, sizeof(name), "%u B %s", size, place);
	else
		snprintf(name, sizeof(name), "mix %s", place);
	fill(w, size);
	for (uint32_t i = 0; i < runs; i++)
		for (enum how how = 0; how < HOWS; how++) {
			if (i == 0)
				ns_of(w, pool, scratch, how);
			v[how][i] = ns_of(w, pool, scratch, how);
		}
	bench_print("pack", name, "ns/packet", v[PACK], runs);
	snprintf(label, sizeof(label), "%s, plain memcpy", name);
	bench_print("pack", label, "ns/packet", v[COPY], runs);
	snprintf(label, sizeof(label), "%s, of memcpy", name);
	bench_print_ratio("pack", label, v[PACK], v[COPY], runs);
	snprintf(label, sizeof(label), "%s, of memcpy plus freeing", name);
	bench_print_ratio("pack", label, v[PACK], v[COPY_AND_FREE], runs);
}

static void shuffle(struct rte_mbuf **m, uint32_t n)
{
	struct bench_random r = { 5 };

	for (uint32_t i = n - 1; i; i--) {
		uint32_t k = bench_below(&r, i + 1);
		struct rte_mbuf *t = m[i];

		m[i] = m[k];
		m[k] = t;
	}
}

static void measure_place(const char *name, uint32_t n, bool random)
{
	static const uint32_t sizes[] = { 64, 512, 1500, 0 };
	struct rte_mempool *pool = bench_pool(name, n);
	struct rte_mbuf **scratch = calloc(n, sizeof(*scratch));
	struct bench_random r = { 1 };
	struct work w = { .n = n };

	w.mbuf = calloc(n, sizeof(*w.mbuf));
	w.desc = calloc(n, sizeof(*w.desc));
	w.buf = aligned_alloc(4096, CAP);
	if (!scratch || !w.mbuf || !w.desc || !w.buf || rte_pktmbuf_alloc_bulk(pool, w.mbuf, n) != 0)
		abort();
	memset(w.buf, 0, CAP);
	for (uint32_t i = 0; i < n; i++)
		bench_packet(&r, rte_pktmbuf_mtod(w.mbuf[i], uint8_t *), 1500, true);
	if (random)
		shuffle(w.mbuf, n);
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		measure(&w, pool, name, sizes[i], scratch);
	rte_mempool_put_bulk(pool, (void **)w.mbuf, n);
	rte_mempool_free(pool);
	free(scratch);
	free(w.mbuf);
	free(w.desc);
	free(w.buf);
}

int main(void)
{
	struct bc_iface iface = { .name = "bench", .linktype = 1 };
	uint32_t cold = bench_setting("BENCH_COLD", memory_for_cold());

	bench_eal(cold + HOT + 8192, 1);
	ifaces = bc_iface_table_new();
	bc_iface_add(ifaces, &iface);
	measure_place("hot", HOT, false);
	measure_place("cold", cold, true);
	rte_eal_cleanup();
	return 0;
}
