/* SPDX-License-Identifier: BSD-3-Clause */
/* The telemetry commands, asked over DPDK's own socket. */
#include "capture_fixture.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>

#include "bc_ctl_client.h"
#include "bc_tel_data.h"
#include "bc_telemetry.h"
#include "bc_view.h"
#include "scratch.h"
#include "slow_compile.h"

static char prefix[32];
static char server_folder[128];	/* of a server of our own; "": the socket is EAL's */

/* A capture on the socket, a thread that does what is asked, and a client. */
struct scene {
	struct fixture *f;
	struct bc_telemetry *t;
	struct bc_stage stage;
	struct bc_stage *stages[1];
	struct bc_lcore lcore;
	_Atomic bool end;
	bool has_control;
	pthread_t control;
	struct bc_group group;
	int fd;
};

static void *control_loop(void *arg)
{
	struct scene *s = arg;

	while (!s->end) {
		bc_telemetry_run_actions(s->t);
		usleep(1000);
	}
	return NULL;
}

static struct bc_tel_server *new_server(void)
{
	struct bc_tel_server *server = NULL;
	char path[160];

	if (!server_folder[0])
		return NULL;
	snprintf(path, sizeof(path), "%s/" BC_TEL_SOCKET, server_folder);
	unlink(path);
	assert_int_equal(bc_tel_server_new(server_folder, &server, NULL), 0);
	return server;
}

static struct scene *scene_new(uint32_t n_sources, uint32_t n_outputs, bool control)
{
	struct scene *s = fixture_object(sizeof(*s));
	struct bc_err err;

	s->f = fixture_new(n_sources, n_outputs);
	s->group = (struct bc_group){ .pipeline = &s->f->p, .n = 1 };
	strcpy(s->stage.name, "merge");
	s->stages[0] = &s->stage;
	s->lcore.n_stages = 1;
	s->lcore.stage = s->stages;
	assert_int_equal(bc_telemetry_new(&(struct bc_telemetry_config){ &s->group, &s->lcore, 1, new_server() }, &s->t, &err), 0);
	s->has_control = control;
	if (control)
		assert_int_equal(pthread_create(&s->control, NULL, control_loop, s), 0);
	s->fd = bc_ctl_connect(prefix, &err);
	assert_true(s->fd >= 0);
	return s;
}

static void scene_free(struct scene *s)
{
	s->end = true;
	if (s->has_control)
		pthread_join(s->control, NULL);
	bc_telemetry_free(s->t);
	close(s->fd);
	fixture_free(s->f);
	free(s);
}

/* The answer, which must not be an error. */
static json_t *ask(const struct scene *s, const char *command, const char *param)
{
	struct bc_err err = { "" };
	json_t *answer = NULL;

	if (bc_ctl_ask(s->fd, command, param, &answer, &err))
		fail_msg("%s: %s", command, err.msg);
	return answer;
}

/* The answer must be an error with these words. */
static void refused(const struct scene *s, const char *command, const char *param, const char *words)
{
	struct bc_err err = { "" };
	json_t *answer = NULL;

	assert_int_equal(bc_ctl_ask(s->fd, command, param, &answer, &err), -EREMOTEIO);
	if (!strstr(err.msg, words))
		fail_msg("%s: \"%s\" is not in \"%s\"", command, words, err.msg);
}

static json_int_t number(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static void every_view_answers(void **state)
{
	static const char *const views[] = { "info", "sources", "outputs", "lcores", "ledger", "clock", "segments", "filter" };
	struct scene *s = scene_new(2, 1, false);

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		char command[64];
		json_t *answer;

		snprintf(command, sizeof(command), "/braidcap/%s", views[i]);
		answer = ask(s, command, NULL);
		assert_true(json_array_size(answer) || json_object_size(answer));
		json_decref(answer);
	}
	scene_free(s);
}

static void ledger_arrives_as_it_is(void **state)
{
	struct scene *s = scene_new(2, 2, false);
	json_t *sent, *got;

	fixture_packets(s->f, 0, 3, WRITTEN);
	fixture_packets(s->f, 1, 2, BC_LOSS_LINK_FULL);
	sent = bc_view_ledger(&s->group);
	got = ask(s, "/braidcap/ledger", NULL);
	assert_true(json_equal(sent, got));
	json_decref(sent);
	json_decref(got);
	scene_free(s);
}

static void one_source_is_shown_by_number(void **state)
{
	struct scene *s = scene_new(3, 1, false);
	json_t *one = ask(s, "/braidcap/sources", "2");

	assert_string_equal(json_string_value(json_object_get(one, "name")), "pcap:eth2");
	json_decref(one);
	scene_free(s);
}

static void bad_numbers_are_refused(void **state)
{
	static const char *const bad[] = { "3", "-1", "x", "99999999999999999999", "0,0", " 1", "1 " };
	struct scene *s = scene_new(3, 1, false);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(s, "/braidcap/sources", bad[i], "the number of a source");
	scene_free(s);
}

static void too_many_sources_are_asked_one_by_one(void **state)
{
	struct scene *s = scene_new(200, 1, false);
	struct bc_err err;
	json_t *all;

	refused(s, "/braidcap/sources", NULL, "ask /braidcap/sources,N");
	refused(s, "/braidcap/ledger", NULL, "/braidcap/sources,N");
	assert_int_equal(bc_ctl_ask_list(s->fd, "/braidcap/sources", 200, &all, &err), 0);
	assert_int_equal(json_array_size(all), 200);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 199), "name")), "pcap:eth199");
	json_decref(all);
	scene_free(s);
}

/* Give the sources names of so many letters in all. */
static void name_sources(struct bc_ledger *l, size_t letters)
{
	for (uint32_t i = 0; i < l->n_sources; i++) {
		size_t len = letters < 120 ? letters : 120;

		memset(l->source[i].name, 'x', len);
		l->source[i].name[len] = '\0';
		letters -= len;
	}
}

/* Up to the largest reply, byte by byte: DPDK leaves out what does not fit, and does not say so. */
static void what_is_not_refused_arrives_whole(void **state)
{
	struct scene *s = scene_new(80, 1, false);
	size_t bytes = 0;
	int r = 0;

	for (size_t letters = 0; !r; letters += bytes < 15900 ? 100 : 1) {
		json_t *sent, *got = NULL;

		name_sources(s->f->p->ledger, letters);
		sent = bc_view_ledger(&s->group);
		bytes = json_dumpb(sent, NULL, 0, JSON_COMPACT);
		r = bc_ctl_ask(s->fd, "/braidcap/ledger", NULL, &got, NULL);
		assert_true(r || json_equal(sent, got));
		json_decref(sent);
		json_decref(got);
	}
	assert_int_equal(r, -EREMOTEIO);
	/* The lists' numbers come on top of the view's bytes. */
	assert_in_range(bytes, 15800, 16384);
	scene_free(s);
}

static void segments_take_a_number_and_an_output(void **state)
{
	struct scene *s = scene_new(1, 2, false);
	json_t *a;

	for (int i = 0; i < 40; i++)
		fixture_segment(s->f, 1, "/srv/capture/x.pcapng.lz4", 1, 0);
	a = ask(s, "/braidcap/segments", NULL);
	assert_int_equal(json_array_size(json_object_get(json_array_get(a, 1), "segments")), 32);
	json_decref(a);
	a = ask(s, "/braidcap/segments", "3,1");
	assert_int_equal(json_array_size(a), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(a, 0), "segments")), 3);
	json_decref(a);
	refused(s, "/braidcap/segments", "0", "how many segments");
	refused(s, "/braidcap/segments", "123456789012345678901234567890", "how many segments");
	refused(s, "/braidcap/segments", "3,2", "the number of an output");
	refused(s, "/braidcap/segments", "3,", "the number of an output");
	scene_free(s);
}

static void too_many_segments_say_so(void **state)
{
	struct scene *s = scene_new(1, 1, false);

	for (int i = 0; i < 300; i++)
		fixture_segment(s->f, 0, "x", 1, 0);
	refused(s, "/braidcap/segments", "300", "smaller MAX");
	scene_free(s);
}

static void long_names_lose_their_middle(void **state)
{
	struct scene *s = scene_new(1, 1, false);
	char path[301];
	const char *got;
	json_t *a;

	memset(path, 'x', 300);
	path[0] = '/';
	strcpy(path + 290, "/end.lz4");
	fixture_segment(s->f, 0, path, 1, 0);
	a = ask(s, "/braidcap/segments", NULL);
	got = json_string_value(json_object_get(json_array_get(json_object_get(json_array_get(a, 0), "segments"), 0), "path"));
	assert_int_equal(strlen(got), 127);
	assert_int_equal(got[0], '/');
	assert_non_null(strchr(got, '~'));
	assert_string_equal(got + 127 - 8, "/end.lz4");
	json_decref(a);
	scene_free(s);
}

static void strange_names_arrive_escaped(void **state)
{
	struct scene *s = scene_new(1, 1, false);
	json_t *a;

	fixture_segment(s->f, 0, "/M\xc3\xa4rz/\xff\"\\\n", 1, 0);
	a = ask(s, "/braidcap/segments", NULL);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(json_array_get(a, 0), "segments"), 0),
							      "path")), "/M\\xc3\\xa4rz/\\xff\"\\\\x0a");
	json_decref(a);
	scene_free(s);
}

static void rotate_reaches_every_folder(void **state)
{
	struct scene *s = scene_new(1, 2, true);
	json_t *a;

	for (int i = 0; i < 2; i++)
		s->f->p->output[i]->chunker.segment_begun = true;
	a = ask(s, "/braidcap/rotate", NULL);
	assert_int_equal(number(a, "asked"), 2);
	assert_int_equal(number(json_array_get(json_object_get(a, "outputs"), 1), "output"), 1);
	assert_true(s->f->p->output[0]->chunker.rotate_asked);
	assert_true(s->f->p->output[1]->chunker.rotate_asked);
	json_decref(a);
	scene_free(s);
}

static void a_file_cannot_be_rotated(void **state)
{
	struct scene *s = scene_new(1, 1, true);

	s->f->cfg[0].kind = BC_DEST_FILE;
	refused(s, "/braidcap/rotate", NULL, "no output can be rotated");
	scene_free(s);
}

static void pause_and_resume_answer_the_state(void **state)
{
	struct scene *s = scene_new(1, 1, true);
	json_t *a = ask(s, "/braidcap/pause", NULL);

	assert_string_equal(json_string_value(json_object_get(a, "state")), "paused");
	assert_true(s->f->p->paused);
	json_decref(a);
	a = ask(s, "/braidcap/resume", NULL);
	assert_string_equal(json_string_value(json_object_get(a, "state")), "running");
	assert_false(s->f->p->paused);
	json_decref(a);
	scene_free(s);
}

static void stop_says_what_is_under_way(void **state)
{
	struct scene *s = scene_new(1, 1, true);
	json_t *a;

	bc_counter_add(&s->f->p->ledger->source[0].ingress.received, 4);
	a = ask(s, "/braidcap/stop", NULL);
	assert_string_equal(json_string_value(json_object_get(a, "state")), "stopping");
	assert_int_equal(number(a, "in_flight"), 4);
	assert_true(s->f->p->stopping);
	json_decref(a);
	refused(s, "/braidcap/pause", NULL, "coming to its end");
	json_decref(ask(s, "/braidcap/stop", NULL));
	scene_free(s);
}

static void filter_in_force_is_answered(void **state)
{
	struct scene *s = scene_new(1, 1, true);
	json_t *a = ask(s, "/braidcap/filter", "src host 10.0.0.7");

	assert_string_equal(json_string_value(json_object_get(a, "filter")), "src host 10.0.0.7");
	json_decref(a);
	a = ask(s, "/braidcap/filter", NULL);
	assert_string_equal(json_string_value(json_object_get(json_array_get(a, 0), "filter")), "src host 10.0.0.7");
	json_decref(a);
	a = ask(s, "/braidcap/filter", ",");
	assert_string_equal(json_string_value(json_object_get(a, "filter")), "");
	assert_null(bc_pipeline_filter(s->f->p, 0));
	json_decref(a);
	scene_free(s);
}

static void a_bad_filter_changes_nothing(void **state)
{
	struct scene *s = scene_new(1, 1, true);

	json_decref(ask(s, "/braidcap/filter", "udp"));
	refused(s, "/braidcap/filter", "tcp and and", "syntax error");
	assert_string_equal(bc_pipeline_filter(s->f->p, 0), "udp");
	scene_free(s);
}

static void *ask_for_tcp(void *scene)
{
	int fd = bc_ctl_connect(prefix, NULL);
	json_t *a = NULL;

	assert_true(fd >= 0);
	assert_int_equal(bc_ctl_ask(fd, "/braidcap/filter", "tcp", &a, NULL), 0);
	close(fd);
	return a;
}

/* Compiling can take minutes: the control thread does its other work meanwhile. */
static void orders_are_obeyed_while_a_filter_is_compiled(void **state)
{
	struct scene *s = scene_new(1, 1, true);
	uint32_t begun = compiler.begun;
	pthread_t client;
	void *a;

	compiler.slow = true;
	assert_int_equal(pthread_create(&client, NULL, ask_for_tcp, s), 0);
	while (compiler.begun == begun)
		usleep(1000);
	refused(s, "/braidcap/filter", "udp", "another filter is being compiled");
	json_decref(ask(s, "/braidcap/pause", NULL));
	assert_true(s->f->p->paused);
	assert_null(bc_pipeline_filter(s->f->p, 0));
	compiler_ends();
	pthread_join(client, &a);
	assert_string_equal(json_string_value(json_object_get(a, "filter")), "tcp");
	json_decref(a);
	scene_free(s);
}

static void filter_names_its_output(void **state)
{
	struct scene *s = scene_new(1, 2, true);

	json_decref(ask(s, "/braidcap/filter", "1,tcp"));
	assert_null(bc_pipeline_filter(s->f->p, 0));
	assert_string_equal(bc_pipeline_filter(s->f->p, 1), "tcp");
	refused(s, "/braidcap/filter", "2,tcp", "output");
	refused(s, "/braidcap/filter", "99999999999999999999,tcp", "output");
	scene_free(s);
}

static void with_several_outputs_a_filter_must_say_which(void **state)
{
	struct scene *s = scene_new(1, 2, true);

	refused(s, "/braidcap/filter", "tcp", "there are 2 outputs");
	refused(s, "/braidcap/filter", ",tcp", "there are 2 outputs");
	assert_null(bc_pipeline_filter(s->f->p, 0));
	scene_free(s);
}

static void needless_parameters_are_refused(void **state)
{
	struct scene *s = scene_new(1, 1, true);

	refused(s, "/braidcap/stop", "now", "takes no parameter");
	assert_false(s->f->p->stopping);
	refused(s, "/braidcap/info", "x", "takes no parameter");
	scene_free(s);
}

/* DPDK cuts a request after 1023 bytes: what is left of the filter would be another one. */
static void a_request_that_may_be_cut_is_refused(void **state)
{
	struct scene *s = scene_new(1, 1, true);
	char request[1100] = "/braidcap/filter,udp", reply[16384];
	ssize_t n;

	memset(request + 20, ' ', 1030);
	memcpy(request + 1050, "and tcp", 8);
	assert_int_equal(send(s->fd, request, strlen(request), 0), strlen(request));
	n = recv(s->fd, reply, sizeof(reply) - 1, 0);
	assert_true(n > 0);
	reply[n] = '\0';
	assert_non_null(strstr(reply, "at most"));
	assert_null(bc_pipeline_filter(s->f->p, 0));
	scene_free(s);
}

static void without_a_control_thread_nothing_is_done(void **state)
{
	struct scene *s = scene_new(1, 1, false);

	refused(s, "/braidcap/pause", NULL, "nothing was done");
	bc_telemetry_run_actions(s->t);
	assert_false(s->f->p->paused);
	scene_free(s);
}

static void after_the_end_there_is_no_capture(void **state)
{
	struct scene *s = scene_new(1, 1, false);

	bc_telemetry_free(s->t);
	refused(s, "/braidcap/ledger", NULL, "there is no capture");
	refused(s, "/braidcap/stop", NULL, "there is no capture");
	scene_free(s);
}

static void who_waits_is_answered_at_the_end(void **state)
{
	static const char command[] = "/braidcap/stop";
	struct scene *s = scene_new(1, 1, false);
	char answer[1024] = "";
	int unread = 0;

	assert_int_equal(send(s->fd, command, strlen(command), 0), strlen(command));
	while (ioctl(s->fd, SIOCOUTQ, &unread) == 0 && unread)
		usleep(1000);
	bc_telemetry_free(s->t);
	s->t = NULL;
	assert_true(recv(s->fd, answer, sizeof(answer) - 1, 0) > 0);
	assert_non_null(strstr(answer, "there is no capture"));
	scene_free(s);
}

static void one_capture_at_a_time(void **state)
{
	struct scene *s = scene_new(1, 1, false);
	struct bc_telemetry *t;
	struct bc_err err;

	assert_int_equal(bc_telemetry_new(&(struct bc_telemetry_config){ &s->group, NULL, 0, NULL }, &t, &err), -EBUSY);
	scene_free(s);
}

static void *ask_everything(void *arg)
{
	static const char *const commands[] = { "info", "sources", "outputs", "lcores", "ledger", "clock", "segments", "rotate",
						"pause", "resume", "filter" };
	int fd = bc_ctl_connect(prefix, NULL);

	assert_true(fd >= 0);
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
			char command[64];
			json_t *answer;
			int r;

			snprintf(command, sizeof(command), "/braidcap/%s", commands[i]);
			r = bc_ctl_ask(fd, command, i == 10 ? "tcp" : NULL, &answer, NULL);
			/* Older DPDK mixes up requests of one moment, and says so. */
			assert_true(r == 0 || r == -EREMOTEIO);
			if (!r)
				json_decref(answer);
		}
	close(fd);
	return NULL;
}

static void many_clients_get_whole_answers(void **state)
{
	struct scene *s = scene_new(4, 1, true);
	pthread_t client[8];

	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&client[i], NULL, ask_everything, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(client[i], NULL);
	scene_free(s);
}

static void assert_prepared(const char *json, const char *expected)
{
	json_t *in = json_loads(json, JSON_DECODE_ANY, NULL);
	json_t *out = bc_tel_data_prepare(in);
	char *text = out ? json_dumps(out, JSON_COMPACT) : NULL;

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(out);
	free(text);
	json_decref(out);
	json_decref(in);
}

static void lists_become_numbered_objects(void **state)
{
	assert_prepared("[{\"a\":1},2,[]]", "{\"0\":{\"a\":1},\"1\":2,\"2\":[]}");
}

static void what_telemetry_lacks_is_put_otherwise(void **state)
{
	assert_prepared("{\"a\":true,\"b\":false,\"c\":-2147483648,\"d\":-2147483649}",
			"{\"a\":1,\"b\":0,\"c\":-2147483648,\"d\":\"-2147483649\"}");
}

static void what_telemetry_cannot_carry_is_refused(void **state)
{
	assert_prepared("{\"a\":1.5}", NULL);
	assert_prepared("{\"a\":null}", NULL);
	assert_prepared("{\"a b\":1}", NULL);
	assert_prepared("{\"\":1}", NULL);
	assert_prepared("1", NULL);
	assert_prepared("[[[[[[[[[[[[[1]]]]]]]]]]]]]", NULL);
}

/* On either socket. */
static const struct CMUnitTest common[] = {
	cmocka_unit_test(every_view_answers),
	cmocka_unit_test(ledger_arrives_as_it_is),
	cmocka_unit_test(one_source_is_shown_by_number),
	cmocka_unit_test(bad_numbers_are_refused),
	cmocka_unit_test(too_many_sources_are_asked_one_by_one),
	cmocka_unit_test(what_is_not_refused_arrives_whole),
	cmocka_unit_test(segments_take_a_number_and_an_output),
	cmocka_unit_test(too_many_segments_say_so),
	cmocka_unit_test(long_names_lose_their_middle),
	cmocka_unit_test(strange_names_arrive_escaped),
	cmocka_unit_test(rotate_reaches_every_folder),
	cmocka_unit_test(a_file_cannot_be_rotated),
	cmocka_unit_test(pause_and_resume_answer_the_state),
	cmocka_unit_test(stop_says_what_is_under_way),
	cmocka_unit_test(filter_in_force_is_answered),
	cmocka_unit_test(a_bad_filter_changes_nothing),
	cmocka_unit_test(orders_are_obeyed_while_a_filter_is_compiled),
	cmocka_unit_test(filter_names_its_output),
	cmocka_unit_test(with_several_outputs_a_filter_must_say_which),
	cmocka_unit_test(needless_parameters_are_refused),
	cmocka_unit_test(a_request_that_may_be_cut_is_refused),
	cmocka_unit_test(without_a_control_thread_nothing_is_done),
	cmocka_unit_test(who_waits_is_answered_at_the_end),
	cmocka_unit_test(many_clients_get_whole_answers),
};

static int at_our_own(const char *folder)
{
	int r;

	snprintf(prefix, sizeof(prefix), "bcown%d", getpid());
	snprintf(server_folder, sizeof(server_folder), "%s/dpdk/%s", folder, prefix);
	if (mkdir(server_folder, 0700) < 0)
		return 1;
	r = cmocka_run_group_tests(common, NULL, NULL);
	server_folder[0] = '\0';
	return r;
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(lists_become_numbered_objects),
		cmocka_unit_test(what_telemetry_lacks_is_put_otherwise),
		cmocka_unit_test(what_telemetry_cannot_carry_is_refused),
	};
	const struct CMUnitTest eals[] = {
		cmocka_unit_test(after_the_end_there_is_no_capture),
		cmocka_unit_test(one_capture_at_a_time),
	};
	char folder[SCRATCH_MAX];
	char *argv[] = { "test", "--no-huge", "--no-pci", "-m", "64", "--log-level", "error", "--file-prefix", prefix, NULL };
	int r;

	snprintf(prefix, sizeof(prefix), "bctel%d", getpid());
	scratch_folder(folder, "bc-tel");
	if (setenv("RUNTIME_DIRECTORY", folder, 1) || rte_eal_init(9, argv) < 0) {
		printf("SKIP: EAL does not start here\n");
		return 77;
	}
	r = cmocka_run_group_tests(pure, NULL, NULL) + cmocka_run_group_tests(common, NULL, NULL) +
	    cmocka_run_group_tests(eals, NULL, NULL);
	rte_eal_cleanup();
	return r + at_our_own(folder);
}
