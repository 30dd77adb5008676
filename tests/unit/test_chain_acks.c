/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that nodes have numbered, and keep until they are told that they are on disk: when they are told, and when not. */
#include "chain.h"

#include "bc_ack_file.h"

static uint32_t sent_of(const struct chain *c, uint32_t source)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n_sent; i++)
		n += c->sent[i].source == source;
	return n;
}

/* At the end the file beside the segments tells of all: a node is told the rest when it connects again. */
static void all_is_acknowledged(enum bc_codec codec, enum bc_io io)
{
	struct chain *c = chain_new((struct chain_config){ .sources = 2, .lanes = 2, .codec = codec, .io = io, .rotate_packets = 300, .chunk_bytes = 16384,
							   .numbered = true });
	struct bc_ack_table t;
	int folder;

	chain_send_many(c, 1000, 200);
	chain_end(c);
	chain_check_all(c);
	folder = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), 0);
	close(folder);
	for (uint32_t i = 0; i < 2; i++) {
		assert_true(chain_acknowledged(c, i) <= sent_of(c, i));
		assert_false(bc_ack_broken(c->ack[i]));
		assert_int_equal(bc_ack_table_client(&t, c->ledger->source[i].name, 5)->set.epoch[0].mark.next, sent_of(c, i));
	}
	bc_ack_table_fini(&t);
	chain_free(c);
}

static void all_is_acknowledged_at_the_end(void **state)
{
	all_is_acknowledged(BC_CODEC_NONE, BC_IO_BUFFERED);
	all_is_acknowledged(BC_CODEC_LZ4, BC_IO_DIRECT);
	all_is_acknowledged(BC_CODEC_ZSTD, BC_IO_BUFFERED);
}

/* Of a segment that is written: what was brought to disk. */
static void a_flush_acknowledges(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .flush_ns = BC_NS_PER_MS, .numbered = true });

	chain_send_many(c, 50, 200);
	chain_settle(c);
	TURN_UNTIL(c, chain_acknowledged(c, 0) == 50);
	assert_int_equal(c->n_segments, 0);
	chain_send_many(c, 50, 200);
	chain_settle(c);
	TURN_UNTIL(c, chain_acknowledged(c, 0) == 100);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void one_in_a_hurry_does_not_wait_for_the_flush(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .flush_ns = BC_NS_PER_MS, .sync_ns = 1000 * BC_NS_PER_S, .numbered = true });

	chain_send_many(c, 50, 200);
	chain_settle(c);
	assert_int_equal(chain_acknowledged(c, 0), 0);
	bc_ack_hurry(c->ack[0]);
	TURN_UNTIL(c, chain_acknowledged(c, 0) == 50);
	chain_end(c);
	chain_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_acknowledged_at_the_end),
		cmocka_unit_test(a_flush_acknowledges),
		cmocka_unit_test(one_in_a_hurry_does_not_wait_for_the_flush),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
