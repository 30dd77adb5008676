/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's ring of packets of one Ethernet interface (AF_PACKET, TPACKET_V3): memory that is shared with the
 * kernel, in blocks, each of which the kernel hands over when it is full or some time old, and gets back when all its
 * packets have been taken. Not thread safe, but for bc_ring_lost and bc_ring_state, which any thread may call.
 */
#ifndef BC_RING_H
#define BC_RING_H

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bc_time.h"

/* A block holds what the largest packet of segmentation offload needs. */
#define BC_RING_BLOCK (256U << 10)
/* The bytes that a tag takes, which are kept free before each packet for the one that the kernel took out of it. */
#define BC_RING_TAG 4U

/* Of an interface, seen from the host. */
enum bc_direction { BC_DIRECTION_BOTH, BC_DIRECTION_IN, BC_DIRECTION_OUT };

struct bc_ring {
	/* Constant while it is open. */
	int fd;
	int ifindex;
	uint8_t *map;
	uint32_t n_blocks;
	bool loopback;		/* what is sent comes back as received, and is wanted once */
	enum bc_direction direction;

	/* Of the block that is ours, if there is one. */
	bool held;
	uint32_t block;		/* its number, or that of the next to become ours */
	uint32_t left;		/* packets not yet taken */
	uint8_t *at;		/* the first of them */
};

struct bc_ring_packet {
	const uint8_t *data;	/* valid until the next call */
	uint32_t caplen;
	uint32_t wire_len;
	uint64_t ts_ns;
};

/* "in", "out" or "inout"; NULL is inout, too. -EINVAL: it is none of these. */
int bc_direction_of(const char *word);

/*
 * Fill r[0] to r[n - 1] for the interface of that name, each with at least as much memory as bytes (4 blocks at the
 * least), and have them receive. Each packet comes to one of them: both directions of a flow to the same
 * (PACKET_FANOUT_HASH), by its addresses alone if they are fragments, unless that one is nearly full. The kernel keeps
 * a packet no longer than hold_ms. 0 or a negative errno: -ENOTSUP, it is not plain Ethernet or loopback; -ENETDOWN; -ENODEV; what the kernel
 * says. Nothing is left open then.
 * They are closed together, in threads of their own, since each takes the kernel tens of milliseconds.
 */
int bc_ring_open(struct bc_ring *r, uint32_t n, const char *name, uint64_t bytes, uint32_t hold_ms, bool promiscuous,
		 enum bc_direction direction);
void bc_ring_close(struct bc_ring *r, uint32_t n);

/* Packets that found the ring full since the last call. */
uint32_t bc_ring_lost(const struct bc_ring *r);

enum bc_ring_state {
	BC_RING_LINKED,		/* or that is not known */
	BC_RING_NO_LINK,	/* it is down, or its cable has no other end */
	BC_RING_GONE,		/* it has been removed, or moved to another namespace */
};

/* Of the interface, now. */
enum bc_ring_state bc_ring_state(const struct bc_ring *r);

/*
 * After bc_ring_next found nothing: is the kernel's open block empty, too? What comes later is then stamped later,
 * unless it is stamped before it comes to the ring.
 */
bool bc_ring_empty(const struct bc_ring *r);

/* For bc_ring_next: give back the block that is held, and take the next if the kernel has handed it over. */
bool bc_ring_next_block(struct bc_ring *r);

/* Put the VLAN tag that the kernel keeps beside the packet back behind the addresses. */
static inline void bc_ring_put_tag(const struct tpacket3_hdr *h, uint8_t *data)
{
	uint16_t tag[2] = { htons(h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETH_P_8021Q),
			    htons((uint16_t)h->hv1.tp_vlan_tci) };

	memmove(data - BC_RING_TAG, data, 2 * ETH_ALEN);
	memcpy(data + 2 * ETH_ALEN - BC_RING_TAG, tag, sizeof(tag));
}

/* The next packet, if there is one. */
static inline bool bc_ring_next(struct bc_ring *r, struct bc_ring_packet *ret)
{
	const struct tpacket3_hdr *h;
	const struct sockaddr_ll *from;
	uint8_t *data;
	uint32_t tag = 0;

	do {
		while (!r->left)
			if (!bc_ring_next_block(r))
				return false;
		h = (const struct tpacket3_hdr *)r->at;
		data = r->at + h->tp_mac;
		from = (const struct sockaddr_ll *)(r->at + TPACKET_ALIGN(sizeof(*h)));
		/* Packets are alike in a row: where the ones after the next will lie is a good guess. */
		__builtin_prefetch(r->at + 4 * (size_t)h->tp_next_offset);
		__builtin_prefetch(data + 4 * (size_t)h->tp_next_offset);
		r->at += h->tp_next_offset;
		r->left--;
	} while (__builtin_expect(r->loopback, 0) && from->sll_pkttype == PACKET_OUTGOING);
	if (__builtin_expect(h->tp_status & TP_STATUS_VLAN_VALID, 0) && h->tp_snaplen >= 2 * ETH_ALEN) {
		bc_ring_put_tag(h, data);
		tag = BC_RING_TAG;
	}
	ret->data = data - tag;
	ret->caplen = h->tp_snaplen + tag;
	ret->wire_len = h->tp_len + tag;
	ret->ts_ns = h->tp_sec * BC_NS_PER_S + h->tp_nsec;
	return true;
}

#endif
