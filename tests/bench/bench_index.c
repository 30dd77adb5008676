/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the index costs, in CPU time and in bytes: notes on the lane, the flow table, and its pieces. Traffic of many flows at once,
 * most of them short and a few long, both ways; the same with tunnels; and a scan, in which every packet is a new flow.
 */
#include "bench.h"

#include "bc_flow_table.h"
#include "bc_note.h"
#include "bc_pcapng.h"

#define DENSE (260U * 1024)
#define SLICE 65536U
#define ACTIVE 4096U
#define MEMORY (64U << 20)

enum kind { PLAIN, GTP, SCAN };

struct flow {
	uint32_t client, server, left, train;
	uint16_t port, service;
	uint8_t proto;
};

struct traffic {
	enum kind kind;
	bool small;		/* packets of 64 bytes, not a mix */
	struct bench_random r;
	struct flow flow[ACTIVE];
	uint32_t current;
	uint64_t ts_ns;
};

struct result {
	uint64_t packets, plain, notes, index;
	uint64_t note_ns, table_ns, encode_ns;
};

/* Few of a range are most of what is drawn from it. */
static uint32_t skewed(struct bench_random *r, uint32_t n)
{
	uint32_t x = bench_below(r, n), y = bench_below(r, n);

	return (uint32_t)((uint64_t)x * y / n * bench_below(r, 1000) / 1000);
}

static void new_flow(struct traffic *t, struct flow *f)
{
	static const uint16_t services[] = { 443, 443, 443, 80, 53, 53, 22, 8080 };
	uint32_t u = bench_below(&t->r, 10000);

	f->client = 0x0a000000 + bench_below(&t->r, 20000);
	f->server = 0xc6120000 + skewed(&t->r, 20000);
	f->port = (uint16_t)(32768 + bench_below(&t->r, 28000));
	f->service = services[bench_below(&t->r, 8)];
	f->proto = f->service == 53 ? 17 : 6;
	/* Mean 22, half of them 4 at most. */
	f->left = f->proto == 17 ? 2 : u < 5000 ? 2 + u % 3 : u < 9000 ? 5 + u % 20 : u < 9950 ? 25 + u % 100 : 200 + u % 3000;
}

static struct flow *next_flow(struct traffic *t)
{
	struct flow *f = &t->flow[t->current];

	if (t->kind == SCAN) {
		new_flow(t, f);
		f->server = (uint32_t)bench_u64(&t->r);
		f->left = 1;
		return f;
	}
	if (!f->train || !f->left) {
		t->current = bench_below(&t->r, ACTIVE);
		f = &t->flow[t->current];
		f->train = 1 + bench_below(&t->r, 3);
		if (!f->left)
			new_flow(t, f);
	}
	f->train--;
	f->left--;
	return f;
}

static uint8_t *put_ip(uint8_t *p, uint32_t from, uint32_t to, uint8_t proto, uint32_t len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	bc_put_be16(p + 2, (uint16_t)len);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = proto;
	bc_put_be32(p + 12, from);
	bc_put_be32(p + 16, to);
	return p + 20;
}

static uint8_t *put_gtp(uint8_t *p, struct flow *f, bool back, uint32_t len)
{
	p = put_ip(p, 0xac100001 + (back ? 0 : f->client % 50), 0xac100001 + (back ? f->client % 50 : 0), 17, len);
	bc_put_be16(p, 2152);
	bc_put_be16(p + 2, 2152);
	memcpy(p + 8, "\x30\xff\x00\x00", 4);
	bc_put_be32(p + 12, f->client + (back ? 0x1000000 : 0));
	return p + 16;
}

static uint8_t *put_packet(struct traffic *t, uint8_t *p)
{
	struct flow *f = next_flow(t);
	bool back = bench_below(&t->r, 5) < 3 && t->kind != SCAN;
	uint32_t u = bench_below(&t->r, 10), len = t->small ? 64 : u < 4 ? 66 : u < 5 ? 590 : 1400;
	uint8_t *data = bc_epb_begin(p, 0, t->ts_ns += 600 + bench_below(&t->r, 11000), len, len, 0), *at = data;

	memcpy(data, back ? "\2\0\0\0\0\1\2\0\0\0\0\2\x08" : "\2\0\0\0\0\2\2\0\0\0\0\1\x08", 13);
	data[13] = 0;
	at += 14;
	if (t->kind == GTP)
		at = put_gtp(at, f, back, len - 14);
	at = put_ip(at, back ? f->server : f->client, back ? f->client : f->server, f->proto, len - 14);
	bc_put_be16(at, back ? f->service : f->port);
	bc_put_be16(at + 2, back ? f->port : f->service);
	if (len > (uint32_t)(at - data) + 14)
		at[13] = f->left == 1 ? 0x11 : 0x10;
	return bc_epb_end(data, len, 0, 0, 0, 0);
}

/* A chunk of dense bytes, cut as a lane cuts it. */
static void fill_chunk(struct traffic *t, struct bc_chunk *k)
{
	uint8_t *p = k->buf;

	k->n_slices = 0;
	k->packets = 0;
	while (k->n_slices < 4) {
		struct bc_slice *s = &k->slice[k->n_slices++];

		s->begin = (uint32_t)(p - k->buf);
		while ((uint32_t)(p - k->buf) - s->begin < SLICE - 1500) {
			p = put_packet(t, p);
			k->packets++;
		}
		s->len = (uint32_t)(p - k->buf) - s->begin;
	}
}

static void feed(struct bc_flow_table *table, const struct bc_chunk *k)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < k->n_slices; i++) {
		const struct bc_slice_seen *s = &k->seen[i];

		bc_flow_table_block(table, &(struct bc_index_block){
			.file_len = k->slice[i].len / 2, .plain_len = k->slice[i].len, .packets = s->packets, .min_ns = s->min_ns, .max_ns = s->max_ns,
		});
		while (at < s->notes_end)
			at = bc_notes_feed(table, k->notes, at, s->notes_end);
	}
}

static void run(struct traffic *t, uint64_t plain, const struct bc_iface_table *ifaces, struct result *ret)
{
	struct bc_chunk *k = aligned_alloc(64, sizeof(*k));
	struct bc_flow_table *table = bc_flow_table_new(MEMORY, true);
	struct bc_index_bytes bytes = { .p = NULL }, filter = { .p = NULL };
	struct bc_index_part part;
	uint64_t begin;

	memset(k, 0, sizeof(*k));
	memset(ret, 0, sizeof(*ret));
	k->seen = calloc(BC_MAX_SLICES, sizeof(*k->seen));
	k->buf = malloc(DENSE + 4096);
	k->notes = malloc(BC_NOTES_SIZE(DENSE) + 4096);
	for (uint32_t i = 0; i < ACTIVE; i++)
		new_flow(t, &t->flow[i]);
	while (ret->plain < plain) {
		fill_chunk(t, k);
		begin = bench_cpu_ns();
		bc_note_chunk(k, ifaces, BC_NOTES_SIZE(DENSE));
		ret->note_ns += bench_cpu_ns() - begin;
		begin = bench_cpu_ns();
		feed(table, k);
		ret->table_ns += bench_cpu_ns() - begin;
		ret->packets += k->packets;
		ret->plain += k->slice[3].begin + k->slice[3].len;
		ret->notes += k->seen[3].notes_end;
	}
	begin = bench_cpu_ns();
	if (bc_flow_table_encode(table, &bytes, &filter, &part))
		abort();
	ret->encode_ns = bench_cpu_ns() - begin;
	ret->index = bytes.len + filter.len;
	fprintf(stderr, "%u rows, %u templates, %u of %u blocks unindexed, %.2f B a row\n", part.n_rows, part.n_templates,
		part.n_unindexed, part.n_blocks, (double)bytes.len / part.n_rows);
	bc_flow_table_free(table);
	free(bytes.p);
	free(filter.p);
	free(k->notes);
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
	double note[99], table[99], encode[99], size[99];

	for (uint32_t i = 0; i < runs && i < 99; i++) {
		static struct traffic t;
		struct result r;

		t = (struct traffic){ .kind = kind, .small = small, .r = { 7 + i }, .ts_ns = 1792888200ULL * BC_NS_PER_S };
		run(&t, plain, ifaces, &r);
		note[i] = (double)r.note_ns / (double)r.packets;
		table[i] = (double)r.table_ns / (double)r.packets;
		encode[i] = (double)r.encode_ns / (double)r.packets;
		size[i] = 100.0 * (double)r.index / (double)r.plain;
	}
	print(name, "notes", "ns/packet", note, runs);
	print(name, "table", "ns/packet", table, runs);
	print(name, "encoding", "ns/packet", encode, runs);
	print(name, "percent of the bytes", "x", size, runs);
}

int main(void)
{
	struct bc_iface_table *ifaces = bc_iface_table_new();

	bc_iface_add(ifaces, &(struct bc_iface){ .name = "if0", .linktype = 1 });
	measure("mix", PLAIN, false, ifaces);
	measure("64 B", PLAIN, true, ifaces);
	measure("mix in GTP-U", GTP, false, ifaces);
	measure("64 B scan", SCAN, true, ifaces);
	free(ifaces);
	return 0;
}
