/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int bc_spool_init(struct bc_spool *s, size_t limit)
{
	size_t size = 4096;

	while (size < limit)
		size *= 2;
	memset(s, 0, sizeof(*s));
	s->ring = malloc(size);
	s->size = size;
	s->limit = limit;
	return s->ring ? 0 : -ENOMEM;
}

void bc_spool_fini(struct bc_spool *s)
{
	free(s->ring);
	s->ring = NULL;
}

int bc_spool_put(struct bc_spool *s, const void *data, size_t len)
{
	uint64_t put = atomic_load_explicit(&s->put, memory_order_relaxed);
	size_t at = put & (s->size - 1), first = s->size - at;

	if (len > s->limit - (put - atomic_load_explicit(&s->gone, memory_order_acquire)))
		return -ENOBUFS;
	if (first > len)
		first = len;
	memcpy(s->ring + at, data, first);
	memcpy(s->ring, (const uint8_t *)data + first, len - first);
	atomic_store_explicit(&s->put, put + len, memory_order_release);
	return 0;
}

size_t bc_spool_peek(struct bc_spool *s, const uint8_t **data)
{
	uint64_t waiting = atomic_load_explicit(&s->put, memory_order_acquire) - s->taken;
	size_t at = s->taken & (s->size - 1), piece = s->size - at;

	*data = s->ring + at;
	return waiting < piece ? (size_t)waiting : piece;
}

static void copy_out(const struct bc_spool *s, uint64_t pos, uint8_t *dst, size_t len)
{
	size_t at = pos & (s->size - 1), first = s->size - at;

	if (first > len)
		first = len;
	memcpy(dst, s->ring + at, first);
	memcpy(dst + first, s->ring, len - first);
}

/* The whole length of the message at pos, and its first byte in *type. */
static size_t message_at(const struct bc_spool *s, uint64_t pos, uint8_t *type)
{
	uint8_t h[BC_WIRE_HEADER];

	copy_out(s, pos, h, sizeof(h));
	*type = h[0];
	return bc_wire_length(h, sizeof(h));
}

void bc_spool_take(struct bc_spool *s, size_t n)
{
	uint64_t gone = atomic_load_explicit(&s->gone, memory_order_relaxed);

	s->taken += n;
	while (s->taken - gone >= BC_WIRE_HEADER) {
		uint8_t type;
		size_t len = message_at(s, gone, &type);

		if (len > s->taken - gone)
			break;
		if (type == BC_WIRE_LINK) {
			copy_out(s, gone, s->link, len);
			s->link_len = (uint32_t)len;
		}
		gone += len;
	}
	atomic_store_explicit(&s->gone, gone, memory_order_release);
}

void bc_spool_rewind(struct bc_spool *s)
{
	s->taken = atomic_load_explicit(&s->gone, memory_order_relaxed);
}

size_t bc_spool_link(const struct bc_spool *s, const uint8_t **data)
{
	uint8_t type = BC_WIRE_PACKET;

	if (atomic_load_explicit(&s->put, memory_order_acquire) != s->taken)
		message_at(s, s->taken, &type);
	*data = s->link;
	return type == BC_WIRE_LINK ? 0 : s->link_len;
}

size_t bc_spool_next_link(const struct bc_spool *s)
{
	uint8_t type;
	size_t len;

	if (atomic_load_explicit(&s->put, memory_order_acquire) == s->taken)
		return 0;
	len = message_at(s, s->taken, &type);
	return type == BC_WIRE_LINK ? len : 0;
}

size_t bc_spool_copy(const struct bc_spool *s, uint8_t *dst)
{
	uint8_t type;
	size_t len;

	if (atomic_load_explicit(&s->put, memory_order_acquire) == s->taken)
		return 0;
	len = message_at(s, s->taken, &type);
	copy_out(s, s->taken, dst, len);
	return len;
}
