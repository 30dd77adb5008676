/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "bc_allow.h"
#include "bc_log_limit.h"
#include "bc_listen.h"

static struct bc_err err;

static struct bc_allow allow(const char *text)
{
	struct bc_allow a;

	if (bc_allow_parse("--allow", text, &a, &err))
		fail_msg("'%s': %s", text, err.msg);
	return a;
}

static void refused(const char *text, const char *because)
{
	struct bc_allow a = { .bits = 77 };

	if (bc_allow_parse("--allow", text, &a, &err) != -EINVAL)
		fail_msg("'%s' was taken", text);
	assert_int_equal(a.bits, 77);
	assert_ptr_equal(strstr(err.msg, "--allow: "), err.msg);
	if (!strstr(err.msg, because))
		fail_msg("'%s': '%s' instead of '%s'", text, err.msg, because);
}

/* The name of whom the address belongs to. */
static const char *whose(const struct bc_allow *list, uint32_t n, const char *address)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	const struct bc_allow *a;

	if (inet_pton(AF_INET, address, &a4.sin_addr) == 1) {
		a = bc_allow_find(list, n, (struct sockaddr *)&a4);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &a6.sin6_addr), 1);
		a = bc_allow_find(list, n, (struct sockaddr *)&a6);
	}
	return a ? a->name : "";
}

static void all_parts_are_read(void **state)
{
	struct bc_allow a = allow("bts1=192.0.2.7");

	assert_string_equal(a.name, "bts1");
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.bits, 32);
	assert_false(a.tls || a.no_store);
	a = allow("bts1.site-2_x=2001:db8::/32,tls,no-store");
	assert_string_equal(a.name, "bts1.site-2_x");
	assert_int_equal(a.family, AF_INET6);
	assert_int_equal(a.bits, 32);
	assert_true(a.tls && a.no_store);
}

static void what_is_wrong_is_refused(void **state)
{
	char text[200];

	refused("192.0.2.1", "NAME=ADDRESS");
	refused("=192.0.2.1", "name");
	refused("a/b=192.0.2.1", "name");
	refused("a~b=192.0.2.1", "name");
	refused(".a=192.0.2.1", "name");
	refused("-a=192.0.2.1", "name");
	refused("a=", "address");
	refused("a=192.0.2", "address");
	refused("a=192.0.2.1/33", "prefix");
	refused("a=192.0.2.1/", "prefix");
	refused("a=2001:db8::/129", "prefix");
	refused("a=192.0.2.1,", "neither");
	refused("a=192.0.2.1,tl", "neither");
	refused("a=192.0.2.1,tls,x", "neither");
	memset(text, 'a', sizeof(text));
	strcpy(text + 64, "=192.0.2.1");
	refused(text, "name");
	allow(text + 1);
	memset(text + 2, '1', 100);
	text[1] = '=';
	text[102] = '\0';
	refused(text, "address");
}

static void the_longest_prefix_counts(void **state)
{
	const struct bc_allow list[] = { allow("all=0.0.0.0/0"), allow("host=192.0.2.77"), allow("net=192.0.2.64/27"),
					 allow("six=2001:db8::/61") };

	assert_string_equal(whose(list, 4, "192.0.2.77"), "host");
	assert_string_equal(whose(list, 4, "192.0.2.64"), "net");
	assert_string_equal(whose(list, 4, "192.0.2.95"), "net");
	assert_string_equal(whose(list, 4, "192.0.2.96"), "all");
	assert_string_equal(whose(list, 4, "192.0.2.63"), "all");
	assert_string_equal(whose(list + 1, 3, "192.0.2.63"), "");
	assert_string_equal(whose(list, 4, "2001:db8:0:7::1"), "six");
	assert_string_equal(whose(list, 4, "2001:db8:0:8::1"), "");
}

static void the_families_are_apart_but_for_what_is_mapped(void **state)
{
	const struct bc_allow four = allow("four=0.0.0.0/0"), six = allow("six=::/0");

	assert_string_equal(whose(&four, 1, "::1"), "");
	assert_string_equal(whose(&six, 1, "192.0.2.1"), "");
	assert_string_equal(whose(&six, 1, "::ffff:192.0.2.1"), "");
	assert_string_equal(whose(&four, 1, "::ffff:192.0.2.1"), "four");
}

static void bits_behind_the_prefix_do_not_count(void **state)
{
	const struct bc_allow a = allow("a=192.0.2.77/24");

	assert_string_equal(whose(&a, 1, "192.0.2.1"), "a");
}

static void clients_are_numbered_by_name(void **state)
{
	struct bc_allow list[] = { allow("a=192.0.2.1"), allow("b=192.0.2.2"), allow("a=2001:db8::1"), allow("c=192.0.2.3") };

	assert_int_equal(bc_allow_number(list, 4, NULL, 0, &err), 3);
	assert_int_equal(list[0].client, 0);
	assert_int_equal(list[1].client, 1);
	assert_int_equal(list[2].client, 0);
	assert_int_equal(list[3].client, 2);
}

static void one_address_is_one_client_s(void **state)
{
	struct bc_allow list[] = { allow("a=192.0.2.0/24"), allow("b=192.0.2.7/24") };

	assert_int_equal(bc_allow_number(list, 2, NULL, 0, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "'a' and 'b'"));
	list[1] = allow("b=192.0.2.0/25");
	assert_int_equal(bc_allow_number(list, 2, NULL, 0, &err), 2);
}

static void there_are_no_more_clients_than_sources(void **state)
{
	static struct bc_allow list[BC_MAX_CLIENTS + 1];
	char text[64];

	for (uint32_t i = 0; i <= BC_MAX_CLIENTS; i++) {
		snprintf(text, sizeof(text), "c%u=10.0.%u.%u", i, i / 256, i % 256);
		list[i] = allow(text);
	}
	assert_int_equal(bc_allow_number(list, BC_MAX_CLIENTS, NULL, 0, &err), BC_MAX_CLIENTS);
	assert_int_equal(bc_allow_number(list, BC_MAX_CLIENTS + 1, NULL, 0, &err), -EINVAL);
}

static void listens(const char *text, const char *as)
{
	struct bc_listen l;

	if (bc_listen_parse("-l", text, &l, &err))
		fail_msg("'%s': %s", text, err.msg);
	assert_string_equal(l.text, as);
}

static void places_to_listen_are_read(void **state)
{
	struct bc_listen l;

	listens("192.0.2.1:6001", "192.0.2.1:6001");
	listens("[2001:db8::1]:6001", "[2001:db8::1]:6001");
	listens("6001", "[::]:6001");
	listens(":6001", "[::]:6001");
	assert_int_equal(bc_listen_parse("-l", "192.0.2.1", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "192.0.2.1:", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "192.0.2.1:0", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "192.0.2.1:65536", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "2001:db8::1:6001", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "[192.0.2.1]:6001", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "[]:6001", &l, &err), -EINVAL);
	assert_int_equal(bc_listen_parse("-l", "name:6001", &l, &err), -EINVAL);
}

static void a_flood_of_lines_is_cut_and_counted(void **state)
{
	struct bc_log_limit l = { 0 };
	uint64_t untold;
	uint32_t told = 0;

	for (int i = 0; i < 100; i++)
		told += bc_log_limit(&l, 1000, &untold);
	assert_int_equal(told, BC_LOG_LIMIT_LINES);
	assert_true(bc_log_limit(&l, 1000 + BC_LOG_LIMIT_NS, &untold));
	assert_int_equal(untold, 100 - BC_LOG_LIMIT_LINES);
	assert_true(bc_log_limit(&l, 1001 + BC_LOG_LIMIT_NS, &untold));
	assert_int_equal(untold, 0);
}

static void known_clients_keep_their_numbers(void **state)
{
	static const char *const known[] = { "a", "b", "c" };
	static const char *const text[] = { "d=192.0.2.4", "c=192.0.2.3", "a=192.0.2.1", "d=192.0.2.5" };
	struct bc_allow list[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(bc_allow_parse("--allow", text[i], &list[i], &err), 0);
	assert_int_equal(bc_allow_number(list, 4, known, 3, &err), 4);
	assert_int_equal(list[0].client, 3);
	assert_int_equal(list[1].client, 2);
	assert_int_equal(list[2].client, 0);
	assert_int_equal(list[3].client, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_clients_keep_their_numbers),
		cmocka_unit_test(all_parts_are_read),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(the_longest_prefix_counts),
		cmocka_unit_test(the_families_are_apart_but_for_what_is_mapped),
		cmocka_unit_test(bits_behind_the_prefix_do_not_count),
		cmocka_unit_test(clients_are_numbered_by_name),
		cmocka_unit_test(one_address_is_one_client_s),
		cmocka_unit_test(there_are_no_more_clients_than_sources),
		cmocka_unit_test(places_to_listen_are_read),
		cmocka_unit_test(a_flood_of_lines_is_cut_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
