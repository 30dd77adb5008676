/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_golden.h"
#include "bc_test.h"

#include <pcap/pcap.h>

#include "bc_pcapng.h"

#define START_NS 1700000000123456789ULL

static const struct bc_iface eth0 = {
	.name = "eth0",
	.description = "uplink of the caf\xc3\xa9",
	.hardware = "net_ixgbe",
	.clock = "disciplined by ptp4l; within 1 us",
	.stamp = BC_STAMP_NIC,
	.linktype = 1,
	.speed_bps = 10000000000ULL,
	.mac = { 2, 0, 0, 0, 0, 1 },
	.has_mac = 1,
};

static uint32_t le32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t le16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* A packet of len bytes of one value; of them caplen are kept. */
static uint8_t *put_packet(uint8_t *p, uint32_t iface, uint64_t ts_ns, uint8_t value, uint32_t caplen, uint32_t wirelen,
			   uint64_t dropcount, int with_queue, uint32_t queue)
{
	uint32_t opt_len = bc_epb_opt_len(dropcount, with_queue);
	uint8_t *data = bc_epb_begin(p, iface, ts_ns, caplen, wirelen, opt_len);

	memset(data, value, caplen);
	return bc_epb_end(data, caplen, opt_len, dropcount, with_queue, queue);
}

/* One of everything that braidcap writes. */
static size_t make_file(uint8_t *buf, size_t cap)
{
	const struct bc_pcapng_section s = {
		.hardware = "a machine", .os = "Linux 6.1", .application = "braidcap 0.1.0", .comment = "a comment",
	};
	const struct bc_iface bare = { .name = "net_pcap0", .stamp = BC_STAMP_SOFTWARE, .linktype = 101 };
	const struct bc_pcapng_stats stats = {
		.iface = 0, .ts_ns = START_NS + 3000, .start_ns = START_NS - 1000, .end_ns = START_NS + 2000,
		.received = 110, .if_dropped = 5, .accepted = 98, .os_dropped = 3, .delivered = 95,
		.comment = "nic_missed 5, link_full 3",
	};
	uint8_t *p = buf;

	memset(buf, 0xee, cap);
	p += bc_pcapng_shb(p, cap, &s);
	p += bc_pcapng_idb(p, cap, &eth0, 262144, "tcp port 80");
	p += bc_pcapng_idb(p, cap, &bare, 0, NULL);
	p = put_packet(p, 0, START_NS, 0xa0, 60, 60, 0, 0, 0);
	p = put_packet(p, 1, START_NS + 1, 0x45, 41, 1500, 0, 0, 0);
	p = put_packet(p, 0, START_NS + 1000, 0xa2, 62, 62, 8, 0, 0);
	p = put_packet(p, 0, START_NS + 1001, 0xa3, 63, 63, 0, 1, 3);
	p = put_packet(p, 0, START_NS + 2000, 0xa4, 64, 64, 0x100000002ULL, 1, 0);
	p += bc_pcapng_isb(p, cap, &stats);
	return (size_t)(p - buf);
}

static void a_file_is_as_the_golden_one(void **state)
{
	uint8_t buf[8192];

	assert_golden("braidcap.pcapng", buf, make_file(buf, sizeof(buf)));
}

static void libpcap_reads_what_was_written(void **state)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *data;
	uint8_t buf[8192];
	const struct bc_pcapng_section s = { .application = "braidcap" };
	uint8_t *p = buf;
	FILE *f = tmpfile();
	pcap_t *pcap;

	/* libpcap takes several interfaces only if their link types and snaplens are equal. */
	p += bc_pcapng_shb(p, sizeof(buf), &s);
	p += bc_pcapng_idb(p, sizeof(buf), &eth0, 262144, "tcp");
	p += bc_pcapng_idb(p, sizeof(buf), &eth0, 262144, NULL);
	p = put_packet(p, 0, START_NS, 0xa0, 61, 1500, 0, 0, 0);
	p = put_packet(p, 1, START_NS + 1, 0xa1, 62, 62, 7, 1, 2);
	fwrite(buf, 1, (size_t)(p - buf), f);
	rewind(f);
	pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, errbuf);
	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), 1);
	assert_int_equal(h->ts.tv_sec, 1700000000);
	assert_int_equal(h->ts.tv_usec, 123456789);
	assert_int_equal(h->caplen, 61);
	assert_int_equal(h->len, 1500);
	assert_int_equal(data[60], 0xa0);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), 1);
	assert_int_equal(h->ts.tv_usec, 123456790);
	assert_int_equal(h->caplen, 62);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void an_empty_section_header_has_no_options(void **state)
{
	const struct bc_pcapng_section s = { .comment = "" };
	uint8_t buf[64];

	assert_int_equal(bc_pcapng_shb(buf, sizeof(buf), &s), 28);
	assert_int_equal(le32_at(buf + 24), 28);
}

static void a_block_that_does_not_fit_leaves_the_bytes_alone(void **state)
{
	const struct bc_pcapng_section s = { .os = "Linux" };
	const struct bc_pcapng_stats stats = { .comment = "none" };
	uint8_t buf[512], clean[512];
	size_t shb = bc_pcapng_shb(buf, sizeof(buf), &s);
	size_t idb = bc_pcapng_idb(buf, sizeof(buf), &eth0, 0, NULL);
	size_t isb = bc_pcapng_isb(buf, sizeof(buf), &stats);

	memset(buf, 0xee, sizeof(buf));
	memset(clean, 0xee, sizeof(clean));
	assert_int_equal(bc_pcapng_shb(buf, shb - 1, &s), 0);
	assert_int_equal(bc_pcapng_idb(buf, idb - 1, &eth0, 0, NULL), 0);
	assert_int_equal(bc_pcapng_isb(buf, isb - 1, &stats), 0);
	assert_memory_equal(buf, clean, sizeof(buf));
	assert_int_equal(bc_pcapng_shb(buf, shb, &s), shb);
	assert_memory_equal(buf + shb, clean, 8);
	assert_int_equal(bc_pcapng_isb(buf, isb, &stats), isb);
	assert_memory_equal(buf + isb, clean, 8);
	assert_int_equal(bc_pcapng_idb(buf, idb, &eth0, 0, NULL), idb);
	assert_memory_equal(buf + idb, clean, 8);
}

static void a_long_string_is_cut_before_a_character(void **state)
{
	static uint8_t buf[70000];
	char *text = malloc(70001);
	const struct bc_pcapng_section s = { .comment = text };

	/* The character of two bytes at 65534 would end at 65536. */
	memset(text, 'x', 70000);
	text[70000] = '\0';
	memcpy(text + 65534, "\xc3\xa9", 2);
	assert_int_equal(bc_pcapng_shb(buf, sizeof(buf), &s), 28 + 4 + 65536 + 4);
	assert_int_equal(le16_at(buf + 26), 65534);
	assert_memory_equal(buf + 28 + 65534, "\0\0\0\0\0\0", 6);
	free(text);
}

static void a_long_filter_leaves_room_for_its_kind(void **state)
{
	static uint8_t buf[70000];
	const struct bc_iface bare = { .linktype = 1 };
	char *text = malloc(70001);

	memset(text, 'x', 70000);
	text[70000] = '\0';
	assert_int_not_equal(bc_pcapng_idb(buf, sizeof(buf), &bare, 0, text), 0);
	assert_int_equal(le16_at(buf + 24), 11);
	assert_int_equal(le16_at(buf + 26), 65535);
	assert_int_equal(buf[28], 0);
	assert_int_equal(buf[28 + 65534], 'x');
	assert_int_equal(buf[28 + 65535], 0);
	free(text);
}

static void a_packet_block_has_the_promised_length(void **state)
{
	uint8_t buf[256];

	for (uint32_t caplen = 0; caplen < 9; caplen++)
		for (int drop = 0; drop < 2; drop++)
			for (int queue = 0; queue < 2; queue++) {
				uint32_t want = BC_EPB_FIXED + bc_pad4(caplen) + bc_epb_opt_len((uint64_t)drop, queue);

				memset(buf, 0xee, sizeof(buf));
				assert_ptr_equal(put_packet(buf, 0, 0, 1, caplen, caplen, (uint64_t)drop, queue, 1),
						 buf + want);
				assert_int_equal(le32_at(buf + 4), want);
				assert_int_equal(le32_at(buf + want - 4), want);
				assert_int_equal(buf[want], 0xee);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_as_the_golden_one),
		cmocka_unit_test(libpcap_reads_what_was_written),
		cmocka_unit_test(an_empty_section_header_has_no_options),
		cmocka_unit_test(a_block_that_does_not_fit_leaves_the_bytes_alone),
		cmocka_unit_test(a_long_string_is_cut_before_a_character),
		cmocka_unit_test(a_long_filter_leaves_room_for_its_kind),
		cmocka_unit_test(a_packet_block_has_the_promised_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
