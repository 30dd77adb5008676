/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tel_server.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_version.h>

#include "bc_action.h"
#include "bc_tel_command.h"
#include "bc_tel_data.h"
#include "bc_thread.h"
#include "bc_time.h"

#define CLIENTS_MAX 10
/* Before another try where there are no descriptors or threads. */
#define PAUSE_NS (10 * BC_NS_PER_MS)
/* For a client that does not read what it asked for. */
#define SEND_S 1

struct client {
	struct bc_tel_server *server;
	pthread_t thread;
	int fd;
	bool used;		/* the accepting thread's */
	_Atomic bool gone;	/* it is to be joined */
};

struct bc_tel_server {
	int fd;
	pthread_t thread;
	bool started;
	_Atomic bool ending;
	bc_tel_answer_fn answer;
	void *ctx;
	struct client client[CLIENTS_MAX];
};

static bool say(int fd, const json_t *what)
{
	char *text = json_dumps(what, JSON_COMPACT);
	bool said = text && send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0;

	free(text);
	return said;
}

static json_t *greeting(void)
{
	return json_pack("{s:s, s:i, s:i}", "version", rte_version(), "pid", (int)getpid(),
			 "max_output_len", (int)BC_TEL_REPLY_MAX);
}

static json_t *list_commands(void)
{
	json_t *list = json_pack("[s, s, s]", "/", "/help", "/info");
	const struct bc_tel_command *c;

	for (size_t i = 0; (c = bc_tel_command_at(i)); i++) {
		char path[BC_TEL_COMMAND_PATH_MAX];

		bc_tel_command_path(c, path);
		if (c->help)
			json_array_append_new(list, json_string(path));
	}
	return list;
}

static json_t *help(const char *param)
{
	const size_t len = strlen(BC_TEL_COMMAND_FOLDER);
	const struct bc_tel_command *c = NULL;

	if (param && !strncmp(param, BC_TEL_COMMAND_FOLDER, len))
		c = bc_tel_command_find(param + len);
	return c && c->help ? json_pack("{s:s}", param, c->help) : NULL;
}

static json_t *answer(const struct bc_tel_server *s, const char *cmd, const char *param)
{
	if (!strcmp(cmd, "/"))
		return list_commands();
	if (!strcmp(cmd, "/info"))
		return greeting();
	if (!strcmp(cmd, "/help"))
		return help(param);
	return s->answer(s->ctx, cmd, param);
}

static bool reply(const struct client *c, char *request)
{
	char *save, *cmd = strtok_r(request, ",", &save), *param = strtok_r(NULL, "", &save);
	json_t *what = answer(c->server, cmd ? cmd : "", param), *whole = json_object();
	bool said;

	/* A name that is no UTF-8 is none of ours. */
	json_object_set_new(whole, cmd ? cmd : "none", what ? what : json_null());
	said = say(c->fd, whole);
	json_decref(whole);
	return said;
}

static void *serve(void *arg)
{
	struct client *c = arg;
	json_t *hello = greeting();
	bool going = say(c->fd, hello);

	json_decref(hello);
	while (going) {
		char request[BC_ACTION_REQUEST_MAX + 1];
		ssize_t n = recv(c->fd, request, sizeof(request) - 1, 0);

		if (n <= 0 && errno != EINTR)
			break;
		request[n > 0 ? n : 0] = '\0';
		going = n < 0 || reply(c, request);
	}
	shutdown(c->fd, SHUT_RDWR);
	atomic_store(&c->gone, true);
	return NULL;
}

static void reap(struct client *c)
{
	pthread_join(c->thread, NULL);
	close(c->fd);
	c->used = false;
}

static struct client *free_client(struct bc_tel_server *s)
{
	struct client *found = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *c = &s->client[i];

		if (c->used && atomic_load(&c->gone))
			reap(c);
		if (!c->used)
			found = c;
	}
	return found;
}

static void take(struct bc_tel_server *s, int fd)
{
	const struct timeval limit = { .tv_sec = SEND_S };
	struct client *c = free_client(s);

	if (c) {
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		c->server = s;
		c->fd = fd;
		atomic_store(&c->gone, false);
		c->used = bc_thread_start(&c->thread, "bc-tel-client", serve, c) == 0;
	}
	if (!c || !c->used)
		close(fd);
}

static void *accept_clients(void *arg)
{
	struct bc_tel_server *s = arg;

	while (!atomic_load(&s->ending)) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			take(s, fd);
		else if (errno != EINTR && !atomic_load(&s->ending))
			nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	return NULL;
}

static int listen_in(const char *folder, int fd, struct bc_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int n = snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/" BC_TEL_SOCKET, folder);

	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		return bc_err_set(err, -ENAMETOOLONG, "the path of the control socket is too long: choose a shorter "
				  "RUNTIME_DIRECTORY");
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(fd, CLIENTS_MAX) < 0)
		return bc_err_set(err, -errno, "%s: %s", sun.sun_path, strerror(errno));
	return 0;
}

int bc_tel_server_new(const char *folder, struct bc_tel_server **ret, struct bc_err *err)
{
	struct bc_tel_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for telemetry");
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	r = s->fd < 0 ? bc_err_set(err, -errno, "no control socket (%s)", strerror(errno)) : listen_in(folder, s->fd, err);
	if (r) {
		bc_tel_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int bc_tel_server_start(struct bc_tel_server *s, bc_tel_answer_fn answer_fn, void *ctx, struct bc_err *err)
{
	int r;

	s->answer = answer_fn;
	s->ctx = ctx;
	/* Its text is made by the first call, which is not for several threads. */
	(void)rte_version();
	r = bc_thread_start(&s->thread, "bc-telemetry", accept_clients, s);
	s->started = r == 0;
	return r ? bc_err_set(err, r, "no thread for telemetry (%s)", strerror(-r)) : 0;
}

void bc_tel_server_free(struct bc_tel_server *s)
{
	if (!s)
		return;
	atomic_store(&s->ending, true);
	if (s->started) {
		shutdown(s->fd, SHUT_RDWR);
		pthread_join(s->thread, NULL);
	}
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (s->client[i].used) {
			/* It hears nothing more, but is still answered. */
			shutdown(s->client[i].fd, SHUT_RD);
			reap(&s->client[i]);
		}
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
