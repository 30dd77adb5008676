/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pcap.h"

/* The draft forbids a snaplen of 0; this is the limit that readers hold to. */
#define SNAPLEN_UNLIMITED 262144U

void bc_pcap_file_header(uint8_t *dst, int nanoseconds, uint32_t link, uint32_t snaplen)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t reserved[2];
		uint32_t snaplen;
		uint32_t network;
	} h = {
		.magic = htole32(nanoseconds ? BC_PCAP_MAGIC_NS : BC_PCAP_MAGIC_US),
		.major = htole16(2),
		.minor = htole16(4),
		.snaplen = htole32(snaplen ? snaplen : SNAPLEN_UNLIMITED),
		.network = htole32(link),
	};

	_Static_assert(sizeof(h) == BC_PCAP_FILE_HEADER, "the draft's file header");
	memcpy(dst, &h, sizeof(h));
}
