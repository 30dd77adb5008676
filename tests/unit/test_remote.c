/* SPDX-License-Identifier: BSD-3-Clause */
/* The source of a remote peer, whose bytes the test puts into the receive ring. */
#include "pool.h"

#include <errno.h>

#include "bc_recv_ring.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_reader.h"
#include "bc_source.h"
#include "bc_wire.h"

#define INLET (256U * 1024)
#define MAX_IFACES 3
#define POOL 2048

static struct rte_mempool *pool;
static struct bc_clock host_clock;

struct peer {
	struct bc_ledger *ledger;
	struct bc_iface_table *ifaces;
	struct bc_recv_ring *in;
	struct bc_source *s;
	uint8_t message[BC_WIRE_MESSAGE_MAX];
};

static int start(void **state)
{
	pool = mbuf_pool(POOL);
	bc_clock_init(&host_clock);
	return 0;
}

static void begin(struct peer *p, bool end_segments, bool one_linktype)
{
	struct bc_source_config cfg = { .spec = (char *)"bts1", .kind = &bc_source_remote, .max_caplen = 2000, .max_ifaces = MAX_IFACES,
					.end_segments = end_segments, .one_linktype = one_linktype, .queues = 1 };
	struct bc_source_env env = { .pool = pool, .clock = &host_clock, .n_outputs = 1 };
	struct bc_err err = { "" };
	uint32_t n;

	p->ledger = env.ledger = bc_ledger_new();
	p->ifaces = env.ifaces = bc_iface_table_new();
	assert_int_equal(bc_recv_ring_new(INLET, -1, &p->in, &err), 0);
	cfg.recv_ring = p->in;
	assert_int_equal(bc_source_open(&cfg, &env, &p->s, &n, &err), 0);
	p->s->link = bc_link_new(128);
}

static void put(struct peer *p, const uint8_t *data, size_t n)
{
	size_t room;
	uint8_t *at = bc_recv_ring_room(p->in, &room);

	assert_true(room >= n);
	memcpy(at, data, n);
	bc_recv_ring_put(p->in, n);
}

static void link_header(struct peer *p, uint16_t linktype)
{
	bc_pcap_file_header(bc_wire_header(p->message, BC_WIRE_LINK, BC_PCAP_FILE_HEADER), 1, linktype, 65535);
	put(p, p->message, BC_WIRE_HEADER + BC_PCAP_FILE_HEADER);
}

static size_t packet_message(struct peer *p, uint64_t ts_ns, uint32_t len)
{
	uint8_t *at = bc_wire_header(p->message, BC_WIRE_PACKET, (uint16_t)(BC_PCAP_RECORD_HEADER + len));

	memset(bc_pcap_record(at, ts_ns, 1, len, len), (uint8_t)ts_ns, len);
	return BC_WIRE_HEADER + BC_PCAP_RECORD_HEADER + len;
}

static void packet(struct peer *p, uint64_t ts_ns, uint32_t len)
{
	put(p, p->message, packet_message(p, ts_ns, len));
}

static void packets(struct peer *p, uint64_t first_ns, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		packet(p, first_ns + i, 60);
}

/* Give back what waits in the link; how many packets. */
static uint32_t take_all(struct peer *p)
{
	const struct bc_desc *d;
	uint32_t n, sum = 0;

	while ((n = bc_link_peek(p->s->link, &d))) {
		for (uint32_t i = 0; i < n; i++)
			rte_pktmbuf_free(bc_desc_obj(&d[i]));
		bc_link_pop(p->s->link, n);
		sum += n;
	}
	return sum;
}

/* Poll until nothing more comes; how many packets. */
static uint32_t poll_all(struct peer *p)
{
	uint32_t n, sum = 0;

	do {
		n = bc_source_poll(p->s);
		sum += take_all(p);
	} while (n);
	return sum;
}

static void over(struct peer *p)
{
	take_all(p);
	bc_link_free(p->s->link);
	bc_source_close(p->s);
	bc_recv_ring_free(p->in);
	bc_ledger_free(p->ledger);
	free(p->ifaces);
	assert_pool_full(pool);
}

static void packets_come_out_as_they_went_in(void **state)
{
	struct peer p;
	const struct bc_desc *d;
	struct rte_mbuf *m;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 113);
	packet(&p, 12345678901234, 1500);
	assert_int_equal(bc_source_poll(p.s), 1);
	assert_int_equal(bc_link_peek(p.s->link, &d), 1);
	assert_int_equal(d->ts_ns, 12345678901234);
	m = bc_desc_obj(d);
	assert_int_equal(m->pkt_len, 1500);
	assert_int_equal(bc_meta(m)->wire_len, 1500);
	assert_int_equal(*rte_pktmbuf_mtod(m, uint8_t *), (uint8_t)12345678901234);
	assert_int_equal(p.ifaces->entry[m->port].linktype, 113);
	assert_string_equal(p.ifaces->entry[m->port].name, "bts1");
	assert_int_equal(p.ifaces->entry[m->port].stamp, BC_STAMP_REMOTE);
	assert_int_equal(bc_counter_get(&p.s->account->ingress.received), 1);
	assert_int_equal(p.s->account->iface, 0);
	assert_int_equal(bc_link_watermark(p.s->link), 12345678901234);
	assert_true(bc_recv_ring_headed(p.in));
	over(&p);
}

static void bytes_may_come_one_by_one(void **state)
{
	struct peer p;
	size_t n;
	uint8_t copy[200];

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	assert_int_equal(poll_all(&p), 0);
	n = packet_message(&p, 7, 100);
	memcpy(copy, p.message, n);
	for (size_t i = 0; i + 1 < n; i++) {
		put(&p, copy + i, 1);
		assert_int_equal(poll_all(&p), 0);
	}
	put(&p, copy + n - 1, 1);
	assert_int_equal(poll_all(&p), 1);
	over(&p);
}

static void who_is_not_connected_is_absent(void **state)
{
	struct peer p;

	begin(&p, false, false);
	bc_source_poll(p.s);
	assert_true(bc_link_absent(p.s->link));
	bc_recv_ring_open(p.in);
	bc_source_poll(p.s);
	assert_false(bc_link_absent(p.s->link));
	bc_recv_ring_end(p.in);
	bc_source_poll(p.s);
	assert_true(bc_link_absent(p.s->link));
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_IDLE);
	over(&p);
}

static void what_is_malformed_ends_the_connection_behind_what_came(void **state)
{
	static const uint8_t nonsense[] = { 9, 0, 0, 1, 0 };
	struct peer p;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packets(&p, 1, 5);
	put(&p, nonsense, sizeof(nonsense));
	packets(&p, 6, 5);
	assert_int_equal(poll_all(&p), 5);
	assert_true(bc_recv_ring_refused(p.in));
	assert_non_null(strstr(p.in->src.why.msg, "type 9"));
	packets(&p, 11, 5);
	assert_int_equal(poll_all(&p), 0);
	bc_recv_ring_end(p.in);
	assert_int_equal(poll_all(&p), 0);
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_IDLE);
	assert_int_equal(bc_counter_get(&p.s->account->ingress.received), 5);
	over(&p);
}

static void a_message_without_its_end_is_told(void **state)
{
	struct peer p;
	size_t len;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packet_message(&p, 1, 60);
	put(&p, p.message, 30);
	bc_recv_ring_end(p.in);
	assert_int_equal(poll_all(&p), 0);
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_IDLE);
	assert_non_null(strstr(p.in->src.why.msg, "30 bytes"));
	bc_recv_ring_bytes(p.in, &len);
	assert_int_equal(len, 0);
	over(&p);
}

static void a_connection_begins_without_what_the_last_one_left(void **state)
{
	struct peer p;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	put(&p, (const uint8_t *)"\1\0", 2);
	bc_recv_ring_end(p.in);
	poll_all(&p);
	bc_recv_ring_open(p.in);
	packet(&p, 1, 60);
	assert_int_equal(poll_all(&p), 0);
	assert_true(bc_recv_ring_refused(p.in));
	assert_non_null(strstr(p.in->src.why.msg, "before the link header"));
	over(&p);
}

static void who_comes_again_finds_its_interface(void **state)
{
	struct peer p;

	begin(&p, false, false);
	for (int i = 0; i < 5; i++) {
		bc_recv_ring_open(p.in);
		link_header(&p, (uint16_t)(1 + i % 2));
		packet(&p, 1, 60);
		bc_recv_ring_end(p.in);
		assert_int_equal(poll_all(&p), 1);
		assert_int_equal(p.s->account->iface, i % 2);
	}
	assert_int_equal(bc_iface_count(p.ifaces), 2);
	over(&p);
}

static void a_peer_has_no_more_interfaces_than_it_may(void **state)
{
	struct peer p;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	for (uint16_t i = 1; i <= MAX_IFACES + 1; i++) {
		link_header(&p, i);
		packet(&p, i, 60);
	}
	assert_int_equal(poll_all(&p), MAX_IFACES);
	assert_true(bc_recv_ring_refused(p.in));
	assert_int_equal(bc_iface_count(p.ifaces), MAX_IFACES);
	over(&p);
}

/* A pcapng link header with one interface of this name, then a packet. */
static void packet_of_interface(struct peer *p, uint32_t number)
{
	struct bc_iface iface = { .linktype = 1 };
	struct bc_pcapng_section section = { .application = "test" };
	size_t len;

	snprintf(iface.name, sizeof(iface.name), "ppp%u", number);
	len = bc_pcapng_shb(p->message + 4, 1000, &section);
	len += bc_pcapng_idb(p->message + 4 + len, 1000, &iface, 0, NULL);
	bc_wire_header(p->message, BC_WIRE_LINK, (uint16_t)len);
	put(p, p->message, 4 + len);
	len = BC_EPB_FIXED + 60 + bc_epb_opt_len(3, 0);
	bc_epb_end(bc_epb_begin(bc_wire_header(p->message, BC_WIRE_PACKET, (uint16_t)len), 0, 5, 60, 60, bc_epb_opt_len(3, 0)), 60,
		   bc_epb_opt_len(3, 0), 3, 0, 0);
	put(p, p->message, 4 + len);
}

static void interfaces_beyond_what_it_may_become_one(void **state)
{
	struct peer p;

	begin(&p, false, false);
	for (uint32_t i = 0; i < 10; i++) {
		bc_recv_ring_open(p.in);
		packet_of_interface(&p, i);
		bc_recv_ring_end(p.in);
		assert_int_equal(poll_all(&p), 1);
		assert_int_equal(p.s->account->iface, i < MAX_IFACES ? i : MAX_IFACES - 1);
	}
	assert_string_equal(p.ifaces->entry[0].name, "bts1:ppp0");
	assert_string_equal(p.ifaces->entry[MAX_IFACES - 1].name, "bts1");
	assert_int_equal(bc_iface_count(p.ifaces), MAX_IFACES);
	over(&p);
}

static void the_interfaces_of_a_section_keep_their_names(void **state)
{
	const struct bc_iface eth = { .name = "eth0", .linktype = 1 }, any = { .name = "any", .linktype = 113 };
	struct bc_pcapng_section section = { .application = "test" };
	const struct bc_desc *d;
	struct peer p;
	size_t len;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	len = bc_pcapng_shb(p.message + 4, 1000, &section);
	len += bc_pcapng_idb(p.message + 4 + len, 1000, &eth, 0, NULL);
	len += bc_pcapng_idb(p.message + 4 + len, 1000, &any, 0, NULL);
	bc_wire_header(p.message, BC_WIRE_LINK, (uint16_t)len);
	put(&p, p.message, 4 + len);
	len = BC_EPB_FIXED + 60 + bc_epb_opt_len(3, 0);
	bc_epb_end(bc_epb_begin(bc_wire_header(p.message, BC_WIRE_PACKET, (uint16_t)len), 1, 5, 60, 60, bc_epb_opt_len(3, 0)), 60,
		   bc_epb_opt_len(3, 0), 3, 0, 0);
	put(&p, p.message, 4 + len);
	assert_int_equal(bc_source_poll(p.s), 1);
	assert_string_equal(p.ifaces->entry[0].name, "bts1:eth0");
	assert_string_equal(p.ifaces->entry[1].name, "bts1:any");
	assert_int_equal(bc_link_peek(p.s->link, &d), 1);
	assert_int_equal(((struct rte_mbuf *)bc_desc_obj(d))->port, 1);
	assert_int_equal(((struct rte_mbuf *)bc_desc_obj(d))->tx_offload, 3);
	over(&p);
}

/* An enhanced packet block of the first interface, with 60 bytes. */
static void packet_of_60(struct peer *p)
{
	const size_t len = BC_EPB_FIXED + 60 + bc_epb_opt_len(0, 0);

	bc_epb_end(bc_epb_begin(bc_wire_header(p->message, BC_WIRE_PACKET, (uint16_t)len), 0, 5, 60, 60, bc_epb_opt_len(0, 0)), 60,
		   bc_epb_opt_len(0, 0), 0, 0, 0);
	put(p, p->message, 4 + len);
}

static void what_a_node_says_of_its_interface_is_kept(void **state)
{
	const struct bc_iface eth = { .name = "eth0", .linktype = 1, .description = "uplink", .hardware = "i40e", .speed_bps = 10000000000,
				      .mac = { 2, 0, 0, 0, 0, 1 }, .has_mac = 1 };
	struct bc_pcapng_section section = { .application = "test" };
	const struct bc_iface *kept;
	struct bc_iface back;
	struct bc_reader *r = bc_reader_new();
	struct bc_record rec;
	struct bc_err err;
	size_t len, used, need;
	uint8_t block[2048];
	struct peer p;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	len = bc_pcapng_shb(p.message + 4, 1000, &section);
	len += bc_pcapng_idb(p.message + 4 + len, 1000, &eth, 96, "not port 22");
	bc_wire_header(p.message, BC_WIRE_LINK, (uint16_t)len);
	put(&p, p.message, 4 + len);
	bc_source_poll(p.s);
	kept = &p.ifaces->entry[0];
	assert_int_equal(kept->snaplen, 96);
	/* And so it is described in the collector's files, whose own limit is larger. */
	len = bc_pcapng_shb(block, sizeof(block), &section);
	assert_int_equal(bc_reader_next(r, block, len, &used, &need, &rec, &err), BC_READ_SKIP);
	len = bc_pcapng_idb(block, sizeof(block), kept, 262144, "");
	assert_int_equal(bc_reader_next(r, block, len, &used, &need, &rec, &err), BC_READ_IFACE);
	back = *bc_reader_iface(r, 0);
	assert_string_equal(back.name, "bts1:eth0");
	assert_string_equal(back.description, "uplink");
	assert_string_equal(back.hardware, "i40e");
	assert_int_equal(back.options_len, 4 + 12);
	assert_memory_equal(back.options + 4, "\0not port 22", 12);
	assert_int_equal(back.snaplen, 96);
	assert_int_equal(back.speed_bps, eth.speed_bps);
	assert_memory_equal(back.mac, eth.mac, 6);
	bc_reader_free(r);
	over(&p);
}

static void a_packet_above_its_snaplen_is_not_written_beside_it(void **state)
{
	const struct bc_iface eth = { .name = "eth0", .linktype = 1 };
	struct bc_pcapng_section section = { .application = "test" };
	const struct bc_desc *d;
	size_t len;
	struct peer p;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	len = bc_pcapng_shb(p.message + 4, 1000, &section);
	len += bc_pcapng_idb(p.message + 4 + len, 1000, &eth, 50, NULL);
	bc_wire_header(p.message, BC_WIRE_LINK, (uint16_t)len);
	put(&p, p.message, 4 + len);
	packet_of_60(&p);
	assert_int_equal(bc_source_poll(p.s), 1);
	assert_int_equal(bc_link_peek(p.s->link, &d), 1);
	assert_int_equal(((struct rte_mbuf *)bc_desc_obj(d))->port, 1);
	assert_int_equal(p.ifaces->entry[1].snaplen, 0);
	assert_string_equal(p.ifaces->entry[1].name, "bts1:eth0");
	over(&p);
}

static void the_end_of_a_connection_ends_the_segment_first(void **state)
{
	struct peer p;

	begin(&p, true, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packets(&p, 1, 3);
	bc_recv_ring_end(p.in);
	bc_source_poll(p.s);
	assert_false(bc_link_barrier_asked(p.s->link));
	assert_int_equal(take_all(&p), 3);
	bc_source_poll(p.s);
	assert_true(bc_link_barrier_asked(p.s->link));
	bc_source_poll(p.s);
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_ENDED);
	bc_link_barrier_passed(p.s->link);
	bc_source_poll(p.s);
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_IDLE);
	over(&p);
}

static void a_connection_without_a_packet_ends_nothing(void **state)
{
	struct peer p;

	begin(&p, true, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	bc_recv_ring_end(p.in);
	bc_source_poll(p.s);
	assert_false(bc_link_barrier_asked(p.s->link));
	assert_int_equal(bc_recv_ring_state(p.in), BC_RECV_RING_IDLE);
	over(&p);
}

static void another_link_type_waits_for_another_segment(void **state)
{
	struct peer p;

	begin(&p, true, true);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packets(&p, 1, 3);
	link_header(&p, 113);
	packets(&p, 4, 2);
	assert_int_equal(bc_source_poll(p.s), 3);
	assert_false(bc_link_barrier_asked(p.s->link));
	assert_int_equal(bc_source_poll(p.s), 0);
	assert_true(bc_link_barrier_asked(p.s->link));
	assert_int_equal(take_all(&p), 3);
	assert_int_equal(bc_source_poll(p.s), 0);
	bc_link_barrier_passed(p.s->link);
	assert_int_equal(poll_all(&p), 2);
	over(&p);
}

static void a_stop_takes_what_waits_in_the_recv_ring(void **state)
{
	struct peer p;

	begin(&p, true, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packets(&p, 1, 200);
	bc_recv_ring_end(p.in);
	bc_source_command(p.s, BC_SOURCE_STOP);
	assert_int_equal(bc_source_poll(p.s), BC_BURST);
	while (bc_source_poll(p.s))
		take_all(&p);
	take_all(&p);
	for (int i = 0; i < 5; i++)
		bc_source_poll(p.s);
	assert_int_equal(bc_source_state(p.s), BC_SOURCE_RUNNING);
	bc_link_barrier_passed(p.s->link);
	for (int i = 0; i < 3; i++)
		bc_source_poll(p.s);
	assert_int_equal(bc_source_state(p.s), BC_SOURCE_QUIET);
	assert_int_equal(bc_counter_get(&p.s->account->ingress.received), 200);
	over(&p);
}

static void without_mbufs_a_packet_waits(void **state)
{
	struct rte_mbuf *hog[POOL + 1];
	struct peer p;
	int n = 0;

	begin(&p, false, false);
	bc_recv_ring_open(p.in);
	link_header(&p, 1);
	packets(&p, 1, 2);
	while ((hog[n] = rte_pktmbuf_alloc(pool)))
		n++;
	assert_int_equal(poll_all(&p), 0);
	bc_source_command(p.s, BC_SOURCE_STOP);
	bc_source_poll(p.s);
	assert_int_equal(bc_source_state(p.s), BC_SOURCE_RUNNING);
	bc_source_command(p.s, BC_SOURCE_RUN);
	while (n)
		rte_pktmbuf_free(hog[--n]);
	assert_int_equal(poll_all(&p), 2);
	assert_int_equal(bc_counter_get(&p.s->account->ingress.received), 2);
	over(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out_as_they_went_in),
		cmocka_unit_test(bytes_may_come_one_by_one),
		cmocka_unit_test(who_is_not_connected_is_absent),
		cmocka_unit_test(what_is_malformed_ends_the_connection_behind_what_came),
		cmocka_unit_test(a_message_without_its_end_is_told),
		cmocka_unit_test(a_connection_begins_without_what_the_last_one_left),
		cmocka_unit_test(who_comes_again_finds_its_interface),
		cmocka_unit_test(a_peer_has_no_more_interfaces_than_it_may),
		cmocka_unit_test(interfaces_beyond_what_it_may_become_one),
		cmocka_unit_test(the_interfaces_of_a_section_keep_their_names),
		cmocka_unit_test(what_a_node_says_of_its_interface_is_kept),
		cmocka_unit_test(a_packet_above_its_snaplen_is_not_written_beside_it),
		cmocka_unit_test(the_end_of_a_connection_ends_the_segment_first),
		cmocka_unit_test(a_connection_without_a_packet_ends_nothing),
		cmocka_unit_test(another_link_type_waits_for_another_segment),
		cmocka_unit_test(a_stop_takes_what_waits_in_the_recv_ring),
		cmocka_unit_test(without_mbufs_a_packet_waits),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
