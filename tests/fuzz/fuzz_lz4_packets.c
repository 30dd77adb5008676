/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The encoder of records over any bytes: the first octet picks kind and effort, the second how much room there is. What it
 * makes must be decoded by liblz4 into the same bytes; the tables go on from block to block, as in a lane.
 */
#include <lz4.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bc_lz4_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void round_trip(struct bc_lz4_packets *z, enum bc_lz4_records kind, enum bc_lz4_effort effort, const uint8_t *data,
		       size_t len, size_t cap)
{
	uint8_t *src = malloc(len), *dst = malloc(cap ? cap : 1), *back = malloc(len);
	size_t n;

	memcpy(src, data, len);
	n = bc_lz4_packets_block(z, kind, effort, src, len, dst, cap);
	if (n > cap || (!n && cap >= (size_t)LZ4_COMPRESSBOUND(len) + 64))
		abort();
	if (n && (LZ4_decompress_safe((char *)dst, (char *)back, (int)n, (int)len) != (int)len || memcmp(back, data, len)))
		abort();
	free(back);
	free(dst);
	free(src);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct bc_lz4_packets *z;
	size_t len = size - 2;

	if (!z)
		z = bc_lz4_packets_new();
	if (size < 3 || len > BC_LZ4_PACKETS_MAX)
		return 0;
	round_trip(z, input[0] & 1 ? BC_LZ4_PCAP : BC_LZ4_PCAPNG, (input[0] >> 1) % 3, input + 2, len,
		   input[1] < 128 ? len * input[1] / 64 : LZ4_COMPRESSBOUND(len) + 64);
	return 0;
}
