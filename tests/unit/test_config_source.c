/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_source_kind.h"
#include "scratch.h"

static struct bc_err err;

static struct bc_source_config parsed(const char *spec)
{
	struct bc_source_config s;

	if (bc_source_parse("-i", spec, &s, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(s.spec, spec);
	return s;
}

static void is(const char *spec, const struct bc_source_kind *kind, const char *target)
{
	struct bc_source_config s = parsed(spec);

	assert_ptr_equal(s.kind, kind);
	assert_string_equal(s.target, target);
	bc_source_free(&s);
}

static void refused(const char *spec, const char *because)
{
	struct bc_source_config s;

	if (bc_source_parse("-i", spec, &s, &err) != -EINVAL)
		fail_msg("'%s' was taken", spec);
	if (!strstr(err.msg, because))
		fail_msg("'%s': '%s' instead of '%s'", spec, err.msg, because);
	bc_source_free(&s);
}

static void a_prefix_tells_the_kind(void **state)
{
	is("dpdk:0000:3b:00.0", &bc_source_dpdk, "0000:3b:00.0");
	is("pcap:nflog:5", &bc_source_pcap, "nflog:5");
	is("file:a:b/c.pcap", &bc_source_file, "a:b/c.pcap");
	is("null:", &bc_source_null, "");
}

static void a_bare_name_is_an_interface_then_a_file(void **state)
{
	is("lo", &bc_source_pcap, "lo");
	is("nonesuch0", &bc_source_pcap, "nonesuch0");
	is("/nonesuch/x", &bc_source_file, "/nonesuch/x");
	is("-", &bc_source_file, "-");
}

static void an_existing_path_is_a_file(void **state)
{
	char dir[SCRATCH_MAX], old[4096];
	FILE *f;

	scratch_folder(dir, "bc-config");
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(dir), 0);
	f = fopen("a:b,c", "w");
	assert_non_null(f);
	fclose(f);
	is("a:b,c", &bc_source_file, "a:b,c");
	is("a:b,c,full=drop", &bc_source_file, "a:b,c");
	assert_int_equal(chdir(old), 0);
}

static void a_name_with_a_colon_that_is_nothing_is_refused(void **state)
{
	refused("0000:3b:00.0", "dpdk:0000:3b:00.0");
	refused("dpkd:net_null0", "kinds of source");
}

static void our_keys_are_taken_out_of_devargs(void **state)
{
	struct bc_source_config s =
		parsed("dpdk:net_pcap0,queues=4,rx_pcap=/a:b.pcap,descriptors=512,rx_pcap=b,mtu=9000,full=wait,stamp=software,"
		       "lateness_us=50");

	assert_string_equal(s.target, "net_pcap0,rx_pcap=/a:b.pcap,rx_pcap=b");
	assert_int_equal(s.queues, 4);
	assert_int_equal(s.descriptors, 512);
	assert_int_equal(s.mtu, 9000);
	assert_true(s.wait);
	assert_string_equal(s.stamp, "software");
	assert_int_equal(s.lateness_us, 50);
	bc_source_free(&s);
}

static void what_is_not_ours_stays_in_devargs(void **state)
{
	is("dpdk:net_null0,size=128,copy=1", &bc_source_dpdk, "net_null0,size=128,copy=1");
	is("dpdk:0000:3b:00.0,representor=[0,2-3],queues=2", &bc_source_dpdk, "0000:3b:00.0,representor=[0,2-3]");
	is("dpdk:queues=2,net_null0", &bc_source_dpdk, "net_null0");
	is("dpdk:net_memif0,socket=/s,queues=2", &bc_source_dpdk, "net_memif0,socket=/s");
}

static void drivers_that_need_the_queues_are_told(void **state)
{
	is("dpdk:net_vhost0,iface=S,queues=2", &bc_source_dpdk, "net_vhost0,iface=S,queues=2");
	is("dpdk:net_vhost0,queues=2,iface=S", &bc_source_dpdk, "net_vhost0,iface=S,queues=2");
	is("dpdk:net_virtio_user0,path=S,queues=2", &bc_source_dpdk, "net_virtio_user0,path=S,queues=2");
	is("dpdk:net_af_packet0,iface=e,queues=3", &bc_source_dpdk, "net_af_packet0,iface=e,qpairs=3");
	is("dpdk:net_af_packet0,iface=e,qpairs=3,queues=3", &bc_source_dpdk, "net_af_packet0,iface=e,qpairs=3");
	is("dpdk:net_af_xdp0,iface=e,queues=2", &bc_source_dpdk, "net_af_xdp0,iface=e,queue_count=2");
	is("dpdk:net_vhost0,iface=S", &bc_source_dpdk, "net_vhost0,iface=S");
}

static void no_queue_of_a_driver_goes_unread(void **state)
{
	struct bc_source_config s = parsed("dpdk:net_af_packet0,iface=e,qpairs=3");

	assert_int_equal(s.queues, 3);
	bc_source_free(&s);
	refused("dpdk:net_af_packet0,iface=e,qpairs=3,queues=2", "qpairs=3 of the driver contradicts queues=2");
	refused("dpdk:net_af_packet0,iface=e,qpairs=x", "qpairs: 'x'");
}

static void keys_of_interfaces_are_taken(void **state)
{
	struct bc_source_config s = parsed("lo,buffer_mb=512,immediate=1,stamp=host,full=wait,lateness_us=7");

	assert_string_equal(s.target, "lo");
	assert_int_equal(s.buffer_mb, 512);
	assert_true(s.immediate);
	assert_string_equal(s.stamp, "host");
	assert_true(s.wait);
	assert_int_equal(s.lateness_us, 7);
	bc_source_free(&s);
}

static void keys_of_the_null_source_are_taken(void **state)
{
	struct bc_source_config s = parsed("null:queues=2,count=1000,size=1500,held_us=30,payload=text");

	assert_int_equal(s.queues, 2);
	assert_int_equal(s.count, 1000);
	assert_int_equal(s.size, 1500);
	assert_int_equal(s.held_us, 30);
	assert_true(s.text);
	bc_source_free(&s);
	is("null:,count=1", &bc_source_null, "");
}

static void defaults_are_those_of_the_kind(void **state)
{
	struct bc_source_config s = parsed("pcap:lo");

	assert_true(s.queues == 1 && s.descriptors == 0 && s.mtu == 0 && !s.wait && !s.stamp && s.buffer_mb == 0);
	assert_true(!s.immediate && s.lateness_us == 0 && s.count == 0 && s.size == 64);
	bc_source_free(&s);
	s = parsed("file:x");
	assert_true(s.wait);
	bc_source_free(&s);
}

static void erf_is_told_by_its_name_or_kind(void **state)
{
	static const struct { const char *spec; bool erf; } are[] = {
		{ "file:x.erf", true }, { "file:x.erf.gz", true }, { "./x.ERF", true }, { "erf:x.pcap", true }, { "erf:-", true },
		{ "file:x.erf,full=wait", true }, { "file:x.pcap", false }, { "file:x.erf.pcap", false }, { "file:x.erf/y", false }, { "pcap:x.erf", false },
	};

	for (size_t i = 0; i < sizeof(are) / sizeof(are[0]); i++) {
		struct bc_source_config s = parsed(are[i].spec);

		assert_int_equal(s.erf, are[i].erf);
		bc_source_free(&s);
	}
}

static void a_comma_in_a_path_stays(void **state)
{
	is("file:a,b.pcap", &bc_source_file, "a,b.pcap");
	is("erf:a:b", &bc_source_file, "a:b");
	is("file:a,b.pcap,full=wait", &bc_source_file, "a,b.pcap");
	is("file:a,full=wait,b.pcap", &bc_source_file, "a,full=wait,b.pcap");
	is("pcap:a,b", &bc_source_pcap, "a,b");
}

static void a_number_is_no_interface(void **state)
{
	refused("1", "interfaces have names here");
	refused("99999", "'braidcap capture -D' lists them");
}

static void keys_of_another_kind_are_refused(void **state)
{
	refused("file:x,queues=2", "queues= does not apply to a file: source");
	refused("file:x,count=2", "count= does not apply to a file: source");
	refused("null:mtu=9000", "mtu= does not apply to a null: source");
	refused("null:bogus=1", "'bogus=1' is not a key=value of a null: source");
	refused("pcap:lo,bufer_mb=1", "'bufer_mb=1' is not a key=value of a pcap: source");
}

static void bad_values_are_refused(void **state)
{
	refused("dpdk:x,queues=0", "queues: '0' is not a whole number from 1 to 256");
	refused("dpdk:x,queues=", "queues: ''");
	refused("dpdk:x,descriptors=31", "from 32 to 65535, or 0");
	refused("dpdk:x,mtu=67", "from 68 to 65535, or 0");
	refused("dpdk:x,full=maybe", "neither wait nor drop");
	refused("dpdk:x,stamp=adapter", "neither nic nor software");
	refused("pcap:lo,stamp=nic", "neither adapter nor host");
	refused("pcap:lo,buffer_mb=2048", "from 1 to 2047");
	refused("pcap:lo,queues=0", "from 1 to 256");
	refused("pcap:lo,queues=257", "from 1 to 256");
	refused("lo,immediate=1,queues=2", "queues=2 cannot be had with immediate=1");
	refused("lo,queues=2,stamp=adapter", "queues=2 cannot be had with stamp=adapter");
	refused("pcap:lo,immediate=2", "neither yes nor no");
	refused("pcap:lo,lateness_us=60000001", "from 1 to 60000000, or 0");
	refused("null:size=13", "from 14 to 2048");
	refused("null:count=x", "count: 'x'");
	refused("dpdk:x,queues=1,queues=2", "queues= is given twice");
}

static void a_source_without_a_name_is_refused(void **state)
{
	refused("", "has no name");
	refused("pcap:", "has no name");
	refused("file:", "has no name");
	refused("erf:", "has no name");
	refused("dpdk:", "has no name");
	refused("dpdk:queues=2", "has no name");
	refused("queues=4", "without the source");
}

static void a_spec_has_a_longest_length(void **state)
{
	char spec[5000];

	memset(spec, 'a', sizeof(spec));
	spec[4096] = '\0';
	is(spec, &bc_source_pcap, spec);
	spec[4096] = 'a';
	spec[4097] = '\0';
	refused(spec, "longer than 4096 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_tells_the_kind),
		cmocka_unit_test(a_bare_name_is_an_interface_then_a_file),
		cmocka_unit_test(an_existing_path_is_a_file),
		cmocka_unit_test(a_name_with_a_colon_that_is_nothing_is_refused),
		cmocka_unit_test(our_keys_are_taken_out_of_devargs),
		cmocka_unit_test(what_is_not_ours_stays_in_devargs),
		cmocka_unit_test(drivers_that_need_the_queues_are_told),
		cmocka_unit_test(no_queue_of_a_driver_goes_unread),
		cmocka_unit_test(keys_of_interfaces_are_taken),
		cmocka_unit_test(keys_of_the_null_source_are_taken),
		cmocka_unit_test(defaults_are_those_of_the_kind),
		cmocka_unit_test(erf_is_told_by_its_name_or_kind),
		cmocka_unit_test(a_comma_in_a_path_stays),
		cmocka_unit_test(a_number_is_no_interface),
		cmocka_unit_test(keys_of_another_kind_are_refused),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(a_source_without_a_name_is_refused),
		cmocka_unit_test(a_spec_has_a_longest_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
