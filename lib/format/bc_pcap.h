/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of classic pcap, little-endian, as in draft-ietf-opsawg-pcap. */
#ifndef BC_PCAP_H
#define BC_PCAP_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BC_PCAP_MAGIC_US 0xa1b2c3d4U
#define BC_PCAP_MAGIC_NS 0xa1b23c4dU
#define BC_PCAP_FCS_TOLD 0x04000000U	/* in the link type's field: the upper 4 bits are a length in units of 2 bytes */
#define BC_PCAP_FCS_SHIFT 28
#define BC_PCAP_FILE_HEADER 24U
#define BC_PCAP_RECORD_HEADER 16U

/*
 * Writes BC_PCAP_FILE_HEADER bytes; link is the link type, or what bc_pcap_link() makes of it. A snaplen of 0 (no limit) is
 * written as 262144: the draft forbids 0.
 */
void bc_pcap_file_header(uint8_t *dst, int nanoseconds, uint32_t link, uint32_t snaplen);

/* What the header says of the link: its type, and how long the frame check sequence is at each packet's end, in bytes. */
static inline uint32_t bc_pcap_link(uint16_t linktype, uint8_t fcs_len)
{
	return linktype | BC_PCAP_FCS_TOLD | (uint32_t)(fcs_len / 2) << BC_PCAP_FCS_SHIFT;
}

/* Writes the record header and returns where caplen bytes of data go. Seconds beyond 32 bits wrap in 2106. */
static inline uint8_t *bc_pcap_record(uint8_t *dst, uint64_t ts_ns, int nanoseconds, uint32_t caplen, uint32_t wirelen)
{
	uint32_t frac = (uint32_t)(ts_ns % 1000000000U);
	uint32_t h[4] = {
		htole32((uint32_t)(ts_ns / 1000000000U)), htole32(nanoseconds ? frac : frac / 1000U),
		htole32(caplen), htole32(wirelen),
	};

	memcpy(dst, h, sizeof(h));
	return dst + sizeof(h);
}

#endif
