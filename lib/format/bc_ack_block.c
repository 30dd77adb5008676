/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_block.h"

#include <string.h>

#include "bc_bytes.h"

#define VERSION_AT 16U
#define COLLECTOR_AT 20U
#define ENTRIES_AT (COLLECTOR_AT + BC_ACK_ID)

/* Others may use the same type for something else. */
static const char name[8] = { 'b', 'r', 'a', 'i', 'd', 'c', 'a', 'p' };

static size_t put(uint8_t *dst, const uint8_t collector[BC_ACK_ID], enum bc_ack_version version, const struct bc_ack_entry *e,
		  uint32_t n)
{
	const size_t size = bc_ack_block_size(n);
	uint8_t *p = bc_put_le32(dst, BC_ACK_BLOCK_TYPE);

	p = bc_put_le32(p, (uint32_t)size);
	memcpy(p, name, sizeof(name));
	p = bc_put_le32(p + sizeof(name), (uint32_t)version | n << 16);
	memcpy(p, collector, BC_ACK_ID);
	p += BC_ACK_ID;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(p, e[i].mark.node, BC_ACK_ID);
		p = bc_put_le64(p + BC_ACK_ID, e[i].mark.epoch);
		p = bc_put_le64(p, e[i].mark.next);
		p = bc_put_le64(p, e[i].stored);
		memset(p, 0, BC_ACK_CLIENT_MAX);
		memcpy(p, e[i].client, strnlen(e[i].client, BC_ACK_CLIENT_MAX - 1));
		p += BC_ACK_CLIENT_MAX;
	}
	bc_put_le32(p, (uint32_t)size);
	return size;
}

size_t bc_ack_block_put(uint8_t *dst, const uint8_t collector[BC_ACK_ID], const struct bc_ack_entry *e, uint32_t n)
{
	return put(dst, collector, BC_ACK_FOLLOWS, e, n);
}

size_t bc_ack_block_put_ranges(uint8_t *dst, const uint8_t collector[BC_ACK_ID], const struct bc_ack_entry *e, uint32_t n)
{
	return put(dst, collector, BC_ACK_RANGES, e, n);
}

uint32_t bc_ack_block_version(const uint8_t *block, size_t len, uint32_t *ret_n)
{
	uint32_t head, version;

	if (len < BC_ACK_BLOCK_FIXED || bc_get_le32(block) != BC_ACK_BLOCK_TYPE || memcmp(block + 8, name, sizeof(name)))
		return 0;
	head = bc_get_le32(block + VERSION_AT);
	version = head & 0xffff;
	*ret_n = head >> 16;
	if (version > BC_ACK_RANGES || len != bc_ack_block_size(*ret_n) || bc_get_le32(block + 4) != len ||
	    bc_get_le32(block + len - 4) != len)
		return 0;
	return version;
}

const uint8_t *bc_ack_block_collector(const uint8_t *block)
{
	return block + COLLECTOR_AT;
}

void bc_ack_block_entry(const uint8_t *block, uint32_t i, struct bc_ack_entry *ret)
{
	const uint8_t *p = block + ENTRIES_AT + (size_t)i * BC_ACK_ENTRY_SIZE;

	memcpy(ret->mark.node, p, BC_ACK_ID);
	ret->mark.epoch = bc_get64(p + BC_ACK_ID, false);
	ret->mark.next = bc_get64(p + BC_ACK_ID + 8, false);
	ret->stored = bc_get64(p + BC_ACK_ID + 16, false);
	memcpy(ret->client, p + BC_ACK_ID + 24, BC_ACK_CLIENT_MAX);
	ret->client[BC_ACK_CLIENT_MAX - 1] = '\0';
}
