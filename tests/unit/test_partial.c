/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pcap/pcap.h>
#include <stdbool.h>

#include "bc_partial.h"
#include "bc_synthetic.h"
#include "expressions.h"

#define EXPRESSIONS 500
#define PACKETS 60
#define SNAPLEN 262144

/* False: libpcap refuses it. */
static bool compile(const char *expression, struct bpf_program *ret)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	int r = pcap_compile(p, ret, expression, 1, PCAP_NETMASK_UNKNOWN);

	pcap_close(p);
	return r == 0;
}

/* What is known of a packet, and what it is made of. */
struct partly {
	uint8_t packet[BC_SYNTHETIC_MAX];
	uint8_t known[BC_SYNTHETIC_MAX];
	uint32_t caplen, wirelen;
	struct bc_partial_packet is;
};

/* Only what is there may be there. */
static bool is_there(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	const struct partly *p = ctx;

	return at + len > BC_SYNTHETIC_MAX || !memcmp(p->packet + at, bytes, len);
}

static void forget_some(struct random *r, struct partly *p)
{
	uint32_t how = random_below(r, 4), part = 1 + random_below(r, 100);

	for (uint32_t i = 0; i < BC_SYNTHETIC_MAX; i++) {
		uint8_t bits = (uint8_t)random_u64(r);

		p->known[i] = how == 0 ? bits : random_below(r, 100) < part ? 0xff : how == 1 ? bits : 0;
	}
	p->is = (struct bc_partial_packet){
		.value = p->packet, .known = p->known, .len = random_below(r, 3) ? BC_SYNTHETIC_MAX : random_below(r, 80),
		.caplen_min = p->caplen, .caplen_max = p->caplen, .wirelen_min = p->wirelen, .wirelen_max = p->wirelen,
	};
	if (random_below(r, 2)) {
		p->is.caplen_min = random_below(r, p->caplen + 1);
		p->is.caplen_max = random_below(r, 2) ? p->caplen + random_below(r, 100) : UINT32_MAX;
	}
	if (random_below(r, 2)) {
		p->is.wirelen_min = random_below(r, p->wirelen + 1);
		p->is.wirelen_max = random_below(r, 2) ? p->wirelen + random_below(r, 1000) : UINT32_MAX;
	}
	if (random_below(r, 2)) {
		p->is.may_be = is_there;
		p->is.ctx = p;
	}
}

static void make_packet(struct random *r, uint64_t *seed, struct partly *p)
{
	p->caplen = (uint32_t)bc_synthetic_packet(seed, p->packet);
	p->wirelen = p->caplen + (random_below(r, 4) ? 0 : 1000);
}

/* Expressions at random, and on each packets at random, of which a part is known. */
static void for_each_case(void (*check)(struct bc_partial *, const struct bpf_program *, const struct partly *, uint32_t *), uint32_t *count)
{
	struct random r = { .state = 12 };
	uint64_t seed = 5;

	for (int e = 0; e < EXPRESSIONS; e++) {
		char expression[EXPRESSION_MAX];
		struct bpf_program program;
		struct bc_partial *p;
		struct partly packet;

		expression_random(&r, expression);
		if (!compile(expression, &program))
			continue;
		p = bc_partial_new(&program);
		assert_non_null(p);
		for (int i = 0; i < PACKETS; i++) {
			make_packet(&r, &seed, &packet);
			forget_some(&r, &packet);
			check(p, &program, &packet, count);
		}
		bc_partial_free(p);
		pcap_freecode(&program);
	}
}

static void expect_no_lie(struct bc_partial *p, const struct bpf_program *program, const struct partly *packet, uint32_t *count)
{
	enum bc_partial_answer said = bc_partial_run(p, &packet->is);
	bool is = bpf_filter(program->bf_insns, packet->packet, packet->wirelen, packet->caplen) != 0;

	count[said]++;
	if (said == (is ? BC_PARTIAL_NO : BC_PARTIAL_YES))
		fail_msg("it says %d of a packet that %s", said, is ? "matches" : "does not match");
}

static void no_part_of_a_packet_gives_a_wrong_answer(void **state)
{
	uint32_t count[3] = { 0 };

	for_each_case(expect_no_lie, count);
	/* Neither would it be of use to answer nothing. */
	assert_true(count[BC_PARTIAL_NO] > 2000);
	assert_true(count[BC_PARTIAL_YES] > 2000);
}

static void expect_certainty(struct bc_partial *p, const struct bpf_program *program, const struct partly *packet, uint32_t *count)
{
	static const uint8_t all[BC_SYNTHETIC_MAX] = { [0 ... BC_SYNTHETIC_MAX - 1] = 0xff };
	struct bc_partial_packet whole = {
		.value = packet->packet, .known = all, .len = BC_SYNTHETIC_MAX, .caplen_min = packet->caplen,
		.caplen_max = packet->caplen, .wirelen_min = packet->wirelen, .wirelen_max = packet->wirelen,
	};
	bool is = bpf_filter(program->bf_insns, packet->packet, packet->wirelen, packet->caplen) != 0;
	enum bc_partial_answer said = bc_partial_run(p, &whole);

	(*count)++;
	if (said != (is ? BC_PARTIAL_YES : BC_PARTIAL_NO) && said != BC_PARTIAL_PERHAPS)
		fail_msg("a packet that is known is answered %d", said);
	/* Only loops are not followed. */
	if (said == BC_PARTIAL_PERHAPS)
		count[1]++;
}

static void a_whole_packet_gives_a_certain_answer(void **state)
{
	uint32_t count[2] = { 0 };

	for_each_case(expect_certainty, count);
	assert_true(count[0] > 10000);
	assert_true(count[1] < count[0] / 4);
}

/* A flow as an index knows it: no MAC, no lengths, no checksums. */
static const uint8_t flow[] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 10, 1, 2, 3, 10, 1, 2, 4, 0, 53, 0x30, 0x39,
};
static const uint8_t flow_known[] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0x1f, 0xff, 0, 0xff, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

static enum bc_partial_answer ask_flow(const char *expression)
{
	const struct bc_partial_packet is = {
		.value = flow, .known = flow_known, .len = sizeof(flow), .caplen_min = 60, .caplen_max = 1514, .wirelen_min = 60,
		.wirelen_max = 1514,
	};
	enum bc_partial_answer said;
	struct bpf_program program;
	struct bc_partial *p;

	assert_true(compile(expression, &program));
	p = bc_partial_new(&program);
	assert_non_null(p);
	said = bc_partial_run(p, &is);
	bc_partial_free(p);
	pcap_freecode(&program);
	return said;
}

static void a_flow_answers_what_it_knows(void **state)
{
	const char *const yes[] = { "udp", "host 10.1.2.3", "port 53", "udp port 12345", "net 10.1.2.0/24", "not tcp", "ip and not icmp",
				    "src host 10.1.2.3 and src port 53", "tcp or udp", "ip[0] & 0xf = 5", "portrange 50-60" };
	const char *const no[] = { "tcp", "host 10.1.2.5", "port 80", "net 192.168.0.0/16", "ip6", "arp", "src port 12345", "vlan",
				   "len > 3000", "portrange 54-100", "dst host 10.1.2.3", "icmp or tcp port 53", "host 10.1.2.5 or port 80" };
	const char *const perhaps[] = { "ether host 02:00:00:00:00:01", "len > 100", "udp[8] = 1", "ip[8] > 5", "port 53 and ether[0] & 1 = 1" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (ask_flow(yes[i]) != BC_PARTIAL_YES)
			fail_msg("'%s' is not certain", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (ask_flow(no[i]) != BC_PARTIAL_NO)
			fail_msg("'%s' is not ruled out", no[i]);
	for (size_t i = 0; i < sizeof(perhaps) / sizeof(perhaps[0]); i++)
		if (ask_flow(perhaps[i]) != BC_PARTIAL_PERHAPS)
			fail_msg("'%s' is taken for known", perhaps[i]);
}

/* Packets of IP whose addresses are not known. */
struct hosts {
	uint32_t at[2], len;	/* where addresses are, and how long */
	uint8_t host[16];	/* the only one */
	uint32_t asked;		/* whole addresses */
};

static bool is_the_host(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	struct hosts *h = ctx;

	if ((at != h->at[0] && at != h->at[1]) || len != h->len)
		return true;
	h->asked++;
	return !memcmp(bytes, h->host, len);
}

static enum bc_partial_answer ask_hosts(const char *expression, uint16_t ethertype, struct hosts *h)
{
	uint8_t value[14] = { [12] = (uint8_t)(ethertype >> 8), (uint8_t)ethertype }, known[14] = { [12] = 0xff, 0xff };
	struct bc_partial_packet is = {
		.value = value, .known = known, .len = sizeof(value), .caplen_max = 1514, .wirelen_max = 1514, .may_be = is_the_host, .ctx = h,
	};
	enum bc_partial_answer said;
	struct bpf_program program;
	struct bc_partial *p;

	assert_true(compile(expression, &program));
	p = bc_partial_new(&program);
	assert_non_null(p);
	said = bc_partial_run(p, &is);
	bc_partial_free(p);
	pcap_freecode(&program);
	return said;
}

static void hosts_that_are_not_there_rule_out(void **state)
{
	const char *const no[] = { "host 10.1.2.4", "src host 10.1.2.3 and dst host 10.1.2.4", "host 10.1.2.4 and port 53",
				   "(host 10.1.2.4 or host 10.1.2.5) and tcp", "host 10.1.2.3 and host 10.1.2.4", "ip6 host 2001:db8::1" };
	const char *const perhaps[] = { "host 10.1.2.3", "host 10.1.2.4 or port 53", "not host 10.1.2.4", "ether[26:4] = 0x0a010203",
					"net 10.1.2.0/24", "ip[16:4] & 0xffffff00 = 0x0a010200", "dst host 10.1.2.3" };
	struct hosts h = { .at = { 26, 30 }, .len = 4, .host = { 10, 1, 2, 3 } };

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (ask_hosts(no[i], 0x0800, &h) != BC_PARTIAL_NO)
			fail_msg("'%s' is not ruled out", no[i]);
	for (size_t i = 0; i < sizeof(perhaps) / sizeof(perhaps[0]); i++)
		if (ask_hosts(perhaps[i], 0x0800, &h) != BC_PARTIAL_PERHAPS)
			fail_msg("'%s' is taken for known", perhaps[i]);
}

static void an_address_of_ip6_is_asked_as_a_whole(void **state)
{
	struct hosts h = { .at = { 22, 38 }, .len = 16, .host = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };

	assert_int_equal(ask_hosts("host 2001:db8::1", 0x86dd, &h), BC_PARTIAL_PERHAPS);
	assert_int_equal(ask_hosts("src host 2001:db8::1 and dst host 2001:db8::2", 0x86dd, &h), BC_PARTIAL_NO);
	h.asked = 0;
	assert_int_equal(ask_hosts("host 2001:db8::2", 0x86dd, &h), BC_PARTIAL_NO);
	assert_int_equal(h.asked, 2);
	assert_int_equal(ask_hosts("net 2001:db8::/64", 0x86dd, &h), BC_PARTIAL_PERHAPS);
}

static enum bc_partial_answer ask(const struct bpf_insn *insns, uint32_t n, const struct bc_partial_packet *is)
{
	const struct bpf_program program = { n, (struct bpf_insn *)(uintptr_t)insns };
	struct bc_partial *p = bc_partial_new(&program);
	enum bc_partial_answer said;

	assert_non_null(p);
	said = bc_partial_run(p, is);
	bc_partial_free(p);
	return said;
}

static void a_bit_that_is_known_is_enough(void **state)
{
	const uint8_t value[] = { 0x01 }, known[] = { 0x03 };
	const struct bc_partial_packet is = { .value = value, .known = known, .len = 1, .caplen_min = 1, .caplen_max = 1 };
	struct bpf_insn ins[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	assert_int_equal(ask(ins, 4, &is), BC_PARTIAL_YES);
	ins[1].k = 2;
	assert_int_equal(ask(ins, 4, &is), BC_PARTIAL_NO);
	ins[1].k = 4;
	assert_int_equal(ask(ins, 4, &is), BC_PARTIAL_PERHAPS);
}

static void a_load_behind_the_packet_is_no_match(void **state)
{
	struct bc_partial_packet is = { .caplen_min = 10, .caplen_max = 20 };
	struct bpf_insn ins[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 8), BPF_STMT(BPF_RET | BPF_K, 1) };

	assert_int_equal(ask(ins, 2, &is), BC_PARTIAL_YES);
	ins[0].k = 9;
	assert_int_equal(ask(ins, 2, &is), BC_PARTIAL_PERHAPS);
	ins[0].k = 19;
	assert_int_equal(ask(ins, 2, &is), BC_PARTIAL_NO);
	ins[0].k = UINT32_MAX;
	assert_int_equal(ask(ins, 2, &is), BC_PARTIAL_NO);
}

static void a_loop_or_a_program_without_an_end_is_not_answered(void **state)
{
	const struct bc_partial_packet is = { .caplen_max = 20 };
	struct bpf_insn loop[] = { BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), BPF_STMT(BPF_RET | BPF_K, 1) };
	struct bpf_insn open[] = { BPF_STMT(BPF_RET | BPF_K, 1), BPF_STMT(BPF_LD | BPF_IMM, 1) };
	struct bpf_insn beyond[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), BPF_STMT(BPF_RET | BPF_K, 1) };

	assert_int_equal(ask(loop, 2, &is), BC_PARTIAL_PERHAPS);
	assert_int_equal(ask(open, 2, &is), BC_PARTIAL_PERHAPS);
	assert_int_equal(ask(beyond, 2, &is), BC_PARTIAL_PERHAPS);
	assert_int_equal(ask(NULL, 0, &is), BC_PARTIAL_PERHAPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_part_of_a_packet_gives_a_wrong_answer),
		cmocka_unit_test(a_whole_packet_gives_a_certain_answer),
		cmocka_unit_test(a_flow_answers_what_it_knows),
		cmocka_unit_test(hosts_that_are_not_there_rule_out),
		cmocka_unit_test(an_address_of_ip6_is_asked_as_a_whole),
		cmocka_unit_test(a_bit_that_is_known_is_enough),
		cmocka_unit_test(a_load_behind_the_packet_is_no_match),
		cmocka_unit_test(a_loop_or_a_program_without_an_end_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
