/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of a burst's records, whatever their lengths, and where the mbufs go. */
#include "pool.h"

#include "bc_pack.h"
#include "bc_pcapng.h"

#define LENGTHS 2000U
#define CAP 65536U

static struct rte_mempool *pool, *other;

static int start(void **state)
{
	pool = mbuf_pool(1024);
	other = mbuf_pool(1024);
	return 0;
}

static struct bc_desc packet(struct rte_mempool *from, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(from);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	for (uint32_t i = 0; i < rte_pktmbuf_tailroom(m); i++)
		p[i] = (uint8_t)(i % 251 + 1);
	m->pkt_len = m->data_len = (uint16_t)len;
	m->port = 7;
	*bc_meta(m) = (struct bc_meta){ .wire_len = len + 4 };
	return (struct bc_desc){ 0x1122334455667788ULL + len, bc_desc_word(m, len, 1) };
}

/* As the format's two steps, which have a test of their own, write it. */
static uint32_t record(uint8_t *dst, uint32_t len, uint32_t caplen)
{
	uint8_t *data = bc_epb_begin(dst, 7, 0x1122334455667788ULL + len, caplen, len + 4, 0);

	for (uint32_t i = 0; i < caplen; i++)
		data[i] = (uint8_t)(i % 251 + 1);
	return (uint32_t)(bc_epb_end(data, caplen, 0, 0, 0, 0) - dst);
}

static void record_is_exact(uint32_t len, uint32_t snaplen)
{
	static uint8_t expected[CAP], got[CAP];
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = snaplen, .buf = got, .cap = CAP, .n_slices = 1 };
	struct bc_desc d = packet(pool, len);
	uint32_t n = record(expected, len, len < snaplen ? len : snaplen);

	memset(got, 0xa5, n + 64);
	bc_pack_burst(&p, &d, 1);
	assert_int_equal(p.pos, n);
	assert_memory_equal(got, expected, n);
	for (uint32_t i = n; i < n + 64; i++)
		assert_int_equal(got[i], 0xa5);
}

static void records_of_every_length_are_exact(void **state)
{
	for (uint32_t len = 0; len < LENGTHS; len++)
		record_is_exact(len, 262144);
	assert_pool_full(pool);
}

static void records_cut_to_the_snaplen_are_exact(void **state)
{
	for (uint32_t snaplen = 1; snaplen < 200; snaplen++)
		record_is_exact(1000, snaplen);
}

static void a_record_may_end_where_the_buffer_ends(void **state)
{
	uint32_t n = BC_EPB_FIXED + 61 + 3;
	uint8_t *buf = malloc(n);
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = 262144, .buf = buf, .cap = n, .n_slices = 1 };
	struct bc_desc d = packet(pool, 61);

	bc_pack_burst(&p, &d, 1);
	assert_int_equal(p.pos, n);
	free(buf);
}

static void a_slice_ends_before_the_record_that_would_exceed_it(void **state)
{
	static uint8_t buf[CAP];
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = 262144, .buf = buf, .cap = CAP, .slice_bytes = 3 * 96, .n_slices = 1 };
	struct bc_desc d[8];

	for (int i = 0; i < 8; i++)
		d[i] = packet(pool, 64);
	bc_pack_burst(&p, d, 8);
	assert_int_equal(p.n_slices, 3);
	assert_int_equal(p.slice[1].begin, 3 * 96);
	assert_int_equal(p.slice[2].begin, 6 * 96);
}

/* Mbufs that must not go back with the others of the burst: of another pool, in use elsewhere, in pieces. */
static void every_mbuf_goes_back_to_where_it_came_from(void **state)
{
	static uint8_t buf[CAP];
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = 262144, .buf = buf, .cap = CAP, .n_slices = 1 };
	struct bc_desc d[BC_PACK_BURST];
	struct rte_mbuf *shared, *tail;

	for (uint32_t i = 0; i < BC_PACK_BURST; i++)
		d[i] = packet(i % 5 == 1 ? other : pool, 60 + i);
	shared = bc_desc_obj(&d[2]);
	rte_pktmbuf_refcnt_update(shared, 1);
	tail = rte_pktmbuf_alloc(pool);
	tail->data_len = 0;
	((struct rte_mbuf *)bc_desc_obj(&d[3]))->next = tail;
	((struct rte_mbuf *)bc_desc_obj(&d[3]))->nb_segs = 2;
	bc_pack_burst(&p, d, BC_PACK_BURST);
	assert_pool_full(other);
	assert_int_equal(rte_mempool_in_use_count(pool), 1);
	assert_int_equal(rte_mbuf_refcnt_read(shared), 1);
	rte_pktmbuf_free(shared);
	assert_pool_full(pool);
}

static void a_burst_is_the_records_of_its_packets_in_order(void **state)
{
	static uint8_t expected[CAP], got[CAP];
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = 262144, .buf = got, .cap = CAP, .n_slices = 1 };

	for (uint32_t n = 1; n <= BC_PACK_BURST; n++) {
		struct bc_desc d[BC_PACK_BURST];
		uint32_t at = 0;

		for (uint32_t i = 0; i < n; i++) {
			d[i] = packet(pool, 17 * i);
			at += record(expected + at, 17 * i, 17 * i);
		}
		p.pos = 0;
		bc_pack_burst(&p, d, n);
		assert_int_equal(p.pos, at);
		assert_memory_equal(got, expected, at);
	}
	assert_pool_full(pool);
}

/* Two of a file's, a comment and epb_queue, and their end. */
static const uint8_t comment[] = { 1, 0, 2, 0, 'h', 'i', 0, 0 }, in_queue[] = { 6, 0, 4, 0, 9, 0, 0, 0 }, over[] = { 0, 0, 0, 0 };

/* What stands behind a packet of 61 bytes with a comment, with these flags and queue option, is as expected. */
static void options_are(uint16_t flags, bool queue_option, const uint8_t *expected, uint32_t len)
{
	static const uint16_t queues[1] = { 3 };
	static uint8_t got[CAP];
	struct bc_pack p = { .format = BC_FORMAT_PCAPNG, .snaplen = 61, .buf = got, .cap = CAP, .n_slices = 1, .queue = queues,
			     .queue_option = queue_option };
	struct bc_desc d = packet(pool, 100);
	struct rte_mbuf *m = bc_desc_obj(&d);

	assert_int_equal(bc_packet_add_options(m, comment, sizeof(comment)), 0);
	bc_meta(m)->flags |= flags;
	m->tx_offload = 7;
	bc_pack_burst(&p, &d, 1);
	assert_int_equal(p.pos, BC_EPB_FIXED + 64 + len);
	assert_memory_equal(got + 28 + 64, expected, len);
	assert_memory_equal(got + 4, &p.pos, 4);
	assert_memory_equal(got + p.pos - 4, &p.pos, 4);
	for (uint32_t i = 0; i < 61; i++)
		assert_int_equal(got[28 + i], i % 251 + 1);
	assert_pool_full(pool);
}

static void options_of_a_file_stand_before_our_own(void **state)
{
	static const uint8_t drops[] = { 4, 0, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0 }, our_queue[] = { 6, 0, 4, 0, 3, 0, 0, 0 };
	uint8_t all[64];
	uint32_t n = 0;

#define THEN(o) memcpy(all + n, o, sizeof(o)), n += sizeof(o)
	THEN(comment), THEN(over);
	options_are(0, false, all, n);
	n = 0;
	THEN(comment), THEN(drops), THEN(over);
	options_are(BC_META_DROPS, false, all, n);
	n = 0;
	THEN(comment), THEN(drops), THEN(our_queue), THEN(over);
	options_are(BC_META_DROPS, true, all, n);
	n = 0;
	THEN(comment), THEN(over);
	options_are(BC_META_QUEUE, true, all, n);
#undef THEN
}

static void other_formats_leave_the_options_out(void **state)
{
	static const enum bc_format formats[] = { BC_FORMAT_PCAP_NS, BC_FORMAT_PCAP_US, BC_FORMAT_ERF };
	static uint8_t got[2][CAP];
	struct bc_iface_table *ifaces = bc_iface_table_new();

	ifaces->entry[7].linktype = ifaces->entry[0].linktype = 1;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		uint32_t n[2];

		for (int with = 0; with < 2; with++) {
			struct bc_pack p = { .format = formats[i], .snaplen = 262144, .buf = got[with], .cap = CAP, .n_slices = 1,
					     .ifaces = ifaces, .linktype = -1 };
			struct bc_desc d = packet(pool, 100);

			if (with)
				assert_int_equal(bc_packet_add_options(bc_desc_obj(&d), in_queue, sizeof(in_queue)), 0);
			bc_pack_burst(&p, &d, 1);
			n[with] = p.pos;
		}
		assert_int_equal(n[0], n[1]);
		assert_memory_equal(got[0], got[1], n[0]);
	}
	free(ifaces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_every_length_are_exact),
		cmocka_unit_test(records_cut_to_the_snaplen_are_exact),
		cmocka_unit_test(a_record_may_end_where_the_buffer_ends),
		cmocka_unit_test(a_slice_ends_before_the_record_that_would_exceed_it),
		cmocka_unit_test(a_burst_is_the_records_of_its_packets_in_order),
		cmocka_unit_test(every_mbuf_goes_back_to_where_it_came_from),
		cmocka_unit_test(options_of_a_file_stand_before_our_own),
		cmocka_unit_test(other_formats_leave_the_options_out),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
