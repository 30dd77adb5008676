/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets to dense bytes: the copy that every packet pays for. */
#ifndef BC_PACK_H
#define BC_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_chunk.h"
#include "bc_desc.h"
#include "bc_format.h"
#include "bc_iface.h"

struct bc_cryptopan;

/* Where packets go, and how. */
struct bc_pack {
	enum bc_format format;
	enum bc_framing framing;
	uint32_t snaplen;			/* at most BC_WIRE_SNAPLEN where there is framing */
	bool queue_option;
	const uint16_t *queue;			/* by source */
	const struct bc_iface_table *ifaces;
	struct bc_cryptopan *anonymise;		/* packets lose their addresses, and options that they had in a file; NULL: they do not */
	uint64_t unparsed;			/* packets of which something was overwritten, as bc_anonymise() tells */
	int32_t linktype;			/* classic pcap: the only one; -1 until the first packet told it */
	bool linktype_by_packet;		/* that first packet's is the one, otherwise that of interface 0 */

	/* The open buffer. */
	uint8_t *buf;				/* NULL: none */
	uint32_t pos;				/* first free byte */
	uint32_t cap;
	uint32_t slice_bytes;			/* 0: no slices */
	uint32_t n_slices;
	struct bc_slice slice[BC_MAX_SLICES];
	uint32_t refused;
	uint32_t refused_from[BC_MAX_SOURCES];
};

#define BC_PACK_BURST 64

/* Append n (up to BC_PACK_BURST) packets to the buffer, which has room for them, and free their mbufs. */
void bc_pack_burst(struct bc_pack *p, const struct bc_desc *d, uint32_t n);

#endif
