/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bc_ring.h"

#define BLOCKS 3
#define MAC (TPACKET3_HDRLEN + 32)

/* A ring in memory of ours; the test is the kernel. */
static struct bc_ring ring(void)
{
	return (struct bc_ring){ .fd = -1, .map = calloc(BLOCKS, BC_RING_BLOCK), .n_blocks = BLOCKS };
}

static struct tpacket_block_desc *block(const struct bc_ring *r, uint32_t i)
{
	return (struct tpacket_block_desc *)(r->map + (size_t)i * BC_RING_BLOCK);
}

/* Another packet, of caplen bytes that are first, first + 1, ... */
static struct tpacket3_hdr *add(const struct bc_ring *r, uint32_t i, uint8_t first, uint32_t caplen)
{
	struct tpacket_block_desc *b = block(r, i);
	struct tpacket3_hdr *h;
	uint32_t at = 64;

	if (!b->hdr.bh1.num_pkts)
		b->hdr.bh1.offset_to_first_pkt = at;
	for (uint32_t n = 0; n < b->hdr.bh1.num_pkts; n++) {
		h = (struct tpacket3_hdr *)((uint8_t *)b + at);
		h->tp_next_offset = (uint32_t)TPACKET_ALIGN(MAC + h->tp_snaplen);
		at += h->tp_next_offset;
	}
	h = (struct tpacket3_hdr *)((uint8_t *)b + at);
	*h = (struct tpacket3_hdr){ .tp_sec = 1000, .tp_nsec = first, .tp_snaplen = caplen, .tp_len = caplen + 100, .tp_mac = MAC };
	for (uint32_t n = 0; n < caplen; n++)
		((uint8_t *)h)[MAC + n] = (uint8_t)(first + n);
	b->hdr.bh1.num_pkts++;
	return h;
}

static void hand_over(const struct bc_ring *r, uint32_t i)
{
	block(r, i)->hdr.bh1.block_status = TP_STATUS_USER | TP_STATUS_BLK_TMO;
}

static bool kernels(const struct bc_ring *r, uint32_t i)
{
	return block(r, i)->hdr.bh1.block_status == TP_STATUS_KERNEL;
}

static void nothing_is_taken_before_the_block_is_handed_over(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	add(&r, 0, 1, 60);
	assert_false(bc_ring_next(&r, &p));
	hand_over(&r, 0);
	assert_true(bc_ring_next(&r, &p));
	free(r.map);
}

static void packets_come_as_the_kernel_laid_them(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	for (uint8_t i = 0; i < 10; i++)
		add(&r, i / 5, (uint8_t)(10 * i), 60U + i);
	hand_over(&r, 0);
	hand_over(&r, 1);
	for (uint8_t i = 0; i < 10; i++) {
		assert_true(bc_ring_next(&r, &p));
		assert_int_equal(p.caplen, 60 + i);
		assert_int_equal(p.wire_len, 160 + i);
		assert_int_equal(p.ts_ns, 1000 * BC_NS_PER_S + 10 * i);
		assert_int_equal(p.data[0], 10 * i);
		assert_int_equal(p.data[p.caplen - 1], (uint8_t)(10 * i + p.caplen - 1));
	}
	assert_false(bc_ring_next(&r, &p));
	free(r.map);
}

static void a_block_goes_back_when_its_last_packet_is_done_with(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	add(&r, 0, 1, 60);
	add(&r, 0, 2, 60);
	hand_over(&r, 0);
	assert_true(bc_ring_next(&r, &p));
	assert_true(bc_ring_next(&r, &p));
	assert_false(kernels(&r, 0));
	assert_false(bc_ring_next(&r, &p));
	assert_true(kernels(&r, 0));
	free(r.map);
}

static void after_the_last_block_comes_the_first(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	for (uint32_t i = 0; i < 2 * BLOCKS + 1; i++) {
		memset(block(&r, i % BLOCKS), 0, 64);
		add(&r, i % BLOCKS, (uint8_t)i, 60);
		hand_over(&r, i % BLOCKS);
		assert_true(bc_ring_next(&r, &p));
		assert_int_equal(p.data[0], i);
		assert_false(bc_ring_next(&r, &p));
	}
	free(r.map);
}

static void a_block_without_packets_is_passed_over(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	hand_over(&r, 0);
	add(&r, 1, 7, 60);
	hand_over(&r, 1);
	assert_true(bc_ring_next(&r, &p));
	assert_int_equal(p.data[0], 7);
	assert_true(kernels(&r, 0));
	free(r.map);
}

static void what_the_kernel_still_holds_is_seen(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	assert_false(bc_ring_next(&r, &p));
	assert_true(bc_ring_empty(&r));
	add(&r, 0, 1, 60);
	assert_false(bc_ring_next(&r, &p));
	assert_false(bc_ring_empty(&r));
	hand_over(&r, 0);
	assert_true(bc_ring_next(&r, &p));
	assert_false(bc_ring_next(&r, &p));
	assert_true(bc_ring_empty(&r));
	free(r.map);
}

/* What comes of a packet with the tag 0x2007 beside it. */
static struct bc_ring_packet tagged(struct bc_ring *r, uint32_t caplen, uint32_t status, uint16_t tpid)
{
	struct tpacket3_hdr *h = add(r, 0, 1, caplen);
	struct bc_ring_packet p = { 0 };

	h->tp_status = status;
	h->hv1.tp_vlan_tci = 0x2007;
	h->hv1.tp_vlan_tpid = tpid;
	hand_over(r, 0);
	assert_true(bc_ring_next(r, &p));
	return p;
}

static void a_tag_beside_the_packet_goes_back_into_it(void **state)
{
	static const uint8_t head[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x88, 0xa8, 0x20, 0x07, 13, 14 };
	struct bc_ring r = ring();
	struct bc_ring_packet p = tagged(&r, 60, TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID, 0x88a8);

	assert_int_equal(p.caplen, 64);
	assert_int_equal(p.wire_len, 164);
	assert_memory_equal(p.data, head, sizeof(head));
	assert_int_equal(p.data[63], 60);
	free(r.map);
}

static void a_tag_of_no_named_kind_is_802_1q(void **state)
{
	static const uint8_t tag[] = { 0x81, 0x00, 0x20, 0x07 };
	struct bc_ring r = ring();
	struct bc_ring_packet p = tagged(&r, 60, TP_STATUS_VLAN_VALID, 0);

	assert_memory_equal(p.data + 12, tag, sizeof(tag));
	free(r.map);
}

static void without_a_tag_the_packet_is_as_it_is(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = tagged(&r, 60, 0, 0x88a8);

	assert_int_equal(p.caplen, 60);
	assert_int_equal(p.data[12], 13);
	free(r.map);
}

static void no_tag_goes_into_less_than_two_addresses(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = tagged(&r, 11, TP_STATUS_VLAN_VALID, 0);

	assert_int_equal(p.caplen, 11);
	assert_int_equal(p.data[0], 1);
	free(r.map);
}

static void of_a_loopback_only_what_is_received_counts(void **state)
{
	struct bc_ring r = ring();
	struct bc_ring_packet p = { 0 };

	r.loopback = true;
	for (uint8_t i = 0; i < 4; i++) {
		struct tpacket3_hdr *h = add(&r, 0, i, 60);

		((struct sockaddr_ll *)((uint8_t *)h + TPACKET_ALIGN(sizeof(*h))))->sll_pkttype =
			i % 2 ? PACKET_HOST : PACKET_OUTGOING;
	}
	hand_over(&r, 0);
	assert_true(bc_ring_next(&r, &p));
	assert_int_equal(p.data[0], 1);
	assert_true(bc_ring_next(&r, &p));
	assert_int_equal(p.data[0], 3);
	assert_false(bc_ring_next(&r, &p));
	free(r.map);
}

/* Be where there is only a loopback interface, which is down. */
static void leave_the_network(void)
{
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		BC_SKIP("no network namespace can be made");
}

static void bring_up_loopback(void)
{
	struct ifreq q = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &q), 0);
	close(fd);
}

static void send_to_ourselves(uint16_t port, uint32_t packets)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	/* Unless somebody listens there are errors and answers to it. */
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	for (uint32_t i = 0; i < packets; i++)
		assert_int_equal(sendto(fd, "braidcap", 8, 0, (struct sockaddr *)&to, sizeof(to)), 8);
	close(fd);
}

/* Packets that come until nothing has come for long. */
static uint32_t drain(struct bc_ring *r)
{
	struct bc_ring_packet p = { 0 };
	uint32_t n = 0;

	for (int idle = 0; idle < 100; idle++) {
		for (; bc_ring_next(r, &p); n++) {
			assert_int_equal(p.caplen, 14 + 20 + 8 + 8);
			assert_int_equal(p.wire_len, p.caplen);
			assert_memory_equal(p.data + 42, "braidcap", 8);
		}
		usleep(2000);
	}
	return n;
}

static void the_kernels_own_ring_is_understood(void **state)
{
	struct bc_ring r;

	leave_the_network();
	assert_int_equal(bc_ring_open(&r, 1, "lo", 1 << 20, 10, false, BC_DIRECTION_BOTH), -ENETDOWN);
	bring_up_loopback();
	assert_int_equal(bc_ring_open(&r, 1, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), 0);
	send_to_ourselves(9, 500);
	assert_int_equal(drain(&r), 500);
	assert_int_equal(bc_ring_lost(&r), 0);
	assert_int_equal(bc_ring_state(&r), BC_RING_LINKED);
	bc_ring_close(&r, 1);
}

static void what_finds_the_ring_full_is_counted_once(void **state)
{
	struct bc_ring r;
	uint32_t lost, came;

	leave_the_network();
	bring_up_loopback();
	assert_int_equal(bc_ring_open(&r, 1, "lo", 1, 10, false, BC_DIRECTION_BOTH), 0);
	send_to_ourselves(9, 20000);
	lost = bc_ring_lost(&r);
	came = drain(&r);
	/* Of a loopback the kernel counts what was sent and what was received. */
	assert_true(lost > 0);
	assert_true(came > 0 && came < 20000);
	assert_int_equal(bc_ring_lost(&r), 0);
	bc_ring_close(&r, 1);
}

static void each_packet_comes_to_one_of_several_rings(void **state)
{
	struct bc_ring r[3];
	uint32_t came[3];

	leave_the_network();
	bring_up_loopback();
	assert_int_equal(bc_ring_open(r, 3, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), 0);
	for (uint16_t port = 9; port < 109; port++)
		send_to_ourselves(port, 5);
	for (uint32_t i = 0; i < 3; i++) {
		came[i] = drain(&r[i]);
		assert_true(came[i] > 0);
	}
	assert_int_equal(came[0] + came[1] + came[2], 500);
	bc_ring_close(r, 3);
}

static void two_groups_have_each_packet(void **state)
{
	struct bc_ring a[2], b[2];

	leave_the_network();
	bring_up_loopback();
	assert_int_equal(bc_ring_open(a, 2, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), 0);
	assert_int_equal(bc_ring_open(b, 2, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), 0);
	for (uint16_t port = 9; port < 29; port++)
		send_to_ourselves(port, 5);
	assert_int_equal(drain(&a[0]) + drain(&a[1]), 100);
	assert_int_equal(drain(&b[0]) + drain(&b[1]), 100);
	bc_ring_close(a, 2);
	bc_ring_close(b, 2);
}

static int descriptors(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void several_rings_that_cannot_be_had_leave_nothing(void **state)
{
	struct bc_ring r[2];
	int before;

	leave_the_network();
	before = descriptors();
	assert_int_equal(bc_ring_open(r, 2, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), -ENETDOWN);
	assert_int_equal(bc_ring_open(r, 2, "nothing", 1 << 20, 10, true, BC_DIRECTION_BOTH), -ENODEV);
	assert_int_equal(descriptors(), before);
}

static void several_rings_are_closed_together(void **state)
{
	struct bc_ring r[7];
	int before;

	leave_the_network();
	bring_up_loopback();
	before = descriptors();
	assert_int_equal(bc_ring_open(r, 7, "lo", 1 << 20, 10, true, BC_DIRECTION_BOTH), 0);
	bc_ring_close(r, 7);
	assert_int_equal(descriptors(), before);
}

static void what_is_no_interface_is_refused(void **state)
{
	struct bc_ring r = { .fd = 99 };

	leave_the_network();
	assert_int_equal(bc_ring_open(&r, 1, "nothing", 1, 10, false, BC_DIRECTION_BOTH), -ENODEV);
	assert_int_equal(bc_ring_open(&r, 1, "a name that is longer than any", 1, 10, false, BC_DIRECTION_BOTH), -ENODEV);
	assert_int_equal(r.fd, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_taken_before_the_block_is_handed_over),
		cmocka_unit_test(packets_come_as_the_kernel_laid_them),
		cmocka_unit_test(a_block_goes_back_when_its_last_packet_is_done_with),
		cmocka_unit_test(after_the_last_block_comes_the_first),
		cmocka_unit_test(a_block_without_packets_is_passed_over),
		cmocka_unit_test(what_the_kernel_still_holds_is_seen),
		cmocka_unit_test(a_tag_beside_the_packet_goes_back_into_it),
		cmocka_unit_test(a_tag_of_no_named_kind_is_802_1q),
		cmocka_unit_test(without_a_tag_the_packet_is_as_it_is),
		cmocka_unit_test(no_tag_goes_into_less_than_two_addresses),
		cmocka_unit_test(of_a_loopback_only_what_is_received_counts),
		cmocka_unit_test(the_kernels_own_ring_is_understood),
		cmocka_unit_test(what_finds_the_ring_full_is_counted_once),
		cmocka_unit_test(each_packet_comes_to_one_of_several_rings),
		cmocka_unit_test(two_groups_have_each_packet),
		cmocka_unit_test(several_rings_that_cannot_be_had_leave_nothing),
		cmocka_unit_test(several_rings_are_closed_together),
		cmocka_unit_test(what_is_no_interface_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
