/* SPDX-License-Identifier: BSD-3-Clause */
/* The catalogue of an hour as bytes: exactly those of docs/formats.md, and nothing else is taken for one. */
#include "bc_test.h"

#include <errno.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_hour.h"

static const uint8_t tail[] = { 0xde, 0xad, 0xbe };

static struct bc_hour_entry entry(const char *name, const char *etag, uint64_t bytes)
{
	return (struct bc_hour_entry){ .name = name, .etag = etag, .bytes = bytes, .tail = tail, .tail_len = sizeof(tail) };
}

static uint8_t *encode(struct bc_hour_entry *e, uint32_t n, size_t *ret_len)
{
	uint8_t *bytes;

	assert_int_equal(bc_hour_encode(e, n, &bytes, ret_len), 0);
	return bytes;
}

static void seal(uint8_t *bytes, size_t len)
{
	bc_put_le64(bytes + len - 8, XXH64(bytes, len - 8, 0));
}

/* Opened from memory of exactly that size, so that what is read beyond it is found. */
static int open_copy(const uint8_t *bytes, size_t len, struct bc_err *err)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct bc_hour *h = NULL;
	int r;

	memcpy(copy, bytes, len);
	r = bc_hour_open(copy, len, &h, err);
	bc_hour_close(h);
	free(copy);
	return r;
}

static void bytes_are_as_documented(void **state)
{
	static const uint8_t want[] = {
		'b', 'r', 'a', 'i', 'd', 'c', 'a', 'p', ' ', 'h', 'o', 'u', 'r', 's', '\r', '\n', 1, 0, 0, 0, 1, 0, 0, 0,
		0x02, 0x01, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 2, 0, 'a', 0, 'e', 't', 0, 0xde, 0xad, 0xbe,
	};
	struct bc_hour_entry e = entry("a", "et", 0x102);
	size_t len;
	uint8_t *bytes = encode(&e, 1, &len);

	assert_int_equal(len, sizeof(want) + 8);
	assert_memory_equal(bytes, want, sizeof(want));
	assert_int_equal(bc_get64(bytes + len - 8, false), XXH64(want, sizeof(want), 0));
	free(bytes);
}

static void entries_are_found_by_name(void **state)
{
	struct bc_hour_entry e[] = { entry("c", "3", 300), entry("a", "1", 100), entry("b", "2", 200) };
	const struct bc_hour_entry *found;
	struct bc_hour *h;
	struct bc_err err;
	size_t len;
	uint8_t *bytes = encode(e, 3, &len);

	assert_int_equal(bc_hour_open(bytes, len, &h, &err), 0);
	assert_int_equal(bc_hour_count(h), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(bc_hour_at(h, i)->name[0], 'a' + i);
	found = bc_hour_find(h, "b");
	assert_non_null(found);
	assert_string_equal(found->etag, "2");
	assert_int_equal(found->bytes, 200);
	assert_int_equal(found->tail_len, sizeof(tail));
	assert_memory_equal(found->tail, tail, sizeof(tail));
	assert_null(bc_hour_find(h, "bb"));
	assert_null(bc_hour_find(h, ""));
	bc_hour_close(h);
	free(bytes);
}

static void what_exceeds_a_limit_is_left_out(void **state)
{
	char longer[BC_HOUR_TEXT_MOST + 2];
	struct bc_hour_entry e[] = {
		entry("a", "1", 100), entry("a", "1", 100), entry("", "1", 100), entry("x/y", "1", 100), entry("no", "", 100), entry("short", "1", 2),
		entry(longer, "1", 100),
	};
	struct bc_hour *h;
	struct bc_err err;
	size_t len;
	uint8_t *bytes;

	memset(longer, 'n', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	bytes = encode(e, sizeof(e) / sizeof(e[0]), &len);
	assert_int_equal(bc_hour_open(bytes, len, &h, &err), 0);
	assert_int_equal(bc_hour_count(h), 1);
	bc_hour_close(h);
	free(bytes);
}

static void of_nothing_is_one(void **state)
{
	struct bc_err err;
	size_t len;
	uint8_t *bytes = encode(NULL, 0, &len);

	assert_int_equal(open_copy(bytes, len, &err), 0);
	free(bytes);
}

static void damage_is_noticed(void **state)
{
	struct bc_hour_entry e[] = { entry("a", "1", 100), entry("b", "2", 200) };
	struct bc_err err;
	size_t len;
	uint8_t *bytes = encode(e, 2, &len);

	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(open_copy(bytes, cut, &err), -EBADMSG);
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 1;
		assert_int_equal(open_copy(bytes, len, &err), -EBADMSG);
		bytes[i] ^= 1;
	}
	free(bytes);
}

/* Each byte any value, with a right checksum: it is refused, or all that it says lies in it. */
static void lies_with_a_right_checksum(void **state)
{
	struct bc_hour_entry e[] = { entry("a", "1", 100), entry("b", "2", 200) };
	struct bc_err err;
	size_t len;
	uint8_t *bytes = encode(e, 2, &len);

	for (size_t i = 0; i < len - 8; i++) {
		const uint8_t was = bytes[i];

		for (int v = 0; v < 256; v++) {
			int r;

			bytes[i] = (uint8_t)v;
			seal(bytes, len);
			r = open_copy(bytes, len, &err);
			assert_true(r == 0 || r == -EBADMSG);
		}
		bytes[i] = was;
	}
	/* More entries than there are, an order that is none. */
	bc_put_le32(bytes + 20, UINT32_MAX);
	seal(bytes, len);
	assert_int_equal(open_copy(bytes, len, &err), -EBADMSG);
	bc_put_le32(bytes + 20, 2);
	bytes[24 + 16] = 'c';
	seal(bytes, len);
	assert_int_equal(open_copy(bytes, len, &err), -EBADMSG);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_as_documented),
		cmocka_unit_test(entries_are_found_by_name),
		cmocka_unit_test(what_exceeds_a_limit_is_left_out),
		cmocka_unit_test(of_nothing_is_one),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(lies_with_a_right_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
