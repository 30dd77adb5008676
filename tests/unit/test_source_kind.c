/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <string.h>

#include "bc_config.h"
#include "bc_source_kind.h"

/* What the rest of the program is told of each kind: one row, as docs/operations.md describes it. */
static void each_kind_says_what_it_is(void **state)
{
	static const struct row {
		const struct bc_source_kind *kind;
		const char *name;
		enum bc_source_target target;
		bool live, poll_mode, blocking, waits, lossless, sparse;
		uint32_t descriptors;
	} rows[] = {
		{ &bc_source_dpdk, "dpdk", BC_TARGET_PORT, .live = true, .poll_mode = true, .descriptors = 4096 },
		{ &bc_source_pcap, "pcap", BC_TARGET_INTERFACE, .live = true, .waits = true },
		{ &bc_source_file, "file", BC_TARGET_PATH, .blocking = true, .waits = true, .lossless = true },
		{ &bc_source_null, "null", BC_TARGET_NONE, .live = true, .poll_mode = true, .waits = true, .lossless = true },
		{ &bc_source_remote, "remote", BC_TARGET_PEER, .waits = true, .sparse = true },
	};

	assert_int_equal(sizeof(rows) / sizeof(rows[0]), BC_N_SOURCE_KINDS);
	for (size_t i = 0; i < BC_N_SOURCE_KINDS; i++) {
		const struct bc_source_kind *k = bc_source_kinds[i];
		const struct row *r = &rows[i];

		assert_ptr_equal(k, r->kind);
		assert_string_equal(k->name, r->name);
		assert_int_equal(k->target, r->target);
		assert_true(k->live == r->live && k->poll_mode == r->poll_mode && k->blocking == r->blocking &&
			    k->waits == r->waits && k->lossless == r->lossless && k->sparse == r->sparse);
		assert_int_equal(k->descriptors, r->descriptors);
		assert_non_null(k->open);
	}
}

static void what_blocks_also_waits_and_loses_nothing(void **state)
{
	for (size_t i = 0; i < BC_N_SOURCE_KINDS; i++) {
		const struct bc_source_kind *k = bc_source_kinds[i];

		assert_true(!k->blocking || k->lossless);
		assert_true(!k->lossless || k->waits);
	}
}

static void a_key_is_found_by_its_whole_name(void **state)
{
	assert_string_equal(bc_source_kind_key(&bc_source_pcap, "immediate=1")->name, "immediate");
	assert_null(bc_source_kind_key(&bc_source_pcap, "immediate"));
	assert_null(bc_source_kind_key(&bc_source_pcap, "immed=1"));
	assert_null(bc_source_kind_key(&bc_source_pcap, "immediately=1"));
	assert_null(bc_source_kind_key(&bc_source_pcap, "mtu=1"));
	assert_null(bc_source_kind_key(&bc_source_remote, "full=wait"));
}

/*
 * The line of the help that begins with the key names the kind: "    mtu=N    dpdk: ...". "full" is told of all kinds
 * together.
 */
static bool help_tells(const char *kind, const char *key)
{
	for (const char *line = bc_config_help; *line; line += strcspn(line, "\n") + 1) {
		const char *at = strstr(line, key), *end = line + strcspn(line, "\n");

		if (!strncmp(line, "    ", 4) && at && at < end && at[strlen(key)] == '=' && (at == line + 4 || at[-1] == ' ')) {
			const char *named = strstr(at, kind);

			/* A key that fills its column is explained on the next line. */
			if (*end && end - line >= 26)
				end += 1 + strcspn(end + 1, "\n");
			if (named && named < end)
				return true;
		}
	}
	return false;
}

static void every_key_is_in_the_help(void **state)
{
	for (size_t i = 0; i < BC_N_SOURCE_KINDS; i++) {
		const struct bc_source_kind *k = bc_source_kinds[i];

		for (uint32_t j = 0; j < k->n_keys; j++)
			if (strcmp(k->keys[j].name, "full") && !help_tells(k->name, k->keys[j].name))
				fail_msg("%s: %s=", k->name, k->keys[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_says_what_it_is),
		cmocka_unit_test(what_blocks_also_waits_and_loses_nothing),
		cmocka_unit_test(a_key_is_found_by_its_whole_name),
		cmocka_unit_test(every_key_is_in_the_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
