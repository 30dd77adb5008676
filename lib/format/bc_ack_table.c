/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bc_ack_table_fini(struct bc_ack_table *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		bc_ack_set_fini(&t->client[i].set);
	free(t->client);
	t->client = NULL;
	t->n = 0;
}

struct bc_ack_client *bc_ack_table_client(struct bc_ack_table *t, const char *name, size_t len)
{
	struct bc_ack_client *c;

	if (len >= BC_ACK_CLIENT_MAX)
		len = BC_ACK_CLIENT_MAX - 1;
	for (uint32_t i = 0; i < t->n; i++)
		if (!strncmp(t->client[i].name, name, len) && !t->client[i].name[len])
			return &t->client[i];
	/* Room doubles at each power of two. */
	if (!(t->n & (t->n - 1))) {
		c = realloc(t->client, (t->n ? 2 * (size_t)t->n : 1) * sizeof(*c));
		if (!c)
			return NULL;
		t->client = c;
	}
	c = &t->client[t->n++];
	memset(c, 0, sizeof(*c));
	memcpy(c->name, name, len);
	return c;
}

static uint32_t count(const struct bc_ack_table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t e = 0; e < t->client[i].set.n; e++)
			n += 1 + t->client[i].set.epoch[e].n;
	return n < BC_ACK_ENTRIES_MAX ? n : BC_ACK_ENTRIES_MAX;
}

/* What a client has of one epoch, in up to max entries. */
static uint32_t list(struct bc_ack_entry *to, uint32_t max, const struct bc_ack_client *c, const struct bc_ack_known *k)
{
	uint32_t n;

	for (n = 0; n < 1 + k->n && n < max; n++) {
		to[n].mark = k->mark;
		to[n].stored = k->mark.next;
		memcpy(to[n].client, c->name, sizeof(c->name));
		if (!n)
			continue;
		to[n].stored = k->range[n - 1].from;
		to[n].mark.next = k->range[n - 1].to;
	}
	return n;
}

int bc_ack_table_to_block(const struct bc_ack_table *t, uint8_t **ret, size_t *ret_len)
{
	const uint32_t max = count(t);
	struct bc_ack_entry *e = calloc(max + 1, sizeof(*e));
	uint8_t *block = malloc(bc_ack_block_size(max));
	uint32_t n = 0;

	if (!e || !block) {
		free(e);
		free(block);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < t->n; i++)
		for (uint32_t k = 0; k < t->client[i].set.n; k++)
			n += list(&e[n], max - n, &t->client[i], &t->client[i].set.epoch[k]);
	*ret_len = bc_ack_block_put_ranges(block, t->collector, e, n);
	*ret = block;
	free(e);
	return 0;
}

/* Entries of a client that were written first are those of the epoch used last. */
static int enter(struct bc_ack_table *t, const struct bc_ack_entry *e, bool ranges)
{
	struct bc_ack_client *c = bc_ack_table_client(t, e->client, strlen(e->client));
	struct bc_ack_mark m = e->mark;
	struct bc_ack_known *k;

	if (!c)
		return -ENOMEM;
	if (ranges && e->stored < e->mark.next) {
		k = bc_ack_set_find(&c->set, &m);
		m.next = 0;
		bc_ack_known_add(k ? k : bc_ack_set_use(&c->set, &m), e->stored, e->mark.next);
	} else {
		bc_ack_set_use(&c->set, &m);
	}
	return 0;
}

int bc_ack_table_from_block(const uint8_t *block, size_t len, struct bc_ack_table *ret)
{
	struct bc_ack_table t = { .n = 0 };
	uint32_t n, version = bc_ack_block_version(block, len, &n);
	struct bc_ack_entry e;
	int r = 0;

	if (!version)
		return -EBADMSG;
	memcpy(t.collector, bc_ack_block_collector(block), BC_ACK_ID);
	while (!r && n-- > 0) {
		bc_ack_block_entry(block, n, &e);
		r = enter(&t, &e, version == BC_ACK_RANGES);
	}
	if (r)
		bc_ack_table_fini(&t);
	else
		*ret = t;
	return r;
}
