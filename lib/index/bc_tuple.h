/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What tells a packet's flow from others, as bits of the packet's own bytes: which of its first bytes are the same in every packet
 * of the flow (addresses, EtherTypes, tags, protocols, ports, the headers of tunnels), and which are not (lengths, TTLs, sequence
 * numbers, checksums). So a flow stands for the packets that agree with it in the bits of the mask, whatever their headers are,
 * and nobody who reads it has to know a protocol. Pure.
 */
#ifndef BC_TUPLE_H
#define BC_TUPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_bytes.h"

#define BC_TUPLE_MAX 160	/* bytes of a packet that are looked at */
#define BC_TUPLE_OUTER 8	/* addresses of tunnels that are told */

struct bc_tuple {
	uint16_t linktype;
	uint8_t len;		/* bytes that the mask covers; the packet has as many */
	uint8_t addr_len;	/* of the innermost two addresses: 4, 16; 0: there are none */
	uint8_t addr_at[2];	/* where they are: source, destination */
	uint8_t port_at;	/* the source's port, and 2 bytes behind it the destination's; 0: none */
	uint8_t flags_at;	/* the byte of TCP's flags; 0: none */
	uint8_t proto;		/* of IP; 0 without it */
	bool opaque;		/* there may be addresses that are not told here */
	uint8_t n_outer;
	uint8_t outer_at[BC_TUPLE_OUTER], outer_len[BC_TUPLE_OUTER];	/* addresses of the headers around */
	/*
	 * A bit is set: it is the same throughout the flow. Those of the two addresses, the two ports and the flags are 0: they
	 * are told by their places.
	 */
	uint8_t mask[BC_TUPLE_MAX];
};

/*
 * The tuple of a packet of this link type (LINKTYPE_ of the pcap registry), of which len bytes are at hand. cut: it has more
 * than these. Every packet has one, if only "of this link type".
 */
void bc_tuple_of(uint16_t linktype, const uint8_t *data, uint32_t len, bool cut, struct bc_tuple *ret);

/* How many of len bytes are worth keeping for bc_tuple_of(): at most BC_TUPLE_MAX. */
uint32_t bc_tuple_bytes(uint16_t linktype, const uint8_t *data, uint32_t len);

/* May a packet of UDP with these two ports be one of a tunnel? */
static inline bool bc_tuple_may_tunnel(const uint8_t *ports)
{
	uint16_t from = bc_get_be16(ports), to = bc_get_be16(ports + 2);

	return to == 4789 || to == 8472 || to == 6081 || to == 2152 || from == 2152;
}

/*
 * Shapes that most packets have, told without the walk that bc_tuple_of() takes: packets of one shape that agree in its mask have the
 * same tuple. The mask may have more bits than the tuple's.
 */
enum bc_tuple_shape {
	BC_TUPLE_ANY,		/* none of these */
	BC_TUPLE_IP4,		/* of Ethernet, as all: TCP, or UDP that is no tunnel's, no later fragment, no options */
	BC_TUPLE_IP4_TAGGED,	/* behind one VLAN tag */
	BC_TUPLE_IP6,		/* the same without extension headers */
	BC_TUPLE_IP6_TAGGED,
	BC_TUPLE_GTP,		/* the same of IPv4 in GTP-U over IPv4 */
	BC_TUPLE_LLC,		/* 802.3 */
	BC_TUPLE_OTHER,		/* an EtherType of which nothing more is known */
	BC_TUPLE_SHAPES,
};

#define BC_TUPLE_SHAPE_MAX 96
struct bc_tuple_shape_info {
	uint8_t len;		/* as many bytes tell the tuple */
	uint8_t masked;		/* bytes of the mask, a multiple of 16 */
	uint8_t hash_at[2];	/* 8 bytes at both places tell most flows apart */
	uint8_t flags_at;	/* of TCP's flags, in a packet of TCP */
	uint8_t mask[BC_TUPLE_SHAPE_MAX] __attribute__((aligned(16)));
};

/* What is told of Ethernet, of a tag, of IP with its ports. */
#define BC_ETHER_MASK [0 ... 13] = 0xff
#define BC_TAG_MASK [14] = 0x0f, [15 ... 17] = 0xff
#define BC_IP4_MASK(at) [(at)] = 0xff, [(at) + 6] = 0x3f, [(at) + 7] = 0xff, [(at) + 9] = 0xff, [(at) + 12 ... (at) + 23] = 0xff
#define BC_IP6_MASK(at) [(at)] = 0xf0, [(at) + 6] = 0xff, [(at) + 8 ... (at) + 43] = 0xff

/* Here, so that code for one shape has its numbers as constants. */
static const struct bc_tuple_shape_info bc_tuple_shapes[BC_TUPLE_SHAPES] = {
	[BC_TUPLE_IP4] = { 48, 48, { 26, 30 }, 47, { BC_ETHER_MASK, BC_IP4_MASK(14) } },
	[BC_TUPLE_IP4_TAGGED] = { 52, 48, { 30, 34 }, 51, { BC_ETHER_MASK, BC_TAG_MASK, BC_IP4_MASK(18) } },
	[BC_TUPLE_IP6] = { 68, 64, { 30, 50 }, 67, { BC_ETHER_MASK, BC_IP6_MASK(14) } },
	[BC_TUPLE_IP6_TAGGED] = { 72, 64, { 34, 54 }, 71, { BC_ETHER_MASK, BC_TAG_MASK, BC_IP6_MASK(18) } },
	[BC_TUPLE_GTP] = { 84, 80, { 62, 66 }, 83, { BC_ETHER_MASK, BC_IP4_MASK(14), [42 ... 43] = 0xff, BC_IP4_MASK(50) } },
	[BC_TUPLE_LLC] = { 22, 32, { 0, 8 }, 21, { BC_ETHER_MASK, [14 ... 21] = 0xff } },
	[BC_TUPLE_OTHER] = { 14, 16, { 0, 6 }, 13, { BC_ETHER_MASK } },
};

/* IPv4 from at on, in a packet that has 34 bytes more: as the shape wants it. */
static inline bool bc_tuple_plain_ip4(const uint8_t *ip)
{
	return ip[0] == 0x45 && !((ip[6] & 0x1f) | ip[7]) && (ip[9] == 6 || (ip[9] == 17 && !bc_tuple_may_tunnel(ip + 20)));
}

static inline bool bc_tuple_plain_ip6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 && (ip[6] == 6 || (ip[6] == 17 && !bc_tuple_may_tunnel(ip + 40)));
}

/* UDP with GTP-U's header of 8 bytes, without optional fields, then such IPv4. */
static inline bool bc_tuple_plain_gtp(const uint8_t *ip)
{
	return ip[0] == 0x45 && !((ip[6] & 0x1f) | ip[7]) && ip[9] == 17 && bc_get_be16(ip + 22) == 2152 &&
	       (ip[28] & 0xf7) == 0x30 && ip[29] == 255 && bc_tuple_plain_ip4(ip + 36);
}

enum bc_tuple_shape bc_tuple_rare_shape(const uint8_t *data, uint32_t len);

static inline enum bc_tuple_shape bc_tuple_shape_of(uint16_t linktype, const uint8_t *data, uint32_t len)
{
	if (__builtin_expect(linktype != 1 || len < 56, 0))
		return BC_TUPLE_ANY;
	if (__builtin_expect(bc_get_be16(data + 12) == 0x0800 && bc_tuple_plain_ip4(data + 14), 1))
		return BC_TUPLE_IP4;
	return bc_tuple_rare_shape(data, len);
}

#endif
