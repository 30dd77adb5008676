/* SPDX-License-Identifier: BSD-3-Clause */
/* The way to a remote peer: packets that become messages, and what the ledger says of them. */
#include "chain.h"
#include "net.h"

#include "bc_ip_find.h"
#include "bc_peer.h"
#include "bc_wire.h"

/* A chain into one file that holds the messages. */
static struct chain *chain_to_file(struct chain_config cfg)
{
	static char path[SCRATCH_MAX];

	scratch_name(path, "bc-framing");
	cfg.codec = BC_CODEC_NONE;
	cfg.snaplen = cfg.snaplen ? cfg.snaplen : BC_WIRE_SNAPLEN;
	cfg.store = BC_STORE_FILE;
	cfg.dest = path;
	return chain_new(cfg);
}

/* Each message of the file; packets against those that were sent. How many link headers there are. */
static uint32_t check_messages(struct chain *c, uint32_t first)
{
	struct bc_wire *w = bc_wire_new(0);
	uint32_t links = 0, number = first;
	size_t len, at = 0;
	uint8_t *bytes = chain_load(c->cfg.dest, &len);

	while (at < len) {
		struct bc_err err = { .msg = "" };
		struct bc_record rec;
		size_t consumed, need;
		int r = bc_wire_next(w, bytes + at, len - at, &consumed, &need, &rec, &err);

		if (r <= BC_WIRE_READ_MORE)
			fail_msg("at %zu of %zu: %d: %s", at, len, r, err.msg);
		at += consumed;
		links += r == BC_WIRE_READ_LINK;
		if (r == BC_WIRE_READ_PACKET) {
			const struct chain_packet *p = &c->sent[number];
			uint32_t caplen = p->len < c->cfg.snaplen ? p->len : c->cfg.snaplen;

			assert_true(rec.caplen == caplen && rec.wirelen == p->wire_len && rec.dropcount == p->drops);
			for (uint32_t i = 4; i < caplen; i += 1 + i / 16)
				assert_int_equal(rec.data[i], chain_byte(number, i));
			if (bc_wire_is_pcapng(w))
				assert_int_equal(rec.iface, p->iface);
			number++;
		}
	}
	assert_int_equal(number, c->n_sent);
	free(bytes);
	bc_wire_free(w);
	return links;
}

static void each_packet_is_a_message(void **state)
{
	for (uint32_t n = 0; n < 9; n++) {
		struct chain *c = chain_to_file((struct chain_config){
			.format = (enum bc_format)(n % 3), .framing = BC_FRAMING_OSMO, .lanes = 1 + n / 3, .sources = 3,
			.queue_option = n % 3 == 0 && n > 3, .snaplen = n > 5 ? 100 : 0,
		});

		for (uint32_t i = 0; i < 500; i++) {
			uint32_t source = random_below(&c->random, 3);

			chain_send_as(c, (struct chain_packet){
				.source = source, .iface = source, .len = 4 + random_below(&c->random, 3000),
				.drops = n % 3 == 0 && i % 50 == 0 ? i : 0,
			});
		}
		chain_end(c);
		assert_int_equal(chain_balance(c).written, 500);
		assert_int_equal(check_messages(c, 0), 1);
		chain_free(c);
	}
}

static void the_longest_packets_fit_a_message(void **state)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct chain *c = chain_to_file((struct chain_config){
			.format = n ? BC_FORMAT_PCAP_NS : BC_FORMAT_PCAPNG, .framing = BC_FRAMING_OSMO, .queue_option = !n,
		});

		for (uint32_t len = BC_WIRE_SNAPLEN - 3; len < BC_WIRE_SNAPLEN + 3; len++)
			chain_send_as(c, (struct chain_packet){ .len = len, .drops = n ? 0 : 1 });
		chain_end(c);
		assert_int_equal(check_messages(c, 0), 1);
		chain_free(c);
	}
}

static void a_new_interface_begins_with_a_new_link_header(void **state)
{
	struct chain *c = chain_to_file((struct chain_config){ .framing = BC_FRAMING_OSMO, .lanes = 2 });

	for (uint32_t i = 1; i < 4; i++) {
		chain_send_many(c, 20, 300);
		chain_settle(c);
		chain_iface(c, 1);
		for (int k = 0; k < 20; k++)
			chain_send_as(c, (struct chain_packet){ .iface = i, .len = 300 });
		chain_settle(c);
	}
	chain_end(c);
	assert_int_equal(check_messages(c, 0), 4);
	chain_free(c);
}

static void a_link_header_that_is_too_long_leaves_out_words(void **state)
{
	struct chain *c = chain_to_file((struct chain_config){ .framing = BC_FRAMING_OSMO });

	while (bc_iface_count(c->ifaces) < BC_MAX_IFACES) {
		struct bc_iface iface = { .linktype = 1, .snaplen = 1500 };

		memset(iface.description, 'd', sizeof(iface.description) - 1);
		bc_iface_add(c->ifaces, &iface);
	}
	chain_send_as(c, (struct chain_packet){ .iface = BC_WIRE_MAX_IFACES - 1, .len = 100 });
	chain_send_as(c, (struct chain_packet){ .iface = BC_WIRE_MAX_IFACES, .len = 100 });
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_LINK_TYPE), 1);
	c->n_sent--;
	assert_int_equal(check_messages(c, 0), 1);
	chain_free(c);
}

static void ip_packets_are_found(void **state)
{
	static const uint8_t v4[20] = { 0x45, 0, 0, 60 }, v6[40] = { 0x60, 0, 0, 0, 0, 20 };
	struct {
		uint16_t linktype;
		const char *head;
		uint32_t head_len;
		int at;
	} is[] = {
		{ 1, "aaaaaabbbbbb\x08\x00", 14, 14 },
		{ 1, "aaaaaabbbbbb\x86\xdd", 14, 14 },
		{ 1, "aaaaaabbbbbb\x81\x00\x00\x07\x08\x00", 18, 18 },
		{ 1, "aaaaaabbbbbb\x88\xa8\x00\x07\x81\x00\x00\x07\x08\x00", 22, 22 },
		{ 1, "aaaaaabbbbbb\x08\x06", 14, -1 },
		{ 113, "12345678901234\x08\x00", 16, 16 },
		{ 276, "\x08\x00" "345678901234567890", 20, 20 },
		{ 101, "", 0, 0 }, { 228, "", 0, 0 }, { 147, "", 0, -1 },
	};
	uint8_t packet[256];
	uint32_t len;

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		bool six = is[i].head_len == 14 && (uint8_t)is[i].head[12] == 0x86;

		memset(packet, 0, sizeof(packet));
		memcpy(packet, is[i].head, is[i].head_len);
		memcpy(packet + is[i].head_len, six ? v6 : v4, six ? sizeof(v6) : sizeof(v4));
		/* What stands behind the packet's own length is the link's. */
		assert_int_equal(bc_ip_find(is[i].linktype, packet, is[i].head_len + 100, &len), is[i].at);
		if (is[i].at < 0)
			continue;
		assert_int_equal(len, 60);
		assert_int_equal(bc_ip_find(is[i].linktype, packet, is[i].head_len + 50, &len), is[i].at);
		assert_int_equal(len, 50);
		/* Cut off anywhere before it can be known. */
		for (uint32_t n = 0; n < is[i].head_len + (six ? 40 : 20); n++) {
			uint8_t *exact = malloc(n + 1);

			memcpy(exact, packet, n);
			assert_int_equal(bc_ip_find(is[i].linktype, exact, n, &len), -1);
			free(exact);
		}
	}
}

static void what_has_no_ip_packet_is_no_datagram(void **state)
{
	struct chain *c = chain_to_file((struct chain_config){ .framing = BC_FRAMING_IPIP });

	/* Their bytes mean nothing. */
	chain_send_many(c, 50, 200);
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_LINK_TYPE), 50);
	/* Not a byte was written, not even a header. */
	assert_int_equal(access(c->cfg.dest, F_OK), -1);
	chain_free(c);
}

static struct bc_peer *new_peer(uint16_t port)
{
	const struct bc_peer_config pc = { .name = "peer", .host = "127.0.0.1", .port = port, .queue_bytes = 256 * 1024 };
	struct bc_peer *p;

	assert_int_equal(bc_peer_new(&pc, &p, NULL), 0);
	return p;
}

static struct chain *chain_to_peer(struct bc_peer *peer, uint64_t drain_ns)
{
	return chain_new((struct chain_config){
		.framing = BC_FRAMING_OSMO, .snaplen = BC_WIRE_SNAPLEN, .store = BC_STORE_PEER, .peer = peer, .drain_ns = drain_ns,
		.chunk_bytes = 16384, .sources = 2,
	});
}

/* All that was sent goes as far as it can. */
static void push(struct chain *c)
{
	for (int i = 0; i < 100; i++) {
		chain_barrier(c);
		c->ahead_ns += c->cfg.flush_ns;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

static void nothing_is_written_while_the_peer_is_away(void **state)
{
	struct bc_peer *peer = new_peer(1);
	struct chain *c = chain_to_peer(peer, 100 * BC_NS_PER_MS);

	/* More than the queue holds. */
	for (uint32_t i = 0; i < 1000; i++)
		chain_send(c, 1000);
	push(c);
	TURN_UNTIL(c, chain_lost_so_far(c, BC_LOSS_PEER_SLOW) > 500);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 0);
	assert_true(chain_lost_so_far(c, BC_LOSS_PEER_SLOW) < 1000);
	assert_true(chain_said(c, "the peer's queue is full"));
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_PEER_SLOW), 1000);
	assert_true(chain_said(c, "the peer did not take everything in time"));
	chain_free(c);
	bc_peer_free(peer);
}

static void *count_bytes(void *arg)
{
	int fd = net_accept(*(int *)arg);
	static uint8_t buf[65536];
	uintptr_t total = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		total += (uintptr_t)n;
	close(fd);
	return (void *)total;
}

static void what_the_peer_took_is_written(void **state)
{
	uint16_t port = 0;
	int listener = net_listen(&port);
	struct bc_peer *peer = new_peer(port);
	struct chain *c = chain_to_peer(peer, 10 * BC_NS_PER_S);
	pthread_t reader;
	void *total;

	close(listener);
	for (uint32_t i = 0; i < 100; i++)
		chain_send(c, 1000);
	push(c);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 0);
	listener = net_listen(&port);
	pthread_create(&reader, NULL, count_bytes, &listener);
	/* While the capture runs, too. */
	TURN_UNTIL(c, bc_counter_get(&c->ledger->output[0].written) == 100);
	for (uint32_t i = 0; i < 100; i++)
		chain_send(c, 1000);
	chain_end(c);
	pthread_join(reader, &total);
	assert_int_equal(chain_balance(c).written, 200);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].file_bytes), (uintptr_t)total);
	assert_int_equal(c->n_segments, 1);
	assert_string_equal(c->segment[0].path, "");
	assert_int_equal(c->segment[0].err, 0);
	assert_int_equal(c->segment[0].info.packets, 200);
	chain_free(c);
	bc_peer_free(peer);
	close(listener);
}

static void an_abort_does_not_wait_for_the_peer(void **state)
{
	struct bc_peer *peer = new_peer(1);
	struct chain *c = chain_to_peer(peer, 1000 * BC_NS_PER_S);

	for (uint32_t i = 0; i < 100; i++)
		chain_send(c, 1000);
	push(c);
	chain_abort(c);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 0);
	chain_free(c);
	bc_peer_free(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packet_is_a_message),
		cmocka_unit_test(the_longest_packets_fit_a_message),
		cmocka_unit_test(a_new_interface_begins_with_a_new_link_header),
		cmocka_unit_test(a_link_header_that_is_too_long_leaves_out_words),
		cmocka_unit_test(ip_packets_are_found),
		cmocka_unit_test(what_has_no_ip_packet_is_no_datagram),
		cmocka_unit_test(nothing_is_written_while_the_peer_is_away),
		cmocka_unit_test(what_the_peer_took_is_written),
		cmocka_unit_test(an_abort_does_not_wait_for_the_peer),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
