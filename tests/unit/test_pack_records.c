/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bursts of all kinds of packets, in each format and framing: the records are those of an encoder that goes byte by byte and shares no
 * code with bc_pack, and each mbuf goes back to its pool.
 */
#include "pool.h"

#include <zlib.h>

#include "anonymise_oracle.h"
#include "bc_bytes.h"
#include "bc_pack.h"
#include "bc_pcapng.h"
#include "random.h"

#define CAP (8U << 20)
#define LONGEST 66000U
#define IFACES 8U
#define FAR_IFACE 1500U		/* osmo-pcap's link header names 1,024 */
#define SLICE 8192U
#define BEHIND 64U

enum kind { ALONE, OF_ANOTHER_POOL, SHARED, IN_PIECES, INDIRECT, KINDS };

struct packet {
	uint8_t data[LONGEST];
	uint32_t len, wire_len;
	uint32_t ip_at;		/* 0: it has no IP packet */
	uint16_t port, source, flags;
	uint64_t ts_ns, drops;
	enum kind kind;
};

/* As a file had them: a comment, and epb_queue. */
static const uint8_t options[] = { 1, 0, 2, 0, 'h', 'i', 0, 0, 6, 0, 4, 0, 9, 0, 0, 0 };
static const uint16_t queues[4] = { 0, 3, 700, 2 };

static struct rte_mempool *pool, *other;
static struct bc_iface_table *ifaces;
static struct packet packets[BC_PACK_BURST];
static struct rte_mbuf *held[BC_PACK_BURST];
static uint8_t *expected, *got;

/* What stands in the buffer, and who was refused, as it should be. */
static struct {
	uint32_t n, refused, refused_from[4], n_slices, slice[BC_MAX_SLICES];
	uint64_t unparsed;
	int linktype;
	struct bc_cryptopan *map;
} want;

static int begin(void **state)
{
	pool = mbuf_pool(4096);
	other = mbuf_pool(1024);
	ifaces = bc_iface_table_new();
	for (uint32_t i = 0; i <= FAR_IFACE; i++)
		ifaces->entry[i].linktype = 1;
	ifaces->entry[3].linktype = 113;
	ifaces->entry[2].fcs_len = 4;
	ifaces->entry[5].fcs_len = 2;
	expected = malloc(CAP);
	got = malloc(CAP);
	return 0;
}

static int end(void **state)
{
	free(expected);
	free(got);
	free(ifaces);
	return 0;
}

/* Ethernet and IP, IP in a VLAN, or neither. The length in IP's header may be right, less, more or missing. */
static void any_frame(struct packet *k, struct random *r)
{
	bool tagged = random_below(r, 2), six = random_below(r, 2);
	uint32_t at = tagged ? 18 : 14, told = k->len < at ? 0 : k->len - at;

	for (uint32_t i = 0; i < k->len + 64 && i < LONGEST; i++)
		k->data[i] = (uint8_t)random_u64(r);
	k->ip_at = 0;
	if (!random_below(r, 4))
		k->data[12] = 0x90;
	if (k->data[12] == 0x90)
		return;
	bc_put_be16(k->data + 12, tagged ? 0x8100 : six ? 0x86dd : 0x0800);
	if (tagged) {
		bc_put_be16(k->data + 14, 5);
		bc_put_be16(k->data + 16, six ? 0x86dd : 0x0800);
	}
	told = random_below(r, 3) ? told : random_below(r, 2) ? told / 2 : random_below(r, 2) ? told + 9 : six ? 40 : 0;
	k->data[at] = six ? 0x60 : 0x45;
	if (six)
		bc_put_be16(k->data + at + 4, (uint16_t)(told > 40 ? told - 40 : 0));
	else
		bc_put_be16(k->data + at + 2, (uint16_t)told);
	k->ip_at = at;
}

static void any_packet(struct packet *k, struct random *r)
{
	static const uint32_t lens[] = { 0, 1, 5, 6, 15, 16, 31, 32, 60, 63, 64, 65, 127, 128, 129, 600, 1500, 1900 };
	uint32_t more = random_below(r, 8);

	k->len = random_below(r, 4) ? lens[random_below(r, sizeof(lens) / sizeof(lens[0]))] : random_below(r, 1900);
	/* Some that need many mbufs. */
	if (!random_below(r, 200))
		k->len = 65500 + random_below(r, 20);
	k->wire_len = more < 6 ? k->len + (more < 3 ? 0 : more) : k->len / 2;
	any_frame(k, r);
	k->port = (uint16_t)(random_below(r, 20) ? random_below(r, IFACES) : FAR_IFACE);
	k->source = (uint16_t)random_below(r, 4);
	k->drops = random_below(r, 2) ? 7 : 70000;
	k->ts_ns = random_u64(r) >> 2;
	k->kind = k->len > 1900 ? IN_PIECES : random_below(r, 2) ? ALONE : (enum kind)random_below(r, KINDS);
	k->flags = random_below(r, 6) ? 0 : BC_META_DROPS;
	if (!random_below(r, 6) && k->kind != INDIRECT)
		k->flags |= BC_META_OPTIONS | (random_below(r, 2) ? BC_META_QUEUE : 0);
}

static struct rte_mbuf *fill(const struct packet *k)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(k->kind == OF_ANOTHER_POOL ? other : pool), *last = m, *clone;
	/* Some bytes in each piece. */
	uint32_t piece = k->kind == IN_PIECES ? k->len / 40 + 1 : k->len;

	memcpy(rte_pktmbuf_append(m, (uint16_t)piece), k->data, piece < k->len ? piece : k->len);
	for (uint32_t at = piece, n; at < k->len; at += n) {
		n = piece < k->len - at ? piece : k->len - at;
		last->next = rte_pktmbuf_alloc(pool);
		last = last->next;
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), k->data + at, n);
		last->data_len = (uint16_t)n;
		m->nb_segs++;
	}
	if (piece > k->len)
		m->data_len = (uint16_t)k->len;
	m->pkt_len = k->len;
	if (k->kind != INDIRECT)
		return m;
	clone = rte_pktmbuf_clone(m, pool);
	rte_pktmbuf_free(m);
	return clone;
}

static struct bc_desc describe(const struct packet *k, struct rte_mbuf **ret_held)
{
	struct rte_mbuf *m = fill(k);

	m->port = k->port;
	*bc_meta(m) = (struct bc_meta){ .wire_len = k->wire_len, .source = k->source };
	if (k->flags & BC_META_OPTIONS)
		assert_int_equal(bc_packet_add_options(m, options, sizeof(options)), 0);
	bc_meta(m)->flags |= k->flags;
	m->tx_offload = k->drops;
	*ret_held = k->kind == SHARED ? m : NULL;
	if (k->kind == SHARED)
		rte_pktmbuf_refcnt_update(m, 1);
	return (struct bc_desc){ k->ts_ns, bc_desc_word(m, k->len, 1) };
}

static void put(const void *data, size_t len)
{
	memcpy(expected + want.n, data, len);
	want.n += (uint32_t)len;
}

static void zeros(uint32_t n)
{
	memset(expected + want.n, 0, n);
	want.n += n;
}

static void le32(uint64_t value)
{
	put((uint8_t[]){ (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24) }, 4);
}

static void be16(uint64_t value)
{
	put((uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void packet_bytes(const struct packet *k, uint32_t n)
{
	uint8_t *at = expected + want.n;

	put(k->data, n);
	if (want.map)
		want.unparsed += bc_anonymise(want.map, ifaces->entry[k->port].linktype, at, n, k->wire_len);
}

static void refuse(const struct packet *k)
{
	want.refused++;
	want.refused_from[k->source]++;
}

static uint32_t frame_begin(const struct bc_pack *p)
{
	uint32_t at = want.n;

	if (p->framing != BC_FRAMING_FILE)
		zeros(4);
	return at;
}

/* The message's header, now that its length is known. */
static void frame_end(const struct bc_pack *p, uint32_t at)
{
	uint32_t end = want.n;

	if (p->framing == BC_FRAMING_FILE)
		return;
	want.n = at;
	be16(0x0100);
	be16(end - at - 4);
	want.n = end;
}

static void want_pcapng(const struct bc_pack *p, const struct packet *k)
{
	uint32_t n = k->len < p->snaplen ? k->len : p->snaplen, at = frame_begin(p), begin, end, any;

	if (p->framing != BC_FRAMING_FILE && k->port >= 1024) {
		refuse(k);
		want.n = at;
		return;
	}
	begin = want.n;
	le32(6);
	le32(0);
	le32(k->port);
	le32(k->ts_ns >> 32);
	le32(k->ts_ns);
	le32(n);
	le32(k->wire_len);
	packet_bytes(k, n);
	zeros(-n & 3);
	any = want.n;
	if (k->flags & BC_META_OPTIONS && !want.map)
		put(options, sizeof(options));
	if (k->flags & BC_META_DROPS) {
		le32(0x00080004);
		le32(k->drops);
		le32(0);
	}
	if (p->queue_option && !(k->flags & BC_META_QUEUE)) {
		le32(0x00040006);
		le32(queues[k->source]);
	}
	if (want.n > any)
		zeros(4);
	le32(want.n - begin + 4);
	end = want.n;
	want.n = begin + 4;
	le32(end - begin);
	want.n = end;
	frame_end(p, at);
}

static void want_pcap(const struct bc_pack *p, const struct packet *k)
{
	uint32_t n = k->len < p->snaplen ? k->len : p->snaplen, at;
	uint64_t ns = k->ts_ns % 1000000000;
	int linktype = ifaces->entry[k->port].linktype;

	if (want.linktype < 0)
		want.linktype = p->linktype_by_packet ? linktype : ifaces->entry[0].linktype;
	if (linktype != want.linktype) {
		refuse(k);
		return;
	}
	at = frame_begin(p);
	le32(k->ts_ns / 1000000000);
	le32(p->format == BC_FORMAT_PCAP_NS ? ns : ns / 1000);
	le32(n);
	le32(k->wire_len);
	packet_bytes(k, n);
	frame_end(p, at);
}

/* Of the frame without its check sequence: how much is kept, and is that all of it? */
static bool erf_kept(uint32_t have, uint32_t frame, uint32_t *ret)
{
	*ret = have;
	if (have >= frame && have <= 65506)
		return true;
	if (*ret > 65510)
		*ret = 65510;
	while (*ret >= 6 && (18 + *ret) % 8)
		--*ret;
	return false;
}

static void want_erf(const struct packet *k, uint32_t snaplen)
{
	const struct bc_iface *iface = &ifaces->entry[k->port];
	bool fcs = iface->fcs_len == 4 && k->wire_len >= 4, own, whole;
	uint32_t have = k->len < snaplen ? k->len : snaplen, frame = k->wire_len - (fcs ? 4 : 0), n, begin = want.n;

	if (iface->linktype != 1) {
		refuse(k);
		return;
	}
	/* The packet's own, right or wrong, if it is there; what is there of one that is cut is no data. */
	own = fcs && have >= k->wire_len && have <= 65510 && !want.map;
	if (own)
		have -= 4;
	else if (fcs && have > frame)
		have = frame;
	whole = erf_kept(have, frame, &n);
	if (whole && frame < n)
		frame = n;
	/* Units of 2^-32 s, rounded up. */
	le32((((k->ts_ns % 1000000000) << 32) + 999999999) / 1000000000);
	le32(k->ts_ns / 1000000000);
	put((uint8_t[]){ 2, (uint8_t)(4 | (k->port & 3)) }, 2);
	be16((18 + n + (whole ? 4 : 0) + 7) / 8 * 8);
	be16(!(k->flags & BC_META_DROPS) ? 0 : k->drops < 65535 ? k->drops : 65535);
	be16(frame + 4 < 65535 ? frame + 4 : 65535);
	be16(0);
	packet_bytes(k, n);
	if (own)
		put(k->data + n, 4);
	else if (whole)
		le32(crc32(0, expected + want.n - n, n));
	zeros((begin - want.n) & 7);
}

static void want_ipip(const struct bc_pack *p, const struct packet *k)
{
	uint32_t n = k->len < p->snaplen ? k->len : p->snaplen, at = frame_begin(p), left = n - k->ip_at, told;
	const uint8_t *ip = k->data + k->ip_at;
	bool six = ip[0] >> 4 == 6;

	packet_bytes(k, n);
	if (!k->ip_at || ifaces->entry[k->port].linktype != 1 || n < k->ip_at + (six ? 40 : 20)) {
		refuse(k);
		want.n = at;
		return;
	}
	memmove(expected + at + 4, expected + at + 4 + k->ip_at, left);
	told = six ? 40U + bc_get_be16(ip + 4) : bc_get_be16(ip + 2);
	want.n = at + 4 + (told > 40 && told < left ? told : left);
	frame_end(p, at);
}

static void want_record(const struct bc_pack *p, const struct packet *k)
{
	uint32_t begin = want.n;

	if (p->framing == BC_FRAMING_IPIP)
		want_ipip(p, k);
	else if (p->format == BC_FORMAT_PCAPNG)
		want_pcapng(p, k);
	else if (p->format == BC_FORMAT_ERF)
		want_erf(k, p->snaplen);
	else
		want_pcap(p, k);
	/* A slice ends before the record with which it would be too long. */
	if (p->slice_bytes && begin > want.slice[want.n_slices - 1] && want.n - want.slice[want.n_slices - 1] > p->slice_bytes)
		want.slice[want.n_slices++] = begin;
}

/* Of the first n packets. */
static void burst_is_exact(const struct bc_pack *cfg, uint32_t n)
{
	struct bc_desc d[BC_PACK_BURST];
	struct bc_pack p = *cfg;

	p.buf = got;
	p.pos = 0;
	p.cap = CAP;
	p.n_slices = 1;
	p.linktype = -1;
	p.ifaces = ifaces;
	p.queue = queues;
	want.n = want.refused = want.slice[0] = 0;
	want.n_slices = 1;
	want.unparsed = 0;
	want.linktype = -1;
	memset(want.refused_from, 0, sizeof(want.refused_from));
	for (uint32_t i = 0; i < n; i++) {
		d[i] = describe(&packets[i], &held[i]);
		want_record(&p, &packets[i]);
	}
	/* Nothing behind them is touched, but where an IP packet moves to the front. */
	memset(expected + want.n, 0xa5, BEHIND);
	memset(got + want.n, 0xa5, BEHIND);
	bc_pack_burst(&p, d, n);
	assert_int_equal(p.pos, want.n);
	assert_memory_equal(got, expected, want.n + (p.framing == BC_FRAMING_IPIP ? 0 : BEHIND));
	assert_int_equal(p.unparsed, want.unparsed);
	assert_int_equal(p.refused, want.refused);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(p.refused_from[i], want.refused_from[i]);
	assert_int_equal(p.n_slices, want.n_slices);
	for (uint32_t i = 0; i < p.n_slices; i++)
		assert_int_equal(p.slice[i].begin, want.slice[i]);
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_free(held[i]);
	assert_pool_full(pool);
	assert_pool_full(other);
}

static void bursts_are_exact(struct bc_pack cfg)
{
	static const uint32_t snaplens[] = { 5, 21, 64, 65, 1000, 65472, 262144 };
	struct random r = { .state = 4 };

	for (size_t i = 0; i < sizeof(snaplens) / sizeof(snaplens[0]); i++) {
		cfg.snaplen = snaplens[i];
		for (uint32_t n = 1; n <= BC_PACK_BURST && (cfg.framing == BC_FRAMING_FILE || cfg.snaplen <= 65472); n += 3) {
			for (uint32_t k = 0; k < n; k++)
				any_packet(&packets[k], &r);
			burst_is_exact(&cfg, n);
		}
	}
}

static void anonymised_are_exact(struct bc_pack cfg)
{
	cfg.anonymise = oracle_map(1);
	want.map = oracle_map(1);
	bursts_are_exact(cfg);
	bc_cryptopan_free(cfg.anonymise);
	bc_cryptopan_free(want.map);
	want.map = NULL;
}

#define EXACT(name, ...) \
	static void name(void **state) { bursts_are_exact((struct bc_pack){ __VA_ARGS__ }); }
#define ANONYMISED(name, ...) \
	static void name(void **state) { anonymised_are_exact((struct bc_pack){ __VA_ARGS__ }); }

EXACT(pcapng, .format = BC_FORMAT_PCAPNG)
EXACT(pcapng_in_slices, .format = BC_FORMAT_PCAPNG, .slice_bytes = SLICE)
EXACT(pcapng_with_queues, .format = BC_FORMAT_PCAPNG, .queue_option = true)
EXACT(pcapng_in_messages, .format = BC_FORMAT_PCAPNG, .framing = BC_FRAMING_OSMO)
EXACT(pcapng_with_queues_in_messages, .format = BC_FORMAT_PCAPNG, .framing = BC_FRAMING_OSMO, .queue_option = true)
ANONYMISED(anonymised_pcapng, .format = BC_FORMAT_PCAPNG, .slice_bytes = SLICE)
ANONYMISED(anonymised_pcapng_with_queues, .format = BC_FORMAT_PCAPNG, .queue_option = true)
EXACT(pcap_of_nanoseconds, .format = BC_FORMAT_PCAP_NS)
EXACT(pcap_of_microseconds_in_slices, .format = BC_FORMAT_PCAP_US, .slice_bytes = SLICE)
EXACT(pcap_of_the_first_packets_link, .format = BC_FORMAT_PCAP_NS, .linktype_by_packet = true)
EXACT(pcap_in_messages, .format = BC_FORMAT_PCAP_NS, .framing = BC_FRAMING_OSMO)
ANONYMISED(anonymised_pcap, .format = BC_FORMAT_PCAP_US)
EXACT(erf_records, .format = BC_FORMAT_ERF)
EXACT(erf_in_slices, .format = BC_FORMAT_ERF, .slice_bytes = SLICE)
ANONYMISED(anonymised_erf, .format = BC_FORMAT_ERF)
EXACT(ip_packets, .framing = BC_FRAMING_IPIP)
ANONYMISED(anonymised_ip_packets, .framing = BC_FRAMING_IPIP)

/* With and without a check sequence, whole and cut, about where ERF's length ends. */
static void erf_of_the_longest_packets(void **state)
{
	const struct bc_pack cfg = { .format = BC_FORMAT_ERF, .snaplen = 262144 };
	struct packet *k = &packets[0];
	struct random r = { .state = 5 };

	for (uint32_t i = 0; i < 4 * 24; i++) {
		*k = (struct packet){ .len = 65500 + i / 4, .port = i & 1 ? 2 : 0, .kind = IN_PIECES };
		k->wire_len = k->len + (i & 2 ? 4 : 0);
		any_frame(k, &r);
		burst_is_exact(&cfg, 1);
	}
}

#ifdef __x86_64__
/* What __builtin_cpu_supports() looks at. */
extern struct {
	unsigned int vendor, type, subtype, features[1];
} __cpu_model;

static void pcapng_by_a_processor_without_avx2(void **state)
{
	unsigned int features = __cpu_model.features[0];

	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2"))
		skip();
	__cpu_model.features[0] = 0;
	pcapng(state);
	pcapng_in_slices(state);
	__cpu_model.features[0] = features;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcapng),
		cmocka_unit_test(pcapng_in_slices),
		cmocka_unit_test(pcapng_with_queues),
		cmocka_unit_test(pcapng_in_messages),
		cmocka_unit_test(pcapng_with_queues_in_messages),
		cmocka_unit_test(anonymised_pcapng),
		cmocka_unit_test(anonymised_pcapng_with_queues),
		cmocka_unit_test(pcap_of_nanoseconds),
		cmocka_unit_test(pcap_of_microseconds_in_slices),
		cmocka_unit_test(pcap_of_the_first_packets_link),
		cmocka_unit_test(pcap_in_messages),
		cmocka_unit_test(anonymised_pcap),
		cmocka_unit_test(erf_records),
		cmocka_unit_test(erf_in_slices),
		cmocka_unit_test(erf_of_the_longest_packets),
		cmocka_unit_test(anonymised_erf),
		cmocka_unit_test(ip_packets),
		cmocka_unit_test(anonymised_ip_packets),
#ifdef __x86_64__
		cmocka_unit_test(pcapng_by_a_processor_without_avx2),
#endif
	};

	return cmocka_run_group_tests(tests, begin, end);
}
