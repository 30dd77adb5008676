/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_note.h"
#include "bc_pcapng.h"
#include "index_packet.h"

#define DENSE 400000U

static struct random r = { 11 };

/* A chunk of packets in slices of so many, as a lane has it before it is compressed. */
struct noting {
	struct bc_iface_table *ifaces;
	struct bc_bufpool *pool;
	struct bc_noter noter;
	struct bc_chunk k;
	uint64_t ts_ns;
};

static void open_noting(struct noting *n, uint32_t buffers)
{
	memset(n, 0, sizeof(*n));
	n->ifaces = bc_iface_table_new();
	bc_iface_add(n->ifaces, &(struct bc_iface){ .name = "a", .linktype = 1 });
	n->pool = bc_bufpool_new(buffers, BC_NOTES_BYTES, false, NULL);
	n->k.seen = calloc(BC_MAX_SLICES, sizeof(*n->k.seen));
	n->k.buf = malloc(DENSE);
	n->ts_ns = 1000000000000000000;
}

static void close_noting(struct noting *n)
{
	bc_notes_free(n->k.notes, n->pool);
	assert_int_equal(bc_bufpool_available(n->pool), bc_bufpool_total(n->pool));
	bc_bufpool_free(n->pool);
	free(n->k.seen);
	free(n->k.buf);
	free(n->ifaces);
}

static void fill_chunk(struct noting *n, uint32_t slices, uint32_t per_slice)
{
	uint8_t *at = n->k.buf;

	n->k.n_slices = slices;
	for (uint32_t i = 0; i < slices; i++) {
		struct bc_slice *s = &n->k.slice[i];

		s->begin = (uint32_t)(at - n->k.buf);
		for (uint32_t k = 0; k < per_slice; k++) {
			struct packet p;

			packet_any(&p, &r);
			n->ts_ns += random_below(&r, 200000);
			at = bc_epb_begin(at, 0, n->ts_ns - (random_below(&r, 20) ? 0 : 700000), p.len, p.len + 4, 0);
			memcpy(at, p.data, p.len);
			at = bc_epb_end(at, p.len, 0, 0, 0, 0);
		}
		s->len = (uint32_t)(at - n->k.buf) - s->begin;
	}
	memset(at, 0, 16);
	assert_true(at - n->k.buf < (ptrdiff_t)DENSE - 16);
}

/* As blocks of the table, from one slice to another. */
static void add_block(struct bc_flow_table *t, const struct bc_chunk *k, uint32_t first, uint32_t last)
{
	struct bc_index_block b = { .file_len = 100, .min_ns = UINT64_MAX };

	for (uint32_t i = first; i <= last; i++) {
		b.plain_len += k->slice[i].len;
		b.packets += k->seen[i].packets;
		b.min_ns = k->seen[i].min_ns < b.min_ns ? k->seen[i].min_ns : b.min_ns;
		b.max_ns = k->seen[i].max_ns > b.max_ns ? k->seen[i].max_ns : b.max_ns;
	}
	bc_flow_table_block(t, &b);
}

static void add_packets(struct bc_flow_table *t, const uint8_t *p, const uint8_t *end)
{
	for (; p < end; p += bc_get_le32(p + 4)) {
		uint64_t ts_ns = (uint64_t)bc_get_le32(p + 12) << 32 | bc_get_le32(p + 16);
		uint32_t caplen = bc_get_le32(p + 20), len = bc_tuple_bytes(1, p + 28, caplen);

		bc_flow_table_packets(t, &(struct bc_flow_packets){
			.data = p + 28, .first_ns = ts_ns, .last_ns = ts_ns, .bytes = bc_get_le32(p + 24), .packets = 1,
			.first_block = bc_flow_table_blocks(t) - 1, .blocks = 1, .linktype = 1,
			.shape = bc_tuple_shape_of(1, p + 28, caplen), .len = (uint8_t)len, .cut = len < caplen,
		}, 1);
	}
}

static void encode(struct bc_flow_table *t, struct bc_index_bytes *bytes)
{
	struct bc_index_part part;

	assert_int_equal(bc_flow_table_skipped(t), 0);
	assert_int_equal(bc_flow_table_encode(t, bytes, bytes, &part), 0);
	assert_int_equal(part.n_unindexed, 0);
	assert_true(part.n_rows > 100);
}

/* Chunks of slices, or stored as one block each; by notes, and packet by packet. */
static void check_notes(uint32_t slices, uint32_t per_slice, bool one_block)
{
	struct bc_flow_table *noted = bc_flow_table_new(16 << 20, true), *single = bc_flow_table_new(16 << 20, true);
	struct bc_index_bytes a = { .p = NULL }, b = { .p = NULL };
	struct noting n;
	uint32_t packets = 0;

	open_noting(&n, 64);
	for (uint32_t chunk = 0; chunk < 12; chunk++) {
		fill_chunk(&n, slices, per_slice);
		bc_note_chunk(&n.noter, &n.k, n.ifaces, n.pool);
		assert_non_null(n.k.notes);
		for (uint32_t i = 0; i < slices; i++) {
			uint32_t last = one_block ? slices - 1 : i;
			const struct bc_slice *s = &n.k.slice[i];

			packets += n.k.seen[i].packets;
			if (!i || !one_block) {
				add_block(noted, &n.k, i, last);
				add_block(single, &n.k, i, last);
			}
			add_packets(single, n.k.buf + s->begin, n.k.buf + s->begin + s->len);
		}
		bc_notes_feed(n.k.notes, noted, one_block ? 1 : slices);
		bc_notes_free(n.k.notes, n.pool);
	}
	n.k.notes = NULL;
	assert_int_equal(packets, 12 * slices * per_slice);
	encode(noted, &a);
	encode(single, &b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	free(a.p);
	free(b.p);
	bc_flow_table_free(noted);
	bc_flow_table_free(single);
	close_noting(&n);
}

static void notes_give_the_index_that_single_packets_give(void **state)
{
	check_notes(1, 300, false);
	check_notes(5, 80, false);
	check_notes(16, 30, false);
}

static void so_they_do_where_a_chunk_has_more_slices_than_a_note_has_bits(void **state)
{
	check_notes(40, 12, false);
	check_notes(BC_MAX_SLICES, 4, false);
}

static void so_they_do_where_a_chunk_was_stored_as_one_block(void **state)
{
	check_notes(5, 80, true);
	check_notes(40, 12, true);
}

static void packets_of_a_flow_share_a_note(void **state)
{
	const struct bc_note *note;
	struct noting n;
	uint8_t *at;

	open_noting(&n, 4);
	at = n.k.buf;
	for (uint32_t i = 0; i < 1000; i++) {
		struct packet p = { .len = 0 };

		packet_ether(&p, 1, 2, 0x0800);
		packet_ip4(&p, 1, 2, 6, &r);
		packet_tcp(&p, 80, 1025, i == 7 ? 0x12 : 0x10, &r);
		packet_payload(&p, 20, &r);
		at = bc_epb_begin(at, 0, 1000 + i, p.len, 100, 0);
		memcpy(at, p.data, p.len);
		at = bc_epb_end(at, p.len, 0, 0, 0, 0);
	}
	n.k.n_slices = 1;
	n.k.slice[0].len = (uint32_t)(at - n.k.buf);
	bc_note_chunk(&n.noter, &n.k, n.ifaces, n.pool);
	note = (const struct bc_note *)(n.k.notes + 1);
	assert_int_equal(n.k.notes->len, sizeof(*note) + 48);
	assert_int_equal(note->packets, 1000);
	assert_int_equal(note->bytes, 100000);
	assert_int_equal(note->first_ns, 1000);
	assert_int_equal(note->last_ns, 1999);
	assert_int_equal(note->flags_or, 0x12);
	assert_int_equal(note->flags_and, 0x10);
	close_noting(&n);
}

static void with_too_few_buffers_only_times_are_taken(void **state)
{
	struct noting n;

	open_noting(&n, 2);
	fill_chunk(&n, 4, 100);
	bc_note_chunk(&n.noter, &n.k, n.ifaces, n.pool);
	assert_null(n.k.notes);
	assert_int_equal(bc_bufpool_available(n.pool), 2);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(n.k.seen[i].packets, 100);
		assert_true(n.k.seen[i].min_ns <= n.k.seen[i].max_ns);
	}
	close_noting(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_give_the_index_that_single_packets_give),
		cmocka_unit_test(so_they_do_where_a_chunk_has_more_slices_than_a_note_has_bits),
		cmocka_unit_test(so_they_do_where_a_chunk_was_stored_as_one_block),
		cmocka_unit_test(packets_of_a_flow_share_a_note),
		cmocka_unit_test(with_too_few_buffers_only_times_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
