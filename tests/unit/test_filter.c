/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "bc_filter.h"
#include "bc_filter_priv.h"
#include "bc_synthetic.h"

#define PACKETS 4000
#define SNAPLEN 65535
#define ETHERNET 1

static const char *const expressions[] = {
	"ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "not ip", "host 10.1.2.3", "src host 10.1.2.1",
	"dst net 192.168.0.0/16", "net 10.1.2.0/30", "port 443", "tcp port 443 and host 10.1.2.3",
	"udp port 53 or udp port 22", "portrange 1000-9000", "tcp dst portrange 80-443",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[13] & 2 != 0", "tcp[tcpflags] == tcp-syn|tcp-ack",
	"ether multicast", "ether broadcast", "ether[0] & 1 = 0 and ip", "ether host 02:00:00:00:00:01",
	"ip[0] & 0xf > 5", "ip[6:2] & 0x1fff = 0", "ip[2:2] > 600", "len > 60", "greater 100", "less 40", "vlan",
	"vlan 100", "vlan and tcp port 80", "vlan 100 and vlan 101 and ip", "ip6 host 2001:db8::1",
	"ip6 and udp port 53", "ip proto 47", "ip multicast", "ip6 protochain 6",
	"((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0", "udp[4:2] * 2 = 16", "ether[100] > 127",
	"ether[12:2] = 0x0806 or ether[20] % 3 = 1", "tcp and ip[8] / 2 = 32", "ether[60:4] & 0x80000000 != 0",
	"host 10.1.2.3 or host 10.1.2.4 or (net 192.168.0.0/24 and not port 22)", "arp host 10.1.2.2",
	"ip src 10.1.2.1 and dst 10.1.2.2",
};
#define N_EXPRESSIONS (sizeof(expressions) / sizeof(expressions[0]))

static struct rte_mempool *pool;
static uint8_t scratch[SNAPLEN];

static int init_eal(void **state)
{
	char prefix[64];
	char *argv[] = { "t", "--no-huge", "--no-pci", "-m", "64", "--no-telemetry", "--no-shconf",
			 "--log-level=1", prefix, NULL };

	snprintf(prefix, sizeof(prefix), "--file-prefix=bc_test_filter_%d", getpid());
	if (rte_eal_init(9, argv) >= 0)
		pool = rte_pktmbuf_pool_create("filter", 64, 0, 0, 1024, 0);
	return 0;
}

static int cleanup_eal(void **state)
{
	char dir[256];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_mempool_free(pool);
	rte_eal_cleanup();
	rmdir(dir);
	return 0;
}

/* An mbuf over bytes that stand elsewhere: filters only look. */
static struct rte_mbuf linear(const uint8_t *data, size_t len)
{
	return (struct rte_mbuf){
		.buf_addr = (void *)(uintptr_t)data,
		.data_len = (uint16_t)len,
		.pkt_len = (uint32_t)len,
		.nb_segs = 1,
	};
}

static struct bc_filter *compile(const char *expression, int want_jit)
{
	struct bc_filter *f = NULL;
	struct bc_err err = { "" };

	if (bc_filter_compile(expression, ETHERNET, SNAPLEN, want_jit, &f, &err) < 0)
		fail_msg("%s", err.msg);
	return f;
}

/* What libpcap itself says, with code that is compiled apart. */
static void expect_offline(const char *expression, struct bc_filter *f)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	struct bpf_program program;
	uint64_t seed = 1;

	assert_int_equal(pcap_compile(p, &program, expression, 1, PCAP_NETMASK_UNKNOWN), 0);
	for (int i = 0; i < PACKETS; i++) {
		uint8_t packet[BC_SYNTHETIC_MAX];
		size_t len = bc_synthetic_packet(&seed, packet);
		uint32_t wirelen = (uint32_t)len + (i & 3 ? 0 : 1000);
		struct pcap_pkthdr h = { .caplen = (uint32_t)len, .len = wirelen };
		struct rte_mbuf m = linear(packet, len);

		if (bc_filter_match(f, &m, wirelen, scratch) != (pcap_offline_filter(&program, &h, packet) != 0))
			fail_msg("'%s' differs at packet %d", expression, i);
	}
	pcap_freecode(&program);
	pcap_close(p);
}

static void every_expression_judges_as_libpcap(void **state)
{
	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		struct bc_filter *f = compile(expressions[i], 0);

		expect_offline(expressions[i], f);
		bc_filter_destroy(f);
	}
}

/* Without it the comparison above could be one of nothing with nothing. */
static void synthetic_packets_hit_and_miss_most_expressions(void **state)
{
	unsigned both = 0;

	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		struct bc_filter *f = compile(expressions[i], 0);
		uint64_t seed = 1;
		int hits = 0;

		for (int n = 0; n < PACKETS; n++) {
			uint8_t packet[BC_SYNTHETIC_MAX];
			size_t len = bc_synthetic_packet(&seed, packet);
			struct rte_mbuf m = linear(packet, len);

			hits += bc_filter_match(f, &m, (uint32_t)len, scratch);
		}
		both += hits > 0 && hits < PACKETS;
		bc_filter_destroy(f);
	}
	assert_in_range(both, N_EXPRESSIONS - 3, N_EXPRESSIONS);
}

static void native_code_judges_as_libpcap_or_is_not_used(void **state)
{
	unsigned native = 0;

	if (!pool)
		BC_SKIP("EAL cannot be initialised here");
	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		struct bc_filter *f = compile(expressions[i], 1);
		struct bc_filter_info info;

		bc_filter_info(f, &info);
		assert_int_equal(info.engine == BC_FILTER_BPF, info.why[0] != '\0');
		native += info.engine == BC_FILTER_JIT;
		expect_offline(expressions[i], f);
		bc_filter_destroy(f);
	}
#ifdef __x86_64__
	assert_in_range(native, N_EXPRESSIONS * 2 / 3, N_EXPRESSIONS);
#endif
}

static void expect_engine(const char *expression, enum bc_filter_engine engine, const char *why)
{
	struct bc_filter *f = compile(expression, 1);
	struct bc_filter_info info;

	bc_filter_info(f, &info);
	assert_int_equal(info.engine, engine);
	assert_non_null(strstr(info.why, why));
	bc_filter_destroy(f);
}

static void the_flags_of_tcp_are_native(void **state)
{
	if (!pool)
		BC_SKIP("EAL cannot be initialised here");
#ifdef __x86_64__
	expect_engine("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", BC_FILTER_JIT, "");
	expect_engine("ether multicast", BC_FILTER_JIT, "");
#else
	BC_SKIP("this is about rte_bpf's x86 code");
#endif
}

static void the_reason_for_the_interpreter_is_told(void **state)
{
	if (!pool)
		BC_SKIP("EAL cannot be initialised here");
	expect_engine("len > 60", BC_FILTER_BPF, "length");
	expect_engine("ip6 protochain 6", BC_FILTER_BPF, "rte_bpf");
	expect_engine("ether[60:4] & 4 != 0", BC_FILTER_BPF, "jset");
	expect_engine("(ether[60] + ether[61]) & 4 != 0", BC_FILTER_BPF, "jset");
}

/* Only the way through the byte's load is safe; the jump over it brings a whole word. */
static void a_jset_that_is_jumped_to_is_not_native(void **state)
{
	struct bpf_insn ins[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x7f000001, 1, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct bpf_program program = { sizeof(ins) / sizeof(ins[0]), ins };
	struct bc_filter_jit jit = { 0 };
	const char *why;

	if (!pool)
		BC_SKIP("EAL cannot be initialised here");
	why = bc_filter_jit_load(&program, &jit);
	bc_filter_jit_unload(&jit);
	assert_non_null(why);
	assert_non_null(strstr(why, "jset"));
}

static uint64_t always(void *mbuf)
{
	return 1;
}

static void the_self_test_finds_wrong_code(void **state)
{
	const struct bc_filter_jit wrong = { NULL, always };
	struct bc_filter *f;

	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		f = compile(expressions[i], 0);
		assert_int_equal(bc_filter_selftest(&f->program, &wrong), -1);
		bc_filter_destroy(f);
	}
}

static void the_interpreter_is_the_default(void **state)
{
	struct bc_filter *f = compile("tcp", 0);
	struct bc_filter_info info;

	bc_filter_info(f, &info);
	assert_int_equal(info.engine, BC_FILTER_BPF);
	assert_string_equal(info.why, "not asked for");
	assert_string_equal(info.expression, "tcp");
	assert_true(info.instructions > 1);
	bc_filter_destroy(f);
}

/* The packet in segments of 1 to 40 bytes. */
static struct rte_mbuf *chain(uint64_t *seed, const uint8_t *data, size_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *last = head;

	assert_non_null(head);
	for (size_t at = 0; at < len; ) {
		size_t part = 1 + bc_synthetic_random(seed) % 40;

		part = part < len - at ? part : len - at;
		if (at) {
			last->next = rte_pktmbuf_alloc(pool);
			assert_non_null(last->next);
			last = last->next;
			head->nb_segs++;
		}
		memcpy(rte_pktmbuf_mtod(last, void *), data + at, part);
		last->data_len = (uint16_t)part;
		head->pkt_len += (uint32_t)part;
		at += part;
	}
	return head;
}

static void expect_chains_as_linear(int want_jit)
{
	for (size_t i = 0; i < N_EXPRESSIONS; i++) {
		struct bc_filter *f = compile(expressions[i], want_jit);
		/* Exactly what was asked for, so that a write behind it is found. */
		uint8_t *own = malloc(bc_filter_scratch_size(f) + !bc_filter_scratch_size(f));
		uint64_t seed = 7;

		for (int n = 0; n < 500; n++) {
			uint8_t packet[BC_SYNTHETIC_MAX];
			size_t len = bc_synthetic_packet(&seed, packet);
			struct rte_mbuf m = linear(packet, len), *c = chain(&seed, packet, len);

			if (bc_filter_match(f, c, (uint32_t)len, own) != bc_filter_match(f, &m, (uint32_t)len, own))
				fail_msg("'%s' differs at packet %d", expressions[i], n);
			rte_pktmbuf_free(c);
		}
		free(own);
		bc_filter_destroy(f);
	}
}

static void chained_packets_are_judged_as_linear_ones(void **state)
{
	if (!pool)
		BC_SKIP("EAL cannot be initialised here");
	expect_chains_as_linear(0);
	expect_chains_as_linear(1);
}

static void a_filter_looks_no_further_than_snaplen(void **state)
{
	uint8_t packet[64] = { [40] = 7 };
	struct rte_mbuf m = linear(packet, sizeof(packet));
	struct bc_filter *f;

	for (int jit = 0; jit <= (pool != NULL); jit++) {
		assert_int_equal(bc_filter_compile("ether[40] = 7", ETHERNET, 41, jit, &f, NULL), 0);
		assert_true(bc_filter_match(f, &m, 64, scratch));
		bc_filter_destroy(f);
		assert_int_equal(bc_filter_compile("ether[40] = 7", ETHERNET, 40, jit, &f, NULL), 0);
		assert_false(bc_filter_match(f, &m, 64, scratch));
		bc_filter_destroy(f);
	}
}

static void scratch_is_as_large_as_the_program_looks(void **state)
{
	struct bc_filter *fixed = compile("ether[12:2] = 0x800", 0), *computed = compile("tcp port 80", 0);

	assert_int_equal(bc_filter_scratch_size(fixed), 14);
	assert_int_equal(bc_filter_scratch_size(computed), SNAPLEN);
	assert_int_equal(bc_filter_scratch_size(NULL), 0);
	bc_filter_destroy(fixed);
	bc_filter_destroy(computed);
}

static void a_burst_gives_a_bit_for_each_packet(void **state)
{
	uint8_t packets[BC_FILTER_BURST][BC_SYNTHETIC_MAX];
	struct rte_mbuf mbufs[BC_FILTER_BURST], *burst[BC_FILTER_BURST];
	uint32_t wirelens[BC_FILTER_BURST];
	const char *const some[] = { "ip", "len > 100" };
	uint64_t seed = 3;

	for (int i = 0; i < BC_FILTER_BURST; i++) {
		mbufs[i] = linear(packets[i], bc_synthetic_packet(&seed, packets[i]));
		burst[i] = &mbufs[i];
		wirelens[i] = i & 1 ? 1000 : 10;
	}
	for (int e = 0; e < 2; e++) {
		struct bc_filter *f = compile(some[e], 0);

		for (unsigned n = 0; n <= BC_FILTER_BURST; n++) {
			uint64_t with = 0, without = 0;

			for (unsigned i = 0; i < n; i++) {
				with |= (uint64_t)bc_filter_match(f, burst[i], wirelens[i], scratch) << i;
				without |= (uint64_t)bc_filter_match(f, burst[i], mbufs[i].pkt_len, scratch) << i;
			}
			assert_int_equal(bc_filter_burst(f, burst, wirelens, n, scratch), with);
			assert_int_equal(bc_filter_burst(f, burst, NULL, n, scratch), without);
		}
		bc_filter_destroy(f);
	}
}

static void no_expression_matches_all(void **state)
{
	const char *const none[] = { NULL, "" };
	struct rte_mbuf m = linear(scratch, 0), *burst[1] = { &m };

	for (int i = 0; i < 2; i++) {
		struct bc_filter *f = (struct bc_filter *)scratch;

		assert_int_equal(bc_filter_compile(none[i], ETHERNET, SNAPLEN, 0, &f, NULL), 0);
		assert_null(f);
	}
	assert_true(bc_filter_match(NULL, &m, 0, NULL));
	assert_int_equal(bc_filter_burst(NULL, burst, NULL, 0, NULL), 0);
	assert_int_equal(bc_filter_burst(NULL, burst, NULL, 1, NULL), 1);
	assert_int_equal(bc_filter_burst(NULL, burst, NULL, 64, NULL), UINT64_MAX);
	bc_filter_destroy(NULL);
}

static void a_bad_expression_is_refused_in_libpcaps_words(void **state)
{
	struct bc_filter *f = (struct bc_filter *)scratch;
	struct bc_err err;

	assert_int_equal(bc_filter_compile("tcp and and", ETHERNET, SNAPLEN, 0, &f, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "syntax error"));
	assert_non_null(strstr(err.msg, "'tcp and and'"));
	assert_ptr_equal(f, scratch);
	assert_int_equal(bc_filter_compile("port nosuchservice", ETHERNET, SNAPLEN, 0, &f, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "nosuchservice"));
}

static void an_expression_is_one_for_some_link_type(void **state)
{
	static const char *const good[] = { "", "udp port 53", "type mgt", "lane", "sio 5", "inbound" };
	static const char *const bad[] = { "tcp and and", "no such word", "port nosuchservice" };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(bc_filter_check(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bc_filter_check(bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.msg, bad[i]));
	}
}

static void snaplen_is_bounded(void **state)
{
	struct bc_filter *f;

	assert_int_equal(bc_filter_compile("ip", ETHERNET, 0, 0, &f, NULL), -EINVAL);
	assert_int_equal(bc_filter_compile("ip", ETHERNET, BC_FILTER_MAX_SNAPLEN + 1, 0, &f, NULL), -EINVAL);
}

static void what_is_not_in_the_bytes_is_refused(void **state)
{
	const char *const expr[] = { "inbound", "outbound", "ifindex 1", "ip and not inbound" };
	struct bc_filter *f;

	struct bc_err err;

	for (size_t i = 0; i < sizeof(expr) / sizeof(expr[0]); i++) {
		assert_int_equal(bc_filter_compile(expr[i], ETHERNET, SNAPLEN, 0, &f, &err), -EINVAL);
		assert_non_null(strstr(err.msg, expr[i]));
	}
}

/* Negative offsets are how Linux's metadata is asked for. */
static void vlan_looks_at_the_bytes_only(void **state)
{
	struct bc_filter *f = compile("vlan and tcp port 80", 0);

	for (unsigned i = 0; i < f->program.bf_len; i++)
		if (BPF_CLASS(f->program.bf_insns[i].code) == BPF_LD)
			assert_true((int32_t)f->program.bf_insns[i].k >= 0);
	bc_filter_destroy(f);
}

static void vlan_finds_tags_in_the_bytes(void **state)
{
	const uint8_t tagged[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 100, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0,
				   64, 6, 0, 0, 10, 1, 2, 3, 10, 1, 2, 4, 0, 80, 4, 0 };
	uint8_t plain[sizeof(tagged) - 4];
	struct rte_mbuf with = linear(tagged, sizeof(tagged)), without = linear(plain, sizeof(plain));
	struct bc_filter *f = compile("vlan 100 and tcp port 80", 0);

	memcpy(plain, tagged, 12);
	memcpy(plain + 12, tagged + 16, sizeof(plain) - 12);
	assert_true(bc_filter_match(f, &with, sizeof(tagged), scratch));
	assert_false(bc_filter_match(f, &without, sizeof(plain), scratch));
	bc_filter_destroy(f);
	f = compile("tcp port 80", 0);
	assert_false(bc_filter_match(f, &with, sizeof(tagged), scratch));
	assert_true(bc_filter_match(f, &without, sizeof(plain), scratch));
	bc_filter_destroy(f);
}

static void raw_ip_has_no_ethernet_header(void **state)
{
	const uint8_t packet[] = { 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 10, 1, 2, 3, 10, 1, 2, 4 };
	struct rte_mbuf m = linear(packet, sizeof(packet));
	struct bc_filter *f;

	assert_int_equal(bc_filter_compile("src host 10.1.2.3 and tcp", 101, SNAPLEN, 0, &f, NULL), 0);
	assert_true(bc_filter_match(f, &m, sizeof(packet), scratch));
	bc_filter_destroy(f);
}

static void *compile_many(void *arg)
{
	uintptr_t failed = 0;

	for (int i = 0; i < 100; i++) {
		struct bc_filter *f;

		if (bc_filter_compile(expressions[i % N_EXPRESSIONS], ETHERNET, SNAPLEN, 0, &f, NULL) < 0)
			failed++;
		else
			bc_filter_destroy(f);
	}
	return (void *)failed;
}

static void threads_may_compile_at_once(void **state)
{
	pthread_t th[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, compile_many, NULL), 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(th[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_expression_judges_as_libpcap),
		cmocka_unit_test(synthetic_packets_hit_and_miss_most_expressions),
		cmocka_unit_test(native_code_judges_as_libpcap_or_is_not_used),
		cmocka_unit_test(the_flags_of_tcp_are_native),
		cmocka_unit_test(the_reason_for_the_interpreter_is_told),
		cmocka_unit_test(a_jset_that_is_jumped_to_is_not_native),
		cmocka_unit_test(the_self_test_finds_wrong_code),
		cmocka_unit_test(the_interpreter_is_the_default),
		cmocka_unit_test(chained_packets_are_judged_as_linear_ones),
		cmocka_unit_test(a_filter_looks_no_further_than_snaplen),
		cmocka_unit_test(scratch_is_as_large_as_the_program_looks),
		cmocka_unit_test(a_burst_gives_a_bit_for_each_packet),
		cmocka_unit_test(no_expression_matches_all),
		cmocka_unit_test(a_bad_expression_is_refused_in_libpcaps_words),
		cmocka_unit_test(an_expression_is_one_for_some_link_type),
		cmocka_unit_test(snaplen_is_bounded),
		cmocka_unit_test(what_is_not_in_the_bytes_is_refused),
		cmocka_unit_test(vlan_looks_at_the_bytes_only),
		cmocka_unit_test(vlan_finds_tags_in_the_bytes),
		cmocka_unit_test(raw_ip_has_no_ethernet_header),
		cmocka_unit_test(threads_may_compile_at_once),
	};

	return cmocka_run_group_tests(tests, init_eal, cleanup_eal);
}
