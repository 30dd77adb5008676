/* SPDX-License-Identifier: BSD-3-Clause */
/* bc_pack_burst, which also frees the mbufs, against plain memcpy of the same packets from the same place. */
#include "bench_eal.h"

#include "bc_pack.h"
#include "bc_pcapng.h"

#define HOT 1024U
#define COLD 262144U
#define COLD_SMALL 65536U
/* Packets of one run, as often as it takes. */
#define PACKETS (1U << 19)
#define CAP (1U << 20)
#define SNAPLEN 262144U

static struct bc_iface_table *ifaces;

struct work {
	struct rte_mbuf **mbuf;
	struct bc_desc *desc;
	const uint8_t **data;
	uint16_t *len;
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
		w->data[i] = rte_pktmbuf_mtod(m, const uint8_t *);
		w->len[i] = (uint16_t)len;
		w->desc[i] = (struct bc_desc){ 1792888200ULL * BC_NS_PER_S + i, bc_desc_word(m, len, 1) };
		w->bytes += len;
	}
}

static double ns_memcpy(const struct work *w)
{
	uint32_t rounds = PACKETS / w->n, pos = 0;
	uint64_t begin = bench_cpu_ns();

	for (uint32_t k = 0; k < rounds; k++)
		for (uint32_t i = 0; i < w->n; i++) {
			if (pos > CAP - 4096)
				pos = 0;
			memcpy(w->buf + pos, w->data[i], w->len[i]);
			pos += w->len[i];
		}
	return (double)(bench_cpu_ns() - begin) / (rounds * w->n);
}

/* The mbufs come back by being allocated again, which is not counted; refcnt and order are as before. */
static double ns_pack(const struct work *w, struct rte_mempool *pool, struct rte_mbuf **scratch)
{
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = SNAPLEN, .ifaces = ifaces, .buf = w->buf, .cap = CAP };
	uint32_t rounds = PACKETS / w->n;
	uint64_t ns = 0, cost = bench_cpu_cost_ns();

	for (uint32_t k = 0; k < rounds; k++) {
		uint64_t begin = bench_cpu_ns();

		for (uint32_t i = 0; i < w->n; i += BC_PACK_BURST) {
			if (p.pos > CAP - BC_PACK_BURST * 2048)
				p.pos = 0;
			bc_pack_burst(&p, w->desc + i, BC_PACK_BURST);
		}
		ns += bench_cpu_ns() - begin - cost;
		if (rte_mempool_get_bulk(pool, (void **)scratch, w->n) != 0)
			abort();
	}
	return (double)ns / (rounds * w->n);
}

static void measure(struct work *w, struct rte_mempool *pool, const char *place, uint32_t size, struct rte_mbuf **scratch)
{
	double pack[99], copy[99];
	uint32_t runs = bench_runs();
	char name[64], label[96];

	if (size)
		snprintf(name, sizeof(name), "%u B %s", size, place);
	else
		snprintf(name, sizeof(name), "mix %s", place);
	fill(w, size);
	ns_memcpy(w);
	ns_pack(w, pool, scratch);
	for (uint32_t i = 0; i < runs; i++) {
		pack[i] = ns_pack(w, pool, scratch);
		copy[i] = ns_memcpy(w);
	}
	bench_print("pack", name, "ns/packet", pack, runs);
	snprintf(label, sizeof(label), "%s, plain memcpy", name);
	bench_print("pack", label, "ns/packet", copy, runs);
	snprintf(label, sizeof(label), "%s, of memcpy", name);
	bench_print_ratio("pack", label, pack, copy, runs);
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
	w.data = calloc(n, sizeof(*w.data));
	w.len = calloc(n, sizeof(*w.len));
	w.buf = aligned_alloc(4096, CAP);
	if (!scratch || !w.mbuf || !w.desc || !w.data || !w.len || !w.buf || rte_pktmbuf_alloc_bulk(pool, w.mbuf, n) != 0)
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
	free(w.data);
	free(w.len);
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
