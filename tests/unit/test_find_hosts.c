/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pcap/pcap.h>

#include "bc_bytes.h"
#include "bc_find_hosts.h"
#include "bc_partial.h"
#include "bc_tuple.h"
#include "expressions.h"
#include "traffic.h"

#define EXPRESSIONS 400
#define PACKETS 60
#define SNAPLEN 262144

/* Link types that the index knows. */
static const uint16_t linktypes[] = { 1, 113, 276, 0, 108, 101, 228, 229 };
#define LINKS (sizeof(linktypes) / sizeof(linktypes[0]))

static struct random r = { 7 };
static uint64_t seed = 5;

struct packet {
	uint16_t linktype;
	uint8_t data[TRAFFIC_MAX + 64];
	uint32_t len;
	struct bc_tuple tuple;
};

/* A packet at random, with the headers of a link type in place of Ethernet's. */
static void make_packet(struct packet *p)
{
	uint8_t ether[TRAFFIC_MAX];
	uint32_t wirelen, len = traffic_packet(&r, &seed, ether, &wirelen), type = len >= 14 ? bc_get_be16(ether + 12) : 0, n = 0;
	const uint8_t families[] = { 10, 24, 28, 30 };

	p->linktype = linktypes[random_below(&r, LINKS)];
	memset(p->data, 0, sizeof(p->data));
	switch (p->linktype) {
	case 1:
		n = 14;
		memcpy(p->data, ether, 14);
		break;
	case 113:
		n = 16;
		bc_put_be16(p->data + 14, (uint16_t)type);
		break;
	case 276:
		n = 20;
		bc_put_be16(p->data, (uint16_t)type);
		break;
	case 0:
	case 108:
		n = 4;
		p->data[p->linktype || random_below(&r, 2) ? 3 : 0] = type == 0x800 ? 2 : families[random_below(&r, 4)];
		break;
	}
	len = len > 14 ? len - 14 : 0;
	memcpy(p->data + n, ether + 14, len);
	p->len = n + len;
	/* Now and then a header says one thing and is another, or it is cut. */
	if (!random_below(&r, 10) && p->len)
		p->data[random_below(&r, p->len)] = (uint8_t)random_u64(&r);
	if (!random_below(&r, 10))
		p->len = random_below(&r, p->len + 1);
	bc_tuple_of(p->linktype, p->data, p->len < BC_TUPLE_MAX ? p->len : BC_TUPLE_MAX, p->len > BC_TUPLE_MAX, &p->tuple);
}

/* As the filter of a part with this packet alone. */
static bool holds(void *ctx, const uint8_t *addr, size_t len)
{
	const struct packet *p = ctx;
	const struct bc_tuple *t = &p->tuple;

	for (int i = 0; i < 2; i++)
		if (t->addr_len == len && !memcmp(p->data + t->addr_at[i], addr, len))
			return true;
	for (int i = 0; i < t->n_outer; i++)
		if (t->outer_len[i] == len && !memcmp(p->data + t->outer_at[i], addr, len))
			return true;
	return false;
}

static bool holds_none(void *ctx, const uint8_t *addr, size_t len)
{
	return false;
}

/* The expression for each link type; NULL: it is refused for that one. */
struct question {
	struct bpf_program program[LINKS];
	struct bc_partial *partial[LINKS];
	struct bc_find_hosts hosts;
};

static void open_question(struct question *q, const char *expression)
{
	for (size_t i = 0; i < LINKS; i++) {
		pcap_t *p = pcap_open_dead(linktypes[i] == 101 ? DLT_RAW : linktypes[i], SNAPLEN);

		q->partial[i] = NULL;
		if (p && pcap_compile(p, &q->program[i], expression, 1, PCAP_NETMASK_UNKNOWN) == 0) {
			q->partial[i] = bc_partial_new(&q->program[i]);
			assert_non_null(q->partial[i]);
		}
		if (p)
			pcap_close(p);
	}
}

static void close_question(struct question *q)
{
	for (size_t i = 0; i < LINKS; i++) {
		if (q->partial[i])
			pcap_freecode(&q->program[i]);
		bc_partial_free(q->partial[i]);
	}
}

static size_t index_of(uint16_t linktype)
{
	size_t i = 0;

	while (linktypes[i] != linktype)
		i++;
	return i;
}

struct asking {
	const struct bc_find_shape *shape;
	const struct bc_find_hosts *hosts;
};

static bool may_be(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	const struct asking *a = ctx;

	return bc_find_shape_may_be(a->shape, a->hosts, at, bytes, len);
}

static bool may_match(void *ctx, const struct bc_find_shape *s)
{
	struct question *q = ctx;
	struct asking asking = { s, &q->hosts };
	const struct bc_partial_packet is = {
		.value = s->pattern.value, .known = s->pattern.mask, .len = s->pattern.len, .caplen_min = s->pattern.len,
		.caplen_max = s->empty ? 0 : UINT32_MAX, .wirelen_max = UINT32_MAX, .may_be = may_be, .ctx = &asking,
	};
	struct bc_partial *partial = q->partial[index_of(s->pattern.linktype)];

	return partial && bc_partial_run(partial, &is) != BC_PARTIAL_NO;
}

static bool matches(const struct question *q, const struct packet *p)
{
	size_t i = index_of(p->linktype);

	return q->partial[i] && bpf_filter(q->program[i].bf_insns, p->data, p->len, p->len);
}

static void check_packets(struct question *q, const char *expression, uint32_t *ret_out)
{
	for (int k = 0; k < PACKETS; k++) {
		struct packet p;
		bool may;

		make_packet(&p);
		if (p.tuple.opaque)
			continue;
		q->hosts = (struct bc_find_hosts){ holds, &p };
		may = bc_find_shapes(may_match, q);
		if (!may && matches(q, &p))
			fail_msg("'%s' matches a packet of link type %u that hosts rule out", expression, p.linktype);
		*ret_out += !may;
	}
}

static void no_packet_is_ruled_out_that_matches(void **state)
{
	static const char *const hosts[] = { "host 10.1.2.3", "ip host 10.1.2.1", "src host 10.1.2.1 and dst host 10.1.2.2", "host 2001:db8::1",
					     "host 192.168.0.1 and udp", "arp host 10.1.2.2", "vlan and host 10.1.2.3", "rarp host 10.1.2.2" };
	uint32_t out = 0;

	for (size_t e = 0; e < EXPRESSIONS + sizeof(hosts) / sizeof(hosts[0]); e++) {
		char expression[EXPRESSION_MAX];
		struct question q;

		expression_random(&r, expression);
		if (e < sizeof(hosts) / sizeof(hosts[0]))
			snprintf(expression, sizeof(expression), "%s", hosts[e]);
		open_question(&q, expression);
		check_packets(&q, expression, &out);
		close_question(&q);
	}
	assert_true(out > 500);
}

/* Of whom an expression asks, all that is needed to rule a segment out are its hosts. */
static void hosts_that_are_nowhere_rule_out(void **state)
{
	static const char *const no[] = { "host 10.1.2.3", "src host 10.1.2.3", "host 2001:db8::1", "host 10.1.2.3 and tcp port 80", "arp host 10.1.2.3",
					  "vlan and host 10.1.2.3", "vlan 5 and vlan 6 and host 10.1.2.3", "host 10.1.2.3 or host 2001:db8::1",
					  "(host 10.1.2.3 or host 10.1.2.4) and udp", "tcp and dst host 10.1.2.3" };
	static const char *const perhaps[] = { "tcp", "net 10.1.2.0/24", "not host 10.1.2.3", "host 10.1.2.3 or port 53", "ether[26:4] = 0x0a010203",
					       "mpls and host 10.1.2.3", "host 10.1.2.3 or vlan" };
	struct question q = { .hosts = { .may_hold = holds_none } };

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]) + sizeof(perhaps) / sizeof(perhaps[0]); i++) {
		bool is_no = i < sizeof(no) / sizeof(no[0]);
		const char *expression = is_no ? no[i] : perhaps[i - sizeof(no) / sizeof(no[0])];

		open_question(&q, expression);
		if (bc_find_shapes(may_match, &q) == is_no)
			fail_msg("'%s' is %sruled out", expression, is_no ? "not " : "");
		close_question(&q);
	}
}

static void what_is_asked_for_is_noted_once(void **state)
{
	struct bc_find_asked asked = { .n = 0 };

	for (uint32_t i = 0; i < BC_FIND_ASKED_MAX; i++)
		for (int k = 0; k < 2; k++)
			assert_true(bc_find_asked_add(&asked, (uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4));
	assert_int_equal(asked.n, BC_FIND_ASKED_MAX);
	assert_false(asked.is_full);
	assert_true(bc_find_asked_add(&asked, (uint8_t[]){ 10, 0, 1, 0 }, 4));
	assert_true(asked.is_full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_packet_is_ruled_out_that_matches),
		cmocka_unit_test(hosts_that_are_nowhere_rule_out),
		cmocka_unit_test(what_is_asked_for_is_noted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
