/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_golden.h"
#include "bc_test.h"

#include <errno.h>
#include <pcap/pcap.h>

#include "bc_format.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

#define START_NS 1700000000123456789ULL

static size_t make_file(uint8_t *buf, int nanoseconds)
{
	uint8_t *p = buf + BC_PCAP_FILE_HEADER;

	bc_pcap_file_header(buf, nanoseconds, 1, 65535);
	p = bc_pcap_record(p, START_NS, nanoseconds, 60, 1500);
	memset(p, 0xa0, 60);
	p = bc_pcap_record(p + 60, START_NS + 1001, nanoseconds, 61, 61);
	memset(p, 0xa1, 61);
	return (size_t)(p + 61 - buf);
}

static void a_nanosecond_file_is_as_the_golden_one(void **state)
{
	uint8_t buf[512];

	assert_golden("braidcap-ns.pcap", buf, make_file(buf, 1));
}

static void a_microsecond_file_is_as_the_golden_one(void **state)
{
	uint8_t buf[512];

	assert_golden("braidcap-us.pcap", buf, make_file(buf, 0));
}

static void check_with_libpcap(int nanoseconds, long first, long second)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const uint8_t *data;
	FILE *f = tmpfile();
	uint8_t buf[512];
	pcap_t *pcap;

	fwrite(buf, 1, make_file(buf, nanoseconds), f);
	rewind(f);
	pcap = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, errbuf);
	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), DLT_EN10MB);
	assert_int_equal(pcap_snapshot(pcap), 65535);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), 1);
	assert_int_equal(h->ts.tv_sec, 1700000000);
	assert_int_equal(h->ts.tv_usec, first);
	assert_int_equal(h->caplen, 60);
	assert_int_equal(h->len, 1500);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), 1);
	assert_int_equal(h->ts.tv_usec, second);
	assert_int_equal(data[60], 0xa1);
	assert_int_equal(pcap_next_ex(pcap, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void libpcap_reads_nanoseconds(void **state)
{
	check_with_libpcap(1, 123456789, 123457790);
}

static void libpcap_reads_microseconds(void **state)
{
	check_with_libpcap(0, 123456000, 123457000);
}

static void no_snaplen_is_never_written_as_zero(void **state)
{
	uint8_t buf[BC_PCAP_FILE_HEADER];

	bc_pcap_file_header(buf, 1, 1, 0);
	assert_memory_equal(buf + 16, "\0\0\4\0", 4);
}

static void formats_are_known_by_name(void **state)
{
	const enum bc_format all[] = { BC_FORMAT_PCAPNG, BC_FORMAT_PCAP_NS, BC_FORMAT_PCAP_US, BC_FORMAT_ERF };
	const char *names[] = { "pcapng", "pcap", "pcap-us", "erf" };
	const char *exts[] = { ".pcapng", ".pcap", ".pcap", ".erf" };

	for (size_t i = 0; i < BC_FORMAT_COUNT; i++) {
		enum bc_format f = BC_FORMAT_PCAPNG;

		assert_int_equal(bc_format_from_name(names[i], &f), 0);
		assert_int_equal(f, all[i]);
		assert_string_equal(bc_format_name(f), names[i]);
		assert_string_equal(bc_format_ext(f), exts[i]);
	}
}

static void another_word_is_no_format(void **state)
{
	enum bc_format f = BC_FORMAT_PCAP_US;

	assert_int_equal(bc_format_from_name("pcap-ns", &f), -EINVAL);
	assert_int_equal(bc_format_from_name("", &f), -EINVAL);
	assert_int_equal(f, BC_FORMAT_PCAP_US);
}

static void the_overhead_holds_for_every_length(void **state)
{
	uint8_t buf[64];

	for (uint32_t caplen = 0; caplen < 9; caplen++) {
		uint8_t *end = bc_epb_end(bc_epb_begin(buf, 0, 0, caplen, caplen, 0), caplen, 0, 0, 0, 0);

		assert_true((size_t)(end - buf) - caplen <= bc_format_overhead(BC_FORMAT_PCAPNG));
	}
	assert_int_equal(bc_format_overhead(BC_FORMAT_PCAPNG), BC_EPB_FIXED + 3);
	assert_ptr_equal(bc_pcap_record(buf, 0, 1, 0, 0), buf + bc_format_overhead(BC_FORMAT_PCAP_NS));
	assert_int_equal(bc_format_overhead(BC_FORMAT_PCAP_US), bc_format_overhead(BC_FORMAT_PCAP_NS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nanosecond_file_is_as_the_golden_one),
		cmocka_unit_test(a_microsecond_file_is_as_the_golden_one),
		cmocka_unit_test(libpcap_reads_nanoseconds),
		cmocka_unit_test(libpcap_reads_microseconds),
		cmocka_unit_test(no_snaplen_is_never_written_as_zero),
		cmocka_unit_test(formats_are_known_by_name),
		cmocka_unit_test(another_word_is_no_format),
		cmocka_unit_test(the_overhead_holds_for_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
