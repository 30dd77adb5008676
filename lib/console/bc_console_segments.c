/* SPDX-License-Identifier: BSD-3-Clause */
/* The segments of the store: listed, verified, held. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_console_search.h"
#include "bc_depot.h"
#include "bc_number.h"
#include "bc_segname.h"
#include "bc_thread.h"
#include "bc_verify.h"
#include "bc_view_value.h"

#define LIST_DEFAULT 100
#define LIST_MOST 1000

/* The mark's path; false: it is too long, or no local file's. */
static bool mark_of(const char *path, char mark[4096])
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char hold[BC_SEGNAME_MAX];
	int n;

	if (bc_depot_is_name(path) || bc_segname_hold(hold, name))
		return false;
	n = snprintf(mark, 4096, "%.*s%s", (int)(name - path), path, hold);
	return n > 0 && n < 4096;
}

static bool is_held(const char *path)
{
	char mark[4096];

	return mark_of(path, mark) && access(mark, F_OK) == 0;
}

/* NULL: its path is no text; it is not listed. */
static json_t *segment_of(const struct bc_catalogue_segment *s)
{
	json_t *path = json_string(s->path), *o;
	char first[24];

	if (!path)
		return NULL;
	snprintf(first, sizeof(first), "%llu", (unsigned long long)s->first_ns);
	o = json_pack("{s:o, s:I, s:I, s:s, s:b, s:b, s:b}", "path", path, "bytes", (json_int_t)s->bytes, "first_ns", (json_int_t)s->first_ns,
		      "first_ns_text", first,	/* JavaScript's numbers are not that exact */
		      "indexed", s->indexed, "held", is_held(s->path), "local", !bc_depot_is_name(s->path));
	if (s->indexed) {
		json_object_set_new(o, "last_ns", json_integer((json_int_t)s->max_ns));
		json_object_set_new(o, "packets", json_integer((json_int_t)s->packets));
	}
	return o;
}

/* Arguments: before_ns, at which to go on; limit, beyond which those of one time go on: the next page begins before it. */
enum MHD_Result bc_console_segments(const struct bc_request *q)
{
	const char *before_text = bc_request_arg(q, "before_ns"), *limit_text = bc_request_arg(q, "limit");
	uint64_t before_ns = UINT64_MAX, most = LIST_DEFAULT, last_ns = 0;
	const struct bc_catalogue_state *s;
	struct bc_console *c = q->ctx;
	json_t *list;
	struct bc_err err;

	if ((before_text && bc_parse_u64("before_ns", before_text, 0, UINT64_MAX, &before_ns, &err)) ||
	    (limit_text && bc_parse_u64("limit", limit_text, 1, LIST_MOST, &most, &err)))
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "%s", err.msg);
	if (!c->catalogue)
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "the console was started without paths");
	s = bc_catalogue_get(c->catalogue);
	list = json_array();
	for (uint32_t i = s ? s->n : 0; i && !(json_array_size(list) >= most && s->segment[i - 1].first_ns < last_ns); i--)
		if (s->segment[i - 1].first_ns < before_ns) {
			last_ns = s->segment[i - 1].first_ns;
			json_array_append_new(list, segment_of(&s->segment[i - 1]));
		}
	list = json_pack("{s:b, s:I, s:o}", "known", s != NULL, "all", (json_int_t)(s ? s->n : 0), "segments", list);
	bc_catalogue_put(c->catalogue, s);
	return bc_reply_json(q, MHD_HTTP_OK, list);
}

/* Is it one of the store's? Nothing else is ever opened. */
static bool is_known(struct bc_console *c, const char *path)
{
	const struct bc_catalogue_state *s = path && c->catalogue ? bc_catalogue_get(c->catalogue) : NULL;
	bool found = false;

	for (uint32_t i = 0; s && !found && i < s->n; i++)
		found = !strcmp(s->segment[i].path, path);
	if (c->catalogue)
		bc_catalogue_put(c->catalogue, s);
	return found;
}

struct verify {
	const char *path;
	struct bc_scan scan;
	struct bc_err err;
	int result;
};

static void *verify(void *arg)
{
	struct verify *v = arg;

	bc_thread_give_way();
	v->result = bc_verify(v->path, &v->scan, &v->err);
	return NULL;
}

enum MHD_Result bc_console_verify(const struct bc_request *q)
{
	struct verify v = { .path = json_string_value(json_object_get(q->body, "path")) };
	struct bc_console *c = q->ctx;
	json_t *o;

	if (!is_known(c, v.path) || bc_depot_is_name(v.path))
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "no local segment of that name");
	if (bc_console_audit(q, "verify", json_pack("{s:s}", "path", v.path), &v.err))
		return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", v.err.msg);
	if (atomic_fetch_add(&c->searches, 1) >= BC_CONSOLE_SEARCHES || bc_console_search_run(q, verify, NULL, &v)) {
		atomic_fetch_sub(&c->searches, 1);
		return bc_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "%d searches are running: try again when one has ended",
				      BC_CONSOLE_SEARCHES);
	}
	atomic_fetch_sub(&c->searches, 1);
	o = json_pack("{s:s, s:b, s:I, s:I}", "path", v.path, "whole", !v.result, "packets", (json_int_t)v.scan.records, "backwards",
		      (json_int_t)v.scan.backwards);
	if (v.result)
		json_object_set_new(o, "why", bc_view_string(v.err.msg));
	return bc_reply_json(q, MHD_HTTP_OK, o);
}

/* Not through a link, and not over what is there. */
static int set_mark(const char *mark, bool hold)
{
	int fd;

	if (!hold)
		return unlink(mark) < 0 && errno != ENOENT ? -errno : 0;
	fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

enum MHD_Result bc_console_hold(const struct bc_request *q)
{
	const char *path = json_string_value(json_object_get(q->body, "path"));
	const json_t *hold = json_object_get(q->body, "hold");
	char mark[4096];
	struct bc_err err;
	int r;

	if (!json_is_boolean(hold))
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "hold is true or false");
	if (!is_known(q->ctx, path) || !mark_of(path, mark))
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "no local segment of that name");
	if (bc_console_audit(q, json_is_true(hold) ? "hold" : "release", json_pack("{s:s}", "path", path), &err))
		return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", err.msg);
	r = set_mark(mark, json_is_true(hold));
	if (r)
		return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s: %s", mark, strerror(-r));
	return bc_reply_json(q, MHD_HTTP_OK, json_pack("{s:s, s:b}", "path", path, "held", json_is_true(hold)));
}
