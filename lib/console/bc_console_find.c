/* SPDX-License-Identifier: BSD-3-Clause */
/* What a search would read, its packets as a download, and the flows that an index has. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_console_search.h"
#include "bc_find_flows.h"
#include "bc_flows_print.h"
#include "bc_number.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_view_value.h"

#define WAIT_MS 200
#define PIPE_BYTES (1024 * 1024)
#define TOP_MOST 1000

static unsigned status_of(int r)
{
	return r == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- the estimate ---- */

struct estimate {
	struct bc_console_search search;
	struct bc_find *find;
	struct bc_find_sums sums;
	int result;
};

static void *explain(void *arg)
{
	struct estimate *e = arg;

	bc_thread_give_way();
	e->result = bc_find_explain(e->find, NULL, NULL, &e->sums, &e->search.err);
	return NULL;
}

static void stop_explaining(void *arg)
{
	bc_find_stop(((struct estimate *)arg)->find);
}

static json_t *sums_of(const struct bc_find_sums *s)
{
	uint64_t bytes = 0, segments = 0;

	for (int i = 0; i < BC_FIND_WAYS; i++) {
		bytes += s->bytes[i];
		segments += s->segments[i];
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "segments", bc_view_u64(segments), "bytes", bc_view_u64(bytes), "to_read",
			 bc_view_u64(s->to_read), "read_whole", bc_view_u64(s->segments[BC_FIND_WHOLE]), "read_blocks",
			 bc_view_u64(s->segments[BC_FIND_BLOCKS]), "flows", bc_view_u64(s->rows), "flows_wanted", bc_view_u64(s->rows_wanted), "blocks",
			 bc_view_u64(s->blocks), "blocks_wanted", bc_view_u64(s->blocks_wanted));
}

enum MHD_Result bc_console_estimate(const struct bc_request *q)
{
	struct estimate e = { .find = NULL };
	unsigned status = bc_console_search_begin(q, &e.search);

	if (status)
		return bc_reply_error(q, status, "%s", e.search.err.msg);
	e.search.cfg.dest.kind = BC_STORE_NULL;
	e.result = bc_console_search_audit(&e.search, "estimate", NULL);
	if (!e.result)
		e.result = bc_find_new(&e.search.cfg, &e.find, &e.search.err);
	if (!e.result && bc_console_search_run(q, explain, stop_explaining, &e))
		e.result = bc_err_set(&e.search.err, -EAGAIN, "no thread for the search");
	bc_find_free(e.find);
	bc_console_search_end(&e.search);
	if (e.result)
		return bc_reply_error(q, status_of(e.result), "%s", e.search.err.msg);
	return bc_reply_json(q, MHD_HTTP_OK, sums_of(&e.sums));
}

/* ---- the packets ---- */

/* The search's thread writes into a pipe, the connection's reads from it. */
struct download {
	struct bc_console_search search;
	struct bc_request who;		/* for the audit log, when the request is over */
	struct bc_find *find;
	pthread_t thread;
	int in, out;
	char dest[32];
	bool joined;
	int result;			/* of the search, once it is joined */
	uint64_t sent;
};

static void *find_packets(void *arg)
{
	struct download *d = arg;

	bc_thread_give_way();
	d->result = bc_find_run(d->find, &d->search.err);
	close(d->out);
	return NULL;
}

static void join(struct download *d)
{
	if (!d->joined)
		pthread_join(d->thread, NULL);
	d->joined = true;
}

/* -1: all was read; 0: nothing yet. */
static ssize_t read_some(struct download *d, char *buf, size_t size)
{
	struct pollfd p = { .fd = d->in, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) <= 0)
		return 0;
	n = read(d->in, buf, size);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	return n ? n : -1;
}

static ssize_t next_packets(void *ctx, char *buf, size_t size)
{
	struct download *d = ctx;
	ssize_t n = read_some(d, buf, size);

	if (n != -1) {
		d->sent += (size_t)n;
		return n || !bc_request_gone(&d->who) ? n : -2;
	}
	join(d);
	/* What is not complete must not look so. */
	return d->result ? -2 : -1;
}

static void end_download(void *ctx)
{
	struct download *d = ctx;
	struct bc_find_progress p;

	close(d->in);
	if (!d->joined)
		bc_find_cancel(d->find);
	join(d);
	bc_find_get_progress(d->find, &p);
	bc_find_free(d->find);
	d->search.q = &d->who;
	bc_console_search_audit(&d->search, "find ended", json_pack("{s:o, s:o, s:b}", "packets", bc_view_u64(p.packets), "bytes", bc_view_u64(d->sent),
								   "complete", !d->result && !p.stopped));
	bc_console_search_end(&d->search);
	free(d);
}

static int limit(const struct bc_request *q, const char *name, uint64_t *ret, struct bc_err *err)
{
	const char *text = bc_request_arg(q, name);

	return text && *text ? bc_parse_u64(name, text, 1, UINT64_MAX, ret, err) : 0;
}

/* 0, or the status of a refusal with a line in d->search.err. d->search has begun. */
static unsigned start_download(const struct bc_request *q, struct download *d)
{
	struct bc_err *err = &d->search.err;
	int ends[2], r;

	if (limit(q, "limit_packets", &d->search.cfg.limit_packets, err) || limit(q, "limit_bytes", &d->search.cfg.limit_bytes, err))
		return MHD_HTTP_BAD_REQUEST;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		bc_err_set(err, -errno, "no pipe (%s)", strerror(errno));
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
	d->in = ends[0];
	d->out = ends[1];
	fcntl(d->in, F_SETPIPE_SZ, PIPE_BYTES);
	snprintf(d->dest, sizeof(d->dest), "/dev/fd/%d", d->out);
	d->search.cfg.dest = (struct bc_find_dest){ .kind = BC_STORE_FD, .path = d->dest, .format = BC_FORMAT_PCAPNG, .codec = BC_CODEC_NONE };
	r = bc_console_search_audit(&d->search, "find", NULL);
	if (!r)
		r = bc_find_new(&d->search.cfg, &d->find, err);
	if (!r && bc_thread_start(&d->thread, "bc-search", find_packets, d)) {
		bc_find_free(d->find);
		r = bc_err_set(err, -EAGAIN, "no thread for the search");
	}
	if (r) {
		close(d->in);
		close(d->out);
	}
	return r ? MHD_HTTP_INTERNAL_SERVER_ERROR : 0;
}

/* Until there is something to send, or it has ended without. */
static bool has_something(const struct bc_request *q, struct download *d)
{
	struct pollfd p = { .fd = d->in, .events = POLLIN };

	while (!bc_http_over(q->http) && !bc_request_gone(q))
		if (poll(&p, 1, WAIT_MS) > 0)
			return p.revents & POLLIN;
	return false;
}

static enum MHD_Result send_download(const struct bc_request *q, struct download *d)
{
	char name[64];
	enum MHD_Result r;

	if (has_something(q, d)) {
		snprintf(name, sizeof(name), "braidcap-%llu.pcapng", (unsigned long long)(bc_utc_ns() / BC_NS_PER_S));
		return bc_reply_stream(q, &(struct bc_reply_stream){ .next = next_packets, .done = end_download, .ctx = d,
								     .type = "application/x-pcapng", .name = name });
	}
	bc_find_cancel(d->find);
	join(d);
	r = bc_reply_error(q, status_of(d->result), "%s", d->result ? d->search.err.msg : "the console stops");
	end_download(d);
	return r;
}

enum MHD_Result bc_console_packets(const struct bc_request *q)
{
	struct download *d = calloc(1, sizeof(*d));
	enum MHD_Result r;
	unsigned status;

	if (!d)
		return MHD_NO;
	status = bc_console_search_begin(q, &d->search);
	/* Both point into what they stand in. */
	d->who = *q;
	if (!status) {
		status = start_download(q, d);
		if (status)
			bc_console_search_end(&d->search);
	}
	if (!status)
		return send_download(q, d);
	r = bc_reply_error(q, status, "%s", d->search.err.msg);
	free(d);
	return r;
}

/* ---- flows ---- */

struct flows {
	struct bc_console_search search;
	enum bc_flows_by by;
	enum bc_flows_order order;
	uint64_t top;
	_Atomic bool stop;
	struct bc_find_extent extent;
	char *text;		/* a JSON array without its brackets; a comma behind each */
	size_t len;
	int result;
};

static void print_flows(struct flows *f, struct bc_flows *flows)
{
	const struct bc_flows_look look = { .by = f->by, .form = BC_FLOWS_JSON };
	uint32_t n;
	const struct bc_flow *sorted = bc_flows_sorted(flows, f->order, &n);
	FILE *out = open_memstream(&f->text, &f->len);

	if (!out)
		return;
	bc_flows_print(out, sorted, n < f->top ? n : (uint32_t)f->top, &look, NULL);
	if (fclose(out))
		return;
	for (size_t i = 0; i < f->len; i++)
		if (f->text[i] == '\n')
			f->text[i] = ',';
}

static void *add_up(void *arg)
{
	struct flows *f = arg;
	const struct bc_find_config *c = &f->search.cfg;
	const struct bc_find_flows_config cfg = {
		.expression = c->expression, .paths = c->paths, .n_paths = c->n_paths, .from_ns = c->from_ns, .to_ns = c->to_ns,
		.depot = c->depot, .log = c->log, .stop = &f->stop,
	};
	struct bc_flows *flows = bc_flows_new(f->by);

	bc_thread_give_way();
	f->result = flows ? bc_find_flows(&cfg, flows, &f->extent, &f->search.err) : bc_err_set(&f->search.err, -ENOMEM, "no memory");
	if (!f->result)
		print_flows(f, flows);
	bc_flows_free(flows);
	return NULL;
}

static void stop_adding(void *arg)
{
	struct flows *f = arg;

	f->stop = true;
	bc_depot_stop(f->search.cfg.depot);
}

/* The place of the argument's word among words; 0 without it. -EINVAL with a line in err. */
static int word(const struct bc_request *q, const char *name, const char *const *words, int n, struct bc_err *err)
{
	const char *text = bc_request_arg(q, name);

	for (int i = 0; i < n; i++)
		if (!text || !strcmp(text, words[i]))
			return i;
	return bc_err_set(err, -EINVAL, "%s: '%.40s' is unknown", name, text);
}

static int take_arguments(const struct bc_request *q, struct flows *f)
{
	static const char *const by[] = { "flow", "host", "port", "network" };
	static const char *const order[] = { "bytes", "packets", "duration" };
	const char *top = bc_request_arg(q, "top");
	struct bc_err *err = &f->search.err;
	int b = word(q, "by", by, BC_FLOWS_BYS, err), o = b < 0 ? b : word(q, "sort", order, BC_FLOWS_ORDERS, err);

	if (o < 0)
		return o;
	f->by = (enum bc_flows_by)b;
	f->order = (enum bc_flows_order)o;
	f->top = 20;
	return top ? bc_parse_u64("top", top, 1, TOP_MOST, &f->top, err) : 0;
}

static enum MHD_Result send_flows(const struct bc_request *q, const struct flows *f)
{
	char *body;
	int n = asprintf(&body, "{\"segments\":%u,\"without\":%u,\"flows\":[%.*s]}", f->extent.segments, f->extent.without,
			 (int)(f->len ? f->len - 1 : 0), f->text);
	enum MHD_Result r;

	if (n < 0)
		return MHD_NO;
	r = bc_reply(q, MHD_HTTP_OK, "application/json", body, (size_t)n);
	free(body);
	return r;
}

/* f->search has begun. */
static enum MHD_Result answer_flows(const struct bc_request *q, struct flows *f)
{
	enum MHD_Result r;

	f->result = take_arguments(q, f);
	if (!f->result)
		f->result = bc_console_search_audit(&f->search, "flows", NULL);
	if (!f->result && bc_console_search_run(q, add_up, stop_adding, f))
		f->result = bc_err_set(&f->search.err, -EAGAIN, "no thread for the search");
	if (f->result || !f->text)
		r = bc_reply_error(q, status_of(f->result), "%s", f->result ? f->search.err.msg : "no memory");
	else
		r = send_flows(q, f);
	free(f->text);
	return r;
}

enum MHD_Result bc_console_flows(const struct bc_request *q)
{
	struct flows f = { .text = NULL };
	unsigned status = bc_console_search_begin(q, &f.search);
	struct bc_console *c = q->ctx;
	enum MHD_Result r;

	if (status)
		return bc_reply_error(q, status, "%s", f.search.err.msg);
	if (!atomic_fetch_add(&c->adding, 1))
		r = answer_flows(q, &f);
	else
		r = bc_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "flows are being added up for somebody: try again when that has ended");
	atomic_fetch_sub(&c->adding, 1);
	bc_console_search_end(&f.search);
	return r;
}
