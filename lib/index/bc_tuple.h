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

/* May a packet of UDP with these two ports be one of a tunnel? */
bool bc_tuple_may_tunnel(const uint8_t *ports);

/* How many of len bytes are worth keeping for bc_tuple_of(): at most BC_TUPLE_MAX. */
uint32_t bc_tuple_bytes(uint16_t linktype, const uint8_t *data, uint32_t len);

#endif
