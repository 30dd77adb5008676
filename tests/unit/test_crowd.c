/* SPDX-License-Identifier: BSD-3-Clause */
/* Pipelines of remote clients on one lcore, which the test is. */
#include "pool.h"

#include <sys/stat.h>
#include <unistd.h>

#include "bc_crowd.h"
#include "bc_packet.h"
#include "bc_pcap.h"
#include "bc_recv_ring.h"
#include "bc_source_kind.h"
#include "bc_wire.h"

#define CLIENTS 70	/* more than the bits of a word */
#define RING (256U * 1024)
#define LEN 100U
#define TIMEOUT_NS (60 * BC_NS_PER_S)

static struct rte_mempool *pool;
static struct bc_clock host_clock;

static int start(void **state)
{
	pool = mbuf_pool(8192);
	bc_clock_init(&host_clock);
	return 0;
}

struct bed {
	struct bc_output_crews crews;
	struct bc_recv_ring *ring[CLIENTS];
	struct bc_source_config source[CLIENTS];
	struct bc_output_config output;
	struct bc_pipeline *pipeline[CLIENTS];
	struct bc_crowd *crowd;
	struct bc_stage stage;
};

static void add(struct bed *b, uint32_t i)
{
	struct bc_pipeline_config pc = {
		.sources = &b->source[i], .n_sources = 1, .outputs = &b->output, .n_outputs = 1, .writers = { 1 }, .n_lcores = 1,
		.max_wait_ns = BC_NS_PER_S, .flush_ns = 50 * BC_NS_PER_MS, .chunk_bytes = 65536 - 1024, .memory_bytes = 4U << 20, .link_size = 128,
		.pool = pool, .clock = &host_clock, .crews = &b->crews, .numa_node = -1,
	};
	struct bc_err err = { "" };

	assert_int_equal(bc_recv_ring_new(RING, -1, &b->ring[i], &err), 0);
	b->source[i] = (struct bc_source_config){ .spec = (char *)"client", .kind = &bc_source_remote, .queues = 1,
						  .recv_ring = b->ring[i], .max_ifaces = 4, .end_segments = true };
	assert_int_equal(bc_pipeline_new(&pc, &b->pipeline[i], &err), 0);
	assert_int_equal(bc_pipeline_start(b->pipeline[i], &err), 0);
	bc_crowd_add(b->crowd, b->pipeline[i]);
}

static void bed_new(struct bed *b)
{
	*b = (struct bed){ .output = { .dest = (char *)"null:", .kind = BC_DEST_NULL, .codec = BC_CODEC_LZ4, .level = 1, .snaplen = 262144 } };
	assert_int_equal(bc_crew_new("commit", 2, &b->crews.commit), 0);
	assert_int_equal(bc_crew_new("close", 1, &b->crews.close), 0);
	b->crowd = bc_crowd_new(CLIENTS);
	assert_non_null(b->crowd);
	bc_crowd_stage(b->crowd, &b->stage);
	for (uint32_t i = 0; i + 1 < CLIENTS; i++)
		add(b, i);
}

static void turn(struct bed *b)
{
	b->stage.poll(b->stage.ctx);
	b->stage.tick(b->stage.ctx, bc_mono_ns());
}

static void end_all(struct bed *b, uint32_t n)
{
	uint64_t until_ns = bc_mono_ns() + TIMEOUT_NS;
	bool done = false;

	for (uint32_t i = 0; i < n; i++)
		bc_pipeline_stop(b->pipeline[i]);
	while (!done) {
		turn(b);
		done = true;
		for (uint32_t i = 0; i < n; i++)
			done &= bc_pipeline_control(b->pipeline[i]);
		assert_true(bc_mono_ns() < until_ns);
	}
}

static void bed_free(struct bed *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bc_pipeline_join(b->pipeline[i]);
		bc_pipeline_free(b->pipeline[i]);
		bc_recv_ring_free(b->ring[i]);
	}
	bc_crowd_free(b->crowd);
	bc_crew_free(b->crews.commit);
	bc_crew_free(b->crews.close);
	assert_pool_full(pool);
}

static void send_packets(struct bc_recv_ring *in, uint32_t n)
{
	size_t room;
	uint8_t *begin = bc_recv_ring_room(in, &room), *at = begin;

	if (bc_recv_ring_state(in) == BC_RECV_RING_IDLE) {
		bc_recv_ring_open(in);
		bc_pcap_file_header(bc_wire_header(at, BC_WIRE_LINK, BC_PCAP_FILE_HEADER), 1, 1, 65535);
		at += BC_WIRE_HEADER + BC_PCAP_FILE_HEADER;
	}
	for (uint32_t i = 0; i < n; i++) {
		at = bc_wire_header(at, BC_WIRE_PACKET, (uint16_t)(BC_PCAP_RECORD_HEADER + LEN));
		memset(bc_pcap_record(at, 1792888200ULL * BC_NS_PER_S + i, 1, LEN, LEN), (int)i, LEN);
		at += BC_PCAP_RECORD_HEADER + LEN;
	}
	assert_true(room >= (size_t)(at - begin));
	bc_recv_ring_put(in, (size_t)(at - begin));
}

static uint64_t written(const struct bc_pipeline *p)
{
	struct bc_balance b;

	bc_ledger_balance(p->ledger, 0, BC_ALL_SOURCES, &b);
	return b.written;
}

static void await_written(struct bed *b, uint32_t i, uint64_t n)
{
	uint64_t until_ns = bc_mono_ns() + TIMEOUT_NS;

	while (written(b->pipeline[i]) < n) {
		turn(b);
		assert_true(bc_mono_ns() < until_ns);
	}
}

static void bytes_wake_who_sleeps(void **state)
{
	struct bed b;

	bed_new(&b);
	turn(&b);
	for (uint32_t i = 0; i < 3; i++) {
		const uint32_t at[] = { 0, 1, CLIENTS - 2 };

		send_packets(b.ring[at[i]], 10);
		/* The bell is heard in the next round, without a sweep. */
		assert_true(b.stage.poll(b.stage.ctx) >= 10);
		assert_int_equal(bc_pipeline_received(b.pipeline[at[i]]), 10);
		await_written(&b, at[i], 10);
	}
	end_all(&b, CLIENTS - 1);
	assert_true(b.stage.done(b.stage.ctx));
	bed_free(&b, CLIENTS - 1);
}

static void one_that_slept_goes_on(void **state)
{
	uint64_t until_ns;
	struct bed b;

	bed_new(&b);
	send_packets(b.ring[5], 100);
	await_written(&b, 5, 100);
	for (until_ns = bc_mono_ns() + 60 * BC_NS_PER_MS; bc_mono_ns() < until_ns;)
		turn(&b);
	bc_pipeline_trim(b.pipeline[5]);
	send_packets(b.ring[5], 200);
	await_written(&b, 5, 300);
	bc_recv_ring_end(b.ring[5]);
	while (bc_recv_ring_state(b.ring[5]) != BC_RECV_RING_IDLE)
		turn(&b);
	end_all(&b, CLIENTS - 1);
	bed_free(&b, CLIENTS - 1);
}

static void one_is_added_while_it_runs(void **state)
{
	struct bed b;

	bed_new(&b);
	turn(&b);
	add(&b, CLIENTS - 1);
	send_packets(b.ring[CLIENTS - 1], 10);
	await_written(&b, CLIENTS - 1, 10);
	assert_false(b.stage.done(b.stage.ctx));
	end_all(&b, CLIENTS);
	bed_free(&b, CLIENTS);
}

static void all_asleep_is_left_alone_for_longer(void **state)
{
	struct bed b;
	uint64_t asleep_ns;

	bed_new(&b);
	turn(&b);
	asleep_ns = b.stage.buffers_ns(b.stage.ctx);
	send_packets(b.ring[0], 1);
	assert_true(b.stage.buffers_ns(b.stage.ctx) < asleep_ns);
	await_written(&b, 0, 1);
	end_all(&b, CLIENTS - 1);
	bed_free(&b, CLIENTS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_wake_who_sleeps),
		cmocka_unit_test(one_that_slept_goes_on),
		cmocka_unit_test(one_is_added_while_it_runs),
		cmocka_unit_test(all_asleep_is_left_alone_for_longer),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
