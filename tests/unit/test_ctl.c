/* SPDX-License-Identifier: BSD-3-Clause */
/* The ctl client against replies that no capture would send, and a socket that lies. */
#include "bc_test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bc_ctl_client.h"
#include "bc_ctl_print.h"
#include "bc_ctl_watch.h"
#include "bc_field.h"
#include "bc_summary.h"
#include "bc_tel_command.h"
#include "cmd_ctl.h"
#include "scratch.h"

static int parse(const char *reply, json_t **ret, struct bc_err *err)
{
	return bc_ctl_parse(reply, strlen(reply), "/braidcap/x", ret, err);
}

static void an_answer_is_unwrapped(void **state)
{
	struct bc_err err;
	json_t *a;

	assert_int_equal(parse("{\"/braidcap/x\":{\"n\":7}}", &a, &err), 0);
	assert_int_equal(bc_field_u64(a, "n"), 7);
	json_decref(a);
}

static void numbered_objects_become_lists(void **state)
{
	struct bc_err err;
	json_t *a, *expected = json_loads("{\"s\":[{\"t\":[1,2]},{\"e\":{}}],\"o\":{\"0\":1,\"2\":2}}", 0, NULL);

	assert_int_equal(parse("{\"/braidcap/x\":{\"s\":{\"1\":{\"e\":{}},\"0\":{\"t\":{\"0\":1,\"1\":2}}},"
			       "\"o\":{\"0\":1,\"2\":2}}}", &a, &err), 0);
	assert_true(json_equal(a, expected));
	json_decref(expected);
	json_decref(a);
}

static void nonsense_is_no_answer(void **state)
{
	static const char *const bad[] = {
		"", "{", "null", "[]", "\"x\"", "{}", "{\"/braidcap/y\":{}}", "{\"/braidcap/x\":1}", "{\"/braidcap/x\":\"s\"}",
		"{\"/braidcap/x\":{}} trailing", "{\"/braidcap/x\":{\"a\":1,\"a\":2}}", "{\"/braidcap/x\":{\"a\":\"\xff\"}}",
		"{\"/braidcap/x\":{\"a\":99999999999999999999999}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *a = NULL;
		struct bc_err err;

		assert_int_equal(parse(bad[i], &a, &err), -EBADMSG);
		assert_null(a);
	}
}

static void an_unknown_command_is_told(void **state)
{
	struct bc_err err;
	json_t *a;

	assert_int_equal(parse("{\"/braidcap/x\":null}", &a, &err), -EOPNOTSUPP);
}

static void the_captures_words_are_handed_on_clean(void **state)
{
	struct bc_err err;
	json_t *a;

	assert_int_equal(parse("{\"/braidcap/x\":{\"status\":\"error\",\"error\":\"no\\u001b[2J\"}}", &a, &err), -EREMOTEIO);
	assert_string_equal(err.msg, "no?[2J");
	assert_int_equal(parse("{\"/braidcap/x\":{\"status\":\"odd\",\"error\":5}}", &a, &err), -EREMOTEIO);
}

static void deep_nesting_is_borne(void **state)
{
	enum { DEPTH = 20000 };
	char *reply = malloc(5 * DEPTH + 64);
	struct bc_err err;
	json_t *a;
	size_t n;

	assert_non_null(reply);
	n = (size_t)sprintf(reply, "{\"/braidcap/x\":");
	for (int i = 0; i < DEPTH; i++)
		n += (size_t)sprintf(reply + n, "{\"0\":");
	assert_int_equal(bc_ctl_parse(reply, n, "/braidcap/x", &a, &err), -EBADMSG);
	free(reply);
}

static void printing_bears_anything(void **state)
{
	static const char *const odd[] = {
		"{}", "[]", "[null,1,{},[]]", "[{\"stages\":[1,{}],\"segments\":[1,{}],\"buffers\":5,\"name\":\"\\u001b[2J\"}]",
		"{\"outputs\":[1,{\"name\":\"\\u001b\"}],\"sources\":5,\"state\":\"\\u001b\",\"filter\":\"\\u001b\"}",
		"{\"started_ns\":9223372036854775807,\"stopped_ns\":-1,"
		"\"sources\":[{\"name\":\"\\u001b\",\"dropped\":{\"\\u001b\":1}}]}",
	};
	void (*const print[])(FILE *, const json_t *) = {
		bc_ctl_print_info, bc_ctl_print_outputs, bc_ctl_print_lcores, bc_ctl_print_clock, bc_ctl_print_segments,
		bc_tel_command_stats.print,
		bc_tel_command_list.print,
		bc_ctl_print_rotated, bc_ctl_print_state, bc_ctl_print_filter, bc_summary_print, bc_summary_sources,
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (size_t k = 0; k < sizeof(print) / sizeof(print[0]); k++) {
			json_t *j = json_loads(odd[i], 0, NULL);
			char *text;
			size_t size;
			FILE *f = open_memstream(&text, &size);

			print[k](f, j);
			fclose(f);
			assert_null(strchr(text, '\033'));
			free(text);
			json_decref(j);
		}
}

static void stats_tell_rates_and_losses(void **state)
{
	json_t *answer = json_loads("{\"nanoseconds\":2000000000,"
				    "\"before\":{\"balance\":{\"received\":1000,\"written\":1000},"
				    "\"sources\":[{\"received_bytes\":0}]},"
				    "\"now\":{\"balance\":{\"received\":3000,\"written\":2500,\"dropped\":500},"
				    "\"sources\":[{\"name\":\"eth0\",\"received_bytes\":1000,"
				    "\"dropped\":{\"link_full\":500}}]}}", 0, NULL);
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	bc_tel_command_stats.print(f, answer);
	fclose(f);
	assert_non_null(strstr(text, "1.00 k/s"));
	assert_non_null(strstr(text, "link_full: eth0"));
	assert_non_null(strstr(text, "16.7 %"));
	assert_non_null(strstr(text, "4.00 kbit/s"));
	free(text);
	json_decref(answer);
}

/* --- A server that says what the test wants. --- */

struct server {
	char folder[SCRATCH_MAX];
	int listener;
	const char *reply;	/* to every request; NULL: close */
	const char *element;	/* to those with a parameter, if it is not NULL */
	size_t len;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		char request[2048];

		send(fd, "{}", 2, MSG_NOSIGNAL);
		for (ssize_t n; (n = recv(fd, request, sizeof(request), 0)) > 0;) {
			bool one = s->element && memchr(request, ',', (size_t)n);

			if (!s->reply || send(fd, one ? s->element : s->reply, one ? strlen(s->element) : s->len, MSG_NOSIGNAL) < 0)
				break;
		}
		close(fd);
	}
	return NULL;
}

static void path_of(const struct server *s, const char *prefix, char *path, size_t size)
{
	snprintf(path, size, "%s/dpdk/%s", s->folder, prefix);
}

static void server_start(struct server *s, const char *prefix, const char *reply, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[SCRATCH_MAX + 24];
	int size = 1 << 20;

	*s = (struct server){ .reply = reply, .len = len };
	scratch_folder(s->folder, "bc-ctl");
	setenv("RUNTIME_DIRECTORY", s->folder, 1);
	snprintf(path, sizeof(path), "%s/dpdk", s->folder);
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(s, prefix, path, sizeof(path));
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/dpdk_telemetry.v2", path);
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_int_equal(bind(s->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	unsetenv("RUNTIME_DIRECTORY");
}

static int ctl(const char *a, const char *b, const char *c)
{
	char *argv[] = { "ctl", (char *)a, (char *)b, (char *)c, NULL };
	int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);

	return cmd_ctl(argc, argv);
}

static void a_reply_too_long_is_refused(void **state)
{
	static char reply[100000];
	struct server s;
	struct bc_err err;
	json_t *a;
	int fd;

	memset(reply, ' ', sizeof(reply));
	server_start(&s, "braidcap", reply, sizeof(reply));
	fd = bc_ctl_connect("braidcap", &err);
	assert_true(fd >= 0);
	assert_int_equal(bc_ctl_ask(fd, "/braidcap/x", NULL, &a, &err), -EMSGSIZE);
	close(fd);
	server_stop(&s);
}

/* As a collector of very many clients refuses to say all at once. */
static void a_long_list_is_asked_one_by_one(void **state)
{
	static const char refusal[] = "{\"/braidcap/sources\":{\"status\":\"error\",\"error\":\"too long\"}}";
	struct server s;
	struct bc_err err;
	json_t *list;
	int fd;

	server_start(&s, "braidcap", refusal, strlen(refusal));
	s.element = "{\"/braidcap/sources\":{\"name\":\"x\"}}";
	fd = bc_ctl_connect("braidcap", &err);
	assert_true(fd >= 0);
	assert_int_equal(bc_ctl_ask_list(fd, "/braidcap/sources", 1000, &list, &err), 0);
	assert_int_equal(json_array_size(list), 1000);
	json_decref(list);
	assert_int_equal(bc_ctl_ask_list(fd, "/braidcap/sources", UINT64_MAX, &list, &err), 0);
	assert_int_equal(json_array_size(list), BC_CTL_LIST_MAX);
	json_decref(list);
	close(fd);
	server_stop(&s);
}

static void a_capture_that_goes_away_is_told(void **state)
{
	struct server s;
	struct bc_err err;
	json_t *a;
	int fd;

	server_start(&s, "braidcap", NULL, 0);
	fd = bc_ctl_connect("braidcap", &err);
	assert_true(fd >= 0);
	assert_int_equal(bc_ctl_ask(fd, "/braidcap/x", NULL, &a, &err), -ECONNRESET);
	close(fd);
	server_stop(&s);
}

static void a_request_too_long_is_not_sent(void **state)
{
	struct server s;
	struct bc_err err;
	char param[1100];
	json_t *a;
	int fd;

	memset(param, 'x', sizeof(param) - 1);
	param[sizeof(param) - 1] = '\0';
	server_start(&s, "braidcap", "{}", 2);
	fd = bc_ctl_connect("braidcap", &err);
	assert_int_equal(bc_ctl_ask(fd, "/braidcap/filter", param, &a, &err), -E2BIG);
	close(fd);
	server_stop(&s);
}

static void names_that_leave_the_folder_are_refused(void **state)
{
	static const char *const bad[] = { "", "../x", "a/b", ".", "..", "/etc" };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_ctl_connect(bad[i], &err), -EINVAL);
}

#define INFO "{\"/braidcap/info\":{\"pid\":1,\"state\":\"running\",\"outputs\":1,\"balance\":{\"received\":5}}}"

static void the_only_capture_is_found(void **state)
{
	struct server s;

	server_start(&s, "braidcap77", INFO, strlen(INFO));
	assert_int_equal(ctl("info", NULL, NULL), 0);
	assert_int_equal(ctl("list", NULL, NULL), 0);
	assert_int_equal(ctl("--prefix", "braidcap77", "info"), 0);
	assert_int_equal(ctl("--prefix", "braidcap", "info"), 1);
	server_stop(&s);
}

static void another_program_is_not_taken_for_a_capture(void **state)
{
	static const char other[] = "{\"/braidcap/info\":null}";
	struct server s;

	server_start(&s, "braidcap77", other, strlen(other));
	assert_int_equal(ctl("info", NULL, NULL), 1);
	server_stop(&s);
}

static void two_captures_must_be_told_apart(void **state)
{
	struct server s;
	char from[SCRATCH_MAX + 24], to[SCRATCH_MAX + 32];
	struct bc_ctl_capture found[BC_CTL_MAX_CAPTURES];

	server_start(&s, "braidcap1", INFO, strlen(INFO));
	path_of(&s, "braidcap1", from, sizeof(from));
	path_of(&s, "braidcap2", to, sizeof(to));
	assert_int_equal(symlink(from, to), 0);
	assert_int_equal(bc_ctl_find("braidcap", found), 2);
	assert_string_equal(found[1].prefix, "braidcap2");
	json_decref(found[0].info);
	json_decref(found[1].info);
	assert_int_equal(ctl("info", NULL, NULL), 1);
	assert_int_equal(ctl("--prefix=braidcap2", "info", NULL), 0);
	server_stop(&s);
}

/* A listener that never accepts, as of a stopped process. */
static int silent_start(const struct server *s, const char *prefix)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[80];
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	path_of(s, prefix, path, sizeof(path));
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/dpdk_telemetry.v2", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* Of a list of bc_ctl_watch_get(); NULL: it is not there. */
static json_t *watched(const json_t *all, const char *prefix)
{
	json_t *c;
	size_t i;

	json_array_foreach((json_t *)all, i, c)
		if (!strcmp(bc_field_text(c, "prefix"), prefix))
			return c;
	return NULL;
}

static void a_silent_capture_holds_up_no_other(void **state)
{
	static const char *const names[] = { "silent", "braidcap1", "nobody" };
	struct bc_ctl_watch *w;
	struct server s;
	json_t *all;
	int fd;

	server_start(&s, "braidcap1", INFO, strlen(INFO));
	fd = silent_start(&s, "silent");
	w = bc_ctl_watch_new(names, 3, false);
	assert_non_null(w);
	for (int i = 0; i < 20; i++) {
		all = bc_ctl_watch_get(w);
		if (json_is_object(json_object_get(watched(all, "braidcap1"), "info")) && !json_object_get(watched(all, "nobody"), "info"))
			break;
		json_decref(all);
		assert_true(i < 19);
	}
	assert_int_equal(json_array_size(all), 3);
	assert_true(json_is_null(json_object_get(watched(all, "silent"), "info")));
	assert_int_equal(bc_field_u64(json_object_get(watched(all, "braidcap1"), "info"), "pid"), 1);
	json_decref(all);
	/* Its thread still waits, and is not waited for. */
	bc_ctl_watch_free(w);
	close(fd);
	server_stop(&s);
}

static void captures_that_answer_are_watched(void **state)
{
	struct bc_ctl_watch *w;
	struct server s;
	json_t *all;
	int fd;

	server_start(&s, "braidcap1", INFO, strlen(INFO));
	fd = silent_start(&s, "silent");
	w = bc_ctl_watch_new(NULL, 0, false);
	assert_non_null(w);
	for (int i = 0; i < 20; i++) {
		all = bc_ctl_watch_get(w);
		if (json_array_size(all))
			break;
		json_decref(all);
		assert_true(i < 19);
	}
	assert_int_equal(json_array_size(all), 1);
	assert_non_null(watched(all, "braidcap1"));
	json_decref(all);
	bc_ctl_watch_free(w);
	close(fd);
	server_stop(&s);
}

static void nobody_there_is_a_failure(void **state)
{
	struct server s;

	server_start(&s, "other", INFO, strlen(INFO));
	assert_int_equal(ctl("stats", NULL, NULL), 1);
	assert_int_equal(ctl("list", NULL, NULL), 0);
	server_stop(&s);
}

static void bad_usage_is_two(void **state)
{
	assert_int_equal(ctl(NULL, NULL, NULL), 2);
	assert_int_equal(ctl("nonsense", NULL, NULL), 2);
	assert_int_equal(ctl("--nonsense", "info", NULL), 2);
	assert_int_equal(ctl("info", "--prefix", NULL), 2);
	assert_int_equal(ctl("stop", "now", NULL), 2);
	assert_int_equal(ctl("segments", "many", NULL), 2);
	assert_int_equal(ctl("segments", "1", "2"), 2);
	assert_int_equal(ctl("--output", "x", "filter"), 2);
	assert_int_equal(ctl("--output=1", "stop", NULL), 2);
	assert_int_equal(ctl("--help", NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_unwrapped),
		cmocka_unit_test(numbered_objects_become_lists),
		cmocka_unit_test(nonsense_is_no_answer),
		cmocka_unit_test(an_unknown_command_is_told),
		cmocka_unit_test(the_captures_words_are_handed_on_clean),
		cmocka_unit_test(deep_nesting_is_borne),
		cmocka_unit_test(printing_bears_anything),
		cmocka_unit_test(stats_tell_rates_and_losses),
		cmocka_unit_test(a_reply_too_long_is_refused),
		cmocka_unit_test(a_long_list_is_asked_one_by_one),
		cmocka_unit_test(a_capture_that_goes_away_is_told),
		cmocka_unit_test(a_request_too_long_is_not_sent),
		cmocka_unit_test(names_that_leave_the_folder_are_refused),
		cmocka_unit_test(the_only_capture_is_found),
		cmocka_unit_test(another_program_is_not_taken_for_a_capture),
		cmocka_unit_test(two_captures_must_be_told_apart),
		cmocka_unit_test(a_silent_capture_holds_up_no_other),
		cmocka_unit_test(captures_that_answer_are_watched),
		cmocka_unit_test(nobody_there_is_a_failure),
		cmocka_unit_test(bad_usage_is_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
