/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_segstat.h"

struct heard {
	char lines[4096];
};

static void hear(void *ctx, enum bc_level level, const char *line)
{
	struct heard *h = ctx;

	assert_int_equal(level, BC_INFO);
	strcat(h->lines, line);
	strcat(h->lines, "\n");
}

static struct bc_ledger *two_sources(void)
{
	struct bc_ledger *l = bc_ledger_new();

	l->n_sources = 2;
	l->n_outputs = 1;
	strcpy(l->source[0].name, "a");
	strcpy(l->source[1].name, "b");
	return l;
}

static void each_segment_and_each_source_has_its_numbers(void **state)
{
	struct heard h = { "" };
	const struct bc_log log = { hear, &h };
	struct bc_ledger *l = two_sources();
	struct bc_segstat *s = bc_segstat_new(l, 0, BC_SEGSTAT_FULL, &log);

	bc_counter_add(&l->source[0].control.dropped[BC_LOSS_KERNEL_DROP], 3);
	bc_counter_add(&l->source[1].merge.late, 4);
	bc_segstat_ended(s, (const uint64_t[]){ 10, 20 });
	bc_counter_add(&l->source[0].control.dropped[BC_LOSS_KERNEL_DROP], 5);
	bc_segstat_ended(s, (const uint64_t[]){ 1, 0 });
	assert_string_equal(h.lines, "");
	bc_segstat_published(s, "x", 0);
	assert_string_equal(h.lines, "uri=x, packets=30, drops=3, disorders=4\n"
				     "    input=0 (a): packets=10, drops=3, disorders=0\n"
				     "    input=1 (b): packets=20, drops=0, disorders=4\n");
	h.lines[0] = '\0';
	bc_segstat_published(s, "y", -EIO);
	assert_string_equal(h.lines, "uri=y, packets=1, drops=5, disorders=0, not published: Input/output error\n"
				     "    input=0 (a): packets=1, drops=5, disorders=0\n"
				     "    input=1 (b): packets=0, drops=0, disorders=0\n");
	h.lines[0] = '\0';
	bc_counter_add(&l->output[0].source[1].dropped[BC_LOSS_PIPE_ERROR], 1);
	bc_segstat_total(s);
	assert_string_equal(h.lines, "TOTAL: packets=30, drops=9, disorders=4\n");
	bc_segstat_free(s);
	bc_segstat_free(NULL);
	bc_ledger_free(l);
}

static void mtracecaps_lines_are_its_own(void **state)
{
	struct heard h = { "" };
	const struct bc_log log = { hear, &h };
	struct bc_ledger *l = two_sources();
	struct bc_segstat *s = bc_segstat_new(l, 0, BC_SEGSTAT_MTRACECAP, &log);

	bc_counter_add(&l->source[0].control.dropped[BC_LOSS_KERNEL_DROP], 3);
	bc_counter_add(&l->source[1].merge.late, 4);
	bc_counter_add(&l->output[0].source[0].written, 10);
	bc_counter_add(&l->output[0].source[1].written, 20);
	bc_segstat_ended(s, (const uint64_t[]){ 10, 20 });
	bc_segstat_published(s, "/data/x", 0);
	bc_segstat_total(s);
	assert_string_equal(h.lines, "uri=/data/x, packets=30, disorders=4\n"
				     "    input=0: packets=10, drops=3\n"
				     "    input=1: packets=20, drops=0\n"
				     "TOTAL: packets=30, disorders=4\n"
				     "closing input 0, total packets: 10, drops: 3\n"
				     "closing input 1, total packets: 20, drops: 0\n");
	bc_segstat_free(s);
	bc_ledger_free(l);
}

static void what_has_not_ended_is_not_told(void **state)
{
	struct heard h = { "" };
	const struct bc_log log = { hear, &h };
	struct bc_ledger *l = two_sources();
	struct bc_segstat *s = bc_segstat_new(l, 0, BC_SEGSTAT_FULL, &log);

	bc_segstat_published(s, "x", 0);
	assert_string_equal(h.lines, "");
	bc_segstat_free(s);
	bc_ledger_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_segment_and_each_source_has_its_numbers),
		cmocka_unit_test(mtracecaps_lines_are_its_own),
		cmocka_unit_test(what_has_not_ended_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
