/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes of Endace's extensible record format, Ethernet records. The time is little-endian, all else big-endian; there is
 * no file header. Its lengths are those of the frame on the wire, with the frame check sequence of 4 bytes.
 */
#ifndef BC_ERF_H
#define BC_ERF_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "bc_time.h"

#define BC_ERF_TYPE_AT 8U
#define BC_ERF_TYPE_ETH 2U
#define BC_ERF_LINKTYPE 1U
#define BC_ERF_HEADER 16U
#define BC_ERF_ETH_PAD 2U	/* between header and frame */
#define BC_ERF_ALIGN 8U
#define BC_ERF_FCS 4U
#define BC_ERF_VARYING 0x04U	/* flag: records are not all of one length */
#define BC_ERF_DATA_MAX (65528U - BC_ERF_HEADER - BC_ERF_ETH_PAD)	/* the length has 16 bits */

/* Beside the packet's data, at the most. */
#define BC_ERF_OVERHEAD (BC_ERF_HEADER + BC_ERF_ETH_PAD + BC_ERF_FCS + BC_ERF_ALIGN - 1)

/* Units of 2^-32 s, rounded up so that readers that round down as well as those that round find the nanosecond. */
static inline uint64_t bc_erf_time(uint64_t ts_ns)
{
	return ts_ns / BC_NS_PER_S << 32 | (((ts_ns % BC_NS_PER_S) << 32) + BC_NS_PER_S - 1) / BC_NS_PER_S;
}

/* Is the packet there to its last byte, and fits with its check sequence? */
static inline int bc_erf_is_whole(uint32_t caplen, uint32_t wirelen)
{
	return caplen >= wirelen && caplen <= BC_ERF_DATA_MAX - BC_ERF_FCS;
}

/*
 * The bytes of data that a record can hold of a packet. One that is cut has no end mark but its record's, which is a
 * multiple of 8: so up to 7 bytes more are cut off, and all beyond BC_ERF_DATA_MAX. Fewer than 6 bytes are kept, and followed by
 * zeros up to 6.
 */
static inline uint32_t bc_erf_caplen(uint32_t caplen, uint32_t wirelen)
{
	uint32_t n = caplen < BC_ERF_DATA_MAX ? caplen : BC_ERF_DATA_MAX;

	if (bc_erf_is_whole(caplen, wirelen) || n < 6)
		return n;
	return (n + BC_ERF_HEADER + BC_ERF_ETH_PAD) / BC_ERF_ALIGN * BC_ERF_ALIGN - BC_ERF_HEADER - BC_ERF_ETH_PAD;
}

/* The record's length; kept is what bc_erf_caplen() says. */
static inline uint32_t bc_erf_len(uint32_t kept, int whole)
{
	uint32_t n = BC_ERF_HEADER + BC_ERF_ETH_PAD + kept + (whole ? BC_ERF_FCS : 0);

	return (n + BC_ERF_ALIGN - 1) / BC_ERF_ALIGN * BC_ERF_ALIGN;
}

/*
 * A record in two steps, for the hot path. begin writes the header and returns where kept bytes of data go; end adds the
 * check sequence, if the packet is whole, and zeros, and returns the byte after the record. dst holds bc_erf_len(). Of
 * iface only the last two bits are written; a wirelen above 65531 as that, drops above 65535 as that. Seconds beyond 32
 * bits wrap in 2106.
 */
static inline uint8_t *bc_erf_begin(uint8_t *dst, uint32_t iface, uint64_t ts_ns, uint32_t kept, uint32_t wirelen, int whole,
				    uint64_t drops)
{
	uint32_t wire = (whole && wirelen < kept ? kept : wirelen);
	uint64_t time = htole64(bc_erf_time(ts_ns));
	uint16_t rest[] = {
		htobe16((uint16_t)(BC_ERF_TYPE_ETH << 8 | BC_ERF_VARYING | (iface & 3U))),
		htobe16((uint16_t)bc_erf_len(kept, whole)),
		htobe16((uint16_t)(drops < UINT16_MAX ? drops : UINT16_MAX)),
		htobe16((uint16_t)(wire < UINT16_MAX - BC_ERF_FCS ? wire + BC_ERF_FCS : UINT16_MAX)),
		0,
	};

	memcpy(dst, &time, sizeof(time));
	memcpy(dst + sizeof(time), rest, sizeof(rest));
	return dst + sizeof(time) + sizeof(rest);
}

/* As the wire had it: what is received without its check sequence had a right one. */
static inline uint32_t bc_erf_fcs(const uint8_t *data, uint32_t len)
{
	return htole32((uint32_t)crc32_z(0, data, len));
}

static inline uint8_t *bc_erf_end(uint8_t *data, uint32_t kept, int whole)
{
	uint8_t *p = data + kept, *end = data - BC_ERF_HEADER - BC_ERF_ETH_PAD + bc_erf_len(kept, whole);
	uint32_t fcs;

	if (whole) {
		fcs = bc_erf_fcs(data, kept);
		memcpy(p, &fcs, sizeof(fcs));
		p += sizeof(fcs);
	}
	while (p < end)
		*p++ = 0;
	return end;
}

#endif
