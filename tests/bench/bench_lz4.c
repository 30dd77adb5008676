/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a lane compresses what it packed, against LZ4_compress_fast on the same blocks, by the length of blocks; and the size
 * against what `lz4 -1 -BI` makes of the same bytes.
 */
#include "bench_eal.h"

#include <lz4.h>
#include <lz4frame.h>

#include "bc_lane.h"
#include "bc_pack.h"

#define CHUNK_BYTES (1024U * 1024 - 1024)
#define CHUNKS 8U
#define MBUFS 16384U
#define SNAPLEN 262144U

struct bed {
	struct bc_iface_table *ifaces;
	struct rte_mempool *pool;
	struct bc_bufpool *buffers;
	struct bc_link *in, *out;
	struct bc_lane *lane;
	struct bc_chunk *chunks;
	struct bc_task committer;
	_Atomic uint64_t awaited;
	struct rte_mbuf *mbuf[MBUFS];
	uint32_t first[CHUNKS + 1];	/* chunk i has the packets first[i] to first[i + 1] - 1 */
	uint8_t *dense;			/* the same chunks as the lane packs them, one behind the other */
	struct bc_pack packed[CHUNKS];
	uint64_t bytes;
};

static struct bc_desc desc_of(const struct bed *b, uint32_t i)
{
	return (struct bc_desc){ 1792888200ULL * BC_NS_PER_S + 777ULL * i, bc_desc_word(b->mbuf[i], b->mbuf[i]->pkt_len, 1) };
}

/* So many packets that the chunks are full; each keeps a reference, so that the lane does not give it back. */
static void make_packets(struct bed *b, bool text)
{
	struct bench_random r = { 17 };
	uint32_t i = 0;

	for (uint32_t k = 0; k < CHUNKS; k++) {
		uint32_t bytes = 0;

		b->first[k] = i;
		for (;; i++) {
			uint32_t len = bench_mix_len(&r);

			if (bytes + len + 36 > CHUNK_BYTES || i == MBUFS)
				break;
			b->mbuf[i] = rte_pktmbuf_alloc(b->pool);
			bench_receive(b->mbuf[i], len);
			bench_packet(&r, rte_pktmbuf_mtod(b->mbuf[i], uint8_t *), len, text);
			bytes += len + 36;
		}
	}
	b->first[CHUNKS] = i;
}

static void pack_all(struct bed *b, uint32_t slice)
{
	b->bytes = 0;
	for (uint32_t k = 0; k < CHUNKS; k++) {
		struct bc_pack *p = &b->packed[k];

		*p = (struct bc_pack){ .format = BC_FORMAT_PCAPNG, .snaplen = SNAPLEN, .ifaces = b->ifaces,
				       .buf = b->dense + (size_t)k * CHUNK_BYTES, .cap = CHUNK_BYTES, .slice_bytes = slice, .n_slices = 1 };
		for (uint32_t i = b->first[k]; i < b->first[k + 1]; i++) {
			struct bc_desc d = desc_of(b, i);

			rte_mbuf_refcnt_update(b->mbuf[i], 1);
			bc_pack_burst(p, &d, 1);
		}
		p->slice[p->n_slices - 1].len = p->pos - p->slice[p->n_slices - 1].begin;
		b->bytes += p->pos;
	}
}

static void lane_begin(struct bed *b, uint32_t slice)
{
	struct bc_lane_config cfg = {
		.in = b->in, .out = b->out, .committer = &b->committer, .pool = b->buffers, .n_lanes = 1, .awaited = &b->awaited,
		.format = BC_FORMAT_PCAPNG, .snaplen = SNAPLEN, .codec = BC_CODEC_LZ4, .level = 1, .slice_bytes = slice,
		.ifaces = b->ifaces,
	};

	b->lane = bc_lane_new(&cfg);
	if (!b->lane)
		abort();
}

static double ns_lane(struct bed *b, double *ret_coded)
{
	const struct bc_desc *d;
	uint64_t ns = 0, coded = 0;

	for (uint32_t k = 0; k < CHUNKS; k++) {
		uint64_t begin;

		for (uint32_t i = b->first[k]; i < b->first[k + 1]; i++) {
			struct bc_desc one = desc_of(b, i);

			rte_mbuf_refcnt_update(b->mbuf[i], 1);
			bc_link_put(b->in, one.ts_ns, one.word);
		}
		bc_link_put(b->in, 0, bc_desc_word(&b->chunks[k], 0, 0));
		/* A round that packs so much compresses nothing. */
		bc_lane_poll(b->lane);
		begin = bench_cpu_ns();
		while (!bc_link_peek(b->out, &d))
			bc_lane_poll(b->lane);
		ns += bench_cpu_ns() - begin;
		coded += b->chunks[k].len;
		bc_bufpool_put(b->buffers, b->chunks[k].buf);
		bc_link_pop(b->out, 1);
	}
	*ret_coded = (double)coded;
	return (double)ns;
}

static double ns_plain(struct bed *b, uint8_t *dst, double *ret_coded)
{
	uint64_t begin = bench_cpu_ns(), coded = 0;

	for (uint32_t k = 0; k < CHUNKS; k++)
		for (uint32_t s = 0; s < b->packed[k].n_slices; s++) {
			const struct bc_slice *sl = &b->packed[k].slice[s];

			coded += (uint64_t)LZ4_compress_fast((char *)b->packed[k].buf + sl->begin, (char *)dst, (int)sl->len,
							     LZ4_COMPRESSBOUND((int)CHUNK_BYTES), 1);
		}
	*ret_coded = (double)coded;
	return (double)(bench_cpu_ns() - begin);
}

/* The size of a frame by liblz4 with the settings of `lz4 -1 -BI`: blocks of 4 MiB. */
static double coded_by_tool(struct bed *b)
{
	LZ4F_preferences_t prefs = { .frameInfo = { .blockSizeID = LZ4F_max4MB, .blockMode = LZ4F_blockIndependent,
						    .contentChecksumFlag = LZ4F_contentChecksumEnabled }, .compressionLevel = 1 };
	uint8_t *all = malloc(b->bytes), *dst;
	size_t len = 0, bound, n;

	for (uint32_t k = 0; k < CHUNKS; k++) {
		memcpy(all + len, b->packed[k].buf, b->packed[k].pos);
		len += b->packed[k].pos;
	}
	bound = LZ4F_compressFrameBound(len, &prefs);
	dst = malloc(bound);
	n = LZ4F_compressFrame(dst, bound, all, len, &prefs);
	free(dst);
	free(all);
	return (double)n;
}

static void measure(struct bed *b, const char *payload, uint32_t slice)
{
	double lane[99], plain[99], lane_rate[99], plain_rate[99], size = 0, plain_size = 0;
	uint8_t *dst = malloc(LZ4_COMPRESSBOUND(CHUNK_BYTES));
	uint32_t runs = bench_runs();
	char name[64], label[96];

	snprintf(name, sizeof(name), "%s, %u KiB", payload, slice >> 10);
	pack_all(b, slice);
	lane_begin(b, slice);
	ns_lane(b, &size);
	for (uint32_t i = 0; i < runs; i++) {
		lane[i] = ns_lane(b, &size);
		plain[i] = ns_plain(b, dst, &plain_size);
		lane_rate[i] = (double)b->bytes / lane[i];
		plain_rate[i] = (double)b->bytes / plain[i];
	}
	bench_print("lz4", name, "GB/s", lane_rate, runs);
	snprintf(label, sizeof(label), "%s, plain LZ4", name);
	bench_print("lz4", label, "GB/s", plain_rate, runs);
	snprintf(label, sizeof(label), "%s, of plain LZ4", name);
	bench_print_ratio("lz4", label, lane, plain, runs);
	size = (double)b->bytes / size;
	snprintf(label, sizeof(label), "%s, compression", name);
	bench_print("lz4", label, "x", &size, 1);
	plain_size = (double)b->bytes / plain_size;
	snprintf(label, sizeof(label), "%s, plain LZ4, compression", name);
	bench_print("lz4", label, "x", &plain_size, 1);
	size = (double)b->bytes / coded_by_tool(b);
	snprintf(label, sizeof(label), "%s, lz4 -1 -BI, compression", name);
	bench_print("lz4", label, "x", &size, 1);
	bc_lane_free(b->lane);
	free(dst);
}

static void measure_payload(struct bed *b, const char *payload, bool text)
{
	static const uint32_t slices[] = { 16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10 };

	make_packets(b, text);
	for (uint32_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
		measure(b, payload, slices[i]);
	rte_pktmbuf_free_bulk(b->mbuf, b->first[CHUNKS]);
}

int main(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct bc_iface iface = { .name = "bench", .linktype = 1 };

	bench_eal(MBUFS + 1024, 1);
	b->pool = bench_pool("bench", MBUFS);
	b->ifaces = bc_iface_table_new();
	bc_iface_add(b->ifaces, &iface);
	b->buffers = bc_bufpool_new(8, BC_LANE_BUFFER(CHUNK_BYTES), false, NULL);
	b->in = bc_link_new(MBUFS);
	b->out = bc_link_new(64);
	b->chunks = aligned_alloc(BC_CACHE_LINE, CHUNKS * sizeof(*b->chunks));
	memset(b->chunks, 0, CHUNKS * sizeof(*b->chunks));
	b->dense = malloc((size_t)CHUNKS * CHUNK_BYTES);
	measure_payload(b, "mix", true);
	measure_payload(b, "random", false);
	rte_eal_cleanup();
	return 0;
}
