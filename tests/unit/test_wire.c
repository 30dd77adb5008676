/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_wire.h"

static struct bc_err err;

/* A stream under construction. */
struct stream {
	uint8_t bytes[512 * 1024];
	size_t len;
};

static struct stream stream;

static void message(enum bc_wire_type type, const void *payload, size_t len)
{
	uint8_t *at = bc_wire_header(stream.bytes + stream.len, type, (uint16_t)len);

	memcpy(at, payload, len);
	stream.len += BC_WIRE_HEADER + len;
}

static void pcap_link(uint16_t linktype)
{
	uint8_t h[BC_PCAP_FILE_HEADER];

	bc_pcap_file_header(h, 0, linktype, 65535);
	message(BC_WIRE_LINK, h, sizeof(h));
}

static void pcap_packet(uint32_t caplen, uint8_t fill)
{
	uint8_t payload[BC_PCAP_RECORD_HEADER + 4096];

	memset(bc_pcap_record(payload, 5000000000ULL + fill * 1000ULL, 0, caplen, caplen + 1), fill, caplen);
	message(BC_WIRE_PACKET, payload, BC_PCAP_RECORD_HEADER + caplen);
}

static size_t pcapng_header(uint8_t *dst, size_t cap, int ifaces)
{
	const struct bc_iface iface = { .name = "eth0", .linktype = 1 };
	size_t len = bc_pcapng_shb(dst, cap, &(struct bc_pcapng_section){ .application = "test" });

	for (int i = 0; i < ifaces; i++)
		len += bc_pcapng_idb(dst + len, cap - len, &iface, 65535, NULL);
	return len;
}

static void pcapng_link(int ifaces)
{
	uint8_t payload[2048];

	message(BC_WIRE_LINK, payload, pcapng_header(payload, sizeof(payload), ifaces));
}

static void pcapng_packet(uint32_t iface, uint32_t caplen, uint8_t fill)
{
	uint8_t payload[4096], *data = bc_epb_begin(payload, iface, fill, caplen, caplen, 0);

	memset(data, fill, caplen);
	bc_epb_end(data, caplen, 0, 0, 0, 0);
	message(BC_WIRE_PACKET, payload, BC_EPB_FIXED + bc_pad4(caplen));
}

static int begin(void **state)
{
	stream.len = 0;
	err.msg[0] = '\0';
	return 0;
}

/* What the whole stream comes to, one letter a message: L, S, P, N for a session; M where it ends; E at an error. */
static const char *read_all(uint32_t max_caplen)
{
	static char seen[64];
	struct bc_wire *w = bc_wire_new(max_caplen);
	size_t at = 0, n = 0;

	for (;;) {
		struct bc_record rec;
		size_t consumed = 0, need = 0;
		int r = bc_wire_next(w, stream.bytes + at, stream.len - at, &consumed, &need, &rec, &err);

		seen[n++] = r < 0 ? 'E' : "MLSPN"[r];
		at += consumed;
		if (r < 0 || r == BC_WIRE_READ_MORE)
			break;
	}
	seen[n] = '\0';
	bc_wire_free(w);
	return seen;
}

static void malformed(const char *want)
{
	const char *seen = read_all(0);

	assert_int_equal(seen[strlen(seen) - 1], 'E');
	if (!strstr(err.msg, want))
		fail_msg("'%s' instead of '%s'", err.msg, want);
	begin(NULL);
}

static void a_header_is_four_bytes_with_the_length_in_network_order(void **state)
{
	uint8_t h[BC_WIRE_HEADER];

	assert_ptr_equal(bc_wire_header(h, BC_WIRE_PACKET, 0x1234), h + 4);
	assert_memory_equal(h, "\x01\x00\x12\x34", 4);
	assert_int_equal(bc_wire_length(h, 4), 4 + 0x1234);
	assert_int_equal(bc_wire_length(h, 3), 0);
}

static void pcap_comes_through(void **state)
{
	struct bc_wire *w = bc_wire_new(0);
	struct bc_record rec;
	size_t consumed, need, len;

	pcap_link(113);
	pcap_packet(100, 7);
	assert_int_equal(bc_wire_next(w, stream.bytes, stream.len, &consumed, &need, &rec, &err), BC_WIRE_READ_LINK);
	assert_int_equal(consumed, 4 + 24);
	assert_int_equal(bc_wire_ifaces(w), 1);
	assert_int_equal(bc_wire_iface(w, 0)->linktype, 113);
	assert_false(bc_wire_is_pcapng(w));
	assert_memory_equal(bc_wire_link(w, &len), stream.bytes + 4, 24);
	assert_int_equal(len, 24);
	assert_int_equal(bc_wire_next(w, stream.bytes + 28, stream.len - 28, &consumed, &need, &rec, &err), BC_WIRE_READ_PACKET);
	assert_true(rec.ts_ns == 5000007000ULL && rec.caplen == 100 && rec.wirelen == 101 && rec.iface == 0);
	assert_ptr_equal(rec.data, stream.bytes + 28 + 4 + 16);
	bc_wire_free(w);
}

static void pcapng_comes_through(void **state)
{
	struct bc_wire *w = bc_wire_new(0);
	struct bc_record rec;
	size_t consumed, need, at;

	pcapng_link(2);
	at = stream.len;
	pcapng_packet(1, 61, 9);
	assert_int_equal(bc_wire_next(w, stream.bytes, stream.len, &consumed, &need, &rec, &err), BC_WIRE_READ_LINK);
	assert_int_equal(bc_wire_ifaces(w), 2);
	assert_true(bc_wire_is_pcapng(w));
	assert_string_equal(bc_wire_iface(w, 1)->name, "eth0");
	assert_int_equal(bc_wire_next(w, stream.bytes + at, stream.len - at, &consumed, &need, &rec, &err), BC_WIRE_READ_PACKET);
	assert_true(rec.ts_ns == 9 && rec.caplen == 61 && rec.iface == 1);
	bc_wire_free(w);
}

/* A sender of the other byte order: its records are as its file header says. */
static void the_sender_s_byte_order_holds(void **state)
{
	static const uint8_t link[24] = { 0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, [16] = 0, 0, 0xff, 0xff, 0, 0, 0, 1 };
	static const uint8_t packet[18] = { 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0xaa, 0xbb };
	struct bc_wire *w = bc_wire_new(0);
	struct bc_record rec;
	size_t consumed, need;

	message(BC_WIRE_LINK, link, sizeof(link));
	message(BC_WIRE_PACKET, packet, sizeof(packet));
	assert_int_equal(bc_wire_next(w, stream.bytes, stream.len, &consumed, &need, &rec, &err), BC_WIRE_READ_LINK);
	assert_int_equal(bc_wire_next(w, stream.bytes + 28, stream.len - 28, &consumed, &need, &rec, &err), BC_WIRE_READ_PACKET);
	assert_true(rec.ts_ns == 1000002000 && rec.caplen == 2 && rec.wirelen == 3);
	bc_wire_free(w);
}

static void link_headers_are_told_apart(void **state)
{
	pcap_link(1);
	pcap_link(1);
	pcap_packet(1, 1);
	pcap_link(113);
	pcapng_link(1);
	pcapng_link(2);
	pcapng_packet(1, 1, 1);
	pcapng_link(2);
	pcapng_packet(1, 1, 1);
	assert_string_equal(read_all(0), "LSPLLLPSPM");
}

static void a_message_that_is_not_whole_asks_for_the_rest(void **state)
{
	struct bc_wire *w = bc_wire_new(0);
	struct bc_record rec;
	size_t consumed = 9, need;

	pcap_link(1);
	for (size_t len = 0; len < stream.len; len++) {
		assert_int_equal(bc_wire_next(w, stream.bytes, len, &consumed, &need, &rec, &err), BC_WIRE_READ_MORE);
		assert_int_equal(consumed, 0);
		assert_int_equal(need, len < 4 ? 4 : 28);
	}
	bc_wire_free(w);
}

static void what_is_no_message_is_malformed(void **state)
{
	stream.bytes[0] = 2;
	stream.len = 4;
	malformed("unknown message type 2");
	message(BC_WIRE_HELLO, "", 0);
	malformed("unknown message type 128");
}

static void put_session(void)
{
	bc_wire_put_session(stream.bytes + stream.len, &(struct bc_wire_session){
		.node = "0123456789abcde", .epoch = 0x1122334455667788, .first = 0x0102030405060708, .window = 1U << 20,
	});
	stream.len += BC_WIRE_SESSION_MESSAGE;
}

static void a_session_comes_before_packets(void **state)
{
	struct bc_wire *w = bc_wire_new(0);
	const struct bc_wire_session *s;
	struct bc_record rec;
	size_t consumed, need;

	put_session();
	assert_memory_equal(stream.bytes, "\x81\0\0\x28" "0123456789abcde\0" "\x11\x22\x33\x44\x55\x66\x77\x88"
			    "\x01\x02\x03\x04\x05\x06\x07\x08" "\0\0\0\0\0\x10\0", BC_WIRE_SESSION_MESSAGE);
	assert_null(bc_wire_session(w));
	assert_int_equal(bc_wire_next(w, stream.bytes, stream.len, &consumed, &need, &rec, &err), BC_WIRE_READ_SESSION);
	assert_int_equal(consumed, BC_WIRE_SESSION_MESSAGE);
	s = bc_wire_session(w);
	assert_string_equal((const char *)s->node, "0123456789abcde");
	assert_true(s->epoch == 0x1122334455667788 && s->first == 0x0102030405060708 && s->window == 1U << 20);
	bc_wire_free(w);
	pcap_link(1);
	pcap_packet(1, 1);
	assert_string_equal(read_all(0), "NLPM");
	begin(NULL);
	pcap_link(1);
	put_session();
	pcap_link(1);
	pcap_packet(1, 1);
	assert_string_equal(read_all(0), "LNSPM");
}

static void a_session_anywhere_else_is_malformed(void **state)
{
	static const uint8_t zeros[39];

	put_session();
	put_session();
	malformed("behind a packet or another one");
	pcap_link(1);
	pcap_packet(1, 1);
	put_session();
	malformed("behind a packet or another one");
	message(BC_WIRE_SESSION, zeros, sizeof(zeros));
	malformed("a session message of 39 bytes, not 40");
}

static void a_collector_s_answers_are_read(void **state)
{
	uint8_t m[BC_WIRE_ANSWER_MAX];
	struct bc_wire_answer got;
	size_t consumed = 9;

	bc_wire_put_hello(m, &(struct bc_wire_hello){ .flags = 5, .collector = "0123456789abcde" });
	assert_memory_equal(m, "\x80\x00\x00\x18" "BCA1" "\0\0\0\x05" "0123456789abcde", BC_WIRE_HELLO_MESSAGE);
	for (size_t len = 0; len < BC_WIRE_HELLO_MESSAGE; len++)
		assert_int_equal(bc_wire_answer(m, len, &consumed, &got, &err), 0);
	assert_int_equal(consumed, 9);
	assert_int_equal(bc_wire_answer(m, BC_WIRE_HELLO_MESSAGE, &consumed, &got, &err), 1);
	assert_int_equal(consumed, BC_WIRE_HELLO_MESSAGE);
	assert_true(got.type == BC_WIRE_HELLO && got.hello.flags == 5);
	assert_string_equal((const char *)got.hello.collector, "0123456789abcde");
	bc_wire_put_ack(m, &(struct bc_wire_ack){ .epoch = 0x1122334455667788, .next = 7 });
	assert_memory_equal(m, "\x82\x00\x00\x10\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\0\0\0\0\x07", BC_WIRE_ACK_MESSAGE);
	assert_int_equal(bc_wire_answer(m, sizeof(m), &consumed, &got, &err), 1);
	assert_int_equal(consumed, BC_WIRE_ACK_MESSAGE);
	assert_true(got.type == BC_WIRE_ACK && got.ack.epoch == 0x1122334455667788 && got.ack.next == 7);
}

static void what_is_no_answer_is_malformed(void **state)
{
	struct bc_wire_answer got;
	uint8_t m[BC_WIRE_ANSWER_MAX];
	size_t consumed;

	assert_int_equal(bc_wire_answer((const uint8_t *)"HTTP", 4, &consumed, &got, &err), -EBADMSG);
	assert_string_equal(err.msg, "it sends what is no answer (48545450)");
	assert_int_equal(bc_wire_answer((const uint8_t *)"\x80\x00\x00\x10", 4, &consumed, &got, &err), -EBADMSG);
	assert_int_equal(bc_wire_answer((const uint8_t *)"\x82\x00\x00\x18", 4, &consumed, &got, &err), -EBADMSG);
	assert_int_equal(bc_wire_answer((const uint8_t *)"\x81\x00\x00\x28", 4, &consumed, &got, &err), -EBADMSG);
	bc_wire_put_hello(m, &(struct bc_wire_hello){ .flags = 0 });
	m[4] = 'X';
	assert_int_equal(bc_wire_answer(m, sizeof(m), &consumed, &got, &err), -EBADMSG);
}

static void a_packet_before_the_link_header_is_malformed(void **state)
{
	pcap_packet(1, 1);
	malformed("before the link header");
}

static void link_headers_must_be_whole_and_no_more(void **state)
{
	uint8_t payload[2048];
	size_t len;

	message(BC_WIRE_LINK, "", 0);
	malformed("has no interface");
	message(BC_WIRE_LINK, "garbage that is no header", 25);
	malformed("link header");
	bc_pcap_file_header(payload, 0, 1, 100);
	message(BC_WIRE_LINK, payload, 23);
	malformed("truncated within a block");
	memset(bc_pcap_record(payload + 24, 1, 0, 1, 1), 0, 1);
	message(BC_WIRE_LINK, payload, 24 + 17);
	malformed("contains a packet");
	len = pcapng_header(payload, sizeof(payload), 1);
	message(BC_WIRE_LINK, payload, len - 4);
	malformed("truncated within a block");
	message(BC_WIRE_LINK, payload, pcapng_header(payload, sizeof(payload), 0));
	malformed("has no interface");
}

static void a_packet_fills_its_message(void **state)
{
	uint8_t payload[64] = { 0 };

	bc_pcap_record(payload, 1, 0, 10, 10);
	pcap_link(1);
	message(BC_WIRE_PACKET, payload, 16 + 9);
	malformed("lengths of a packet and its message differ");
	pcap_link(1);
	message(BC_WIRE_PACKET, payload, 16 + 11);
	malformed("lengths of a packet and its message differ");
	pcap_link(1);
	message(BC_WIRE_PACKET, payload, 15);
	malformed("lengths of a packet and its message differ");
	pcap_link(1);
	message(BC_WIRE_PACKET, payload, 0);
	malformed("contains no packet");
}

/* Simple packet blocks have no time, and an interface may not appear among packets. */
static void with_pcapng_a_packet_is_an_enhanced_packet_block(void **state)
{
	static const uint8_t simple[20] = { 3, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 20, 0, 0, 0 };
	uint8_t idb[512];
	const struct bc_iface iface = { .name = "x", .linktype = 1 };

	pcapng_link(1);
	message(BC_WIRE_PACKET, simple, sizeof(simple));
	malformed("contains no packet");
	pcapng_link(1);
	message(BC_WIRE_PACKET, idb, bc_pcapng_idb(idb, sizeof(idb), &iface, 1, NULL));
	malformed("contains no packet");
	pcapng_link(1);
	pcapng_packet(1, 1, 1);
	malformed("interface");
}

static void the_limit_of_a_packet_s_length_holds(void **state)
{
	pcap_link(1);
	pcap_packet(100, 1);
	pcap_packet(101, 1);
	assert_string_equal(read_all(100), "LPE");
	assert_string_equal(err.msg, "a packet of 101 bytes arrived, but the limit is 100");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_header_is_four_bytes_with_the_length_in_network_order, begin),
		cmocka_unit_test_setup(pcap_comes_through, begin),
		cmocka_unit_test_setup(pcapng_comes_through, begin),
		cmocka_unit_test_setup(the_sender_s_byte_order_holds, begin),
		cmocka_unit_test_setup(link_headers_are_told_apart, begin),
		cmocka_unit_test_setup(a_message_that_is_not_whole_asks_for_the_rest, begin),
		cmocka_unit_test_setup(what_is_no_message_is_malformed, begin),
		cmocka_unit_test_setup(a_session_comes_before_packets, begin),
		cmocka_unit_test_setup(a_session_anywhere_else_is_malformed, begin),
		cmocka_unit_test_setup(a_collector_s_answers_are_read, begin),
		cmocka_unit_test_setup(what_is_no_answer_is_malformed, begin),
		cmocka_unit_test_setup(a_packet_before_the_link_header_is_malformed, begin),
		cmocka_unit_test_setup(link_headers_must_be_whole_and_no_more, begin),
		cmocka_unit_test_setup(a_packet_fills_its_message, begin),
		cmocka_unit_test_setup(with_pcapng_a_packet_is_an_enhanced_packet_block, begin),
		cmocka_unit_test_setup(the_limit_of_a_packet_s_length_holds, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
