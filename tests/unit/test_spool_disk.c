/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue with files behind it, and what is left of it when its process dies. */
#include "spool_bed.h"

static void more_than_the_memory_holds_comes_out_in_order(void **state)
{
	put_link(1);
	put_all(0, 1000);
	take_all(0, 1000);
	assert_int_equal(take(), -1);
	assert_int_equal(bc_spool_ack(s, 1000), 0);
	assert_int_equal(bc_spool_held(s), 0);
	assert_int_equal(n_files(), 0);
	assert_int_equal(bc_spool_disk_bytes(disk), 0);
}

/* The reader is in a message when that goes to disk. */
static void a_message_may_move_while_it_is_taken(void **state)
{
	const uint8_t *data;

	assert_int_equal(put(7), 0);
	assert_int_equal(bc_spool_peek(s, &data), MESSAGE);
	bc_spool_take(s, 10);
	assert_int_equal(bc_spool_store(s), 0);
	assert_int_equal(bc_spool_peek(s, &data), MESSAGE - 10);
	assert_int_equal(data[0], 7);
	assert_int_equal(bc_spool_rest(s), MESSAGE - 10);
	bc_spool_take(s, MESSAGE - 10);
	assert_int_equal(bc_spool_waiting(s), 0);
}

static void a_rewind_reads_files_again(void **state)
{
	const uint8_t *link;

	put_link(1);
	put_all(0, 500);
	put_link(2);
	put_all(500, 1000);
	take_all(0, 900);
	assert_int_equal(bc_spool_ack(s, 333), 0);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_link(s, &link), 28);
	assert_int_equal(link[4], 1);
	take_all(333, 700);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_resume(s, 600), 0);
	assert_int_equal(bc_spool_link(s, &link), 28);
	assert_int_equal(link[4], 2);
	take_all(600, 1000);
}

static void what_is_acknowledged_before_it_is_stored_stays_off_the_disk(void **state)
{
	put_all(0, 20);
	take_all(0, 15);
	assert_int_equal(bc_spool_ack(s, 15), 0);
	assert_int_equal(bc_spool_store(s), 0);
	assert_int_equal(bc_spool_disk_bytes(disk), BC_SPOOL_FILE_HEADER + BC_SPOOL_RECORD_HEADER + 5 * MESSAGE);
	bc_spool_rewind(s);
	take_all(15, 20);
}

static void the_next_run_sends_what_was_stored(void **state)
{
	uint8_t node[BC_WIRE_ID];
	uint64_t epoch;
	const uint8_t *link;

	memcpy(node, bc_spool_disk_node(disk), sizeof(node));
	put_link(1);
	put_all(0, 10);
	take_all(0, 5);
	assert_int_equal(bc_spool_ack(s, 5), 0);
	assert_int_equal(bc_spool_store(s), 0);
	assert_int_equal(put(10), 0);
	epoch = s->epoch;
	die();
	assert_int_equal(open_limited(LIMIT), 0);
	assert_memory_equal(bc_spool_disk_node(disk), node, sizeof(node));
	assert_true(bc_spool_disk_epoch(disk) > epoch);
	assert_true(bc_spool_init_left(s, disk));
	assert_true(s->epoch == epoch && s->at.number == 5);
	bc_spool_keep(s, true);
	assert_int_equal(bc_spool_link(s, &link), 28);
	assert_int_equal(link[4], 1);
	take_all(5, 10);
	assert_int_equal(take(), -1);
	/* It may have had more before than we know of. */
	assert_int_equal(bc_spool_ack(s, 11), 0);
	assert_int_equal(bc_spool_held(s), 0);
	assert_int_equal(n_files(), 0);
	bc_spool_fini(s);
	assert_false(bc_spool_init_left(s, disk));
}

static void runs_are_sent_in_their_order(void **state)
{
	for (uint32_t i = 0; i < 20; i++) {
		put_all(10 * i, 10 * i + 10);
		assert_int_equal(bc_spool_store(s), 0);
		die();
		open_queue();
	}
	bc_spool_fini(s);
	for (uint32_t i = 0; i < 20; i++) {
		assert_true(bc_spool_init_left(s, disk));
		take_all(10 * i, 10 * i + 10);
		assert_int_equal(bc_spool_held(s), 0);
		bc_spool_fini(s);
	}
	assert_false(bc_spool_init_left(s, disk));
}

/* The node dies at every byte of a record that is being written. */
static void what_is_torn_is_left_out_and_the_rest_is_sent(void **state)
{
	char path[512];
	struct stat st;

	put_all(0, 2);
	assert_int_equal(bc_spool_store(s), 0);
	the_only_file(path, sizeof(path));
	stat(path, &st);
	put_all(2, 3);
	assert_int_equal(bc_spool_store(s), 0);
	die();
	for (off_t size = st.st_size + BC_SPOOL_RECORD_HEADER + MESSAGE; size >= st.st_size; size--) {
		int last = size == st.st_size + (off_t)(BC_SPOOL_RECORD_HEADER + MESSAGE) ? 3 : 2;

		assert_int_equal(truncate(path, size), 0);
		assert_int_equal(open_limited(LIMIT), 0);
		assert_true(bc_spool_init_left(s, disk));
		bc_spool_keep(s, true);
		take_all(0, (uint32_t)last);
		assert_int_equal(take(), -1);
		assert_false(s->unreadable);
		die();
	}
	open_queue();
}

/* Any byte of what is not the last record; the file's other records are not trusted either. */
static void what_is_damaged_is_told_and_passed_over(void **state)
{
	char path[512];
	uint8_t byte;
	int fd;

	put_all(0, 2);
	assert_int_equal(bc_spool_store(s), 0);
	put_all(2, 4);
	assert_int_equal(bc_spool_store(s), 0);
	the_only_file(path, sizeof(path));
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, BC_SPOOL_FILE_HEADER + 500), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, BC_SPOOL_FILE_HEADER + 500), 1);
	close(fd);
	put_all(4, 6);
	assert_int_equal(take(), -1);
	assert_true(s->unreadable);
	assert_non_null(strstr(s->err.msg, "damaged"));
	assert_int_equal(bc_spool_skip_file(s), 4);
	take_all(4, 6);
	assert_int_equal(n_files(), 0);
}

static void strange_files_are_left_alone(void **state)
{
	char path[512];
	int fd;

	put_all(0, 2);
	assert_int_equal(bc_spool_store(s), 0);
	the_only_file(path, sizeof(path));
	die();
	/* Its header. */
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 40), 1);
	close(fd);
	open_queue();
	bc_spool_fini(s);
	assert_false(bc_spool_init_left(s, disk));
	assert_int_equal(n_files(), 1);
}

static void a_full_spool_refuses_and_takes_again(void **state)
{
	bc_spool_fini(s);
	bc_spool_disk_close(disk);
	assert_int_equal(open_limited(20000), 0);
	assert_int_equal(bc_spool_init(s, MEMORY, disk), 0);
	bc_spool_keep(s, true);
	put_all(0, 15);
	assert_int_equal(bc_spool_store(s), 0);
	put_all(15, 20);
	assert_int_equal(bc_spool_store(s), -ENOBUFS);
	take_all(0, 18);
	assert_int_equal(bc_spool_ack(s, 18), 0);
	assert_int_equal(bc_spool_store(s), 0);
	bc_spool_rewind(s);
	take_all(18, 20);
}

static void a_folder_has_one_user(void **state)
{
	struct bc_spool_disk *second;

	assert_int_equal(bc_spool_disk_open(folder, LIMIT, NULL, &second, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "another peer or capture uses it"));
}

/* Files of 64 MiB, each gone when all in it was acknowledged. */
static void files_end_and_go(void **state)
{
	enum { N = 150000 };

	put_all(0, N);
	assert_int_equal(n_files(), 3);
	take_all(0, N);
	assert_int_equal(bc_spool_ack(s, N / 2), 0);
	assert_int_equal(n_files(), 2);
	assert_int_equal(bc_spool_ack(s, N), 0);
	assert_int_equal(n_files(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_than_the_memory_holds_comes_out_in_order, begin, end),
		cmocka_unit_test_setup_teardown(a_message_may_move_while_it_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(a_rewind_reads_files_again, begin, end),
		cmocka_unit_test_setup_teardown(what_is_acknowledged_before_it_is_stored_stays_off_the_disk, begin, end),
		cmocka_unit_test_setup_teardown(the_next_run_sends_what_was_stored, begin, end),
		cmocka_unit_test_setup_teardown(runs_are_sent_in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(what_is_torn_is_left_out_and_the_rest_is_sent, begin, end),
		cmocka_unit_test_setup_teardown(what_is_damaged_is_told_and_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(strange_files_are_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_full_spool_refuses_and_takes_again, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_has_one_user, begin, end),
		cmocka_unit_test_setup_teardown(files_end_and_go, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
