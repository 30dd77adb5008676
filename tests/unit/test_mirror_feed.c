/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_mirror_feed.h"

struct fake {
	struct bc_mirror base;
	bool unwanted, full;
	char calls[16];		/* t: text, c: chunk */
	uint8_t text[4096];	/* the last one */
	size_t len;
};

static bool wanted(const struct bc_mirror *m)
{
	return !((const struct fake *)m)->unwanted;
}

static bool take_text(struct bc_mirror *m, const uint8_t *text, size_t len)
{
	struct fake *f = (struct fake *)m;

	strcat(f->calls, "t");
	assert_true(len <= sizeof(f->text));
	memcpy(f->text, text, len);
	f->len = len;
	return !f->full;
}

static void take_chunk(struct bc_mirror *m, bool lz4, const uint8_t *data, size_t len, size_t dense, uint32_t packets)
{
	assert_true(lz4 && len == 4 && dense == 9 && packets == 3);
	strcat(((struct fake *)m)->calls, "c");
}

static const struct bc_mirror_ops fake_ops = { .wanted = wanted, .text = take_text, .chunk = take_chunk };

struct fixture {
	struct fake fake;
	struct bc_iface_table *ifaces;
	struct bc_mirror_feed feed;
};

static void add_iface(struct fixture *f, const char *name)
{
	struct bc_iface iface = { .linktype = 1 };

	snprintf(iface.name, sizeof(iface.name), "%s", name);
	bc_iface_add(f->ifaces, &iface);
}

static void begin(struct fixture *f, enum bc_format format)
{
	memset(f, 0, sizeof(*f));
	f->fake.base.ops = &fake_ops;
	f->ifaces = bc_iface_table_new();
	add_iface(f, "if0");
	bc_mirror_feed_init(&f->feed, &f->fake.base, &(struct bc_section){ .format = format, .snaplen = 65535, .ifaces = f->ifaces },
			    BC_CODEC_LZ4);
}

static void over(struct fixture *f)
{
	bc_mirror_feed_fini(&f->feed);
	free(f->ifaces);
}

static void feed(struct fixture *f, uint32_t ifaces, int32_t linktype)
{
	const struct bc_chunk k = { .data = (uint8_t *)"1234", .len = 4, .dense = 9, .ifaces = ifaces, .linktype = linktype };

	bc_mirror_feed_chunk(&f->feed, &k, 3);
}

static void each_interface_is_described_before_its_first_chunk(void **state)
{
	struct fixture f;

	begin(&f, BC_FORMAT_PCAPNG);
	feed(&f, 1, -1);
	assert_string_equal(f.fake.calls, "tc");
	add_iface(&f, "if1");
	feed(&f, 1, -1);
	feed(&f, 2, -1);
	assert_string_equal(f.fake.calls, "tcctc");
	assert_non_null(memmem(f.fake.text, f.fake.len, "if1", 3));
	assert_null(memmem(f.fake.text, f.fake.len, "if0", 3));
	over(&f);
}

/* Also while nobody is there to have packets. */
static void what_is_known_at_the_start_is_described_at_once(void **state)
{
	struct fixture f;

	begin(&f, BC_FORMAT_PCAPNG);
	f.fake.unwanted = true;
	assert_int_equal(bc_mirror_feed_begin(&f.feed), 0);
	assert_string_equal(f.fake.calls, "t");
	assert_non_null(memmem(f.fake.text, f.fake.len, "if0", 3));
	f.fake.unwanted = false;
	feed(&f, 1, -1);
	assert_string_equal(f.fake.calls, "tc");
	over(&f);
}

static void what_found_no_memory_is_described_again(void **state)
{
	struct fixture f;

	begin(&f, BC_FORMAT_PCAPNG);
	f.fake.full = true;
	assert_int_equal(bc_mirror_feed_begin(&f.feed), -ENOMEM);
	feed(&f, 1, -1);
	assert_string_equal(f.fake.calls, "tt");
	f.fake.full = false;
	feed(&f, 1, -1);
	assert_string_equal(f.fake.calls, "tttc");
	over(&f);
}

static void another_link_type_begins_a_file(void **state)
{
	struct fixture f;

	begin(&f, BC_FORMAT_PCAP_NS);
	feed(&f, 1, 1);
	feed(&f, 1, 1);
	feed(&f, 1, 101);
	assert_string_equal(f.fake.calls, "tcctc");
	assert_int_equal(f.fake.text[20], 101);
	over(&f);
}

static void nothing_is_given_to_a_mirror_that_wants_nothing(void **state)
{
	struct fixture f;

	begin(&f, BC_FORMAT_PCAPNG);
	f.fake.unwanted = true;
	feed(&f, 1, -1);
	f.feed.mirror = NULL;
	feed(&f, 1, -1);
	assert_string_equal(f.fake.calls, "");
	over(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_interface_is_described_before_its_first_chunk),
		cmocka_unit_test(what_is_known_at_the_start_is_described_at_once),
		cmocka_unit_test(what_found_no_memory_is_described_again),
		cmocka_unit_test(another_link_type_begins_a_file),
		cmocka_unit_test(nothing_is_given_to_a_mirror_that_wants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
