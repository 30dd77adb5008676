/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search finds is held against what libpcap says of each packet of each file. */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_find.h"
#include "bc_find_flows.h"
#include "bc_flow_table.h"
#include "bc_index_file.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_reader.h"
#include "expressions.h"
#include "scratch.h"
#include "traffic.h"

#define FILES 6
#define PACKETS 400
/* ThreadSanitizer takes a second for each. */
#ifdef __SANITIZE_THREAD__
#define EXPRESSIONS 25
#else
#define EXPRESSIONS 500
#endif
#define T0 1700000000000000000ULL
#define BYTES (FILES * PACKETS * (TRAFFIC_MAX + 200))

static char folder[SCRATCH_MAX];

/* A packet as it was put into a file, or found. */
struct packet {
	uint64_t ts_ns;
	uint32_t file, caplen, wirelen;
	uint8_t data[TRAFFIC_MAX];
};

static struct packet all[FILES * PACKETS];
static char paths[FILES][SCRATCH_MAX + 32];
static uint8_t buf[BYTES], packed[BYTES + BYTES / 8];

static int by_time(const void *a, const void *b)
{
	const struct packet *p = a, *q = b;

	if (p->ts_ns != q->ts_ns)
		return p->ts_ns < q->ts_ns ? -1 : 1;
	return p->file != q->file ? (p->file < q->file ? -1 : 1) : p < q ? -1 : 1;
}

static void write_file(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

/* A file in the making: what is in packed, and what its index says. */
struct making {
	size_t len, plain_len;
	bool lz4, flows;
	struct bc_lz4 *z;
	struct bc_flow_table *table;
	struct bc_index_footer footer;
};

/* Put a block into the file; mode as bc_lz4_block() has it. */
static uint32_t put_block(struct making *m, const uint8_t *data, size_t n, int mode)
{
	const size_t from = m->len;
	bool stored;

	if (m->lz4)
		m->len += bc_lz4_block(m->z, data, n, packed + m->len, mode, &stored);
	else
		memcpy(packed + m->len, data, n);
	m->len += m->lz4 ? 0 : n;
	return (uint32_t)(m->len - from);
}

/* Packets [from, to) of the file are in the next block. */
static void index_block(struct making *m, const struct packet *p, uint32_t from, uint32_t to, struct bc_index_block *b)
{
	b->flags = from == to ? BC_INDEX_BLOCK_META : 0;
	b->packets = to - from;
	b->min_ns = from < to ? p[from].ts_ns : 0;
	b->max_ns = from < to ? p[to - 1].ts_ns : 0;
	bc_flow_table_block(m->table, b);
	for (uint32_t i = from; m->flows && i < to; i++)
		bc_flow_table_packets(m->table, &(struct bc_flow_packets){
			.data = p[i].data, .first_ns = p[i].ts_ns, .last_ns = p[i].ts_ns, .bytes = p[i].wirelen, .packets = 1,
			.first_block = bc_flow_table_blocks(m->table) - 1, .blocks = 1, .linktype = 1,
			.len = p[i].caplen < BC_TUPLE_MAX ? (uint8_t)p[i].caplen : BC_TUPLE_MAX, .cut = p[i].caplen > BC_TUPLE_MAX,
		}, 1);
}

/* Pieces, each in a block that is stored. Where the first one is. */
static uint64_t put_pieces(struct making *m, const struct bc_index_bytes *bytes)
{
	uint64_t at = m->len + (m->lz4 ? 4 : 0);

	for (size_t from = 0; from < bytes->len;) {
		struct bc_index_piece k;

		assert_int_equal(bc_index_piece_open(bytes->p + from, bytes->len - from, &k, NULL), 0);
		put_block(m, bytes->p + from, k.total, 0);
		from += k.total;
	}
	return at;
}

static void put_index(struct making *m)
{
	struct bc_index_bytes bytes = { 0 }, filter = { 0 }, directory = { 0 };
	uint8_t footer[BC_INDEX_FOOTER_SIZE];
	struct bc_index_part part;

	assert_int_equal(bc_flow_table_encode(m->table, &bytes, &filter, &part), 0);
	part.at = put_pieces(m, &bytes);
	part.filter_at = filter.len ? put_pieces(m, &filter) : 0;
	assert_int_equal(bc_index_put_directory(&directory, &part, 1), 0);
	m->footer.directory_at = put_pieces(m, &directory);
	m->footer.directory_bytes = (uint32_t)directory.len;
	m->footer.n_parts = 1;
	m->footer.codec = m->lz4;
	m->footer.at = m->len + (m->lz4 ? 4 : 0);
	bc_index_put_footer(footer, &m->footer);
	put_block(m, footer, sizeof(footer), 0);
	free(bytes.p);
	free(filter.p);
	free(directory.p);
}

/* Items of the file before compression begin at marks: blocks of at most 4000 bytes, and an index of them. */
static size_t with_index(const uint8_t *data, const size_t marks[PACKETS + 2], const struct packet *p, bool lz4,
			 bool flows)
{
	struct making m = { .lz4 = lz4, .flows = flows, .z = bc_lz4_new(BC_LZ4_ANY), .table = bc_flow_table_new(16 << 20, flows) };
	uint32_t from = 0;

	m.len = lz4 ? bc_lz4_header(packed, 65536) : 0;
	bc_flow_table_begin(m.table, m.len, 0);
	for (uint32_t i = 1; i < PACKETS + 2; i++) {
		struct bc_index_block b = { .plain_len = (uint32_t)(marks[i] - marks[from]) };

		if (i > 1 && i < PACKETS + 1 && marks[i + 1] - marks[from] <= 4000)
			continue;
		b.file_len = put_block(&m, data + marks[from], b.plain_len, 1);
		index_block(&m, p, from ? from - 1 : 0, i - 1, &b);
		from = i;
	}
	m.footer = (struct bc_index_footer){ .first_ns = p[0].ts_ns, .min_ns = p[0].ts_ns, .max_ns = p[PACKETS - 1].ts_ns,
					     .packets = PACKETS, .plain_bytes = marks[PACKETS + 1] };
	put_index(&m);
	if (lz4)
		bc_lz4_end(packed + m.len);
	bc_lz4_free(m.z);
	bc_flow_table_free(m.table);
	return m.len + (lz4 ? BC_LZ4_END_SIZE : 0);
}

static size_t begin_pcapng(uint8_t *to, unsigned n_ifaces)
{
	size_t len = bc_pcapng_shb(to, BYTES, &(struct bc_pcapng_section){ .application = "test" });

	for (unsigned i = 0; i < n_ifaces; i++) {
		struct bc_iface iface = { .stamp = BC_STAMP_FILE, .linktype = 1, .snaplen = 262144 };

		snprintf(iface.name, sizeof(iface.name), "eth%u", i);
		len += bc_pcapng_idb(to + len, BYTES - len, &iface, 262144, NULL);
	}
	return len;
}

static size_t put_epb(uint8_t *to, const struct packet *p, uint32_t iface, uint64_t drops)
{
	uint8_t *at = bc_epb_begin(to, iface, p->ts_ns, p->caplen, p->wirelen, bc_epb_opt_len(drops, 0));

	memcpy(at, p->data, p->caplen);
	return (size_t)(bc_epb_end(at, p->caplen, bc_epb_opt_len(drops, 0), drops, 0, 0) - to);
}

/* File number i: pcap, pcapng or pcapng in LZ4, these two with an index. Its times overlap with the next one's. */
static void make_file(struct random *r, uint64_t *seed, uint32_t i)
{
	static const char *const names[] = { ".pcap", ".pcapng", ".pcapng.lz4" };
	const bool ng = i % 3 > 0;
	size_t marks[PACKETS + 2] = { 0 }, len = 24;
	uint64_t ts_ns = T0 + i * 300000;

	snprintf(paths[i], sizeof(paths[i]), "%s/%u%s", folder, i, names[i % 3]);
	if (ng)
		len = begin_pcapng(buf, 2);
	else
		bc_pcap_file_header(buf, true, 1, 262144);
	for (uint32_t k = 0; k < PACKETS; k++) {
		struct packet *p = &all[i * PACKETS + k];

		p->file = i;
		p->ts_ns = ts_ns += random_below(r, 4) ? random_below(r, 2000) : 0;
		p->caplen = traffic_packet(r, seed, p->data, &p->wirelen);
		marks[k + 1] = len;
		if (ng)
			len += put_epb(buf + len, p, k % 2, 0);
		else
			len = (size_t)(bc_pcap_record(buf + len, p->ts_ns, true, p->caplen, p->wirelen) - buf) + p->caplen;
		if (!ng)
			memcpy(buf + len - p->caplen, p->data, p->caplen);
	}
	marks[PACKETS + 1] = len;
	if (ng)
		write_file(paths[i], packed, with_index(buf, marks, &all[i * PACKETS], i % 3 == 2, true));
	else
		write_file(paths[i], buf, len);
}

static int make_files(void **state)
{
	struct random r = { .state = 3 };
	uint64_t seed = 4;

	scratch_folder(folder, "bc-find");
	for (uint32_t i = 0; i < FILES; i++)
		make_file(&r, &seed, i);
	qsort(all, FILES * PACKETS, sizeof(all[0]), by_time);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static int remove_files(void **state)
{
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A search into memory. */
static struct bc_find_config search(const char *expression, char *const *where, uint32_t n)
{
	return (struct bc_find_config){
		.expression = expression, .paths = where, .n_paths = n, .to_ns = UINT64_MAX,
		.dest = { .kind = BC_STORE_FD, .format = BC_FORMAT_PCAPNG, .codec = BC_CODEC_NONE },
	};
}

/* Run it: what it returns. The file that it wrote is in *ret_fd. */
static int run_to(struct bc_find_config *cfg, int *ret_fd, struct bc_find_progress *progress)
{
	int fd = memfd_create("found", 0), r;
	struct bc_find *f;
	struct bc_err err;
	char path[32];

	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	cfg->dest.path = path;
	assert_int_equal(bc_find_new(cfg, &f, &err), 0);
	r = bc_find_run(f, &err);
	bc_find_get_progress(f, progress);
	bc_find_free(f);
	*ret_fd = fd;
	return r;
}

/* As libpcap reads it. */
static pcap_t *open_found(int fd)
{
	char why[PCAP_ERRBUF_SIZE], path[32];
	pcap_t *p;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p)
		fail_msg("%s", why);
	return p;
}

/* The next packet found is this one. */
static bool expect_packet(pcap_t *found, const struct packet *p)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;

	if (pcap_next_ex(found, &h, &data) != 1)
		return false;
	return (uint64_t)h->ts.tv_sec * 1000000000U + (uint64_t)h->ts.tv_usec == p->ts_ns && h->caplen == p->caplen && h->len == p->wirelen &&
	       !memcmp(data, p->data, p->caplen);
}

static void expect_end(pcap_t *found)
{
	struct pcap_pkthdr *h;
	const uint8_t *data;

	assert_int_equal(pcap_next_ex(found, &h, &data), PCAP_ERROR_BREAK);
}

static bool compile(const char *expression, struct bpf_program *ret)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 262144);
	int r = pcap_compile(p, ret, expression, 1, PCAP_NETMASK_UNKNOWN);

	pcap_close(p);
	return r == 0;
}

static bool matches(const struct bpf_program *program, const struct packet *p)
{
	return bpf_filter(program->bf_insns, p->data, p->wirelen, p->caplen) != 0;
}

/* Packet for packet what libpcap gives. Their number. */
static uint32_t expect_found(const char *expression, const struct bpf_program *program, int fd)
{
	pcap_t *found = open_found(fd);
	uint32_t n = 0;

	for (uint32_t i = 0; i < FILES * PACKETS; i++)
		if (matches(program, &all[i]) && (n++, !expect_packet(found, &all[i])))
			fail_msg("'%s': packet %u is not the one that libpcap gives", expression, n);
	expect_end(found);
	pcap_close(found);
	return n;
}

/* All files are searched. */
static uint32_t expect_all(const char *expression, const struct bpf_program *program, unsigned threads, bool no_index,
			   struct bc_find_progress *progress)
{
	char *where[] = { folder };
	struct bc_find_config cfg = search(expression, where, 1);
	uint32_t n;
	int fd;

	cfg.threads = threads;
	cfg.no_index = no_index;
	assert_int_equal(run_to(&cfg, &fd, progress), 0);
	n = expect_found(expression, program, fd);
	assert_int_equal(progress->packets, n);
	close(fd);
	return n;
}

/* Each expression that libpcap takes, and what it made of it. What asks for what is no byte of a packet is refused; behind "geneve" libpcap
 * reads memory that it has not written. */
static bool next_expression(struct random *r, char expression[EXPRESSION_MAX], struct bpf_program *ret)
{
	expression_random(r, expression);
	return !strstr(expression, "inbound") && !strstr(expression, "geneve") && compile(expression, ret);
}

static void any_expression_finds_what_libpcap_would(void **state)
{
	struct random r = { .state = 77 };
	uint64_t read_some = 0, read_all = 0, rows_wanted = 0, rows = 0;
	uint32_t asked = 0, some = 0;

	for (int e = 0; e < EXPRESSIONS; e++) {
		struct bc_find_progress with, without;
		char expression[EXPRESSION_MAX];
		struct bpf_program program;

		if (!next_expression(&r, expression, &program))
			continue;
		asked++;
		some += expect_all(expression, &program, e % 3, false, &with) > 0;
		expect_all(expression, &program, e % 2, true, &without);
		assert_int_equal(without.read_packets, FILES * PACKETS);
		assert_int_equal(with.damaged + without.damaged + with.bad_index, 0);
		assert_int_equal(with.way[BC_FIND_WHOLE], FILES / 3);
		assert_int_equal(with.done_bytes, with.bytes);
		read_some += with.read_packets;
		read_all += without.read_packets;
		rows += with.rows;
		rows_wanted += with.rows_wanted;
		pcap_freecode(&program);
	}
	assert_true(asked > EXPRESSIONS / 2);
	assert_true(some > asked / 3);
	/* So many flows are in each block that most blocks have one that is wanted. */
	assert_true(read_some < read_all);
	assert_true(rows_wanted < rows * 3 / 4);
}

/* As they were, but for some bits behind the last packet: where the index is. */
static void flip_bits(struct random *r, uint32_t i)
{
	static uint8_t file[BYTES];
	int fd = open(paths[i], O_RDONLY);
	ssize_t len = read(fd, file, sizeof(file));
	struct bc_index_footer f;

	close(fd);
	assert_int_equal(bc_index_footer_find(file, (size_t)len, (uint64_t)len, &f, NULL), 0);
	for (uint32_t n = 1 + random_below(r, 3); n; n--) {
		uint64_t at = f.directory_at - 3000 + random_below(r, (uint32_t)((uint64_t)len - f.directory_at + 3000));

		file[at] ^= (uint8_t)(1 << random_below(r, 8));
	}
	write_file(paths[i], file, (size_t)len);
}

static void bits_that_are_flipped_in_an_index_change_nothing(void **state)
{
	struct random r = { .state = 99 };
	uint32_t bad = 0;
	static uint8_t good[FILES][BYTES];
	size_t len[FILES];

	for (uint32_t i = 0; i < FILES; i++) {
		int fd = open(paths[i], O_RDONLY);

		len[i] = (size_t)read(fd, good[i], BYTES);
		close(fd);
	}
	for (int e = 0; e < EXPRESSIONS / 4; e++) {
		struct bc_find_progress progress;
		char expression[EXPRESSION_MAX];
		struct bpf_program program;

		if (!next_expression(&r, expression, &program))
			continue;
		for (uint32_t i = 0; i < FILES; i++)
			if (i % 3)
				flip_bits(&r, i);
		expect_all(expression, &program, e % 3, false, &progress);
		bad += progress.bad_index;
		for (uint32_t i = 0; i < FILES; i++)
			write_file(paths[i], good[i], len[i]);
		pcap_freecode(&program);
	}
	assert_true(bad > EXPRESSIONS / 8);
}

/* A search of files that are damaged anywhere ends, and says so. */
static void damage_anywhere_is_survived(void **state)
{
	static uint8_t good[BYTES], bad[BYTES];
	struct random r = { .state = 41 };
	uint32_t damaged = 0;

	for (uint32_t e = 0; e < EXPRESSIONS / 2; e++) {
		const uint32_t i = e % 2 ? 1 : 2;
		struct bc_find_progress progress;
		struct bpf_program program;
		char expression[EXPRESSION_MAX], path[128], *where[] = { path };
		struct bc_find_config cfg = search(expression, where, 1);
		int fd = open(paths[i], O_RDONLY);
		size_t len = (size_t)read(fd, good, BYTES);

		close(fd);
		memcpy(bad, good, len);
		for (uint32_t n = 1 + random_below(&r, 8); n; n--)
			bad[random_below(&r, (uint32_t)len)] ^= (uint8_t)(1 << random_below(&r, 8));
		snprintf(path, sizeof(path), "%s.any", folder);
		write_file(path, bad, random_below(&r, 4) ? len : random_below(&r, (uint32_t)len));
		if (next_expression(&r, expression, &program)) {
			assert_int_equal(run_to(&cfg, &fd, &progress), 0);
			damaged += progress.damaged || progress.bad_index;
			pcap_freecode(&program);
			close(fd);
		}
		unlink(path);
	}
	assert_true(damaged > EXPRESSIONS / 10);
}

static void what_is_wrong_with_a_block_is_found_and_all_is_read(void **state)
{
	char path[128], *where[] = { path };
	struct bc_find_config cfg = search("ip", where, 1);
	struct bc_find_progress progress;
	struct bc_index_footer f;
	int fd = open(paths[2], O_RDONLY);
	size_t len = (size_t)read(fd, buf, BYTES);

	close(fd);
	assert_int_equal(bc_index_footer_find(buf, len, len, &f, NULL), 0);
	/* Within a block that has packets. */
	buf[f.directory_at / 2] ^= 1;
	snprintf(path, sizeof(path), "%s.block", folder);
	write_file(path, buf, len);
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	assert_int_equal(progress.bad_index, 1);
	assert_int_equal(progress.damaged, 1);
	assert_in_range(progress.packets, 1, PACKETS - 1);
	close(fd);
	unlink(path);
}

/* A file of LZ4 with an index: first packets of 10.0.0.1, then as many of 10.0.0.2. */
static void make_two_halves(const char *path, bool flows)
{
	static struct packet halves[PACKETS];
	size_t marks[PACKETS + 2] = { 0 }, len = begin_pcapng(buf, 2);
	struct random r = { .state = 6 };

	for (uint32_t k = 0; k < PACKETS; k++) {
		struct packet *p = &halves[k];
		uint8_t *end;

		memset(p->data, 0, sizeof(p->data));
		p->ts_ns = T0 + k;
		traffic_put(p->data + 12, 0x0800, 2);
		end = traffic_udp(&r, traffic_ip(&r, p->data + 14, 17, 0), 0) + 20;
		traffic_put(p->data + 26, 0x0a000001 + (k >= PACKETS / 2), 4);
		p->caplen = p->wirelen = (uint32_t)(end - p->data);
		marks[k + 1] = len;
		len += put_epb(buf + len, p, 0, 0);
	}
	marks[PACKETS + 1] = len;
	write_file(path, packed, with_index(buf, marks, halves, true, flows));
}

static struct bc_find_progress ask_halves(char *path, const char *expression, uint64_t from_ns)
{
	struct bc_find_config cfg = search(expression, &path, 1);
	struct bc_find_progress progress;
	int fd;

	cfg.from_ns = from_ns;
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	close(fd);
	return progress;
}

static void an_index_rules_out_what_is_not_wanted(void **state)
{
	struct bc_find_progress p;
	char path[128];

	snprintf(path, sizeof(path), "%s.halves", folder);
	make_two_halves(path, true);
	p = ask_halves(path, "src host 10.0.0.2", 0);
	assert_int_equal(p.way[BC_FIND_BLOCKS], 1);
	assert_int_equal(p.packets, PACKETS / 2);
	assert_in_range(p.read_packets, PACKETS / 2, PACKETS / 2 + 40);
	assert_true(p.rows_wanted < p.rows);
	p = ask_halves(path, "host 10.0.0.3 or arp", 0);
	assert_int_equal(p.way[BC_FIND_NOT_THE_FLOWS], 1);
	assert_int_equal(p.read_packets, 0);
	p = ask_halves(path, "", T0 + PACKETS);
	assert_int_equal(p.way[BC_FIND_NOT_THE_TIME], 1);
	assert_int_equal(p.read_packets, 0);
	p = ask_halves(path, "", T0 + PACKETS - 10);
	assert_int_equal(p.packets, 10);
	assert_in_range(p.read_packets, 10, 50);
	unlink(path);
}

static void flows_are_added_up(void **state)
{
	static const uint8_t hosts[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } };
	char path[128], *where[] = { path };
	struct bc_find_flows_config cfg = { .expression = "src net 10.0.0.0/24", .paths = where, .n_paths = 1, .to_ns = UINT64_MAX };
	struct bc_flows *flows = bc_flows_new(BC_FLOWS_BY_HOST);
	struct bc_find_extent extent;
	const struct bc_flow *w;
	uint32_t n, seen = 0;
	struct bc_err err;

	assert_non_null(flows);
	snprintf(path, sizeof(path), "%s.halves", folder);
	make_two_halves(path, true);
	assert_int_equal(bc_find_flows(&cfg, flows, &extent, &err), 0);
	assert_int_equal(extent.segments, 1);
	assert_int_equal(extent.without, 0);
	assert_int_equal(extent.oldest_ns, T0);
	w = bc_flows_sorted(flows, BC_FLOWS_PACKETS, &n);
	assert_in_range(n, 3, 8);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(!i || w[i].packets <= w[i - 1].packets);
		for (int h = 0; h < 2; h++)
			if (w[i].key.addr_len == 4 && !memcmp(w[i].key.addr[0], hosts[h], 4)) {
				assert_int_equal(w[i].packets, PACKETS / 2);
				seen++;
			}
	}
	assert_int_equal(seen, 2);
	bc_flows_free(flows);
	cfg.expression = "foo bar";
	assert_int_equal(bc_find_flows(&cfg, NULL, &extent, &err), -EINVAL);
	unlink(path);
}

static void segments_with_only_times_are_counted(void **state)
{
	char path[128], *where[] = { path };
	struct bc_find_flows_config cfg = { .expression = "", .paths = where, .n_paths = 1, .to_ns = UINT64_MAX };
	struct bc_flows *flows = bc_flows_new(BC_FLOWS_BY_HOST);
	struct bc_find_extent extent;
	struct bc_err err;
	uint32_t n;

	assert_non_null(flows);
	snprintf(path, sizeof(path), "%s.times", folder);
	make_two_halves(path, false);
	assert_int_equal(ask_halves(path, "udp", 0).way[BC_FIND_BLOCKS], 1);
	assert_int_equal(bc_find_flows(&cfg, flows, &extent, &err), 0);
	bc_flows_sorted(flows, BC_FLOWS_PACKETS, &n);
	assert_int_equal(n, 0);
	assert_int_equal(extent.without, 1);
	bc_flows_free(flows);
	unlink(path);
}

/* What is found of this search is all[from], all[from + 1], ... */
static void expect_run(struct bc_find_config *cfg, uint32_t from, uint32_t n)
{
	struct bc_find_progress progress;
	pcap_t *found;
	int fd;

	assert_int_equal(run_to(cfg, &fd, &progress), 0);
	found = open_found(fd);
	for (uint32_t i = 0; i < n; i++)
		assert_true(expect_packet(found, &all[from + i]));
	expect_end(found);
	assert_int_equal(progress.packets, n);
	pcap_close(found);
	close(fd);
}

static void times_end_before_the_packet_that_they_name(void **state)
{
	char *where[] = { folder };
	struct bc_find_config cfg = search("", where, 1);
	uint32_t from = 100, to = 900;

	while (all[from].ts_ns == all[from - 1].ts_ns)
		from++;
	while (all[to].ts_ns == all[to - 1].ts_ns)
		to++;
	cfg.from_ns = all[from].ts_ns;
	cfg.to_ns = all[to].ts_ns;
	expect_run(&cfg, from, to - from);
}

static void a_limit_ends_the_search(void **state)
{
	char *where[] = { folder };
	struct bc_find_config cfg = search("", where, 1);
	uint64_t bytes = 0;

	cfg.limit_packets = 7;
	expect_run(&cfg, 0, 7);
	cfg.limit_packets = 0;
	for (int i = 0; i < 20; i++)
		bytes += all[i].caplen;
	cfg.limit_bytes = bytes;
	expect_run(&cfg, 0, 20);
}

static void what_is_named_twice_is_read_once(void **state)
{
	char link[80];
	char *where[] = { paths[1], folder, folder, paths[0] };
	struct bc_find_config cfg = search("", where, 4);

	snprintf(link, sizeof(link), "%s/again.pcapng", folder);
	assert_int_equal(symlink(paths[1], link), 0);
	/* Of packets of one time those of the file that is named first go first. */
	for (uint32_t i = 0; i < FILES * PACKETS; i++)
		all[i].file = all[i].file == 1 ? 0 : all[i].file == 0 ? 1 : all[i].file;
	qsort(all, FILES * PACKETS, sizeof(all[0]), by_time);
	expect_run(&cfg, 0, FILES * PACKETS);
	for (uint32_t i = 0; i < FILES * PACKETS; i++)
		all[i].file = all[i].file == 1 ? 0 : all[i].file == 0 ? 1 : all[i].file;
	qsort(all, FILES * PACKETS, sizeof(all[0]), by_time);
	unlink(link);
}

static void what_is_hidden_being_written_or_no_capture_is_left_out(void **state)
{
	static const char *const names[] = { ".hidden.pcap", "tmp-12-00000000.pcap", "notes.txt", ".sub/x.pcap" };
	char path[128], *where[] = { folder };
	struct bc_find_config cfg = search("", where, 1);

	snprintf(path, sizeof(path), "%s/.sub", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	bc_pcap_file_header(buf, true, 1, 262144);
	memset(bc_pcap_record(buf + 24, T0, true, 10, 10), 0, 10);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		write_file(path, i == 2 ? (const uint8_t *)"not packets" : buf, i == 2 ? 11 : 50);
	}
	expect_run(&cfg, 0, FILES * PACKETS);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/.sub", folder);
	rmdir(path);
}

static void a_file_that_is_damaged_gives_what_is_before(void **state)
{
	char path[128], *where[] = { path };
	struct bc_find_config cfg = search("", where, 1);
	struct bc_find_progress progress;
	struct packet p = { .ts_ns = T0, .caplen = 60, .wirelen = 60 };
	size_t len = begin_pcapng(buf, 1);
	pcap_t *found;
	int fd;

	snprintf(path, sizeof(path), "%s.cut", folder);
	len += put_epb(buf + len, &p, 0, 0);
	write_file(path, buf, len + put_epb(buf + len, &p, 0, 0) - 8);
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	found = open_found(fd);
	assert_true(expect_packet(found, &p));
	expect_end(found);
	assert_int_equal(progress.damaged, 1);
	pcap_close(found);
	close(fd);
	unlink(path);
}

/* Read the file that was found with our own reader: the interface, the drop count and the options of each packet. */
static void read_found(int fd, uint32_t *ret_ifaces, uint64_t drops[], uint32_t options[], uint32_t max)
{
	struct bc_reader *r = bc_reader_new();
	struct bc_record rec;
	size_t at = 0, used, need, len = (size_t)pread(fd, buf, BYTES, 0);
	uint32_t n = 0;
	int what;

	*ret_ifaces = 0;
	while (at < len && (what = bc_reader_next(r, buf + at, len - at, &used, &need, &rec, NULL)) > 0) {
		at += used;
		*ret_ifaces += what == BC_READ_IFACE;
		if (what == BC_READ_RECORD && n < max) {
			drops[n] = rec.dropcount;
			options[n++] = rec.kept_len;
		}
	}
	assert_int_equal(at, len);
	assert_int_equal(n, max);
	bc_reader_free(r);
}

static void interfaces_drops_and_options_stay(void **state)
{
	static const uint8_t comment[] = { 1, 0, 2, 0, 'h', 'i', 0, 0 };
	char path[2][128], *where[] = { path[0], path[1] };
	struct bc_find_config cfg = search("", where, 2);
	struct packet p = { .ts_ns = T0, .caplen = 61, .wirelen = 61 };
	struct bc_find_progress progress;
	uint32_t ifaces, options[4];
	uint64_t drops[4];
	int fd;

	for (int i = 0; i < 2; i++) {
		size_t len = begin_pcapng(buf, 2);
		uint8_t *end;

		len += put_epb(buf + len, &p, 1, 5);
		end = bc_epb_begin(buf + len, 0, T0 + 1, 61, 61, sizeof(comment));
		memset(end, 0, 64);
		memcpy(end + 64, comment, sizeof(comment));
		bc_put_le32(end + 64 + sizeof(comment), BC_EPB_FIXED + 64 + sizeof(comment));
		snprintf(path[i], sizeof(path[i]), "%s.%d", folder, i);
		write_file(path[i], buf, len + BC_EPB_FIXED + 64 + sizeof(comment));
	}
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	read_found(fd, &ifaces, drops, options, 4);
	/* Both files have the same two. */
	assert_int_equal(ifaces, 2);
	assert_int_equal(drops[0], 5);
	assert_int_equal(drops[1], 5);
	assert_int_equal(options[0], 0);
	assert_int_equal(drops[2], 0);
	assert_int_equal(options[3], sizeof(comment));
	close(fd);
	for (int i = 0; i < 2; i++)
		unlink(path[i]);
}

static int run_into(const char *out, enum bc_format format, struct bc_find_config *cfg)
{
	struct bc_find *f;
	struct bc_err err;
	int r;

	cfg->dest = (struct bc_find_dest){ .kind = BC_STORE_DIR, .path = out, .format = format, .codec = BC_CODEC_NONE, .utc = true,
					   .rotate_bytes = cfg->dest.rotate_bytes, .rotate_ns = cfg->dest.rotate_ns };
	assert_int_equal(bc_find_new(cfg, &f, &err), 0);
	r = bc_find_run(f, &err);
	bc_find_free(f);
	return r;
}

/* A block of this type, with a letter that tells it from others. */
static size_t put_beside(uint8_t *to, uint32_t type, char letter)
{
	/* Secrets of a type and a length; names end with a record of zeros; a custom block begins with an enterprise's number. */
	const uint8_t secrets[12] = { 'T', 'S', 'L', 'S', 4, 0, 0, 0, (uint8_t)letter }, names[16] = { 1, 0, 6, 0, 10, 1, 1, 1, (uint8_t)letter };
	const uint8_t custom[8] = { 1, 2, 3, 4, (uint8_t)letter }, *body = type == BC_PCAPNG_DSB ? secrets : type == BC_PCAPNG_NRB ? names : custom;
	uint32_t len = type == BC_PCAPNG_DSB ? sizeof(secrets) : type == BC_PCAPNG_NRB ? sizeof(names) : sizeof(custom);
	uint8_t *p = bc_put_le32(bc_put_le32(to, type), len + 12);

	memcpy(p, body, len);
	bc_put_le32(p + len, len + 12);
	return len + 12;
}

/* What is in a file, as a letter each: of packets the first byte, of blocks beside them theirs. */
static void spell(const uint8_t *p, size_t len, char *ret)
{
	for (size_t at = 0; at < len; at += bc_get_le32(p + at + 4)) {
		switch (bc_get_le32(p + at)) {
		case BC_PCAPNG_EPB:
			*ret++ = (char)p[at + 28];
			break;
		case BC_PCAPNG_DSB:
		case BC_PCAPNG_NRB:
			*ret++ = (char)p[at + 16];
			break;
		case BC_PCAPNG_CUSTOM:
			*ret++ = (char)p[at + 12];
			break;
		}
	}
	*ret = 0;
}

/* Packets '1' to '4' among what stands beside them, each behind others; wanted are those that are longer. */
static size_t make_beside(uint8_t *to, uint32_t others)
{
	struct packet p = { .ts_ns = T0, .caplen = 60, .wirelen = 60 };
	size_t len = begin_pcapng(to, 1);

	len += put_beside(to + len, BC_PCAPNG_DSB, 'a');
	len += put_beside(to + len, BC_PCAPNG_CUSTOM, 'b');
	for (char c = '1'; c <= '4'; c++) {
		memcpy(p.data + 12, (uint8_t[]){ 0x08, 0x00, 0x45 }, 3);
		p.caplen = p.wirelen = 60;
		for (uint32_t i = 0; i < others; i++)
			len += put_epb(to + len, &p, 0, 0);
		p.ts_ns++;
		p.data[0] = (uint8_t)c;
		p.caplen = p.wirelen = c == '2' || c == '3' ? 100 : 60;
		p.data[12] = p.caplen == 100 ? 0x09 : 0x08;
		len += put_epb(to + len, &p, 0, 0);
		len += put_beside(to + len, BC_PCAPNG_NRB, (char)('c' + 3 * (c - '1')));
		len += put_beside(to + len, BC_PCAPNG_DSB, (char)('d' + 3 * (c - '1')));
		len += put_beside(to + len, BC_PCAPNG_CUSTOM, (char)('e' + 3 * (c - '1')));
	}
	return len;
}

static void secrets_names_and_custom_blocks_stay(void **state)
{
	char path[128], *where[] = { path, path }, words[64];
	struct bc_find_config cfg = search("len > 60", where, 1);
	struct bc_find_progress progress;
	int fd;

	snprintf(path, sizeof(path), "%s.pcapng", folder);
	write_file(path, buf, make_beside(buf, 0));
	for (int threads = 0; threads < 3; threads++) {
		cfg.threads = (unsigned)threads;
		assert_int_equal(run_to(&cfg, &fd, &progress), 0);
		spell(buf, (size_t)pread(fd, buf, BYTES, 0), words);
		assert_string_equal(words, "abcde2fgh3");
		close(fd);
	}
	/* Of a file without a packet that is wanted there is nothing. */
	cfg.expression = "len > 100";
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	spell(buf, (size_t)pread(fd, buf, BYTES, 0), words);
	assert_string_equal(words, "");
	close(fd);
	unlink(path);
}

/* Also where an index says that the packets around it need not be read. */
static void an_index_knows_what_is_no_packet(void **state)
{
	char path[128], *where[] = { path }, words[64];
	struct bc_find_config cfg = search("ether proto 0x0900", where, 1);
	struct bc_index_file_result res;
	struct bc_find_progress progress;
	int fd;

	snprintf(path, sizeof(path), "%s.pcapng", folder);
	write_file(path, buf, make_beside(buf, 2000));
	assert_int_equal(bc_index_file(path, &(struct bc_index_file_config){ .flows = true, .memory = 8 << 20 }, &res, NULL), 0);
	assert_int_equal(run_to(&cfg, &fd, &progress), 0);
	spell(buf, (size_t)pread(fd, buf, BYTES, 0), words);
	assert_string_equal(words, "abcde2fgh3");
	assert_int_equal(progress.bad_index, 0);
	assert_true(progress.read_packets < 5000);
	close(fd);
	unlink(path);
}

/* But what is about a place between packets is there once. */
static void each_segment_has_what_stands_beside(void **state)
{
	char path[128], out[SCRATCH_MAX], *where[] = { path }, words[64], name[sizeof(out) + 64];
	struct bc_find_config cfg = search("len > 60", where, 1);
	const char *const is[] = { "abcde2", "abcdfgh3" };
	int fd;

	snprintf(path, sizeof(path), "%s.pcapng", folder);
	write_file(path, buf, make_beside(buf, 0));
	scratch_folder(out, "bc-find-out");
	cfg.dest.rotate_bytes = 1;
	assert_int_equal(run_into(out, BC_FORMAT_PCAPNG, &cfg), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "%s/20231114-221320-%08d.pcapng", out, i);
		fd = open(name, O_RDONLY);
		assert_true(fd >= 0);
		spell(buf, (size_t)read(fd, buf, BYTES), words);
		assert_string_equal(words, is[i]);
		close(fd);
		unlink(name);
	}
	assert_int_equal(rmdir(out), 0);
	unlink(path);
}

/* As `expire` does it, between the list and the reading. */
static void what_is_recompressed_meanwhile_is_read(void **state)
{
	char here[128], there[128], *moved;

	snprintf(here, sizeof(here), "%s/moved.pcap.lz4", folder);
	snprintf(there, sizeof(there), "%s/moved.pcap.zst", folder);
	assert_null(bc_find_recompressed(here));
	write_file(there, (const uint8_t *)"", 0);
	moved = bc_find_recompressed(here);
	assert_string_equal(moved, there);
	free(moved);
	unlink(there);
}

static void nothing_found_is_a_valid_file(void **state)
{
	char *where[] = { folder };
	struct bc_find_config cfg = search("port 7", where, 1);

	expect_run(&cfg, 0, 0);
	cfg.dest.format = BC_FORMAT_PCAP_NS;
	expect_run(&cfg, 0, 0);
}

static void a_bad_expression_or_path_is_bad_usage(void **state)
{
	char gone[80], *where[] = { folder, gone };
	struct bc_find_config bad = search("foo bar", where, 1), none = search("ip", where, 2);
	struct bc_find_progress progress;
	int fd;

	snprintf(gone, sizeof(gone), "%s/none", folder);
	assert_int_equal(run_to(&bad, &fd, &progress), -EINVAL);
	close(fd);
	assert_int_equal(run_to(&none, &fd, &progress), -EINVAL);
	close(fd);
}

/* Each file of out is read by libpcap; the packets of all of them. */
static uint32_t count_folder(const char *out, uint32_t *ret_files)
{
	uint32_t n = 0;

	*ret_files = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		char path[128], why[PCAP_ERRBUF_SIZE];
		struct pcap_pkthdr *h;
		const uint8_t *data;
		pcap_t *p;

		snprintf(path, sizeof(path), "%s/20231114-221320-%08u.pcap", out, i);
		p = pcap_open_offline(path, why);
		if (!p)
			break;
		for (*ret_files += 1; pcap_next_ex(p, &h, &data) == 1; n++)
			;
		pcap_close(p);
		unlink(path);
	}
	return n;
}

static void a_folder_gets_segments(void **state)
{
	char out[SCRATCH_MAX], *where[] = { folder };
	struct bc_find_config cfg = search("", where, 1);
	uint32_t files;

	scratch_folder(out, "bc-find-out");
	cfg.dest.rotate_bytes = 20000;
	assert_int_equal(run_into(out, BC_FORMAT_PCAP_NS, &cfg), 0);
	assert_int_equal(count_folder(out, &files), FILES * PACKETS);
	assert_in_range(files, 8, 30);
	cfg.dest.rotate_bytes = 0;
	cfg.dest.rotate_ns = 250000;
	assert_int_equal(run_into(out, BC_FORMAT_PCAP_NS, &cfg), 0);
	assert_int_equal(count_folder(out, &files), FILES * PACKETS);
	assert_int_equal(files, (all[FILES * PACKETS - 1].ts_ns - all[0].ts_ns) / 250000 + 1);
	/* Without a packet there is no segment. */
	cfg.expression = "port 7";
	assert_int_equal(run_into(out, BC_FORMAT_PCAP_NS, &cfg), 0);
	assert_int_equal(count_folder(out, &files), 0);
	assert_int_equal(files, 0);
	assert_int_equal(rmdir(out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_expression_finds_what_libpcap_would),
		cmocka_unit_test(bits_that_are_flipped_in_an_index_change_nothing),
		cmocka_unit_test(damage_anywhere_is_survived),
		cmocka_unit_test(what_is_wrong_with_a_block_is_found_and_all_is_read),
		cmocka_unit_test(an_index_rules_out_what_is_not_wanted),
		cmocka_unit_test(flows_are_added_up),
		cmocka_unit_test(segments_with_only_times_are_counted),
		cmocka_unit_test(times_end_before_the_packet_that_they_name),
		cmocka_unit_test(a_limit_ends_the_search),
		cmocka_unit_test(what_is_named_twice_is_read_once),
		cmocka_unit_test(what_is_hidden_being_written_or_no_capture_is_left_out),
		cmocka_unit_test(a_file_that_is_damaged_gives_what_is_before),
		cmocka_unit_test(interfaces_drops_and_options_stay),
		cmocka_unit_test(secrets_names_and_custom_blocks_stay),
		cmocka_unit_test(an_index_knows_what_is_no_packet),
		cmocka_unit_test(each_segment_has_what_stands_beside),
		cmocka_unit_test(what_is_recompressed_meanwhile_is_read),
		cmocka_unit_test(nothing_found_is_a_valid_file),
		cmocka_unit_test(a_bad_expression_or_path_is_bad_usage),
		cmocka_unit_test(a_folder_gets_segments),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
