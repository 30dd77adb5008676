/* SPDX-License-Identifier: BSD-3-Clause */
/* How captures and the store are now: once, as a stream of events, and as metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bc_console_priv.h"
#include "bc_metrics.h"
#include "bc_time.h"
#include "bc_view_value.h"

#define EVENT_NS BC_NS_PER_S

static json_t *store_of(struct bc_console *c)
{
	const struct bc_catalogue_state *s = c->catalogue ? bc_catalogue_get(c->catalogue) : NULL;
	json_t *o;

	if (!s)
		return NULL;
	o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "segments", bc_view_u64(s->extent.segments), "bad", bc_view_u64(s->extent.bad),
		      "bytes", bc_view_u64(s->extent.bytes), "oldest_ns", bc_view_u64(s->extent.oldest_ns), "newest_ns", bc_view_u64(s->extent.newest_ns),
		      "day_bytes", bc_view_u64(s->extent.day_bytes), "day_ns", bc_view_u64(s->extent.day_ns), "looked_ns", bc_view_u64(s->looked_ns));
	/* Without a packet there is no oldest one. */
	if (!s->extent.segments) {
		json_object_del(o, "oldest_ns");
		json_object_del(o, "newest_ns");
	}
	bc_catalogue_put(c->catalogue, s);
	return o;
}

static json_t *disks_of(const struct bc_console *c)
{
	json_t *list = json_array();
	struct statvfs st;

	for (uint32_t i = 0; i < c->cfg.n_paths; i++)
		if (!statvfs(c->cfg.paths[i], &st))
			json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "path", bc_view_string(c->cfg.paths[i]),
							      "bytes", bc_view_u64((uint64_t)st.f_blocks * st.f_frsize),
							      "free", bc_view_u64((uint64_t)st.f_bavail * st.f_frsize)));
	return list;
}

static json_t *now_of(struct bc_console *c)
{
	return json_pack("{s:o, s:o, s:o*, s:o}", "now_ns", bc_view_u64(bc_utc_ns()), "captures", bc_ctl_watch_get(c->watch), "store", store_of(c),
			 "disks", disks_of(c));
}

enum MHD_Result bc_console_me(const struct bc_request *q)
{
	const struct bc_console *c = q->ctx;

	return bc_reply_json(q, MHD_HTTP_OK, json_pack("{s:s, s:s, s:s, s:b, s:b}", "user", q->user, "role", bc_role_name(q->role), "version",
						       BC_VERSION, "store", c->catalogue != NULL, "jobs", c->jobs != NULL));
}

enum MHD_Result bc_console_now(const struct bc_request *q)
{
	return bc_reply_json(q, MHD_HTTP_OK, now_of(q->ctx));
}

enum MHD_Result bc_console_metrics(const struct bc_request *q)
{
	json_t *now = now_of(q->ctx);
	enum MHD_Result r = MHD_NO;
	char *body = NULL;
	size_t len;
	FILE *f = open_memstream(&body, &len);

	if (f && now) {
		bc_metrics_print(f, now);
		if (!fclose(f))
			r = bc_reply(q, MHD_HTTP_OK, BC_METRICS_TYPE, body, len);
	} else if (f) {
		fclose(f);
	}
	free(body);
	json_decref(now);
	return r;
}

/* ---- server-sent events ---- */

struct events {
	struct bc_console *console;
	struct bc_http *http;
	char *text;		/* the event that is being sent */
	size_t len, sent;
	bool begun;
};

static void make_event(struct events *e)
{
	json_t *now = now_of(e->console);
	char *json = now ? json_dumps(now, JSON_COMPACT) : NULL;
	int n;

	json_decref(now);
	free(e->text);
	n = asprintf(&e->text, "%sdata: %s\n\n", e->begun ? "" : "retry: 2000\n", json ? json : "{}");
	free(json);
	if (n < 0)
		e->text = NULL;
	e->len = e->text ? (size_t)n : 0;
	e->sent = 0;
	e->begun = true;
}

static ssize_t next_event(void *ctx, char *buf, size_t size)
{
	struct events *e = ctx;
	size_t n;

	if (e->sent == e->len) {
		if (e->begun)
			bc_http_sleep(e->http, EVENT_NS);
		make_event(e);
	}
	n = e->len - e->sent < size ? e->len - e->sent : size;
	memcpy(buf, e->text + e->sent, n);
	e->sent += n;
	return (ssize_t)n;
}

static void end_events(void *ctx)
{
	struct events *e = ctx;

	free(e->text);
	free(e);
}

enum MHD_Result bc_console_events(const struct bc_request *q)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return MHD_NO;
	e->console = q->ctx;
	e->http = q->http;
	return bc_reply_stream(q, &(struct bc_reply_stream){ .next = next_event, .done = end_events, .ctx = e, .type = "text/event-stream" });
}
