/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <string.h>

#include "bc_similar.h"

/* Which of the words is meant by typed? "": none. */
static const char *meant(const char *typed)
{
	static const char *const words[] = { "capture", "collect", "ctl", "find", "flows", "max_wait_ms", "rotate-seconds", "rotate-size" };
	struct bc_similar s;

	bc_similar_begin(&s, typed);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		bc_similar_offer(&s, words[i]);
	return s.best ? s.best : "";
}

static void a_word_with_a_mistake_is_meant(void **state)
{
	assert_string_equal(meant("captuer"), "capture");
	assert_string_equal(meant("colect"), "collect");
	assert_string_equal(meant("Capture"), "capture");
	assert_string_equal(meant("rotate_sise"), "rotate-size");
	assert_string_equal(meant("max-wait"), "max_wait_ms");
}

static void another_word_is_not_meant(void **state)
{
	assert_string_equal(meant(""), "");
	assert_string_equal(meant("x"), "");
	assert_string_equal(meant("cat"), "");
	assert_string_equal(meant("something"), "");
	assert_string_equal(meant("a word that is much longer than any that is in the list of words"), "");
}

static void the_text_is_empty_without_one(void **state)
{
	char text[BC_SIMILAR_MAX];
	struct bc_similar s;

	bc_similar_begin(&s, "indx");
	assert_string_equal(bc_similar_text(&s, "--", text), "");
	bc_similar_offer(&s, "index");
	assert_string_equal(bc_similar_text(&s, "--", text), "; did you mean '--index'?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_with_a_mistake_is_meant),
		cmocka_unit_test(another_word_is_not_meant),
		cmocka_unit_test(the_text_is_empty_without_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
