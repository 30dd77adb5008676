/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture behind its sources, of which each allocation and each system call fails in turn: the ledger closes, and what is published is whole. */
#include "chain.h"

#include "refusal.h"

#define PACKETS 240

/* Only the linker calls them by their names. */
REFUSAL_WRAP(io_uring_queue_init, false, ENOMEM, -ENOMEM)
REFUSAL_WRAP(io_uring_register_buffers, false, ENOMEM, -ENOMEM)
REFUSAL_WRAP(io_uring_submit, false, EAGAIN, -EAGAIN)

/* What a node was told it may forget is there. What is in a file that could not be published is there as well, and not looked at. */
static void check_acknowledged(struct chain *c)
{
	const uint64_t acked = chain_acknowledged(c, 0);
	bool all = true;

	for (uint32_t i = 0; i < c->n_segments; i++)
		all &= !c->segment[i].err;
	refusal_check(!all || acked <= c->missing);
	/* Packets that are lost come again. */
	refusal_check(!all || c->missing == UINT32_MAX || bc_ack_broken(c->ack[0]));
}

static void check(struct chain *c)
{
	const struct bc_balance b = chain_balance(c);
	uint64_t lost = 0;

	for (uint32_t i = 0; i < BC_LOSS_COUNT; i++)
		lost += b.dropped[i];
	refusal_check(b.written + lost == c->n_sent);
	refusal_check(refusal.name || !lost);
	chain_check_segments(c);
	if (c->cfg.numbered)
		check_acknowledged(c);
}

static void capture(void *ctx)
{
	struct chain *c = chain_new(*(const struct chain_config *)ctx);

	chain_send(c, 400);
	refusal_begin();
	chain_send_many(c, PACKETS / 2, 400);
	/* Ends a chunk in the midst of a segment. What a stream codec holds waits for a disk that fails, until the end. */
	if (!bc_codec_is_stream(c->cfg.codec))
		chain_settle(c);
	chain_send_many(c, PACKETS / 2, 400);
	chain_end(c);
	refusal_end();
	check(c);
	if (c->cfg.dest)
		unlink(c->cfg.dest);
	chain_free(c);
}

static void lz4_with_an_index_of_flows(void **state)
{
	struct chain_config cfg = { .lanes = 2, .sources = 2, .codec = BC_CODEC_LZ4, .rotate_packets = 100, .chunk_bytes = 16384, .index = true };

	assert_true(refuse_each(capture, &cfg, 1) > 40);
}

static void uncompressed_and_direct(void **state)
{
	struct chain_config cfg = { .codec = BC_CODEC_NONE, .rotate_packets = 100, .chunk_bytes = 16384, .io = BC_IO_DIRECT, .depth = 4 };

	assert_true(refuse_each(capture, &cfg, 1) > 20);
}

static void a_stream_codec(void **state)
{
	struct chain_config cfg = { .codec = BC_CODEC_ZSTD, .rotate_packets = 100, .chunk_bytes = 16384, .flush_ns = BC_NS_PER_MS };

	assert_true(refuse_each(capture, &cfg, 1) > 20);
}

static void numbered_packets(void **state)
{
	struct chain_config cfg = { .codec = BC_CODEC_LZ4, .rotate_packets = 100, .chunk_bytes = 16384, .numbered = true, .io = BC_IO_BUFFERED };

	assert_true(refuse_each(capture, &cfg, 1) > 20);
}

static void a_single_file(void **state)
{
	char path[SCRATCH_MAX];
	struct chain_config cfg = { .codec = BC_CODEC_LZ4, .store = BC_STORE_FILE, .dest = path };

	scratch_name(path, "bc-one");
	assert_true(refuse_each(capture, &cfg, 1) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lz4_with_an_index_of_flows),
		cmocka_unit_test(uncompressed_and_direct),
		cmocka_unit_test(a_stream_codec),
		cmocka_unit_test(numbered_packets),
		cmocka_unit_test(a_single_file),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
