/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_patience.h"

/* All that was said. */
static char lines[1024];
static uint32_t n_lines;

static void on_log(void *ctx, enum bc_level level, const char *line)
{
	snprintf(lines, sizeof(lines), "%s", line);
	n_lines++;
}

static const struct bc_log log_lines = { on_log, NULL };

static struct bc_patience new_patience(void)
{
	n_lines = 0;
	return (struct bc_patience){ .output = "out", .log = &log_lines };
}

static const struct bc_pressure calm = { .now_ns = 1, .buffers_free = 32, .buffers = 32 };

static void what_an_error_means(void **state)
{
	static const struct {
		int err;
		enum bc_loss loss;
		bool again;
	} is[] = {
		{ -ENOSPC, BC_LOSS_DISK_FULL, true },
		{ -EDQUOT, BC_LOSS_DISK_FULL, true },
		{ -EAGAIN, BC_LOSS_ABORTED, true },
		{ -EACCES, BC_LOSS_DISK_ERROR, true },
		{ -EPERM, BC_LOSS_DISK_ERROR, true },
		{ -EROFS, BC_LOSS_DISK_ERROR, true },
		{ -ENOENT, BC_LOSS_DISK_ERROR, true },
		{ -ENOTDIR, BC_LOSS_DISK_ERROR, true },
		{ -EFBIG, BC_LOSS_DISK_ERROR, false },
		{ -EIO, BC_LOSS_DISK_ERROR, false },
		{ -ENOMEM, BC_LOSS_DISK_ERROR, false },
		{ -EPIPE, BC_LOSS_READER_GONE, false },
		{ -ECOMM, BC_LOSS_PIPE_ERROR, false },
		{ -ENOBUFS, BC_LOSS_PEER_SLOW, false },
		{ -EXFULL, BC_LOSS_PEER_SLOW, true },
		{ -ECANCELED, BC_LOSS_ABORTED, false },
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_patience p = new_patience();

		assert_int_equal(bc_patience_loss(is[i].err), is[i].loss);
		assert_int_equal(bc_patience_passes(is[i].err), is[i].again);
		assert_int_equal(bc_patience_again(&p, is[i].err, &calm), is[i].again);
	}
}

static void patience_lasts_as_long_as_the_buffers(void **state)
{
	static const struct {
		struct bc_pressure at;
		bool again;
	} is[] = {
		{ { .buffers = 80, .buffers_free = 80 }, true },
		{ { .buffers = 80, .buffers_free = 12 }, true },
		{ { .buffers = 80, .buffers_free = 11 }, false },
		{ { .buffers = 6, .buffers_free = 2 }, true },
		{ { .buffers = 6, .buffers_free = 1 }, false },
		{ { .buffers = 80, .buffers_free = 80, .aborted = true }, false },
		/* While it drains, buffers do not count. */
		{ { .buffers = 80, .buffers_free = 0, .draining = true }, true },
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_patience p = new_patience();

		assert_int_equal(bc_patience_again(&p, -ENOSPC, &is[i].at), is[i].again);
	}
}

/* Neither full buffers nor the end make it a loss: the store goes on as fast as it can. */
static void a_busy_store_is_waited_for_until_an_abort(void **state)
{
	struct bc_patience p = new_patience();
	struct bc_pressure at = { .buffers = 80, .draining = true, .now_ns = 1 };

	assert_true(bc_patience_again(&p, -EAGAIN, &at));
	at.now_ns += 10 * BC_PATIENCE_DRAIN_NS;
	assert_true(bc_patience_again(&p, -EAGAIN, &at));
	at.aborted = true;
	assert_false(bc_patience_again(&p, -EAGAIN, &at));
}

static void at_the_end_it_lasts_for_a_while_since_the_first_refusal(void **state)
{
	struct bc_patience p = new_patience();
	struct bc_pressure at = { .draining = true, .now_ns = 1000 * BC_NS_PER_S };

	assert_true(bc_patience_again(&p, -ENOSPC, &at));
	at.now_ns += BC_PATIENCE_DRAIN_NS;
	assert_true(bc_patience_again(&p, -ENOSPC, &at));
	at.now_ns++;
	assert_false(bc_patience_again(&p, -ENOSPC, &at));
}

/* Nothing is lost where nodes keep what is not on disk. */
static void where_senders_keep_packets_no_loss_is_announced(void **state)
{
	const struct bc_pressure at = { .now_ns = 1, .keepers = true, .buffers = 32 };
	struct bc_patience p = new_patience();

	assert_true(bc_patience_again(&p, -ENOSPC, &at));
	assert_non_null(strstr(lines, "no space left: buffering, then leaving packets with the nodes"));
	assert_true(bc_patience_again(&p, -EACCES, &at));
	assert_non_null(strstr(lines, "leaving packets with the nodes, until one can"));
	assert_int_equal(n_lines, 2);
}

static void a_full_disk_is_told_once_and_so_is_its_end(void **state)
{
	struct bc_patience p = new_patience();

	bc_patience_succeeded(&p);
	assert_int_equal(n_lines, 0);
	bc_patience_again(&p, -ENOSPC, &calm);
	bc_patience_again(&p, -EDQUOT, &calm);
	assert_int_equal(n_lines, 1);
	assert_non_null(strstr(lines, "out: no space left"));
	bc_patience_caught_up(&p);
	assert_int_equal(n_lines, 1);
	bc_patience_succeeded(&p);
	bc_patience_succeeded(&p);
	assert_int_equal(n_lines, 2);
	assert_non_null(strstr(lines, "out: there is space again"));
	bc_patience_again(&p, -ENOSPC, &calm);
	assert_int_equal(n_lines, 3);
}

static void a_disk_that_is_full_again_and_again_is_told_a_few_times(void **state)
{
	struct bc_patience p = new_patience();
	struct bc_pressure at = calm;

	for (uint32_t i = 0; i < 1000; i++) {
		bc_patience_again(&p, -ENOSPC, &at);
		bc_patience_succeeded(&p);
	}
	assert_int_equal(n_lines, 2 * BC_LOG_LIMIT_LINES);
	at.now_ns += BC_LOG_LIMIT_NS;
	bc_patience_again(&p, -ENOSPC, &at);
	assert_int_equal(n_lines, 2 * BC_LOG_LIMIT_LINES + 1);
}

static void a_folder_that_is_closed_is_told_as_such(void **state)
{
	struct bc_patience p = new_patience();

	bc_patience_again(&p, -EACCES, &calm);
	bc_patience_again(&p, -ENOENT, &calm);
	assert_int_equal(n_lines, 1);
	assert_non_null(strstr(lines, "out: no file can be made in the folder"));
	bc_patience_succeeded(&p);
	assert_int_equal(n_lines, 2);
	assert_non_null(strstr(lines, "out: files can be made in the folder again"));
}

static void a_slow_peer_is_told_once_until_it_has_caught_up(void **state)
{
	struct bc_patience p = new_patience();

	bc_patience_again(&p, -ENOBUFS, &calm);
	bc_patience_again(&p, -ENOBUFS, &calm);
	bc_patience_succeeded(&p);
	assert_int_equal(n_lines, 1);
	assert_non_null(strstr(lines, "out: the peer's queue is full"));
	bc_patience_caught_up(&p);
	assert_int_equal(n_lines, 2);
	assert_non_null(strstr(lines, "out: the peer has caught up"));
}

/* A queue that goes to disk meanwhile. */
static void a_queue_that_is_full_for_a_moment_is_not_told(void **state)
{
	static const struct bc_pressure out = { .now_ns = 1, .buffers_free = 1, .buffers = 32 };
	struct bc_patience p = new_patience();

	assert_true(bc_patience_again(&p, -EXFULL, &calm));
	assert_int_equal(n_lines, 0);
	assert_false(bc_patience_again(&p, -EXFULL, &out));
	assert_int_equal(n_lines, 1);
	assert_non_null(strstr(lines, "out: the peer's queue is full"));
}

static void other_errors_are_not_told_here(void **state)
{
	static const int errs[] = { -EIO, -EAGAIN, -EPIPE, -ECOMM, -ECANCELED };
	struct bc_patience p = new_patience();

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		bc_patience_again(&p, errs[i], &calm);
	assert_int_equal(n_lines, 0);
}

static void what_is_the_matter_now_can_be_asked(void **state)
{
	struct bc_patience p = new_patience();

	assert_null(bc_patience_trouble(&p));
	bc_patience_again(&p, -ENOSPC, &calm);
	assert_non_null(strstr(bc_patience_trouble(&p), "no space left"));
	bc_patience_again(&p, -EXFULL, &calm);
	bc_patience_succeeded(&p);
	assert_null(bc_patience_trouble(&p));
	bc_patience_again(&p, -ENOBUFS, &calm);
	bc_patience_succeeded(&p);
	assert_non_null(strstr(bc_patience_trouble(&p), "the peer's queue is full"));
	bc_patience_caught_up(&p);
	assert_null(bc_patience_trouble(&p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_error_means),
		cmocka_unit_test(patience_lasts_as_long_as_the_buffers),
		cmocka_unit_test(a_busy_store_is_waited_for_until_an_abort),
		cmocka_unit_test(at_the_end_it_lasts_for_a_while_since_the_first_refusal),
		cmocka_unit_test(where_senders_keep_packets_no_loss_is_announced),
		cmocka_unit_test(a_full_disk_is_told_once_and_so_is_its_end),
		cmocka_unit_test(a_disk_that_is_full_again_and_again_is_told_a_few_times),
		cmocka_unit_test(a_folder_that_is_closed_is_told_as_such),
		cmocka_unit_test(a_slow_peer_is_told_once_until_it_has_caught_up),
		cmocka_unit_test(a_queue_that_is_full_for_a_moment_is_not_told),
		cmocka_unit_test(other_errors_are_not_told_here),
		cmocka_unit_test(what_is_the_matter_now_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
