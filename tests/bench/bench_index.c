/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the index costs, in CPU time and in bytes: notes on the lane, the flow table, and its pieces.
 * usage: bench_index [CASE]
 */
#include "bench_flows.h"

#include "bc_flow_table.h"
#include "bc_note.h"
#include "bc_pcapng.h"

#define DENSE (260U * 1024)
#define SLICE 65536U
#define MEMORY (64U << 20)
#define PART (1ULL << 30)

struct result {
	uint64_t packets, plain, notes, index, rows, unindexed;
	uint64_t note_ns, table_ns, encode_ns;
};

/* A chunk of dense bytes, cut as a lane cuts it. */
static void fill_chunk(struct flow_traffic *t, struct bc_chunk *k)
{
	uint8_t *p = k->buf;

	k->n_slices = 0;
	k->packets = 0;
	while (k->n_slices < 4) {
		struct bc_slice *s = &k->slice[k->n_slices++];

		s->begin = (uint32_t)(p - k->buf);
		while ((uint32_t)(p - k->buf) - s->begin < SLICE - 1500) {
			p = put_flow_packet(t, p);
			k->packets++;
		}
		s->len = (uint32_t)(p - k->buf) - s->begin;
	}
}

static uint64_t notes_bytes(const struct bc_notes *notes)
{
	uint64_t n = 0;

	for (; notes; notes = notes->next)
		n += notes->len;
	return n;
}

static void feed(struct bc_flow_table *table, const struct bc_chunk *k)
{
	for (uint32_t i = 0; i < k->n_slices; i++) {
		const struct bc_slice_seen *s = &k->seen[i];

		bc_flow_table_block(table, &(struct bc_index_block){
			.file_len = k->slice[i].len / 2, .plain_len = k->slice[i].len, .packets = s->packets, .min_ns = s->min_ns, .max_ns = s->max_ns,
		});
	}
	bc_notes_feed(k->notes, table, k->n_slices);
}

static void end_part(struct bc_flow_table *table, struct result *ret)
{
	struct bc_index_bytes bytes = { .p = NULL }, filter = { .p = NULL };
	uint64_t begin = bench_cpu_ns();
	struct bc_index_part part;

	if (bc_flow_table_encode(table, &bytes, &filter, &part))
		abort();
	bc_flow_table_begin(table, 0, 0);
	ret->encode_ns += bench_cpu_ns() - begin;
	ret->index += bytes.len + filter.len;
	ret->rows += part.n_rows;
	ret->unindexed += part.n_unindexed;
	free(bytes.p);
	free(filter.p);
}

static void run(struct flow_traffic *t, struct bc_flow_table *table, uint64_t plain, const struct bc_iface_table *ifaces, struct result *ret)
{
	struct bc_chunk *k = aligned_alloc(64, sizeof(*k));
	struct bc_bufpool *pool = bc_bufpool_new(64, BC_NOTES_BYTES, false, NULL);
	static struct bc_noter noter;
	uint64_t begin, cost = bench_cpu_cost_ns();

	memset(k, 0, sizeof(*k));
	memset(ret, 0, sizeof(*ret));
	k->seen = calloc(BC_MAX_SLICES, sizeof(*k->seen));
	k->buf = malloc(DENSE + 4096);
	while (ret->plain < plain) {
		fill_chunk(t, k);
		begin = bench_cpu_ns();
		bc_note_chunk(&noter, k, ifaces, pool);
		ret->note_ns += bench_cpu_ns() - begin - cost;
		begin = bench_cpu_ns();
		feed(table, k);
		ret->table_ns += bench_cpu_ns() - begin - cost;
		ret->packets += k->packets;
		ret->plain += k->slice[3].begin + k->slice[3].len;
		ret->notes += notes_bytes(k->notes);
		bc_notes_free(k->notes, pool);
		/* As the indexer does. */
		if (bc_flow_table_plain_bytes(table) > PART || (bc_flow_table_tight(table) && bc_flow_table_plain_bytes(table) > PART / 4))
			end_part(table, ret);
	}
	end_part(table, ret);
	fprintf(stderr, "%" PRIu64 " rows, %" PRIu64 " blocks unindexed, %.2f B a row, %.2f packets a row, %.1f B of notes a packet\n", ret->rows,
		ret->unindexed, (double)ret->index / (double)ret->rows, (double)ret->packets / (double)ret->rows,
		(double)ret->notes / (double)ret->packets);
	bc_bufpool_free(pool);
	free(k->buf);
	free(k->seen);
	free(k);
}

static void print(const char *name, const char *what, const char *unit, double *v, uint32_t runs)
{
	char label[64];

	snprintf(label, sizeof(label), "%s, %s", name, what);
	bench_print("index", label, unit, v, runs);
}

static void measure(const char *name, enum kind kind, bool small, const struct bc_iface_table *ifaces)
{
	uint32_t runs = bench_setting("BENCH_RUNS", 3);
	uint64_t plain = (uint64_t)bench_setting("BENCH_MIB", 1000) << 20;
	double note[99], tabled[99], encode[99], size[99];
	/* A part's memory is used again and again. */
	struct bc_flow_table *table = bc_flow_table_new(MEMORY, true);

	for (uint32_t i = 0; i < runs && i < 99; i++) {
		static struct flow_traffic t;
		struct result r;

		begin_flows(&t, kind, small, 7 + i);
		run(&t, table, plain, ifaces, &r);
		note[i] = (double)r.note_ns / (double)r.packets;
		tabled[i] = (double)r.table_ns / (double)r.packets;
		encode[i] = (double)r.encode_ns / (double)r.packets;
		size[i] = 100.0 * (double)r.index / (double)r.plain;
	}
	print(name, "notes", "ns/packet", note, runs);
	print(name, "table", "ns/packet", tabled, runs);
	print(name, "encoding", "ns/packet", encode, runs);
	print(name, "percent of the bytes", "x", size, runs);
	bc_flow_table_free(table);
}

static bool wanted(int argc, char **argv, const char *name)
{
	return argc < 2 || strcmp(argv[1], name) == 0;
}

int main(int argc, char **argv)
{
	struct bc_iface_table *ifaces = bc_iface_table_new();

	bc_iface_add(ifaces, &(struct bc_iface){ .name = "if0", .linktype = 1 });
	if (wanted(argc, argv, "mix"))
		measure("mix", PLAIN, false, ifaces);
	if (wanted(argc, argv, "64 B"))
		measure("64 B", PLAIN, true, ifaces);
	if (wanted(argc, argv, "mix in GTP-U"))
		measure("mix in GTP-U", GTP, false, ifaces);
	if (wanted(argc, argv, "64 B scan"))
		measure("64 B scan", SCAN, true, ifaces);
	free(ifaces);
	return 0;
}
