/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_found.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_pcapng.h"

#define IDB_OPTIONS_AT 16U
#define OPT_NAME 2
#define NONE UINT32_MAX
#define RANGES_MAX 65536U	/* packets of more have no numbers */

/* Packets of one epoch that lie behind one another in a segment: from to entry.mark.next. */
struct range {
	uint64_t from;
	struct bc_ack_entry entry;
	uint64_t until;		/* packets with smaller numbers: */
	bool there;		/* others have them, too; or not */
};

struct client {
	char name[BC_ACK_CLIENT_MAX];
	uint32_t range;		/* that its packets go on with; NONE: they have no numbers */
};

struct bc_ack_found {
	uint8_t collector[BC_ACK_ID];
	struct range *range;
	uint32_t n_ranges;
	uint32_t begun;			/* ranges before are of other segments */
	struct client *client;
	uint32_t n_clients;
	uint32_t *iface;		/* of the segment: the client of each interface */
	uint32_t n_ifaces;
};

struct bc_ack_found *bc_ack_found_new(void)
{
	return calloc(1, sizeof(struct bc_ack_found));
}

void bc_ack_found_free(struct bc_ack_found *f)
{
	if (!f)
		return;
	free(f->range);
	free(f->client);
	free(f->iface);
	free(f);
}

/* Interfaces and numbers are those of a section. */
static void begin_section(struct bc_ack_found *f)
{
	f->n_ifaces = 0;
	for (uint32_t c = 0; c < f->n_clients; c++)
		f->client[c].range = NONE;
}

void bc_ack_found_begin(struct bc_ack_found *f)
{
	begin_section(f);
	f->begun = f->n_ranges;
}

void bc_ack_found_again(struct bc_ack_found *f)
{
	begin_section(f);
	f->n_ranges = f->begun;
}

/* Room for one more; arrays double at each power of two. */
static int grow(void **array, uint32_t n, size_t size)
{
	void *p;

	if (n & (n - 1))
		return 0;
	p = realloc(*array, (n ? 2 * (size_t)n : 1) * size);
	if (!p)
		return -ENOMEM;
	*array = p;
	return 0;
}

/* The client of this name, whose number is returned, or -ENOMEM. */
static int find_client(struct bc_ack_found *f, const char *name, size_t len)
{
	struct client *c;

	if (len >= BC_ACK_CLIENT_MAX)
		len = BC_ACK_CLIENT_MAX - 1;
	for (uint32_t i = 0; i < f->n_clients; i++)
		if (!strncmp(f->client[i].name, name, len) && !f->client[i].name[len])
			return (int)i;
	if (grow((void **)&f->client, f->n_clients, sizeof(*f->client)))
		return -ENOMEM;
	c = &f->client[f->n_clients];
	memset(c, 0, sizeof(*c));
	memcpy(c->name, name, len);
	c->range = NONE;
	return (int)f->n_clients++;
}

/* An interface is called CLIENT or CLIENT:NAME. */
static int take_iface(struct bc_ack_found *f, const uint8_t *idb, size_t len)
{
	const uint8_t *p = idb + IDB_OPTIONS_AT, *end = idb + len - 4;
	const char *name = "";
	size_t n = 0;
	int c;

	while (len > IDB_OPTIONS_AT && end - p >= 4) {
		uint16_t code = bc_get16(p, false), size = bc_get16(p + 2, false);

		if (size > end - p - 4)
			break;
		if (code == OPT_NAME) {
			name = (const char *)p + 4;
			n = memchr(name, ':', size) ? (size_t)((const char *)memchr(name, ':', size) - name) : size;
			break;
		}
		if (bc_pad4(size) > end - p - 4)
			break;
		p += 4 + bc_pad4(size);
	}
	c = find_client(f, name, n);
	if (c < 0 || grow((void **)&f->iface, f->n_ifaces, sizeof(*f->iface)))
		return -ENOMEM;
	f->iface[f->n_ifaces++] = (uint32_t)c;
	return 0;
}

static bool is_numbered(const struct bc_ack_entry *e)
{
	static const uint8_t zeros[BC_ACK_ID];

	return memcmp(e->mark.node, zeros, BC_ACK_ID) != 0;
}

static int take_entry(struct bc_ack_found *f, const struct bc_ack_entry *e)
{
	int c = find_client(f, e->client, strlen(e->client));

	if (c < 0)
		return c;
	f->client[c].range = NONE;
	if (!is_numbered(e) || f->n_ranges == RANGES_MAX)
		return 0;
	if (grow((void **)&f->range, f->n_ranges, sizeof(*f->range)))
		return -ENOMEM;
	f->range[f->n_ranges] = (struct range){ .from = e->mark.next, .entry = *e };
	f->client[c].range = f->n_ranges++;
	return 0;
}

static int take_block(struct bc_ack_found *f, const uint8_t *block, uint32_t n)
{
	struct bc_ack_entry e;
	int r = 0;

	memcpy(f->collector, bc_ack_block_collector(block), BC_ACK_ID);
	for (uint32_t i = 0; !r && i < n; i++) {
		bc_ack_block_entry(block, i, &e);
		r = take_entry(f, &e);
	}
	return r;
}

/* That the packet is next in; NULL: it has no number. */
static struct range *range_of(const struct bc_ack_found *f, const uint8_t *epb, size_t len)
{
	uint32_t iface = len >= BC_EPB_FIXED ? bc_get_le32(epb + 8) : NONE, r;

	if (iface >= f->n_ifaces)
		return NULL;
	r = f->client[f->iface[iface]].range;
	return r == NONE ? NULL : &f->range[r];
}

int bc_ack_found_item(struct bc_ack_found *f, const uint8_t *item, size_t len, bool packet)
{
	struct range *r = packet ? range_of(f, item, len) : NULL;
	uint32_t n;

	if (r)
		r->entry.mark.next++;
	if (packet)
		return 0;
	if (len >= 4 && bc_get_le32(item) == BC_PCAPNG_SHB)
		begin_section(f);
	if (len >= 20 && bc_get_le32(item) == BC_PCAPNG_IDB)
		return take_iface(f, item, len);
	return bc_ack_block_is(item, len, &n) ? take_block(f, item, n) : 0;
}

/* True: the table knows more by it. */
static bool enter(struct bc_ack_table *t, const struct range *r)
{
	struct bc_ack_client *c = bc_ack_table_client(t, r->entry.client, strlen(r->entry.client));
	struct bc_ack_known *k = c ? bc_ack_set_find(&c->set, &r->entry.mark) : NULL;
	struct bc_ack_mark m = r->entry.mark;
	uint64_t until;

	if (!c || (k && r->entry.stored <= k->mark.next && bc_ack_known_has(k, r->from, &until) && until >= m.next))
		return false;
	/* All with smaller numbers were on disk when it was written. */
	m.next = r->entry.stored;
	bc_ack_known_add(bc_ack_set_use(&c->set, &m), r->from, r->entry.mark.next);
	return true;
}

/* Of those that were found, how many lie behind packets that are nowhere? */
static uint32_t count_apart(const struct bc_ack_found *f, struct bc_ack_table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n_ranges; i++) {
		const struct range *r = &f->range[i];
		struct bc_ack_client *c = bc_ack_table_client(t, r->entry.client, strlen(r->entry.client));
		const struct bc_ack_known *k = c ? bc_ack_set_find(&c->set, &r->entry.mark) : NULL;

		n += k && r->from < r->entry.mark.next && r->from > k->mark.next;
	}
	return n;
}

bool bc_ack_found_enter(const struct bc_ack_found *f, struct bc_ack_table *t, uint32_t *ret_apart)
{
	static const uint8_t zeros[BC_ACK_ID];
	bool changed = false;

	*ret_apart = 0;
	if (!f->n_ranges)
		return false;
	for (uint32_t r = 0; r < f->n_ranges; r++)
		changed |= enter(t, &f->range[r]);
	*ret_apart = count_apart(f, t);
	if (!memcmp(t->collector, zeros, BC_ACK_ID))
		memcpy(t->collector, f->collector, BC_ACK_ID);
	return changed;
}

const struct bc_ack_entry *bc_ack_found_next(const struct bc_ack_found *f, const uint8_t *packet, size_t len)
{
	const struct range *r = range_of(f, packet, len);

	return r ? &r->entry : NULL;
}

const uint8_t *bc_ack_found_collector(const struct bc_ack_found *f)
{
	return f->collector;
}

static bool same(const struct bc_ack_entry *a, const struct bc_ack_entry *b)
{
	return bc_ack_same(&a->mark, &b->mark) && !strcmp(a->client, b->client);
}

/* Is the packet with the number e->mark.next among them? Up to *ret_until it is the same with those behind it. */
static bool has(const struct bc_ack_found *f, const struct bc_ack_entry *e, uint64_t *ret_until)
{
	const uint64_t number = e->mark.next;

	*ret_until = UINT64_MAX;
	for (uint32_t i = 0; i < f->n_ranges; i++) {
		const struct range *r = &f->range[i];

		if (number >= r->entry.mark.next || !same(&r->entry, e))
			continue;
		if (r->from <= number) {
			*ret_until = r->entry.mark.next;
			return true;
		}
		if (r->from < *ret_until)
			*ret_until = r->from;
	}
	return false;
}

bool bc_ack_found_repeats(struct bc_ack_found *f, const struct bc_ack_found *others, const uint8_t *packet, size_t len)
{
	struct range *r = range_of(f, packet, len);

	if (!r)
		return false;
	if (r->entry.mark.next >= r->until)
		r->there = has(others, &r->entry, &r->until);
	return r->there;
}

uint64_t bc_ack_found_common(const struct bc_ack_found *f, const struct bc_ack_found *others)
{
	uint64_t n = 0, until;

	for (uint32_t i = 0; i < f->n_ranges; i++) {
		const uint64_t end = f->range[i].entry.mark.next;
		struct bc_ack_entry e = f->range[i].entry;

		for (e.mark.next = f->range[i].from; e.mark.next < end; e.mark.next = until) {
			bool there = has(others, &e, &until);

			if (until > end)
				until = end;
			n += there ? until - e.mark.next : 0;
		}
	}
	return n;
}

/* Is there one among them with the last number of this range, or one behind it? */
static bool reaches(const struct bc_ack_found *f, const struct range *r)
{
	for (uint32_t i = 0; i < f->n_ranges; i++)
		if (f->range[i].entry.mark.next >= r->entry.mark.next && same(&f->range[i].entry, &r->entry))
			return true;
	return false;
}

bool bc_ack_found_passed(const struct bc_ack_found *f, const struct bc_ack_found *others)
{
	for (uint32_t i = 0; i < f->n_ranges; i++)
		if (f->range[i].from < f->range[i].entry.mark.next && !reaches(others, &f->range[i]))
			return false;
	return true;
}
