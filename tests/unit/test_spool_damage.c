/* SPDX-License-Identifier: BSD-3-Clause */
/* A spool's folder in which something is damaged, gone or not ours: what can be read is sent, what cannot is told. */
#include "spool_bed.h"

#include "bc_log.h"

static char lines[4096];	/* all that was logged */

static void to_lines(void *ctx, enum bc_level level, const char *line)
{
	strncat(lines, line, sizeof(lines) - strlen(lines) - 1);
}

static const struct bc_log noted = { to_lines, NULL };

static void open_noted(void)
{
	lines[0] = '\0';
	assert_int_equal(bc_spool_disk_open(folder, LIMIT, &noted, &disk, &err), 0);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x41;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static int open_folder(void)
{
	return open(folder, O_RDONLY | O_DIRECTORY);
}

/* A file of this node, as an earlier run had left it, with numbered packets; its path. */
static const char *leave(uint64_t epoch, uint32_t first, uint32_t packets, const uint8_t *link, uint32_t link_len)
{
	static char path[256];
	struct bc_spool_file_head *h = calloc(1, sizeof(*h));
	uint8_t *messages = malloc(packets * MESSAGE);
	int dir = open_folder(), fd;
	uint64_t size;

	memcpy(h->node, bc_spool_disk_node(disk), sizeof(h->node));
	h->epoch = epoch;
	h->pos = (uint64_t)first * MESSAGE;
	h->number = first;
	h->link_len = link_len;
	if (link_len)
		memcpy(h->link, link, link_len);
	fd = bc_spool_file_create(dir, h, &size);
	assert_true(fd >= 0);
	for (uint32_t i = 0; i < packets; i++) {
		uint32_t number = first + i;

		memset(bc_wire_header(messages + (size_t)i * MESSAGE, BC_WIRE_PACKET, PAYLOAD), (int)number, PAYLOAD);
		memcpy(messages + (size_t)i * MESSAGE + BC_WIRE_HEADER, &number, sizeof(number));
		assert_int_equal(bc_spool_file_append(fd, &size, (uint64_t)number * MESSAGE, number, messages + (size_t)i * MESSAGE, MESSAGE), 0);
	}
	close(fd);
	close(dir);
	snprintf(path, sizeof(path), "%s/", folder);
	bc_spool_file_name(epoch, first, path + strlen(path));
	free(messages);
	free(h);
	return path;
}

/* What an earlier run left, opened. */
static void reopen(void)
{
	die();
	open_noted();
	assert_true(bc_spool_init_left(s, disk));
	bc_spool_keep(s, true);
}

static void a_header_with_any_byte_changed_is_left_alone(void **state)
{
	static const uint8_t link[] = { BC_WIRE_LINK, 0, 0, 2, 7, 7 };
	const char *path = leave(5, 0, 2, link, sizeof(link));

	for (off_t at = 0; at < (off_t)(BC_SPOOL_FILE_HEADER + sizeof(link)); at++) {
		/* Of no meaning yet. */
		if (at >= 60 && at < BC_SPOOL_FILE_HEADER)
			continue;
		die();
		flip(path, at);
		open_noted();
		assert_non_null(strstr(lines, "left alone: it is damaged, or another node's"));
		assert_false(bc_spool_init_left(s, disk));
		assert_int_equal(n_files(), 1);
		flip(path, at);
	}
	reopen();
	take_all(0, 2);
}

static void a_file_of_another_node_is_left_alone(void **state)
{
	char id[512];

	put_all(0, 2);
	assert_int_equal(bc_spool_store(s), 0);
	die();
	snprintf(id, sizeof(id), "%s/node.id", folder);
	assert_int_equal(unlink(id), 0);
	open_noted();
	assert_non_null(strstr(lines, "another node's"));
	assert_false(bc_spool_init_left(s, disk));
	assert_int_equal(n_files(), 1);
}

static void what_is_no_file_is_left_alone(void **state)
{
	char path[512];

	die();
	snprintf(path, sizeof(path), "%s/spool-folder", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/spool-link", folder);
	assert_int_equal(symlink("node.id", path), 0);
	snprintf(path, sizeof(path), "%s/spool-empty", folder);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	/* Nobody writes it. */
	snprintf(path, sizeof(path), "%s/spool-fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	open_noted();
	assert_non_null(strstr(lines, "spool-folder: left alone"));
	assert_non_null(strstr(lines, "spool-fifo: left alone"));
	assert_non_null(strstr(lines, "spool-link: left alone"));
	assert_non_null(strstr(lines, "spool-empty: left alone"));
	assert_false(bc_spool_init_left(s, disk));
}

/* A header of a file is believed only if the link header in it is one message. */
static void a_link_header_is_one_message(void **state)
{
	static const uint8_t packet[] = { BC_WIRE_PACKET, 0, 0, 1, 9 }, longer[] = { BC_WIRE_LINK, 0, 0, 9, 9 }, shorter[] = { BC_WIRE_LINK, 0, 0, 0, 9 };
	static const uint8_t *const of[] = { packet, longer, shorter };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		const char *path = leave(5, 0, 2, of[i], sizeof(packet));

		die();
		open_noted();
		assert_non_null(strstr(lines, "left alone"));
		assert_false(bc_spool_init_left(s, disk));
		assert_int_equal(unlink(path), 0);
	}
}

static void a_record_with_any_byte_changed_ends_the_file(void **state)
{
	const char *path = leave(5, 0, 3, NULL, 0);
	const off_t second = BC_SPOOL_FILE_HEADER + BC_SPOOL_RECORD_HEADER + MESSAGE;

	for (off_t at = 0; at < (off_t)(BC_SPOOL_RECORD_HEADER + BC_WIRE_HEADER + 2); at++) {
		flip(path, second + at);
		reopen();
		assert_non_null(strstr(lines, "were being written when the last run ended"));
		take_all(0, 1);
		assert_int_equal(take(), -1);
		assert_false(s->unreadable);
		flip(path, second + at);
	}
	reopen();
	take_all(0, 3);
}

/* Of the files of a run, one in the midst is damaged: in a record's header, or in what it holds. */
static void another_file_of_the_run_is_read_behind_a_damaged_one(void **state)
{
	static const uint8_t link[] = { BC_WIRE_LINK, 0, 0, 1, 3 };

	for (off_t at = 0; at < (off_t)(BC_SPOOL_RECORD_HEADER + BC_WIRE_HEADER + 2); at++) {
		const uint8_t *found;

		leave(5, 0, 2, NULL, 0);
		flip(leave(5, 2, 3, NULL, 0), BC_SPOOL_FILE_HEADER + at);
		leave(5, 5, 4, link, sizeof(link));
		reopen();
		take_all(0, 2);
		assert_int_equal(take(), -1);
		assert_true(s->unreadable);
		assert_non_null(strstr(s->err.msg, "cannot be read"));
		assert_int_equal(bc_spool_skip_file(s), 3);
		assert_int_equal(bc_spool_link(s, &found), sizeof(link));
		assert_memory_equal(found, link, sizeof(link));
		take_all(5, 9);
		assert_int_equal(take(), -1);
		assert_false(s->unreadable);
		assert_int_equal(bc_spool_ack(s, 9), 0);
		assert_int_equal(n_files(), 0);
	}
}

static void a_file_that_has_gone_is_told(void **state)
{
	char path[512];

	put_all(0, 2);
	assert_int_equal(bc_spool_store(s), 0);
	the_only_file(path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(take(), -1);
	assert_true(s->unreadable);
	assert_non_null(strstr(s->err.msg, "No such file"));
	assert_int_equal(bc_spool_skip_file(s), 2);
	assert_int_equal(take(), -1);
	put_all(2, 4);
	take_all(2, 4);
}

static void of_an_earlier_run_too(void **state)
{
	char path[256];

	snprintf(path, sizeof(path), "%s", leave(5, 0, 2, NULL, 0));
	leave(6, 0, 3, NULL, 0);
	die();
	open_noted();
	assert_int_equal(unlink(path), 0);
	assert_true(bc_spool_init_left(s, disk));
	assert_non_null(strstr(lines, "cannot be read any more"));
	assert_int_equal(s->epoch, 6);
	take_all(0, 3);
}

/* What lies in the file is whole, but no messages. */
static void a_record_has_messages(void **state)
{
	static const uint8_t type[] = { BC_WIRE_PACKET + 1, 0, 0, 1, 9 }, longer[] = { BC_WIRE_PACKET, 0, 0, 2, 9 };
	static const uint8_t more[] = { BC_WIRE_PACKET, 0, 0, 0, BC_WIRE_PACKET };
	static const uint8_t *const of[] = { type, longer, more };

	for (uint64_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		assert_int_equal(bc_spool_disk_put(disk, i * 5, i, NULL, 0, of[i], 5), 0);
		assert_null(bc_spool_disk_get(disk, bc_spool_disk_epoch(disk), i * 5, &err));
		assert_non_null(strstr(err.msg, "it is damaged"));
	}
}

/* The clock may have been ahead when an earlier run began. */
static void a_run_is_later_than_all_before_it(void **state)
{
	uint64_t late = bc_spool_disk_epoch(disk) + (1ULL << 60);

	leave(late, 0, 2, NULL, 0);
	reopen();
	assert_int_equal(s->epoch, late);
	assert_int_equal(bc_spool_disk_epoch(disk), late + 1);
	take_all(0, 2);
}

static void refuses(const char *path, int r, const char *what)
{
	struct bc_spool_disk *d = NULL;

	assert_int_equal(bc_spool_disk_open(path, LIMIT, NULL, &d, &err), r);
	assert_non_null(strstr(err.msg, path));
	if (!strstr(err.msg, what))
		fail_msg("%s", err.msg);
	assert_null(d);
}

static void a_folder_that_cannot_be_one_is_refused(void **state)
{
	char path[128], id[160];

	snprintf(path, sizeof(path), "%s/no/where", folder);
	refuses(path, -ENOENT, "cannot make this folder");
	snprintf(path, sizeof(path), "%s/node.id", folder);
	refuses(path, -ENOTDIR, "Not a directory");
	snprintf(path, sizeof(path), "%s/sub", folder);
	snprintf(id, sizeof(id), "%s/sub/node.id", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(id, 0700), 0);
	refuses(path, -EISDIR, "cannot write node.id in it");
	assert_int_equal(rmdir(id), 0);
	close(open(id, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(truncate(id, 7), 0);
	refuses(path, -EBADMSG, "node.id is damaged");
	assert_int_equal(unlink(id), 0);
	assert_int_equal(symlink("elsewhere", id), 0);
	refuses(path, -ELOOP, "cannot write node.id in it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_header_with_any_byte_changed_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_file_of_another_node_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_link_header_is_one_message, begin, end),
		cmocka_unit_test_setup_teardown(a_record_with_any_byte_changed_ends_the_file, begin, end),
		cmocka_unit_test_setup_teardown(another_file_of_the_run_is_read_behind_a_damaged_one, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_has_gone_is_told, begin, end),
		cmocka_unit_test_setup_teardown(of_an_earlier_run_too, begin, end),
		cmocka_unit_test_setup_teardown(a_record_has_messages, begin, end),
		cmocka_unit_test_setup_teardown(a_run_is_later_than_all_before_it, begin, end),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_one_is_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
