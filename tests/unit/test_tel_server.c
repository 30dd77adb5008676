/* SPDX-License-Identifier: BSD-3-Clause */
/* Our own telemetry socket, as DPDK's clients see it. */
#include "bc_test.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bc_tel_data.h"
#include "bc_tel_server.h"
#include "scratch.h"

#define CLIENTS_MAX 10

static char folder[SCRATCH_MAX];
static _Atomic uint32_t waiting;

/* "/echo" answers its parameter; "/wait" answers once somebody else asks "/go". */
static json_t *answer(void *ctx, const char *cmd, const char *param)
{
	if (strcmp(ctx, "ctx"))
		return NULL;
	if (!strcmp(cmd, "/echo"))
		return json_pack("{s:s}", "param", param ? param : "none");
	if (!strcmp(cmd, "/wait")) {
		atomic_fetch_add(&waiting, 1);
		while (atomic_load(&waiting))
			usleep(1000);
		return json_object();
	}
	if (!strcmp(cmd, "/go")) {
		atomic_store(&waiting, 0);
		return json_object();
	}
	return NULL;
}

static struct bc_tel_server *serve(void)
{
	struct bc_tel_server *s;
	struct bc_err err = { "" };

	unlink("dpdk_telemetry.v2");
	if (bc_tel_server_new(folder, &s, &err) != 0)
		fail_msg("%s", err.msg);
	assert_int_equal(bc_tel_server_start(s, answer, "ctx", &err), 0);
	return s;
}

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "dpdk_telemetry.v2" };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* NULL: the other end is closed. */
static json_t *hear(int fd)
{
	char text[BC_TEL_REPLY_MAX];
	ssize_t n = recv(fd, text, sizeof(text), 0);
	json_t *json = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	assert_true(n <= 0 || json);
	return json;
}

static int greeted(void)
{
	int fd = dial();

	json_decref(hear(fd));
	return fd;
}

static json_t *ask(int fd, const char *request)
{
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	return hear(fd);
}

static void assert_answer(int fd, const char *request, const char *reply)
{
	json_t *got = ask(fd, request);
	char *text = json_dumps(got, JSON_COMPACT);

	assert_string_equal(text, reply);
	free(text);
	json_decref(got);
}

static void a_client_is_greeted(void **state)
{
	struct bc_tel_server *s = serve();
	int fd = dial();
	json_t *hello = hear(fd);

	assert_int_equal(json_integer_value(json_object_get(hello, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(hello, "max_output_len")), 16384);
	assert_non_null(strstr(json_string_value(json_object_get(hello, "version")), "DPDK"));
	json_decref(hello);
	close(fd);
	bc_tel_server_free(s);
}

static void a_command_and_its_parameter_arrive(void **state)
{
	struct bc_tel_server *s = serve();
	int fd = greeted();

	assert_answer(fd, "/echo", "{\"/echo\":{\"param\":\"none\"}}");
	assert_answer(fd, "/echo,", "{\"/echo\":{\"param\":\"none\"}}");
	assert_answer(fd, "/echo,a,b", "{\"/echo\":{\"param\":\"a,b\"}}");
	close(fd);
	bc_tel_server_free(s);
}

static void what_is_no_command_is_answered_null(void **state)
{
	struct bc_tel_server *s = serve();
	int fd = greeted();
	json_t *got;

	assert_answer(fd, "/nothing", "{\"/nothing\":null}");
	assert_answer(fd, ",", "{\"none\":null}");
	assert_answer(fd, "\"\\", "{\"\\\"\\\\\":null}");
	assert_answer(fd, "/help,/echo", "{\"/help\":null}");
	got = ask(fd, "\xff\xfe");
	assert_int_equal(json_object_size(got), 0);
	json_decref(got);
	close(fd);
	bc_tel_server_free(s);
}

static void the_commands_can_be_listed(void **state)
{
	struct bc_tel_server *s = serve();
	int fd = greeted();
	json_t *got = ask(fd, "/"), *list = json_object_get(got, "/"), *word;
	bool info = false, own = false;
	size_t i;

	json_array_foreach(list, i, word) {
		info |= !strcmp(json_string_value(word), "/info");
		own |= !strcmp(json_string_value(word), "/braidcap/ledger");
		assert_null(strstr(json_string_value(word), "stats"));
	}
	assert_true(info && own);
	json_decref(got);
	assert_answer(fd, "/help,/braidcap/info", "{\"/help\":{\"/braidcap/info\":\"The capture: version, state, totals\"}}");
	got = ask(fd, "/info");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(got, "/info"), "pid")), getpid());
	json_decref(got);
	close(fd);
	bc_tel_server_free(s);
}

static void a_long_request_is_cut(void **state)
{
	struct bc_tel_server *s = serve();
	char request[4000] = "/echo,";
	int fd = greeted();
	json_t *got;

	memset(request + 6, 'x', sizeof(request) - 7);
	got = ask(fd, request);
	assert_int_equal(json_string_length(json_object_get(json_object_get(got, "/echo"), "param")), 1023 - 6);
	json_decref(got);
	close(fd);
	bc_tel_server_free(s);
}

static void clients_do_not_wait_for_each_other(void **state)
{
	struct bc_tel_server *s = serve();
	int slow = greeted(), fast = greeted();

	assert_int_equal(send(slow, "/wait", 5, 0), 5);
	while (!atomic_load(&waiting))
		usleep(1000);
	assert_answer(fast, "/go", "{\"/go\":{}}");
	json_decref(hear(slow));
	close(slow);
	close(fast);
	bc_tel_server_free(s);
}

static void one_client_too_many_is_sent_away(void **state)
{
	struct bc_tel_server *s = serve();
	int fd[CLIENTS_MAX], more;

	for (int i = 0; i < CLIENTS_MAX; i++)
		fd[i] = greeted();
	more = dial();
	assert_null(hear(more));
	close(more);
	assert_answer(fd[9], "/echo", "{\"/echo\":{\"param\":\"none\"}}");
	/* As soon as the server has seen one go another may come. */
	close(fd[0]);
	for (bool in = false; !in; close(more)) {
		json_t *hello;

		more = dial();
		hello = hear(more);
		in = hello != NULL;
		json_decref(hello);
	}
	for (int i = 1; i < CLIENTS_MAX; i++)
		close(fd[i]);
	bc_tel_server_free(s);
}

static void who_comes_early_is_served_later(void **state)
{
	struct bc_tel_server *s;
	struct bc_err err = { "" };
	int fd;

	unlink("dpdk_telemetry.v2");
	assert_int_equal(bc_tel_server_new(folder, &s, &err), 0);
	fd = dial();
	assert_int_equal(send(fd, "/echo", 5, 0), 5);
	assert_int_equal(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 20), 0);
	assert_int_equal(bc_tel_server_start(s, answer, "ctx", &err), 0);
	json_decref(hear(fd));
	json_decref(hear(fd));
	close(fd);
	bc_tel_server_free(s);
}

static void at_the_end_clients_are_sent_away(void **state)
{
	struct bc_tel_server *s = serve();
	int fd = greeted(), asking = greeted();

	assert_int_equal(send(asking, "/echo", 5, 0), 5);
	bc_tel_server_free(s);
	assert_null(hear(fd));
	close(fd);
	close(asking);
}

static void a_socket_that_is_there_is_not_replaced(void **state)
{
	struct bc_tel_server *s = serve(), *second;
	struct bc_err err = { "" };

	assert_int_equal(bc_tel_server_new(folder, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "dpdk_telemetry.v2"));
	bc_tel_server_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_greeted),
		cmocka_unit_test(a_command_and_its_parameter_arrive),
		cmocka_unit_test(what_is_no_command_is_answered_null),
		cmocka_unit_test(the_commands_can_be_listed),
		cmocka_unit_test(a_long_request_is_cut),
		cmocka_unit_test(clients_do_not_wait_for_each_other),
		cmocka_unit_test(one_client_too_many_is_sent_away),
		cmocka_unit_test(who_comes_early_is_served_later),
		cmocka_unit_test(at_the_end_clients_are_sent_away),
		cmocka_unit_test(a_socket_that_is_there_is_not_replaced),
	};

	scratch_folder(folder, "bc-tel");
	if (chdir(folder))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
