/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_carry.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define BUCKETS 4096U

struct bc_carry {
	_Atomic uint32_t count;		/* written under lock, read by all */
	pthread_mutex_t lock;
	size_t bytes, section_bytes;	/* under lock, as is what follows */
	struct bc_carried *bucket[BUCKETS];
	struct bc_carried *entry[BC_CARRY_MAX];
};

struct bc_carry *bc_carry_new(void)
{
	struct bc_carry *c = calloc(1, sizeof(*c));

	if (c)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void bc_carry_free(struct bc_carry *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < bc_carry_count(c); i++)
		free(c->entry[i]);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool is_known(const struct bc_carried *known, const struct bc_carried *e)
{
	for (; known; known = known->next)
		if (known->kind == e->kind && known->len == e->len && !memcmp(known->data, e->data, e->len))
			return true;
	return false;
}

/* Takes e on success. */
static int enter(struct bc_carry *c, struct bc_carried *e, struct bc_carried **bucket)
{
	uint32_t n = atomic_load_explicit(&c->count, memory_order_relaxed);
	size_t section = e->kind == BC_CARRY_SECTION ? e->len : 0;

	if (n == BC_CARRY_MAX || c->bytes + e->len > BC_CARRY_BYTES_MAX || c->section_bytes + section > BC_CARRY_SECTION_BYTES_MAX)
		return -ENOSPC;
	c->bytes += e->len;
	c->section_bytes += section;
	e->next = *bucket;
	*bucket = e;
	c->entry[n] = e;
	atomic_store_explicit(&c->count, n + 1, memory_order_release);
	return 0;
}

int bc_carry_add(struct bc_carry *c, enum bc_carry_kind kind, const uint8_t *data, uint32_t len)
{
	struct bc_carried *e = len > BC_CARRY_BYTES_MAX ? NULL : malloc(sizeof(*e) + len);
	struct bc_carried **bucket = &c->bucket[crc32(kind, data, len) % BUCKETS];
	bool known;
	int r = 0;

	if (!e)
		return len > BC_CARRY_BYTES_MAX ? -ENOSPC : -ENOMEM;
	e->kind = kind;
	e->len = len;
	memcpy(e->data, data, len);
	pthread_mutex_lock(&c->lock);
	known = kind != BC_CARRY_HERE && is_known(*bucket, e);
	if (!known)
		r = enter(c, e, bucket);
	pthread_mutex_unlock(&c->lock);
	if (known || r)
		free(e);
	return r;
}

uint32_t bc_carry_count(const struct bc_carry *c)
{
	return c ? atomic_load_explicit(&c->count, memory_order_acquire) : 0;
}

const struct bc_carried *bc_carry_at(const struct bc_carry *c, uint32_t i)
{
	return c->entry[i];
}
