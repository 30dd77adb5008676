/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_client.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "bc_runtime.h"
#include "bc_tel_server.h"
#include "bc_time.h"

#define TIMEOUT_S 5
/* DPDK sends at most 16 KiB. */
#define REPLY_MAX (64U * 1024)

int bc_ctl_check_prefix(const char *prefix, struct bc_err *err)
{
	if (!prefix[0] || strchr(prefix, '/') || prefix[0] == '.' || strlen(prefix) >= BC_CTL_PREFIX_MAX)
		return bc_err_set(err, -EINVAL, "--prefix %.80s: not a valid capture name", prefix);
	return 0;
}

/* Where the capture of that prefix has its socket: among ours or, if it is not there, among the services. */
static int place(const char *prefix, char *folder, size_t size, struct bc_err *err)
{
	const char *services = bc_runtime_services();
	char path[BC_RUNTIME_PATH_MAX + BC_CTL_PREFIX_MAX];
	int r = bc_runtime_folder(folder, size, err);

	if (!services || (!r && snprintf(path, sizeof(path), "%s/%s", folder, prefix) && access(path, F_OK) == 0))
		return r;
	snprintf(path, sizeof(path), "%s/%s", services, prefix);
	if (access(path, F_OK) < 0)
		return r;
	snprintf(folder, size, "%s", services);
	return 0;
}

static int address(const char *prefix, struct sockaddr_un *ret, struct bc_err *err)
{
	char folder[sizeof(ret->sun_path)];
	int n, r = bc_ctl_check_prefix(prefix, err);

	if (r)
		return r;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	r = place(prefix, folder, sizeof(folder), err);
	if (r)
		return r;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s/" BC_TEL_SOCKET, folder, prefix);
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return bc_err_set(err, -ENAMETOOLONG, "the path of the socket of %s is too long: choose a shorter "
				  "RUNTIME_DIRECTORY", prefix);
	return 0;
}

/* One message of at most size bytes; one that is longer is an error. */
static ssize_t receive(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, buf, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -ETIMEDOUT : -errno;
	if ((size_t)n > size)
		return -EMSGSIZE;
	return n ? n : -ECONNRESET;
}

static int socket_error(int code, struct bc_err *err)
{
	if (code == -ETIMEDOUT)
		return bc_err_set(err, code, "the capture did not answer within %d s", TIMEOUT_S);
	if (code == -ECONNRESET || code == -EPIPE)
		return bc_err_set(err, code, "the capture ended, or has too many clients");
	return bc_err_set(err, code, "cannot use the capture's reply (%s)", strerror(-code));
}

int bc_ctl_connect(const char *prefix, struct bc_err *err)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un sun;
	char hello[1024];
	ssize_t n;
	int fd, r = address(prefix, &sun, err);

	if (r)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bc_err_set(err, -errno, "no socket (%s)", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun))) {
		r = -errno;
		close(fd);
		if (r == -ECONNREFUSED)
			return bc_err_set(err, r, "no capture %s answers, but %s is left: it was killed ('braidcap recover FOLDER' completes what it was "
					  "writing), or is about to start or end", prefix, sun.sun_path);
		return bc_err_set(err, r, "no capture %s answers at %s (%s)", prefix, sun.sun_path, strerror(-r));
	}
	/* DPDK greets first. */
	n = receive(fd, hello, sizeof(hello));
	if (n < 0) {
		close(fd);
		return socket_error((int)n, err);
	}
	return fd;
}

/* Is it {"0":..,"1":..}, as telemetry says a list? */
static bool is_list(const json_t *object)
{
	size_t n = json_object_size(object);
	char key[24];

	for (size_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		if (!json_object_get(object, key))
			return false;
	}
	return n > 0;
}

/* The same with lists as arrays. Depth is limited by jansson's parser. NULL without memory. */
static json_t *with_lists(json_t *json)
{
	json_t *ret, *value;
	const char *key;

	if (!json_is_object(json))
		return json_incref(json);
	if (is_list(json)) {
		ret = json_array();
		for (size_t i = 0; i < json_object_size(json); i++) {
			char number[24];

			snprintf(number, sizeof(number), "%zu", i);
			json_array_append_new(ret, with_lists(json_object_get(json, number)));
		}
		return ret;
	}
	ret = json_object();
	json_object_foreach(json, key, value)
		json_object_set_new_nocheck(ret, key, with_lists(value));
	return ret;
}

int bc_ctl_parse(const char *reply, size_t len, const char *command, json_t **ret, struct bc_err *err)
{
	json_t *root = json_loadb(reply, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *answer = json_object_get(root, command);
	const char *status = json_string_value(json_object_get(answer, "status"));
	const char *words = json_string_value(json_object_get(answer, "error"));
	int r = 0;

	if (!answer)
		r = bc_err_set(err, -EBADMSG, "the capture's reply to %s is not an answer", command);
	else if (json_is_null(answer))
		r = bc_err_set(err, -EOPNOTSUPP, "it does not know %s: it is not braidcap, or an older version",
			       command);
	else if (!json_is_object(answer) && !json_is_array(answer))
		r = bc_err_set(err, -EBADMSG, "the capture's reply to %s is not an object", command);
	else if (status && strcmp(status, "ok"))
		r = bc_err_set(err, -EREMOTEIO, "%s", words ? words : "refused without a reason");
	else if (!(*ret = with_lists(answer)))
		r = bc_err_set(err, -ENOMEM, "no memory");
	json_decref(root);
	return r;
}

int bc_ctl_ask(int fd, const char *command, const char *param, json_t **ret, struct bc_err *err)
{
	char request[BC_CTL_REQUEST_MAX + 1];
	int len = snprintf(request, sizeof(request), "%s%s%s", command, param ? "," : "", param ? param : "");
	char *reply;
	ssize_t n;
	int r;

	/* A command that fills DPDK's buffer may have lost its end, and DPDK refuses it. */
	if (len < 0 || len >= BC_CTL_REQUEST_MAX)
		return bc_err_set(err, -E2BIG, "too long: a request has at most %d bytes, with %s", BC_CTL_REQUEST_MAX - 1,
				  command);
	if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		return socket_error(errno == EAGAIN ? -ETIMEDOUT : -errno, err);
	reply = malloc(REPLY_MAX);
	if (!reply)
		return bc_err_set(err, -ENOMEM, "no memory");
	n = receive(fd, reply, REPLY_MAX);
	r = n < 0 ? socket_error((int)n, err) : bc_ctl_parse(reply, (size_t)n, command, ret, err);
	free(reply);
	return r;
}

int bc_ctl_ask_list(int fd, const char *command, uint64_t n, json_t **ret, struct bc_err *err)
{
	json_t *list;
	int r = bc_ctl_ask(fd, command, NULL, ret, err);

	if (r != -EREMOTEIO)
		return r;
	list = json_array();
	r = 0;
	for (uint64_t i = 0; !r && i < n && i < BC_CTL_LIST_MAX; i++) {
		char number[24];
		json_t *one;

		snprintf(number, sizeof(number), "%llu", (unsigned long long)i);
		r = bc_ctl_ask(fd, command, number, &one, err);
		if (!r)
			json_array_append_new(list, one);
	}
	if (r || !n) {
		json_decref(list);
		return r ? r : -EREMOTEIO;
	}
	*ret = list;
	return 0;
}

static int ask_info(const char *prefix, json_t **ret)
{
	int r, fd = bc_ctl_connect(prefix, NULL);

	if (fd < 0)
		return fd;
	r = bc_ctl_ask(fd, "/braidcap/info", NULL, ret, NULL);
	close(fd);
	return r;
}

/* Those of a folder but what is also in the one before it. */
static void each_in(const char *folder, const char *before, void (*each)(void *ctx, const char *prefix), void *ctx)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, NULL, alphasort);

	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		char path[BC_RUNTIME_PATH_MAX + NAME_MAX + 1];

		snprintf(path, sizeof(path), "%s/%s", before, entry[i]->d_name);
		if (entry[i]->d_name[0] != '.' && (!before[0] || access(path, F_OK) < 0))
			each(ctx, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
}

void bc_ctl_each_prefix(void (*each)(void *ctx, const char *prefix), void *ctx)
{
	const char *services = bc_runtime_services();
	char folder[BC_RUNTIME_PATH_MAX] = "";

	if (bc_runtime_folder(folder, sizeof(folder), NULL))
		folder[0] = '\0';
	else
		each_in(folder, "", each, ctx);
	if (services)
		each_in(services, folder, each, ctx);
}

struct search {
	const char *start;
	struct bc_ctl_capture *found;
	uint32_t n;
};

static void look(void *ctx, const char *prefix)
{
	struct search *s = ctx;

	if (s->n < BC_CTL_MAX_CAPTURES && !strncmp(prefix, s->start, strlen(s->start)) && strlen(prefix) < BC_CTL_PREFIX_MAX &&
	    !ask_info(prefix, &s->found[s->n].info))
		snprintf(s->found[s->n++].prefix, BC_CTL_PREFIX_MAX, "%s", prefix);
}

uint32_t bc_ctl_find(const char *start, struct bc_ctl_capture *ret)
{
	struct search s = { .start = start, .found = ret };

	bc_ctl_each_prefix(look, &s);
	return s.n;
}
