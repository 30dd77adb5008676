/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_console_search.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_thread.h"
#include "bc_time.h"
#include "bc_view_value.h"
#include "bc_when.h"

/* So often it is looked whether somebody waits for the answer. */
#define LOOK_NS (200 * BC_NS_PER_MS)

static bool take_place(struct bc_console *c)
{
	unsigned n = atomic_fetch_add(&c->searches, 1);

	if (n < BC_CONSOLE_SEARCHES)
		return true;
	atomic_fetch_sub(&c->searches, 1);
	return false;
}

/* Behind the '?', or in the body. */
static const char *argument(const struct bc_request *q, const char *name)
{
	return q->body ? json_string_value(json_object_get(q->body, name)) : bc_request_arg(q, name);
}

/* A name that is written wrong would ask for all packets. */
static int check_body(const json_t *body, struct bc_err *err)
{
	static const char *const known[] = { "expression", "from", "to", "last" };
	const char *key;
	const json_t *value;

	json_object_foreach((json_t *)body, key, value) {
		size_t k = 0;

		while (k < sizeof(known) / sizeof(known[0]) && strcmp(key, known[k]))
			k++;
		if (k == sizeof(known) / sizeof(known[0]) || !json_is_string(value))
			return bc_err_set(err, -EINVAL, "'%.40s': there are expression, from, to and last, each a text", key);
	}
	return 0;
}

unsigned bc_console_search_parse(const struct bc_request *q, struct bc_console_search *s)
{
	const char *expression = argument(q, "expression");
	struct bc_console *c = q->ctx;

	*s = (struct bc_console_search){ .q = q, .console = c, .depot_cfg = { .store = c->cfg.store, .log = c->cfg.log } };
	if (check_body(q->body, &s->err))
		return MHD_HTTP_BAD_REQUEST;
	if (expression && strlen(expression) >= sizeof(s->expression)) {
		bc_err_set(&s->err, -EINVAL, "an expression has at most %zu bytes", sizeof(s->expression) - 1);
		return MHD_HTTP_BAD_REQUEST;
	}
	snprintf(s->expression, sizeof(s->expression), "%s", expression ? expression : "");
	s->cfg = (struct bc_find_config){
		.expression = s->expression, .paths = c->cfg.paths, .n_paths = c->cfg.n_paths, .threads = 2, .log = c->cfg.log,
	};
	if (bc_when_parse_range(argument(q, "from"), argument(q, "to"), argument(q, "last"), false, bc_utc_ns(), &s->cfg.from_ns,
				&s->cfg.to_ns, &s->err))
		return MHD_HTTP_BAD_REQUEST;
	if (!c->cfg.n_paths) {
		bc_err_set(&s->err, -ENOENT, "the console was started without paths");
		return MHD_HTTP_NOT_FOUND;
	}
	return 0;
}

unsigned bc_console_search_begin(const struct bc_request *q, struct bc_console_search *s)
{
	struct bc_console *c = q->ctx;
	unsigned status = bc_console_search_parse(q, s);

	if (status)
		return status;
	if (!take_place(c)) {
		bc_err_set(&s->err, -EBUSY, "%d searches are running: try again when one has ended", BC_CONSOLE_SEARCHES);
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	s->depot_cfg.hours = true;
	if (bc_depot_new(&s->depot_cfg, &s->cfg.depot, &s->err)) {
		atomic_fetch_sub(&c->searches, 1);
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	return 0;
}

void bc_console_search_end(struct bc_console_search *s)
{
	bc_depot_free(s->cfg.depot);
	atomic_fetch_sub(&s->console->searches, 1);
}

int bc_console_search_audit(struct bc_console_search *s, const char *what, json_t *more)
{
	json_t *o = json_pack("{s:o}", "expression", bc_view_string(s->expression));

	if (s->cfg.from_ns)
		json_object_set_new(o, "from_ns", json_integer((json_int_t)s->cfg.from_ns));
	if (s->cfg.to_ns <= INT64_MAX)
		json_object_set_new(o, "to_ns", json_integer((json_int_t)s->cfg.to_ns));
	json_object_update(o, more);
	json_decref(more);
	return bc_console_audit(s->q, what, o, &s->err);
}

/* Has it ended? */
static bool join_soon(pthread_t thread)
{
	uint64_t until_ns = bc_mono_ns() + LOOK_NS;
	const struct timespec until = { .tv_sec = (time_t)(until_ns / BC_NS_PER_S), .tv_nsec = (long)(until_ns % BC_NS_PER_S) };

	return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

int bc_console_search_run(const struct bc_request *q, void *(*run)(void *arg), void (*stop)(void *arg), void *arg)
{
	pthread_t thread;
	int r = bc_thread_start(&thread, "bc-search", run, arg);

	if (r)
		return r;
	while (!join_soon(thread))
		if (stop && (bc_http_over(q->http) || bc_request_gone(q)))
			stop(arg);
	return 0;
}
