/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted leftovers of a collector, packets of which nodes sent again: each packet is there once when they are recovered. */
#include "segment_bed.h"

#include "bc_ack_file.h"
#include "bc_ack_found.h"
#include "bc_age_file.h"
#include "bc_recover.h"
#include "bc_segname.h"

#define LEFT "tmp-9-00000001~bts1.pcapng.lz4.age"
#define LEFT_AGAIN "tmp-10-00000000~bts1.pcapng.lz4.age"
#define NUMBERS 256

static struct bc_age_identities ids, others;
static struct bc_age_recipients to, to_others;
static uint32_t times_seen[NUMBERS];	/* how often each packet is there */

static int begin(void **state)
{
	add_reader(&ids, &to);
	add_reader(&others, &to_others);
	return 0;
}

/* --- What segments have. --- */

static void section(const char *iface)
{
	struct bc_iface i = { .linktype = 1, .snaplen = 65535 };

	snprintf(i.name, sizeof(i.name), "%s", iface);
	plain_len = bc_pcapng_shb(plain, BYTES, &(struct bc_pcapng_section){ .application = "test" });
	plain_len += bc_pcapng_idb(plain + plain_len, BYTES - plain_len, &i, 65535, NULL);
}

/* From here on the client's packets have these numbers; epoch 0: none. */
static void number(const char *client, uint64_t epoch, uint64_t next)
{
	struct bc_ack_entry e = { .mark = { .epoch = epoch, .next = next } };

	snprintf(e.client, sizeof(e.client), "%s", client);
	if (epoch)
		strcpy((char *)e.mark.node, "node");
	plain_len += bc_ack_block_put(plain + plain_len, (const uint8_t *)"collector no. 01", &e, 1);
}

/* Their content says which numbers they are to have; their time, too. */
static void packets(uint64_t from, uint64_t end)
{
	for (; from < end; from++) {
		uint8_t *p = bc_epb_begin(plain + plain_len, 0, BEGIN_NS + from * BC_NS_PER_S, 8, 8, 0);

		memcpy(p, &from, 8);
		plain_len = (size_t)(bc_epb_end(p, 8, 0, 0, 0, 0) - plain);
	}
}

static void write_as(struct fixture *f, const char *name, const struct bc_age_recipients *by)
{
	pack(BC_CODEC_LZ4);
	seal(by);
	put(in_dir(f, name), packed, packed_len);
}

static const char *name_of(uint64_t first)
{
	static char name[BC_SEGNAME_MAX];

	bc_segname_series(name, "bts1", BEGIN_NS + first * BC_NS_PER_S, true, 0, ".pcapng.lz4.age");
	return name;
}

static void left(struct fixture *f, const char *name, uint64_t from, uint64_t end)
{
	section("bts1");
	number("bts1", 1, from);
	packets(from, end);
	write_as(f, name, &to);
}

static void published(struct fixture *f, uint64_t from, uint64_t end)
{
	left(f, name_of(from), from, end);
}

/* --- What is there then. --- */

static int see(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	const struct bc_ack_entry *e = rec ? bc_ack_found_next(ctx, item, len) : NULL;
	uint64_t n;

	if (rec) {
		memcpy(&n, item + BC_EPB_FIXED - 4, 8);
		assert_true(n < NUMBERS && (!e || e->mark.next == n));
		times_seen[n]++;
	}
	return bc_ack_found_item(ctx, item, len, rec != NULL);
}

static void read_published(struct fixture *f, const char *name)
{
	struct bc_ack_found *found = bc_ack_found_new();
	int fd = open(in_dir(f, ".clear"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct bc_scan scan;
	uint64_t bytes;

	assert_int_equal(bc_age_decrypt_file(in_dir(f, name), &ids, fd, &bytes, &f->err), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(bc_scan(fd, false, UINT64_MAX, see, found, &scan, &f->err), 0);
	assert_int_equal(scan.end, BC_SCAN_WHOLE);
	bc_ack_found_free(found);
}

/* Each packet before that number, so often, and no others. */
static void assert_there(struct fixture *f, uint64_t end, uint32_t times)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;

	memset(times_seen, 0, sizeof(times_seen));
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "trace-", 6))
			read_published(f, e->d_name);
	closedir(d);
	for (uint64_t n = 0; n < NUMBERS; n++)
		if (times_seen[n] != (n < end ? times : 0))
			fail_msg("packet %lu is there %u times", (unsigned long)n, times_seen[n]);
}

static struct bc_recovered recover_if(struct fixture *f, const char *name, bool dry_run)
{
	const struct bc_recover_config cfg = { .utc = true, .pid = PID, .log = &f->log, .identities = &ids, .dry_run = dry_run };
	struct bc_recovered r;

	if (bc_recover(in_dir(f, name), &cfg, &r, &f->err))
		fail_msg("%s", f->err.msg);
	assert_int_equal(access(in_dir(f, name), F_OK), dry_run ? 0 : -1);
	return r;
}

static struct bc_recovered recover(struct fixture *f, const char *name)
{
	return recover_if(f, name, false);
}

/* It is recovered as if it were alone. */
static void all_is_kept(struct fixture *f, uint64_t n)
{
	struct bc_recovered r = recover(f, LEFT);

	assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
	assert_int_equal(r.scan.records, n);
	assert_int_equal(r.repeated, 0);
}

static void the_end_that_is_in_the_next_segment_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	left(f, LEFT, 0, 100);
	published(f, 60, 150);
	r = recover(f, LEFT);
	assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
	assert_int_equal(r.scan.records, 100);
	assert_int_equal(r.repeated, 40);
	assert_there(f, 150, 1);
}

/* What is counted behind the gap has the right numbers: assert_there() looks at each. */
static void packets_in_the_midst_are_left_out(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	published(f, 40, 60);
	assert_int_equal(recover(f, LEFT).repeated, 20);
	assert_there(f, 100, 1);
}

static void the_begin_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	left(f, LEFT, 20, 100);
	published(f, 0, 30);
	r = recover(f, LEFT);
	assert_int_equal(r.repeated, 10);
	/* By the first packet that is in it. */
	assert_string_equal(strrchr(r.path, '/') + 1, name_of(30));
	assert_there(f, 100, 1);
}

static void each_segment_that_follows_is_looked_into(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	for (uint64_t n = 30; n < 100; n += 10)
		published(f, n, n + 10);
	assert_int_equal(recover(f, LEFT).repeated, 70);
	assert_there(f, 100, 1);
}

static void one_of_which_nothing_is_left_goes(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	left(f, LEFT, 50, 100);
	published(f, 0, 100);
	r = recover(f, LEFT);
	assert_int_equal(r.outcome, BC_RECOVER_REPEATED);
	assert_int_equal(r.repeated, 50);
	assert_string_equal(r.path, "");
	assert_int_equal(count(f->dir, ""), 1);
}

static void a_dry_run_tells_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	left(f, LEFT, 0, 100);
	published(f, 60, 150);
	r = recover_if(f, LEFT, true);
	assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
	assert_int_equal(r.repeated, 40);
	published(f, 0, 60);
	r = recover_if(f, LEFT, true);
	assert_int_equal(r.outcome, BC_RECOVER_REPEATED);
	assert_int_equal(r.repeated, 100);
	assert_int_equal(count(f->dir, ""), 3);
}

/* It was written for segments that the crash left without their names. */
static void what_only_the_file_beside_them_knows_is_kept(void **state)
{
	struct bc_ack_entry e = { .mark = { .node = "node", .epoch = 1, .next = 100 }, .stored = 100, .client = "bts1" };
	uint8_t block[256];
	struct fixture *f = *state;
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t len = bc_ack_block_put_ranges(block, (const uint8_t *)"collector no. 01", &e, 1);

	assert_int_equal(bc_ack_file_write(fd, "bts1", block, len), 0);
	close(fd);
	left(f, LEFT, 0, 100);
	all_is_kept(f, 100);
	assert_there(f, 100, 1);
}

/* A segment of which a byte is wrong, or which is cut off, or for others, is no proof of any packet. */
static void what_cannot_be_read_to_its_end_counts_for_nothing(void **state)
{
	struct fixture *f = *state;

	for (int wrong = 0; wrong < 4; wrong++) {
		fixture_clear(f);
		published(f, 0, 100);
		if (wrong == 0)
			packed[packed_len - 1] ^= 1;
		else if (wrong == 1)
			packed_len--;
		else if (wrong == 2)
			write_as(f, name_of(0), &to_others);
		else
			plain_len -= 4, write_as(f, name_of(0), &to);
		if (wrong < 2)
			put(in_dir(f, name_of(0)), packed, packed_len);
		left(f, LEFT, 0, 100);
		all_is_kept(f, 100);
	}
}

static void a_damaged_segment_does_not_hide_the_next(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	published(f, 50, 120);
	packed[packed_len - 1] ^= 1;
	put(in_dir(f, name_of(50)), packed, packed_len);
	published(f, 60, 150);
	assert_int_equal(recover(f, LEFT).repeated, 40);
}

/* Another client's, node's and epoch's numbers; none. */
static void other_packets_of_these_numbers_are_no_repeats(void **state)
{
	struct fixture *f = *state;

	for (int other = 0; other < 4; other++) {
		fixture_clear(f);
		section(other == 0 ? "bts2" : "bts1");
		number(other == 0 ? "bts2" : "bts1", other == 1 ? 2 : other != 2, 0);
		if (other == 3)
			plain[plain_len - BC_ACK_ENTRY_SIZE - 4] ^= 1;
		packets(0, 100);
		write_as(f, name_of(0), &to);
		left(f, LEFT, 0, 100);
		all_is_kept(f, 100);
	}
}

/* Of a second section, where nothing says which they have. */
static void packets_behind_a_section_without_numbers_have_none(void **state)
{
	struct fixture *f = *state;
	size_t first;

	section("bts1");
	number("bts1", 1, 0);
	first = plain_len;
	packets(0, 10);
	/* The same interface again. */
	memcpy(plain + plain_len, plain, first - bc_ack_block_size(1));
	plain_len += first - bc_ack_block_size(1);
	packets(10, 20);
	write_as(f, name_of(0), &to);
	left(f, LEFT, 0, 20);
	assert_int_equal(recover(f, LEFT).repeated, 10);
}

static void packets_without_numbers_are_kept(void **state)
{
	struct fixture *f = *state;

	published(f, 0, 100);
	section("bts1");
	packets(0, 50);
	write_as(f, LEFT, &to);
	all_is_kept(f, 50);
}

static void other_names_are_not_looked_at(void **state)
{
	static const char *const names[] = {
		"trace-bts2-20261025_003000.pcapng.lz4.age", "trace-bts1-x-20261025_003000.pcapng.lz4.age", "20261025-003000-00000000.pcapng.lz4.age",
		"trace-bts1-20261025_003000.pcapng.lz4", ".trace-bts1-20261025_003000.pcapng.lz4.age", "trace-bts1.pcapng.lz4.age",
		"tmp-8-00000000~bts1.pcapng.lz4.age",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fixture_clear(f);
		left(f, names[i], 0, 100);
		left(f, LEFT, 0, 100);
		all_is_kept(f, 100);
	}
}

static void a_link_to_the_leftover_is_no_segment(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	assert_int_equal(symlink(LEFT, in_dir(f, "trace-bts1-20261025_003000.pcapng.lz4.age")), 0);
	all_is_kept(f, 100);
}

static void numbered_names_are_looked_at_too(void **state)
{
	struct fixture *f = *state;

	left(f, "20261025-003100-00000000.pcapng.zst.age", 60, 150);
	left(f, "tmp-9-00000001.pcapng.lz4.age", 0, 100);
	assert_int_equal(recover(f, "tmp-9-00000001.pcapng.lz4.age").repeated, 40);
}

/* The one with the later numbers had its name first, as a segment that is recovered comes last. */
static void of_one_second_all_are_read(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	left(f, "trace-bts1-20261025_003000.pcapng.lz4.age", 10, 120);
	left(f, "trace-bts1-20261025_003000_1.pcapng.lz4.age", 0, 10);
	assert_int_equal(recover(f, LEFT).outcome, BC_RECOVER_REPEATED);
}

static void written_before(struct fixture *f, const char *name)
{
	const struct timespec early[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	assert_int_equal(utimensat(AT_FDCWD, in_dir(f, name), early, 0), 0);
}

/* With --merge, of nodes that are far apart in time: it begins with a packet that is late. */
static void one_that_was_written_later_is_read_whatever_its_name(void **state)
{
	struct fixture *f = *state;

	for (uint64_t n = 1; n < 20; n++) {
		published(f, n, n);
		written_before(f, name_of(n));
	}
	left(f, LEFT, 20, 100);
	published(f, 0, 50);
	assert_int_equal(recover(f, LEFT).repeated, 30);
}

static void the_nearest_that_was_written_before_is_read(void **state)
{
	static const uint64_t first[] = { 1, 2, 40 };
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		published(f, first[i], i == 2 ? 60 : first[i]);
		written_before(f, name_of(first[i]));
	}
	left(f, LEFT, 50, 100);
	assert_int_equal(recover(f, LEFT).repeated, 10);
}

static void once_its_last_number_is_passed_no_more_is_read(void **state)
{
	struct fixture *f = *state;

	for (uint64_t n = 1; n < 5; n++) {
		published(f, n, n);
		written_before(f, name_of(n));
	}
	left(f, LEFT, 0, 100);
	published(f, 90, 120);
	section("bts1");
	number("bts1", 1, 0);
	packets(0, 10);
	write_as(f, name_of(200), &to);
	assert_int_equal(recover(f, LEFT).repeated, 10);
}

/* So that a folder of thousands is not read. */
static void what_lies_far_behind_is_not_read(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	for (uint64_t n = 0; n < 16; n++)
		published(f, n, n);
	published(f, 90, 120);
	all_is_kept(f, 100);
}

static void two_crashes(struct fixture *f, const char *first, const char *second)
{
	fixture_clear(f);
	left(f, LEFT, 0, 100);
	left(f, LEFT_AGAIN, 50, 120);
	published(f, 80, 200);
	recover(f, first);
	recover(f, second);
	assert_there(f, 200, 1);
}

static void of_two_leftovers_each_packet_is_kept_once(void **state)
{
	two_crashes(*state, LEFT, LEFT_AGAIN);
	two_crashes(*state, LEFT_AGAIN, LEFT);
}

/* The segment made of the first lies before the second. */
static void the_second_crash_comes_when_the_first_is_recovered(void **state)
{
	struct fixture *f = *state;

	left(f, LEFT, 0, 100);
	published(f, 50, 60);
	recover(f, LEFT);
	left(f, LEFT_AGAIN, 60, 120);
	assert_int_equal(recover(f, LEFT_AGAIN).repeated, 40);
	assert_there(f, 120, 1);
}

/* Before the leftover was removed; before the new segment was whole, in whichever order they are recovered then. */
static void a_recovery_that_was_killed_is_done_again(void **state)
{
	struct fixture *f = *state;

	published(f, 0, 100);
	left(f, LEFT, 0, 100);
	assert_int_equal(recover(f, LEFT).outcome, BC_RECOVER_REPEATED);
	assert_there(f, 100, 1);
	for (int order = 0; order < 2; order++) {
		fixture_clear(f);
		left(f, LEFT, 0, 100);
		left(f, LEFT_AGAIN, 0, 70);
		recover(f, order ? LEFT : LEFT_AGAIN);
		recover(f, order ? LEFT_AGAIN : LEFT);
		assert_there(f, 100, 1);
	}
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(the_end_that_is_in_the_next_segment_is_left_out),
		IN_FOLDER(packets_in_the_midst_are_left_out),
		IN_FOLDER(the_begin_is_left_out),
		IN_FOLDER(each_segment_that_follows_is_looked_into),
		IN_FOLDER(one_of_which_nothing_is_left_goes),
		IN_FOLDER(a_dry_run_tells_and_changes_nothing),
		IN_FOLDER(what_only_the_file_beside_them_knows_is_kept),
		IN_FOLDER(what_cannot_be_read_to_its_end_counts_for_nothing),
		IN_FOLDER(a_damaged_segment_does_not_hide_the_next),
		IN_FOLDER(other_packets_of_these_numbers_are_no_repeats),
		IN_FOLDER(packets_behind_a_section_without_numbers_have_none),
		IN_FOLDER(packets_without_numbers_are_kept),
		IN_FOLDER(other_names_are_not_looked_at),
		IN_FOLDER(a_link_to_the_leftover_is_no_segment),
		IN_FOLDER(numbered_names_are_looked_at_too),
		IN_FOLDER(of_one_second_all_are_read),
		IN_FOLDER(one_that_was_written_later_is_read_whatever_its_name),
		IN_FOLDER(the_nearest_that_was_written_before_is_read),
		IN_FOLDER(once_its_last_number_is_passed_no_more_is_read),
		IN_FOLDER(what_lies_far_behind_is_not_read),
		IN_FOLDER(of_two_leftovers_each_packet_is_kept_once),
		IN_FOLDER(the_second_crash_comes_when_the_first_is_recovered),
		IN_FOLDER(a_recovery_that_was_killed_is_done_again),
	};

	return cmocka_run_group_tests_name("repeats", tests, begin, NULL);
}
