/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <string.h>

#include "bc_ack_set.h"
#include "random.h"

static struct bc_ack_known k;

static int over(void **state)
{
	free(k.range);
	memset(&k, 0, sizeof(k));
	return 0;
}

/* "below; from-to from-to" */
static void is(const char *text)
{
	char got[256];
	int n = snprintf(got, sizeof(got), "%d", (int)k.mark.next);

	for (uint32_t i = 0; i < k.n; i++)
		n += snprintf(got + n, sizeof(got) - (size_t)n, " %d-%d", (int)k.range[i].from, (int)k.range[i].to);
	assert_string_equal(got, text);
}

static void what_goes_on_is_one(void **state)
{
	bc_ack_known_add(&k, 0, 10);
	bc_ack_known_add(&k, 10, 15);
	is("15");
	bc_ack_known_add(&k, 20, 30);
	bc_ack_known_add(&k, 40, 50);
	is("15 20-30 40-50");
	bc_ack_known_add(&k, 30, 35);
	is("15 20-35 40-50");
	bc_ack_known_add(&k, 18, 41);
	is("15 18-50");
	bc_ack_known_add(&k, 12, 18);
	is("50");
}

static void to_raise_is_to_close_gaps(void **state)
{
	bc_ack_known_add(&k, 20, 30);
	bc_ack_known_add(&k, 40, 50);
	bc_ack_known_raise(&k, 5);
	is("5 20-30 40-50");
	bc_ack_known_raise(&k, 25);
	is("30 40-50");
	bc_ack_known_raise(&k, 3);
	is("30 40-50");
	bc_ack_known_raise(&k, 90);
	is("90");
}

static void what_is_removed_leaves_a_gap(void **state)
{
	bc_ack_known_raise(&k, 100);
	bc_ack_known_remove(&k, 40, 60);
	is("40 60-100");
	bc_ack_known_remove(&k, 70, 80);
	is("40 60-70 80-100");
	bc_ack_known_remove(&k, 65, 85);
	is("40 60-65 85-100");
	bc_ack_known_remove(&k, 0, 10);
	is("0 10-40 60-65 85-100");
	bc_ack_known_remove(&k, 30, 90);
	is("0 10-30 90-100");
	bc_ack_known_remove(&k, 0, 200);
	is("0");
}

static void a_number_is_asked_for(void **state)
{
	uint64_t until;

	bc_ack_known_raise(&k, 10);
	bc_ack_known_add(&k, 20, 30);
	assert_true(bc_ack_known_has(&k, 9, &until) && until == 10);
	assert_true(!bc_ack_known_has(&k, 10, &until) && until == 20);
	assert_true(bc_ack_known_has(&k, 20, &until) && until == 30);
	assert_true(!bc_ack_known_has(&k, 30, &until) && until == UINT64_MAX);
}

/* Against a plain array, in the order that chance brings. */
static void any_order_gives_the_same(void **state)
{
	struct random r = { .state = 7 };
	bool there[64] = { false };

	for (int i = 0; i < 20000; i++) {
		uint64_t from = random_below(&r, 64), to = from + random_below(&r, 65 - (uint32_t)from), until;
		bool add = random_below(&r, 2);

		if (add)
			bc_ack_known_add(&k, from, to);
		else
			bc_ack_known_remove(&k, from, to);
		for (uint64_t n = from; n < to; n++)
			there[n] = add;
		for (uint64_t n = 0; n < 64; n++)
			assert_int_equal(bc_ack_known_has(&k, n, &until), there[n]);
		for (uint32_t n = 0; n < k.n; n++)
			assert_true(k.range[n].from < k.range[n].to && k.range[n].from > (n ? k.range[n - 1].to : k.mark.next));
	}
}

static void the_epochs_used_last_are_kept(void **state)
{
	struct bc_ack_set s = { .n = 0 };
	struct bc_ack_mark m = { .node = "node", .next = 5 };

	for (m.epoch = 0; m.epoch < BC_ACK_EPOCHS; m.epoch++)
		bc_ack_known_add(bc_ack_set_use(&s, &m), 10, 20);
	m.epoch = 0;
	bc_ack_set_use(&s, &m);
	m.epoch = 99;
	bc_ack_set_use(&s, &m);
	assert_int_equal(s.n, BC_ACK_EPOCHS);
	assert_int_equal(s.epoch[0].mark.epoch, 99);
	assert_int_equal(s.epoch[0].n, 0);
	assert_int_equal(s.epoch[1].mark.epoch, 0);
	assert_int_equal(s.epoch[1].n, 1);
	m.epoch = 1;
	assert_null(bc_ack_set_find(&s, &m));
	bc_ack_set_fini(&s);
}

#define T(f) cmocka_unit_test_teardown(f, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_goes_on_is_one),
		T(to_raise_is_to_close_gaps),
		T(what_is_removed_leaves_a_gap),
		T(a_number_is_asked_for),
		T(any_order_gives_the_same),
		T(the_epochs_used_last_are_kept),
	};

	return cmocka_run_group_tests_name("ack_set", tests, NULL, NULL);
}
