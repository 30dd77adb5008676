/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An LZ4 encoder for capture records. The block format (lz4_Block_format.md) leaves the choice of matches to the
 * encoder; any decoder reads the result. This one knows where records begin: a packet's headers are compared, all bytes
 * at once, with those of the last packet of the same flow, and payload that looks random is only sampled.
 */
#ifndef BC_LZ4_PACKETS_H
#define BC_LZ4_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_codec.h"

/* The longest block: its matches reach back to its beginning. */
#define BC_LZ4_PACKETS_MAX 65536U

enum bc_lz4_effort {
	BC_LZ4_FULL,		/* headers, and all payload that does not look random */
	BC_LZ4_SAMPLED,		/* headers, and payload in ever longer steps */
	BC_LZ4_HEADERS,		/* headers only */
};

/* Working memory; one thread at a time. NULL without memory; free takes NULL. */
struct bc_lz4_packets;
struct bc_lz4_packets *bc_lz4_packets_new(void);
void bc_lz4_packets_free(struct bc_lz4_packets *z);

/*
 * The len bytes at src, 1 to BC_LZ4_PACKETS_MAX, as one block into dst. Records of this kind are expected, one behind the
 * other from src on; what is none costs compression, no more. Returns the block's bytes, or 0 if they are more than cap.
 */
size_t bc_lz4_packets_block(struct bc_lz4_packets *z, enum bc_lz4_records records, enum bc_lz4_effort effort,
			    const uint8_t *src, size_t len, uint8_t *dst, size_t cap);

/* Are its first records mostly payload that does not look random? Then liblz4, with its larger table, makes it smaller. */
bool bc_lz4_packets_mostly_text(enum bc_lz4_records records, const uint8_t *src, size_t len);

#endif
