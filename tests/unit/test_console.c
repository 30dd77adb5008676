/* SPDX-License-Identifier: BSD-3-Clause */
/* What the console makes of captures' answers and of the users' file, whatever stands in them. */
#include "bc_test.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bc_audit.h"
#include "bc_metrics.h"
#include "bc_users.h"
#include "scratch.h"

static char *metrics_of(const char *json)
{
	json_t *now = json_loads(json, 0, NULL);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(now);
	assert_non_null(f);
	bc_metrics_print(f, now);
	assert_int_equal(fclose(f), 0);
	json_decref(now);
	return text;
}

static void labels_are_escaped(void **state)
{
	char *text = metrics_of("{\"captures\":[{\"prefix\":\"p\",\"sources\":[{\"name\":\"a\\\"} 9\\nevil 1\\\\\",\"interface\":\"<b>\",\"received\":7}]}]}");

	assert_non_null(strstr(text, "\nbraidcap_source_received_packets_total{capture=\"p\",source=\"a\\\"} 9\\nevil 1\\\\\",interface=\"<b>\","
			       "queue=\"0\",n=\"0\"} 7\n"));
	assert_null(strstr(text, "\nevil"));
	free(text);
}

/* They may be shown in a terminal. */
static void a_label_has_no_control_characters(void **state)
{
	char *text = metrics_of("{\"captures\":[{\"prefix\":\"p\",\"sources\":[{\"name\":\"a\\u001b[2J\\u007fb\",\"received\":7}]}]}");

	assert_non_null(strstr(text, "\"a?[2J?b\""));
	free(text);
}

static void every_loss_is_there(void **state)
{
	char *text = metrics_of("{\"captures\":[{\"prefix\":\"p\",\"sources\":[{\"dropped\":{\"link_full\":3,\"new_one\":4,\"disk_full\":5}}],"
				"\"outputs\":[{}]}]}");

	assert_non_null(strstr(text, "reason=\"link_full\"} 3\n"));
	assert_non_null(strstr(text, "reason=\"nic_missed\"} 0\n"));
	assert_non_null(strstr(text, "reason=\"new_one\"} 4\n"));
	/* Not where it belongs, but not forgotten either. */
	assert_non_null(strstr(text, "braidcap_source_lost_packets_total{capture=\"p\",source=\"\",interface=\"\",queue=\"0\",n=\"0\","
			       "reason=\"disk_full\"} 5\n"));
	assert_non_null(strstr(text, "braidcap_output_lost_packets_total{capture=\"p\",output=\"\",n=\"0\",reason=\"disk_full\"} 0\n"));
	free(text);
}

static void wrong_types_are_left_out(void **state)
{
	static const char *const odd[] = {
		"{}", "[]", "{\"captures\":7}", "{\"captures\":[7,null,[],{}]}", "{\"store\":[],\"disks\":{}}",
		"{\"captures\":[{\"prefix\":1,\"info\":\"x\",\"sources\":{\"a\":[]},\"outputs\":[[],7],\"lcores\":[{\"stages\":[1]}],\"clock\":[]}]}",
		"{\"captures\":[{\"info\":{\"started_ns\":\"x\",\"state\":7,\"balance\":[],\"merge_delay_ns\":[]}}]}",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char *text = metrics_of(odd[i]);

		assert_null(strstr(text, "started_ns"));
		assert_null(strstr(text, "start_time_seconds{"));
		free(text);
	}
}

static void large_counters_are_exact(void **state)
{
	char *text = metrics_of("{\"captures\":[{\"prefix\":\"p\",\"sources\":[{\"received\":9007199254740993}],\"clock\":{\"offset_ns\":-5}}]}");

	assert_non_null(strstr(text, "} 9007199254740993\n"));
	assert_non_null(strstr(text, "braidcap_clock_offset_seconds{capture=\"p\"} -5e-09\n"));
	free(text);
}

/* The path of a file with this text, which the owner alone may read. */
static char *users_file(const char *text)
{
	static char path[SCRATCH_MAX];
	FILE *f;

	f = fdopen(scratch_file(path, "bc-users"), "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

#define TOKEN "0123456789abcdef"

static void users_are_read(void **state)
{
	struct bc_users u;
	struct bc_err err;

	assert_int_equal(bc_users_read(users_file("# who\n\n vera\tviewer token " TOKEN "\nolaf operator certificate # at night\r\n"
						  "h analyst token " TOKEN "#1\n"), &u, &err), 0);
	assert_int_equal(u.n, 3);
	assert_true(u.tokens && u.certificates);
	assert_int_equal(bc_users_by_token(&u, NULL, TOKEN)->role, BC_ROLE_VIEWER);
	assert_int_equal(bc_users_by_token(&u, "h", TOKEN "#1")->role, BC_ROLE_ANALYST);
	assert_int_equal(bc_users_by_certificate(&u, "olaf")->role, BC_ROLE_OPERATOR);
	assert_null(bc_users_by_certificate(&u, "vera"));
	assert_null(bc_users_by_certificate(&u, ""));
	bc_users_free(&u);
}

static void no_other_token_will_do(void **state)
{
	static const char *const wrong[] = { "", TOKEN "0", "0123456789abcde", "0123456789abcdeF", "\xff", "0123456789abcde\n" };
	char longest[2000];
	struct bc_users u;

	assert_int_equal(bc_users_read(users_file("vera viewer token " TOKEN "\nolaf operator certificate\n"), &u, NULL), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(bc_users_by_token(&u, NULL, wrong[i]));
	assert_null(bc_users_by_token(&u, "olaf", TOKEN));
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_null(bc_users_by_token(&u, NULL, longest));
	bc_users_free(&u);
}

static void a_bad_file_of_users_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "#\n", "vera\n", "vera viewer\n", "vera viewer token\n", "vera viewer token short\n", "vera viewer token " TOKEN " more\n",
		"vera viewer certificate more\n", "v/../x viewer certificate\n", "vera king certificate\n", "vera nobody certificate\n",
		"vera viewer certificate\nvera viewer certificate\n", "vera viewer password " TOKEN "\n",
	};
	struct bc_users u = { .n = 77 };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bc_users_read(users_file(bad[i]), &u, &err), -EINVAL);
		assert_int_equal(u.n, 77);
		assert_null(strstr(err.msg, TOKEN));
	}
}

static void others_may_not_read_tokens(void **state)
{
	char *path = users_file("vera viewer token " TOKEN "\n");
	struct bc_users u;
	struct bc_err err;

	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(bc_users_read(path, &u, &err), -EPERM);
	assert_int_equal(bc_users_read("/dev/null", &u, &err), -EINVAL);
}

static void the_audit_log_has_a_line_for_each(void **state)
{
	char path[SCRATCH_MAX], line[512];
	struct bc_audit a = { .path = path };
	struct bc_err err;
	FILE *f;

	close(scratch_file(path, "bc-audit"));
	assert_int_equal(bc_audit_write(&a, json_pack("{s:s}", "expression", "a\n\"b\xc3\xa4"), &err), 0);
	assert_int_equal(bc_audit_write(&a, json_pack("{s:i}", "n", 2), &err), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_non_null(strstr(line, "Z\",\"expression\":\"a\\n\\\"b\\u00E4\"}\n"));
	assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
	a.path = "/no/such/folder/audit";
	assert_int_equal(bc_audit_write(&a, json_object(), &err), -ENOENT);
}

static void a_line_that_was_cut_is_one_of_its_own(void **state)
{
	struct rlimit was, little;
	char path[SCRATCH_MAX], line[512];
	struct bc_audit a = { .path = path };
	struct bc_err err;
	FILE *f;

	close(scratch_file(path, "bc-audit"));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	little = was;
	little.rlim_cur = 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(bc_audit_write(&a, json_pack("{s:i}", "n", 1), &err), -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	for (int n = 2; n <= 3; n++)
		assert_int_equal(bc_audit_write(&a, json_pack("{s:i}", "n", n), &err), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_int_equal(strlen(line), 21);
	for (int n = 2; n <= 3; n++) {
		assert_non_null(fgets(line, sizeof(line), f));
		assert_int_equal(strncmp(line, "{\"time\":\"20", 11), 0);
		assert_int_equal(line[strlen(line) - 3], '0' + n);
	}
	assert_null(fgets(line, sizeof(line), f));
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_has_no_control_characters),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(every_loss_is_there),
		cmocka_unit_test(wrong_types_are_left_out),
		cmocka_unit_test(large_counters_are_exact),
		cmocka_unit_test(users_are_read),
		cmocka_unit_test(no_other_token_will_do),
		cmocka_unit_test(a_bad_file_of_users_is_refused),
		cmocka_unit_test(others_may_not_read_tokens),
		cmocka_unit_test(the_audit_log_has_a_line_for_each),
		cmocka_unit_test(a_line_that_was_cut_is_one_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
