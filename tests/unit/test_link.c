/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pthread.h>
#include <sched.h>

#include "bc_link.h"
#include "random.h"

/* As if the link had carried this many descriptors already. */
static struct bc_link *link_at(uint32_t size, uint32_t index)
{
	struct bc_link *l = bc_link_new(size);

	assert_non_null(l);
	l->p.tail = index;
	l->c.head = index;
	l->p.head_seen = l->c.tail_seen = index;
	return l;
}

static void put_many(struct bc_link *l, uint64_t first, uint32_t n)
{
	assert_true(bc_link_room(l, n) >= n);
	for (uint32_t i = 0; i < n; i++)
		*bc_link_slot(l, i) = (struct bc_desc){ first + i, 0 };
	bc_link_push(l, n);
}

/* Take n, whatever pieces they come in, and see that they count up from first. */
static void take_many(struct bc_link *l, uint64_t first, uint32_t n)
{
	while (n) {
		const struct bc_desc *d;
		uint32_t piece = bc_link_peek(l, &d);

		assert_true(piece > 0);
		if (piece > n)
			piece = n;
		for (uint32_t i = 0; i < piece; i++)
			assert_int_equal(d[i].ts_ns, first++);
		bc_link_pop(l, piece);
		n -= piece;
	}
}

static void a_descriptor_gives_back_what_was_put_in(void **state)
{
	void *obj = (void *)0x7fffffffffc0ULL;
	struct bc_desc d = { 5, bc_desc_word(obj, 1501, 0x7f) };

	assert_true(bc_desc_fits(obj));
	assert_ptr_equal(bc_desc_obj(&d), obj);
	assert_int_equal(bc_desc_bytes(&d), 1504);
	assert_int_equal(bc_desc_outputs(&d), 0x7f);
}

static void a_record_too_large_to_be_told_is_told_as_the_largest(void **state)
{
	struct bc_desc d = { 5, bc_desc_word((void *)64, 262144 + 16, 1) };

	assert_int_equal(bc_desc_bytes(&d), BC_DESC_LEN_MAX * 4);
	assert_int_equal(bc_desc_outputs(&d), 1);
	assert_ptr_equal(bc_desc_obj(&d), (void *)64);
}

static void what_a_descriptor_cannot_name_is_refused(void **state)
{
	assert_false(bc_desc_fits((void *)(1ULL << 47)));
	assert_false(bc_desc_fits((void *)65));
}

static void the_size_is_rounded_up(void **state)
{
	struct bc_link *a = bc_link_new(0), *b = bc_link_new(65);

	assert_int_equal(a->size, 64);
	assert_int_equal(b->size, 128);
	bc_link_free(a);
	bc_link_free(b);
	bc_link_free(NULL);
}

static void a_size_beyond_the_indices_is_refused(void **state)
{
	assert_null(bc_link_new(UINT32_MAX));
}

static void a_new_link_is_empty(void **state)
{
	struct bc_link *l = link_at(64, 0);
	const struct bc_desc *d;

	assert_int_equal(bc_link_peek(l, &d), 0);
	assert_int_equal(bc_link_fill(l), 0);
	assert_int_equal(bc_link_room(l, 1), 64);
	assert_int_equal(bc_link_watermark(l), 0);
	bc_link_free(l);
}

static void every_slot_can_be_used_and_no_more(void **state)
{
	struct bc_link *l = link_at(64, 0);

	put_many(l, 0, 64);
	assert_int_equal(bc_link_room(l, 1), 0);
	assert_int_equal(bc_link_fill(l), 64);
	take_many(l, 0, 1);
	assert_int_equal(bc_link_room(l, 64), 1);
	put_many(l, 64, 1);
	take_many(l, 1, 64);
	assert_int_equal(bc_link_fill(l), 0);
	bc_link_free(l);
}

static void room_is_exact_when_it_is_less_than_was_wanted(void **state)
{
	struct bc_link *l = link_at(64, 0);

	put_many(l, 0, 64);
	take_many(l, 0, 60);
	assert_int_equal(bc_link_room(l, 61), 60);
	bc_link_free(l);
}

static void the_indices_wrap(void **state)
{
	struct bc_link *l = link_at(64, UINT32_MAX - 30);

	for (uint64_t n = 0; n < 1000; n += 50) {
		put_many(l, n, 50);
		assert_int_equal(bc_link_room(l, 64), 14);
		assert_int_equal(bc_link_fill(l), 50);
		take_many(l, n, 50);
	}
	bc_link_free(l);
}

static void a_full_link_stays_full_across_the_wrap(void **state)
{
	struct bc_link *l = link_at(64, UINT32_MAX);

	put_many(l, 7, 64);
	assert_int_equal(bc_link_room(l, 1), 0);
	take_many(l, 7, 64);
	assert_int_equal(bc_link_room(l, 65), 64);
	bc_link_free(l);
}

static void a_peek_ends_at_the_end_of_the_ring(void **state)
{
	struct bc_link *l = link_at(64, 60);
	const struct bc_desc *d;

	put_many(l, 0, 10);
	assert_int_equal(bc_link_peek(l, &d), 4);
	bc_link_pop(l, 4);
	assert_int_equal(bc_link_peek(l, &d), 6);
	bc_link_free(l);
}

#define THREADED 200000

/* Sends 0.. in random bursts; before each burst promises its first, as a source does. */
static void *producer(void *arg)
{
	struct bc_link *l = arg;
	struct random r = { 11 };

	for (uint64_t sent = 0; sent < THREADED;) {
		uint32_t n = 1 + random_below(&r, 40);

		if (n > THREADED - sent)
			n = (uint32_t)(THREADED - sent);
		if (bc_link_room(l, n) < n) {
			sched_yield();
			continue;
		}
		put_many(l, sent, n);
		sent += n;
		bc_link_set_watermark(l, sent == THREADED ? BC_WATERMARK_END : sent);
	}
	return NULL;
}

static void two_threads_pass_everything_once_and_in_order(void **state)
{
	struct bc_link *l = link_at(64, UINT32_MAX - 1000);
	uint64_t next = 0, sum = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, producer, l), 0);
	while (next < THREADED) {
		const struct bc_desc *d;
		uint32_t n = bc_link_peek(l, &d);

		for (uint32_t i = 0; i < n; i++) {
			if (d[i].ts_ns != next++)
				fail_msg("%lu came instead of %lu", d[i].ts_ns, next - 1);
			sum += d[i].ts_ns;
		}
		bc_link_pop(l, n);
		if (!n)
			sched_yield();
	}
	pthread_join(t, NULL);
	assert_int_equal(sum, (uint64_t)THREADED * (THREADED - 1) / 2);
	bc_link_free(l);
}

/* A watermark read before an empty peek covers all that will come. */
static void a_watermark_is_never_ahead_of_its_packets(void **state)
{
	struct bc_link *l = link_at(64, 0);
	uint64_t next = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, producer, l), 0);
	for (;;) {
		uint64_t promised = bc_link_watermark(l);
		const struct bc_desc *d;
		uint32_t n = bc_link_peek(l, &d);

		if (!n && promised == BC_WATERMARK_END)
			break;
		if (!n && promised > next)
			fail_msg("%lu was promised, %lu is still to come", promised, next);
		next += n;
		bc_link_pop(l, n);
		if (!n)
			sched_yield();
	}
	pthread_join(t, NULL);
	assert_int_equal(next, THREADED);
	bc_link_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_gives_back_what_was_put_in),
		cmocka_unit_test(a_record_too_large_to_be_told_is_told_as_the_largest),
		cmocka_unit_test(what_a_descriptor_cannot_name_is_refused),
		cmocka_unit_test(the_size_is_rounded_up),
		cmocka_unit_test(a_size_beyond_the_indices_is_refused),
		cmocka_unit_test(a_new_link_is_empty),
		cmocka_unit_test(every_slot_can_be_used_and_no_more),
		cmocka_unit_test(room_is_exact_when_it_is_less_than_was_wanted),
		cmocka_unit_test(the_indices_wrap),
		cmocka_unit_test(a_full_link_stays_full_across_the_wrap),
		cmocka_unit_test(a_peek_ends_at_the_end_of_the_ring),
		cmocka_unit_test(two_threads_pass_everything_once_and_in_order),
		cmocka_unit_test(a_watermark_is_never_ahead_of_its_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
