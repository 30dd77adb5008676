/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_block.h"

#include <string.h>

#include "bc_bytes.h"

#define VERSION 1U
#define VERSION_AT 16U
#define CENTRE_AT 20U
#define ENTRIES_AT (CENTRE_AT + BC_ACK_ID)

/* Others may use the same type for something else. */
static const char name[8] = { 'b', 'r', 'a', 'i', 'd', 'c', 'a', 'p' };

size_t bc_ack_block_put(uint8_t *dst, const uint8_t centre[BC_ACK_ID], const struct bc_ack_entry *e, uint32_t n)
{
	const size_t size = bc_ack_block_size(n);
	uint8_t *p = bc_put_le32(dst, BC_ACK_BLOCK_TYPE);

	p = bc_put_le32(p, (uint32_t)size);
	memcpy(p, name, sizeof(name));
	p = bc_put_le32(p + sizeof(name), VERSION | n << 16);
	memcpy(p, centre, BC_ACK_ID);
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

bool bc_ack_block_is(const uint8_t *block, size_t len, uint32_t *ret_n)
{
	uint32_t head;

	if (len < BC_ACK_BLOCK_FIXED || bc_get_le32(block) != BC_ACK_BLOCK_TYPE || memcmp(block + 8, name, sizeof(name)))
		return false;
	head = bc_get_le32(block + VERSION_AT);
	*ret_n = head >> 16;
	return (head & 0xffff) == VERSION && len == bc_ack_block_size(*ret_n) && bc_get_le32(block + 4) == len &&
	       bc_get_le32(block + len - 4) == len;
}

const uint8_t *bc_ack_block_centre(const uint8_t *block)
{
	return block + CENTRE_AT;
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
