/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_note.h"

#include <string.h>

#include "bc_bytes.h"
#include "bc_pcapng.h"
#include "bc_tuple.h"

_Static_assert(sizeof(struct bc_note) == 16, "a note's bytes are aligned as it is");

/* The link type of the packets' interface, which is mostly the one before. */
struct link {
	const struct bc_iface_table *ifaces;
	uint32_t iface;
	uint16_t linktype;
};

static inline uint16_t linktype_of(struct link *l, uint32_t iface)
{
	if (__builtin_expect(iface != l->iface, 0)) {
		l->iface = iface;
		l->linktype = l->ifaces->entry[iface].linktype;
	}
	return l->linktype;
}

/* The packet at epb as a note; returns its bytes. */
static inline uint32_t note_packet(uint8_t *dst, const uint8_t *epb, uint64_t ts_ns, struct link *l)
{
	uint32_t caplen = bc_get_le32(epb + 20);
	const uint8_t *data = epb + 28;
	struct bc_note n = { .ts_ns = ts_ns, .wire_len = bc_get_le32(epb + 24), .linktype = linktype_of(l, bc_get_le32(epb + 8)) };

	n.len = (uint8_t)bc_tuple_bytes(n.linktype, data, caplen);
	n.cut = n.len < caplen;
	memcpy(dst, &n, sizeof(n));
	for (uint32_t i = 0; i < n.len; i += 16)
		memcpy(dst + sizeof(n) + i, data + i, 16);
	return bc_note_size(n.len);
}

static inline uint64_t time_of(const uint8_t *epb)
{
	uint64_t v = bc_get64(epb + 12, false);

	return v >> 32 | v << 32;
}

static void note_times(const uint8_t *p, const uint8_t *end, struct bc_slice_seen *s)
{
	for (; p < end; p += bc_get_le32(p + 4)) {
		uint64_t ts_ns = time_of(p);

		s->packets++;
		s->min_ns = ts_ns < s->min_ns ? ts_ns : s->min_ns;
		s->max_ns = ts_ns > s->max_ns ? ts_ns : s->max_ns;
	}
}

/* Returns the place behind its notes; where they do not fit, that of their begin. */
static uint8_t *note_slice(const uint8_t *p, const uint8_t *end, struct bc_slice_seen *s, struct link *l, uint8_t *notes,
			   const uint8_t *notes_end)
{
	uint8_t *at = notes;

	for (; p < end; p += bc_get_le32(p + 4)) {
		uint64_t ts_ns = time_of(p);

		if (__builtin_expect(notes_end - at < (ptrdiff_t)bc_note_size(BC_TUPLE_MAX), 0)) {
			note_times(p, end, s);
			return notes;
		}
		at += note_packet(at, p, ts_ns, l);
		s->packets++;
		s->min_ns = ts_ns < s->min_ns ? ts_ns : s->min_ns;
		s->max_ns = ts_ns > s->max_ns ? ts_ns : s->max_ns;
	}
	return at;
}

void bc_note_chunk(struct bc_chunk *k, const struct bc_iface_table *ifaces, uint32_t cap)
{
	struct link l = { .ifaces = ifaces, .iface = UINT32_MAX };
	uint8_t *at = k->notes;

	for (uint32_t i = 0; i < k->n_slices; i++) {
		struct bc_slice_seen *s = &k->seen[i];
		const uint8_t *p = k->buf + k->slice[i].begin, *end = p + k->slice[i].len;

		s->packets = 0;
		s->min_ns = UINT64_MAX;
		s->max_ns = 0;
		if (k->notes)
			at = note_slice(p, end, s, &l, at, k->notes + cap);
		else
			note_times(p, end, s);
		s->notes_end = k->notes ? (uint32_t)(at - k->notes) : 0;
	}
}

uint32_t bc_notes_feed(struct bc_flow_table *table, const uint8_t *notes, uint32_t at, uint32_t end)
{
	struct bc_flow_packet p[BC_FLOW_BATCH];
	uint32_t i = 0;

	for (; at < end && i < BC_FLOW_BATCH; i++) {
		const struct bc_note *n = (const struct bc_note *)(notes + at);

		p[i] = (struct bc_flow_packet){
			.data = (const uint8_t *)(n + 1), .ts_ns = n->ts_ns, .wire_len = n->wire_len, .linktype = n->linktype,
			.len = n->len, .cut = n->cut,
		};
		at += bc_note_size(n->len);
	}
	bc_flow_table_packets(table, p, i);
	return at;
}
