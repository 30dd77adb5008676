/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue with files behind it, and what is left of it when its process dies. */
#include "bc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_spool.h"
#include "scratch.h"

#define MEMORY 65536U
#define LIMIT (1U << 30)
#define PAYLOAD 1000U
#define MESSAGE (BC_WIRE_HEADER + PAYLOAD)

static char folder[SCRATCH_MAX];
static struct bc_spool_disk *disk;
static struct bc_spool *s;
static struct bc_err err;

static int open_limited(uint64_t limit)
{
	return bc_spool_disk_open(folder, limit, NULL, &disk, &err);
}

static void open_queue(void)
{
	assert_int_equal(open_limited(LIMIT), 0);
	assert_int_equal(bc_spool_init(s, MEMORY, disk), 0);
	bc_spool_keep(s, true);
}

/* As kill -9 does it: nothing more is written. */
static void die(void)
{
	bc_spool_fini(s);
	bc_spool_disk_close(disk);
	disk = NULL;
}

static int begin(void **state)
{
	scratch_folder(folder, "bc-spool");
	s = aligned_alloc(BC_CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	memset(s, 0, sizeof(*s));
	open_queue();
	return 0;
}

static int end(void **state)
{
	char command[128];

	die();
	free(s);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void put_link(uint8_t fill)
{
	uint8_t m[BC_WIRE_HEADER + 24];

	memset(bc_wire_header(m, BC_WIRE_LINK, 24), fill, 24);
	assert_int_equal(bc_spool_put(s, m, sizeof(m)), 0);
}

static int put(uint32_t i)
{
	uint8_t m[MESSAGE], *at = bc_wire_header(m, BC_WIRE_PACKET, PAYLOAD);

	memset(at, (int)i, PAYLOAD);
	memcpy(at, &i, sizeof(i));
	return bc_spool_put(s, m, sizeof(m));
}

/* With the memory given to the disk whenever it is full. */
static void put_all(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (put(i) == 0)
			continue;
		assert_int_equal(bc_spool_store(s), 0);
		assert_int_equal(put(i), 0);
	}
}

/* The next packet's number, in pieces of any size; a link header before it is passed over. -1: there is none. */
static int take(void)
{
	uint8_t m[MESSAGE];
	uint32_t i;

	for (size_t have = 0, want = BC_WIRE_HEADER; have < want;) {
		const uint8_t *data;
		size_t n = bc_spool_peek(s, &data);

		if (!n)
			return -1;
		n = n < 300 ? n : 300;
		n = n < want - have ? n : want - have;
		memcpy(m + have, data, n);
		bc_spool_take(s, n);
		have += n;
		if (have == BC_WIRE_HEADER)
			want = bc_wire_length(m, have);
	}
	if (m[0] == BC_WIRE_LINK)
		return take();
	memcpy(&i, m + BC_WIRE_HEADER, sizeof(i));
	assert_int_equal(m[MESSAGE - 1], i & 255);
	return (int)i;
}

static void take_all(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(take(), i);
}

/* The files' names, without their epochs, in order. */
static int n_files(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += !strncmp(e->d_name, "spool-", 6);
	closedir(d);
	return n;
}

static void the_only_file(char *path, size_t size)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "spool-", 6))
			snprintf(path, size, "%s/%s", folder, e->d_name);
	closedir(d);
}

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
	for (uint32_t i = 0; i < 3; i++) {
		put_all(10 * i, 10 * i + 10);
		assert_int_equal(bc_spool_store(s), 0);
		die();
		open_queue();
	}
	bc_spool_fini(s);
	for (uint32_t i = 0; i < 3; i++) {
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
