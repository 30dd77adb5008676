/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_note.h"

#include <string.h>

#include "bc_bytes.h"
#include "bc_pcapng.h"
#include "bc_tuple.h"

#define GROUP 16U	/* slices that notes have bits for */

_Static_assert(sizeof(struct bc_note) == 48 && sizeof(struct bc_notes) == 16, "a note's bytes are aligned as it is");

typedef uint8_t vec16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t vec2x64 __attribute__((vector_size(16)));

/* Where notes of a chunk are made. */
struct making {
	struct bc_noter *noter;
	struct bc_bufpool *pool;
	const struct bc_iface_table *ifaces;
	uint32_t iface;			/* of the packet before, */
	uint16_t linktype;		/* whose link type this is */
	uint8_t group;
	uint16_t slice;			/* its bit */
	struct bc_notes *first, *last;
	uint8_t *at, *end;		/* in the last buffer */
};

static inline uint16_t linktype_of(struct making *m, uint32_t iface)
{
	if (__builtin_expect(iface != m->iface, 0)) {
		m->iface = iface;
		m->linktype = m->ifaces->entry[iface].linktype;
	}
	return m->linktype;
}

static inline uint8_t *bytes_of(const struct making *m)
{
	return (uint8_t *)(m->last + 1);
}

/* Another buffer; false: there is none. */
static bool more_room(struct making *m)
{
	struct bc_notes *n = (struct bc_notes *)bc_bufpool_get(m->pool, 0);

	if (!n)
		return false;
	n->next = NULL;
	n->len = 0;
	if (m->last) {
		m->last->len = (uint32_t)(m->at - bytes_of(m));
		m->last->next = n;
	} else {
		m->first = n;
	}
	m->last = n;
	m->at = bytes_of(m);
	m->end = (uint8_t *)n + BC_NOTES_BYTES;
	return true;
}

static inline uint32_t note_size(uint32_t len)
{
	return (uint32_t)sizeof(struct bc_note) + (len + 15) / 16 * 16;
}

struct seen {
	const uint8_t *data;
	uint64_t ts_ns;
	uint32_t caplen, wire_len;
	uint16_t linktype;
	uint8_t flags;
};

/* A note of no packet, for those like p. */
static inline void begin_note(const struct making *m, struct bc_note *n, const struct seen *p, enum bc_tuple_shape shape, uint32_t len)
{
	*n = (struct bc_note){
		.first_ns = UINT64_MAX, .linktype = p->linktype, .group = m->group, .shape = (uint8_t)shape, .len = (uint8_t)len,
		.cut = len < p->caplen, .flags_and = 0xff,
	};
	for (uint32_t i = 0; i < len; i += 16)
		memcpy((uint8_t *)(n + 1) + i, p->data + i, 16);
}

static inline void add_packet(const struct making *m, struct bc_note *n, const struct seen *p)
{
	n->first_ns = p->ts_ns < n->first_ns ? p->ts_ns : n->first_ns;
	n->last_ns = p->ts_ns > n->last_ns ? p->ts_ns : n->last_ns;
	n->bytes += p->wire_len;
	n->packets++;
	n->slices |= m->slice;
	n->flags_or |= p->flags;
	n->flags_and &= p->flags;
}

/* 0: they have the shape's bits in common, of which there are as many bytes. */
static inline uint64_t differ(const struct bc_note *n, const uint8_t *data, enum bc_tuple_shape shape, uint32_t masked)
{
	const uint8_t *noted = (const uint8_t *)(n + 1), *mask = bc_tuple_shapes[shape].mask;
	vec16 v = { 0 };
	vec2x64 any;

	for (uint32_t i = 0; i < masked; i += 16)
		v |= (*(const vec16 *)(data + i) ^ *(const vec16 *)(noted + i)) & *(const vec16 *)(mask + i);
	any = (vec2x64)v;
	return any[0] | any[1] | (n->shape ^ shape);
}

static inline struct bc_note **slot_of(const struct making *m, const uint8_t *data, uint32_t at, uint32_t at2)
{
	uint64_t a, b;

	memcpy(&a, data + at, 8);
	memcpy(&b, data + at2, 8);
	return &m->noter->slot[(a * 0x9E3779B97F4A7C15ULL ^ b * 0xC2B2AE3D27D4EB4FULL) * 0xD6E8FEB86659FD93ULL >> 55];
}

_Static_assert(BC_NOTE_SLOTS == 512, "the hash has 9 bits");

/* A note is begun in any case, and stays if there is none yet: which of both is true cannot be predicted. There is room. */
static inline __attribute__((always_inline)) void note_shaped(struct making *m, struct seen *p, enum bc_tuple_shape shape)
{
	const struct bc_tuple_shape_info *info = &bc_tuple_shapes[shape];
	struct bc_note **slot = slot_of(m, p->data, info->hash_at[0], info->hash_at[1]), *n = *slot;
	uintptr_t fresh = (uintptr_t)0 - (differ(n, p->data, shape, info->masked) != 0);

	p->flags = p->data[info->flags_at];
	begin_note(m, (struct bc_note *)m->at, p, shape, info->len);
	n = (struct bc_note *)((uintptr_t)n ^ (((uintptr_t)n ^ (uintptr_t)m->at) & fresh));
	m->at += fresh & note_size(info->len);
	*slot = n;
	add_packet(m, n, p);
}

static void note_any(struct making *m, struct seen *p)
{
	uint32_t len = bc_tuple_bytes(p->linktype, p->data, p->caplen);
	struct bc_note *n = (struct bc_note *)m->at;

	p->flags = 0;
	begin_note(m, n, p, BC_TUPLE_ANY, len);
	add_packet(m, n, p);
	m->at += note_size(len);
}

/* False: there is no room. */
static inline bool note_packet(struct making *m, struct seen *p)
{
	enum bc_tuple_shape shape = bc_tuple_shape_of(p->linktype, p->data, p->caplen);

	if (__builtin_expect(m->end - m->at < (ptrdiff_t)note_size(BC_TUPLE_MAX), 0) && !more_room(m))
		return false;
	switch (shape) {
	case BC_TUPLE_IP4:
		note_shaped(m, p, BC_TUPLE_IP4);
		break;
	case BC_TUPLE_IP4_TAGGED:
		note_shaped(m, p, BC_TUPLE_IP4_TAGGED);
		break;
	case BC_TUPLE_IP6:
		note_shaped(m, p, BC_TUPLE_IP6);
		break;
	case BC_TUPLE_GTP:
		note_shaped(m, p, BC_TUPLE_GTP);
		break;
	case BC_TUPLE_ANY:
		note_any(m, p);
		break;
	default:
		note_shaped(m, p, shape);
	}
	return true;
}

static inline uint64_t time_of(const uint8_t *epb)
{
	uint64_t v = bc_get64(epb + 12, false);

	return v >> 32 | v << 32;
}

static inline void see(struct bc_slice_seen *s, uint64_t ts_ns)
{
	s->packets++;
	s->min_ns = ts_ns < s->min_ns ? ts_ns : s->min_ns;
	s->max_ns = ts_ns > s->max_ns ? ts_ns : s->max_ns;
}

static void note_times(const uint8_t *p, const uint8_t *end, struct bc_slice_seen *s)
{
	for (; p < end; p += bc_get_le32(p + 4))
		see(s, time_of(p));
}

/* False: there is no room for its notes. */
static bool note_slice(struct making *m, const uint8_t *p, const uint8_t *end, struct bc_slice_seen *s)
{
	for (; p < end; p += bc_get_le32(p + 4)) {
		struct seen k = {
			.data = p + 28, .ts_ns = time_of(p), .caplen = bc_get_le32(p + 20), .wire_len = bc_get_le32(p + 24),
			.linktype = linktype_of(m, bc_get_le32(p + 8)),
		};

		if (__builtin_expect(!note_packet(m, &k), 0)) {
			note_times(p, end, s);
			return false;
		}
		see(s, k.ts_ns);
	}
	return true;
}

static void begin_group(struct making *m, uint32_t slice)
{
	m->slice = (uint16_t)(1 << slice % GROUP);
	m->group = (uint8_t)(slice / GROUP);
	for (uint32_t i = 0; slice % GROUP == 0 && i < BC_NOTE_SLOTS; i++)
		m->noter->slot[i] = &m->noter->none;
}

void bc_note_chunk(struct bc_noter *noter, struct bc_chunk *k, const struct bc_iface_table *ifaces, struct bc_bufpool *pool)
{
	struct making m = { .noter = noter, .pool = pool, .ifaces = ifaces, .iface = UINT32_MAX };
	bool noted = pool && more_room(&m);

	for (uint32_t i = 0; i < k->n_slices; i++) {
		struct bc_slice_seen *s = &k->seen[i];
		const uint8_t *p = k->buf + k->slice[i].begin, *end = p + k->slice[i].len;

		*s = (struct bc_slice_seen){ .min_ns = UINT64_MAX };
		if (noted) {
			begin_group(&m, i);
			noted = note_slice(&m, p, end, s);
		} else {
			note_times(p, end, s);
		}
	}
	if (m.last)
		m.last->len = (uint32_t)(m.at - bytes_of(&m));
	k->notes = noted ? m.first : NULL;
	if (!noted)
		bc_notes_free(m.first, pool);
}

void bc_notes_feed(const struct bc_notes *notes, struct bc_flow_table *table, uint32_t blocks)
{
	uint32_t first = bc_flow_table_blocks(table) - blocks, n = 0;
	struct bc_flow_packets p[BC_FLOW_BATCH];

	for (; notes; notes = notes->next) {
		const uint8_t *at = (const uint8_t *)(notes + 1), *end = at + notes->len;

		while (at < end) {
			const struct bc_note *k = (const struct bc_note *)at;

			p[n++] = (struct bc_flow_packets){
				.data = at + sizeof(*k), .first_ns = k->first_ns, .last_ns = k->last_ns, .bytes = k->bytes,
				.packets = k->packets, .linktype = k->linktype, .shape = k->shape, .len = k->len, .cut = k->cut,
				.flags_or = k->flags_or, .flags_and = k->flags_and,
				.first_block = blocks > 1 ? first + k->group * GROUP : first, .blocks = blocks > 1 ? k->slices : 1,
			};
			at += note_size(k->len);
			if (n == BC_FLOW_BATCH) {
				bc_flow_table_packets(table, p, n);
				n = 0;
			}
		}
	}
	bc_flow_table_packets(table, p, n);
}

void bc_notes_free(struct bc_notes *notes, struct bc_bufpool *pool)
{
	while (notes) {
		struct bc_notes *next = notes->next;

		bc_bufpool_put(pool, (uint8_t *)notes);
		notes = next;
	}
}
