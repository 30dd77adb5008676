/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A spool's folder, over two runs, of which each allocation and each system call fails in turn: what was called stored and synced is
 * sent by a later run, from where the peer had acknowledged it, in its order.
 */
#include "refusal.h"

#include "spool_bed.h"

#define EARLIER 2U	/* packets of a run before */

static struct {
	uint32_t stored;	/* packets of the first run that are on disk, as it was told */
	uint32_t acked;		/* of these, by the second run */
} seen;

static int begin_closed(void **state)
{
	int r = begin(state);

	die();
	return r;
}

static void empty_folder(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static int open_it(void)
{
	int r;

	err.msg[0] = '\0';
	r = open_limited(LIMIT);
	refusal_check((r < 0) == (err.msg[0] != '\0'));
	refusal_check(refusal.name || !r);
	return r;
}

/* Packets from, to the one before to, in one record. */
static void store(uint32_t from, uint32_t to)
{
	int r = 0;

	for (uint32_t i = from; i < to; i++)
		assert_int_equal(put(i), 0);
	r = bc_spool_store(s);
	if (!r)
		r = bc_spool_disk_sync(disk);
	refusal_check(refusal.name || !r);
	if (!r)
		seen.stored = to;
}

static void first_run(void)
{
	if (open_it())
		return;
	if (!bc_spool_init(s, MEMORY, disk)) {
		bc_spool_keep(s, true);
		put_link(1);
		store(0, 4);
		store(4, 6);
		/* Read from files while it runs. */
		for (uint32_t i = 0; i < 3; i++) {
			int k = take();

			refusal_check(k == (int)i || (k == -1 && s->unreadable && refusal.name));
			if (k < 0)
				break;
		}
	}
	die();
}

/* Whose packets are left: those of the run before come first. */
static void second_run(void)
{
	if (open_it())
		return;
	if (bc_spool_init_left(s, disk) && s->epoch != 1) {
		bc_spool_keep(s, true);
		for (uint32_t i = 0; i < 3; i++)
			if (take() < 0)
				break;
		if (!bc_spool_ack(s, s->at.number))
			seen.acked = (uint32_t)s->at.number;
	}
	die();
}

static uint32_t take_rest(uint32_t from)
{
	int k;

	while ((k = take()) >= 0) {
		refusal_check((uint32_t)k == from);
		from++;
	}
	refusal_check(!s->unreadable);
	return from;
}

/* Without refusals. */
static void check_left(void)
{
	uint32_t end = seen.acked;

	assert_int_equal(open_limited(LIMIT), 0);
	while (bc_spool_init_left(s, disk)) {
		const uint8_t *link;

		if (s->epoch == 1) {
			refusal_check(take_rest(0) == EARLIER);
		} else {
			/* The peer tells where it stands. */
			assert_int_equal(bc_spool_resume(s, seen.acked), 0);
			refusal_check(s->at.number == seen.acked);
			refusal_check(!seen.acked || !bc_spool_waiting(s) || bc_spool_link(s, &link) == BC_WIRE_HEADER + 24);
			end = take_rest(seen.acked);
		}
		bc_spool_fini(s);
	}
	die();
	refusal_check(end >= seen.stored);
}

/* Packets from, of the run before, in a file. */
static void leave_earlier(uint32_t from)
{
	struct bc_spool_file_head *h = calloc(1, sizeof(*h));
	int dir = open(folder, O_RDONLY | O_DIRECTORY), fd;
	uint64_t size;

	assert_int_equal(open_limited(LIMIT), 0);
	memcpy(h->node, bc_spool_disk_node(disk), sizeof(h->node));
	bc_spool_disk_close(disk);
	h->epoch = 1;
	h->pos = (uint64_t)from * MESSAGE;
	h->number = from;
	fd = bc_spool_file_create(dir, h, &size);
	for (uint32_t i = from; i < from + EARLIER; i++) {
		uint8_t m[MESSAGE];

		memset(bc_wire_header(m, BC_WIRE_PACKET, PAYLOAD), (int)i, PAYLOAD);
		memcpy(m + BC_WIRE_HEADER, &i, sizeof(i));
		assert_int_equal(bc_spool_file_append(fd, &size, (uint64_t)i * MESSAGE, i, m, MESSAGE), 0);
	}
	close(fd);
	close(dir);
	free(h);
}

static void two_runs(bool earlier)
{
	uint32_t descriptors = refusal_descriptors();

	seen.stored = seen.acked = 0;
	if (earlier)
		leave_earlier(0);
	refusal_begin();
	first_run();
	second_run();
	refusal_end();
	refusal_check(refusal_descriptors() == descriptors);
	check_left();
	empty_folder();
}

static void run_alone(void *ctx)
{
	two_runs(false);
}

static void run_after_another(void *ctx)
{
	two_runs(true);
}

static void what_is_stored_is_sent_later(void **state)
{
	assert_true(refuse_each(run_alone, NULL, 1) > 40);
}

static void and_what_an_earlier_run_left(void **state)
{
	assert_true(refuse_each(run_after_another, NULL, 1) > 40);
}

static void run_skipping(void *ctx)
{
	leave_earlier(0);
	leave_earlier(EARLIER);
	assert_int_equal(open_limited(LIMIT), 0);
	refusal_begin();
	refusal_check(bc_spool_init_left(s, disk));
	refusal_check(bc_spool_skip_file(s) == EARLIER);
	refusal_end();
	refusal_check(take_rest(EARLIER) == 2 * EARLIER);
	die();
	empty_folder();
}

static void what_is_left_is_found_without_memory(void **state)
{
	refuse_kind(REFUSE_MEMORY, run_skipping, NULL, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_sent_later),
		cmocka_unit_test(and_what_an_earlier_run_left),
		cmocka_unit_test(what_is_left_is_found_without_memory),
	};

	return cmocka_run_group_tests(tests, begin_closed, end);
}
