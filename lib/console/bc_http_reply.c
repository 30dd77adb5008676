/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers, with the headers that all of them have. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_http_priv.h"
#include "bc_time.h"
#include "bc_view_value.h"

#define STREAMS_MAX (BC_HTTP_CONNECTIONS - 32)	/* others still get an answer */
#define STREAM_BLOCK 32768U

/* Nothing comes from elsewhere, nothing goes elsewhere, nobody puts the page into his own. */
static const struct { const char *name, *value; } every[] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Permissions-Policy", "camera=(), geolocation=(), microphone=()" },
};

const char *bc_request_arg(const struct bc_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

static void add_policy(const struct bc_request *q, struct MHD_Response *r)
{
	const char *styles = q->http->cfg->styles;
	char policy[512];

	snprintf(policy, sizeof(policy), "default-src 'none'; script-src 'self'; style-src %s; img-src 'self'; connect-src 'self'; "
		 "base-uri 'none'; form-action 'none'; frame-ancestors 'none'", styles ? styles : "'none'");
	MHD_add_response_header(r, "Content-Security-Policy", policy);
}

/* Takes r. */
static enum MHD_Result queue(const struct bc_request *q, unsigned status, struct MHD_Response *r, const char *type, const char *cache)
{
	enum MHD_Result done;

	if (!r)
		return MHD_NO;
	add_policy(q, r);
	for (size_t i = 0; i < sizeof(every) / sizeof(every[0]); i++)
		MHD_add_response_header(r, every[i].name, every[i].value);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, cache);
	if (type)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"braidcap\", charset=\"UTF-8\"");
	done = MHD_queue_response(q->connection, status, r);
	MHD_destroy_response(r);
	return done;
}

enum MHD_Result bc_reply(const struct bc_request *q, unsigned status, const char *type, const void *data, size_t len)
{
	return queue(q, status, MHD_create_response_from_buffer(len, (void *)data, MHD_RESPMEM_MUST_COPY), type, "no-store");
}

enum MHD_Result bc_reply_static(const struct bc_request *q, const char *type, const void *data, size_t len, const char *etag)
{
	const char *have = MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
	bool same = have && !strcmp(have, etag);
	struct MHD_Response *r = MHD_create_response_from_buffer(same ? 0 : len, (void *)data, MHD_RESPMEM_PERSISTENT);

	if (r)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, etag);
	return queue(q, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r, type, "no-cache");
}

enum MHD_Result bc_reply_json(const struct bc_request *q, unsigned status, json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	enum MHD_Result done;

	json_decref(json);
	if (!text)
		return MHD_NO;
	done = bc_reply(q, status, "application/json", text, strlen(text));
	free(text);
	return done;
}

enum MHD_Result bc_reply_error(const struct bc_request *q, unsigned status, const char *fmt, ...)
{
	struct bc_err err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	return bc_reply_json(q, status, json_pack("{s:o}", "error", bc_view_string(err.msg)));
}

/* ---- streams ---- */

struct stream {
	struct bc_http *http;
	struct bc_http_connection *connection;
	struct bc_reply_stream s;
};

/* When it is called again, the client has taken what it was given. */
static ssize_t more(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	ssize_t n;

	bc_http_patience(s->http, s->connection, UINT64_MAX);
	do
		n = bc_http_over(s->http) ? -2 : s->s.next(s->s.ctx, buf, max);
	while (!n);
	bc_http_patience(s->http, s->connection, BC_HTTP_PATIENCE_NS);
	return n == -1 ? MHD_CONTENT_READER_END_OF_STREAM : n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static void release(void *cls)
{
	struct stream *s = cls;

	s->s.done(s->s.ctx);
	pthread_mutex_lock(&s->http->lock);
	s->http->streams--;
	pthread_mutex_unlock(&s->http->lock);
	free(s);
}

static bool take_place(struct bc_http *h)
{
	bool ok;

	pthread_mutex_lock(&h->lock);
	ok = h->streams < STREAMS_MAX;
	h->streams += ok;
	pthread_mutex_unlock(&h->lock);
	return ok;
}

enum MHD_Result bc_reply_stream(const struct bc_request *q, const struct bc_reply_stream *s)
{
	struct stream *mine;
	struct MHD_Response *r;
	char disposition[128];

	if (!take_place(q->http)) {
		s->done(s->ctx);
		return bc_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "too many are watching: try again later");
	}
	mine = malloc(sizeof(*mine));
	if (!mine) {
		s->done(s->ctx);
		return MHD_NO;
	}
	*mine = (struct stream){ .http = q->http, .connection = bc_http_connection_of(q->connection), .s = *s };
	r = MHD_create_response_from_callback(s->size ? s->size : MHD_SIZE_UNKNOWN, STREAM_BLOCK, more, mine, release);
	if (!r)
		release(mine);
	if (r && s->name) {
		snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", s->name);
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, disposition);
	}
	return queue(q, MHD_HTTP_OK, r, s->type, "no-store");
}
