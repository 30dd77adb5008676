/* SPDX-License-Identifier: BSD-3-Clause */
/* A lane writes UTC, whatever the steady time that its packets travel with. */
#include "lane_bed.h"

#include "bc_bytes.h"
#include "bc_pcapng.h"
#include "bc_time.h"

#define HOUR_NS (3600 * BC_NS_PER_S)
#define NOON (1700000000 * BC_NS_PER_S)

static void put(struct bed *b, uint64_t steady_ns, uint8_t epoch)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);

	memset(rte_pktmbuf_append(m, 60), 0, 60);
	m->port = 0;
	*bc_meta(m) = (struct bc_meta){ .wire_len = 60 };
	bc_meta_set_epoch(m, epoch);
	bc_link_put(b->in, steady_ns, bc_desc_word(m, 60, 1));
}

/* The chunk's end; the times of its n packets must be these. */
static void assert_times(struct bed *b, const uint64_t *utc_ns, uint32_t n)
{
	const uint8_t *p;

	bed_end_chunk(b);
	p = b->chunk->data;
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(bc_get_le32(p), BC_PCAPNG_EPB);
		assert_int_equal((uint64_t)bc_get_le32(p + 12) << 32 | bc_get_le32(p + 16), utc_ns[i]);
		p += bc_get_le32(p + 4);
	}
	assert_ptr_equal(p, b->chunk->data + b->chunk->dense);
	bc_bufpool_put(b->buffers, b->chunk->buf);
}

static void without_a_step_steady_time_is_utc(void **state)
{
	static struct bc_steps steps;
	struct bed *b = bed_new(BC_CODEC_NONE, &steps);

	put(b, NOON, 0);
	assert_times(b, (const uint64_t[]){ NOON }, 1);
	bed_free(b);
}

/* Set back by an hour, then set forward by two: also where packets of several epochs are packed together. */
static void each_packet_has_the_utc_of_its_own_epoch(void **state)
{
	static struct bc_steps steps;
	struct bed *b = bed_new(BC_CODEC_NONE, &steps);

	bc_steps_add(&steps, NOON + 2, HOUR_NS);
	bc_steps_add(&steps, NOON + 4, -HOUR_NS);
	put(b, NOON + 1, 0);
	put(b, NOON + 2, 1);
	put(b, NOON + 3, 0);
	put(b, NOON + 4, 2);
	assert_times(b, (const uint64_t[]){ NOON + 1, NOON + 2 - HOUR_NS, NOON + 3, NOON + 4 + HOUR_NS }, 4);
	bed_free(b);
}

/* Packed before it, or packed after it. */
static void a_step_does_not_change_what_was_stamped_before(void **state)
{
	static struct bc_steps steps;
	struct bed *b = bed_new(BC_CODEC_NONE, &steps);

	put(b, NOON, 0);
	bc_lane_poll(b->lane);
	bc_steps_add(&steps, NOON + 2, HOUR_NS);
	put(b, NOON + 1, 0);
	assert_times(b, (const uint64_t[]){ NOON, NOON + 1 }, 2);
	bed_free(b);
}

static void times_of_files_are_none_of_the_clocks(void **state)
{
	struct bed *b = bed_new(BC_CODEC_NONE, NULL);

	put(b, NOON, 3);
	assert_times(b, (const uint64_t[]){ NOON }, 1);
	bed_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_step_steady_time_is_utc),
		cmocka_unit_test(each_packet_has_the_utc_of_its_own_epoch),
		cmocka_unit_test(a_step_does_not_change_what_was_stamped_before),
		cmocka_unit_test(times_of_files_are_none_of_the_clocks),
	};

	return cmocka_run_group_tests(tests, bed_start, NULL);
}
