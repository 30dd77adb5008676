/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds that are queued: asked for, listed, removed, and their packets as a download. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_console_search.h"
#include "bc_filter.h"
#include "bc_time.h"
#include "bc_view_value.h"

static const char *const states[] = {
	[BC_JOB_QUEUED] = "queued", [BC_JOB_RUNNING] = "running", [BC_JOB_DONE] = "done", [BC_JOB_FAILED] = "failed",
};

/* Whose jobs this user may see; NULL: all. */
static const char *whose(const struct bc_request *q)
{
	return q->role == BC_ROLE_OPERATOR ? NULL : q->user;
}

static bool is_complete(const struct bc_job *j)
{
	return j->state == BC_JOB_DONE && !j->progress.stopped && !j->progress.limited && !j->progress.damaged;
}

/* All only when it has ended. */
static int percent(const struct bc_job *j)
{
	const struct bc_find_progress *p = &j->progress;
	double part = p->bytes ? 100 * (double)p->done_bytes / (double)p->bytes : 0;

	return j->state == BC_JOB_DONE ? 100 : part > 99 ? 99 : (int)part;
}

static json_t *job_of(const struct bc_job *j)
{
	const struct bc_find_progress *p = &j->progress;
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:i}", "id", j->id, "user", j->user, "state", states[j->state], "expression",
			      bc_view_string(j->expression), "asked_ns", bc_view_u64(j->asked_ns), "percent", percent(j));

	json_object_update_new(o, json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:i}", "to_read", bc_view_u64(j->to_read), "read",
					    bc_view_u64(p->read_bytes), "packets", bc_view_u64(p->packets), "bytes", bc_view_u64(j->bytes),
					    "complete", is_complete(j), "limited", p->limited, "damaged", (int)p->damaged));
	if (j->from_ns)
		json_object_set_new(o, "from_ns", bc_view_u64(j->from_ns));
	if (j->to_ns != UINT64_MAX)
		json_object_set_new(o, "to_ns", bc_view_u64(j->to_ns));
	if (j->expires_ns)
		json_object_set_new(o, "expires_ns", bc_view_u64(j->expires_ns));
	if (j->why.msg[0])
		json_object_set_new(o, "why", bc_view_string(j->why.msg));
	return o;
}

void bc_console_job_told(void *console, const char *what, const struct bc_job *job)
{
	struct bc_request q = { .ctx = console, .role = job->role };
	json_t *o = json_pack("{s:s, s:o, s:o, s:b}", "id", job->id, "packets", bc_view_u64(job->progress.packets), "bytes",
			      bc_view_u64(job->bytes), "complete", is_complete(job));

	if (job->why.msg[0])
		json_object_set_new(o, "why", bc_view_string(job->why.msg));
	memcpy(q.user, job->user, sizeof(q.user));
	memcpy(q.from, job->from, sizeof(q.from));
	bc_console_audit(&q, what, o, NULL);
}

static enum MHD_Result no_jobs(const struct bc_request *q)
{
	return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "the console was started without --jobs");
}

enum MHD_Result bc_console_jobs(const struct bc_request *q)
{
	const struct bc_console *c = q->ctx;
	struct bc_job *job = c->jobs ? calloc(BC_JOBS_MAX, sizeof(*job)) : NULL;
	json_t *list = json_array();
	uint32_t n;

	if (!c->jobs) {
		json_decref(list);
		return no_jobs(q);
	}
	n = job ? bc_jobs_list(c->jobs, whose(q), job) : 0;
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(list, job_of(&job[i]));
	free(job);
	return bc_reply_json(q, MHD_HTTP_OK, json_pack("{s:o, s:o, s:o, s:i, s:i, s:o}", "now_ns", bc_view_u64(bc_utc_ns()), "job_bytes",
						       bc_view_u64(c->cfg.job_bytes), "keep_ns", bc_view_u64(c->cfg.job_keep_ns), "most",
						       (int)BC_JOBS_MAX, "most_of_one", (int)BC_JOBS_OF_ONE, "jobs", list));
}

/* ---- added and removed ---- */

/* What was asked, by whom. 0 or a negative errno. */
static int job_from(const struct bc_request *q, const struct bc_console_search *s, struct bc_job *job)
{
	*job = (struct bc_job){ .role = q->role, .from_ns = s->cfg.from_ns, .to_ns = s->cfg.to_ns };
	memcpy(job->user, q->user, sizeof(job->user));
	memcpy(job->from, q->from, sizeof(job->from));
	memcpy(job->expression, s->expression, sizeof(job->expression));
	return bc_job_id(job->id);
}

enum MHD_Result bc_console_job_add(const struct bc_request *q)
{
	const struct bc_console *c = q->ctx;
	struct bc_console_search s;
	struct bc_job job;
	unsigned status = bc_console_search_parse(q, &s);
	int r;

	if (!c->jobs)
		return no_jobs(q);
	if (status)
		return bc_reply_error(q, status, "%s", s.err.msg);
	/* It would wait for its turn, and then fail. */
	r = bc_filter_check(s.expression, &s.err);
	if (r)
		return bc_reply_error(q, r == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", s.err.msg);
	r = job_from(q, &s, &job);
	if (!r)
		r = bc_console_search_audit(&s, "job queued", json_pack("{s:s}", "id", job.id));
	if (r)
		return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", s.err.msg);
	r = bc_jobs_add(c->jobs, &job, &s.err);
	if (!r)
		return bc_reply_json(q, MHD_HTTP_OK, json_pack("{s:s}", "id", job.id));
	bc_console_audit(q, "job refused", json_pack("{s:s, s:s}", "id", job.id, "why", s.err.msg), NULL);
	return bc_reply_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", s.err.msg);
}

enum MHD_Result bc_console_job_remove(const struct bc_request *q)
{
	const char *id = json_string_value(json_object_get(q->body, "id"));
	const struct bc_console *c = q->ctx;
	struct bc_err err;

	if (!c->jobs)
		return no_jobs(q);
	if (!id)
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "id is that of a job");
	if (bc_console_audit(q, "job removed", json_pack("{s:s}", "id", id), &err))
		return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", err.msg);
	if (bc_jobs_remove(c->jobs, id, whose(q)))
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "there is no such job");
	return bc_reply_json(q, MHD_HTTP_OK, json_pack("{s:s}", "id", id));
}

/* ---- the packets ---- */

struct file {
	struct bc_request who;		/* for the audit log, when the request is over */
	char id[BC_JOB_ID_MAX];
	int fd;
	uint64_t bytes, sent;
};

static ssize_t next_bytes(void *ctx, char *buf, size_t size)
{
	struct file *f = ctx;
	ssize_t n = f->sent < f->bytes ? pread(f->fd, buf, size, (off_t)f->sent) : 0;

	if (n > 0)
		f->sent += (uint64_t)n;
	return n > 0 ? n : f->sent == f->bytes ? -1 : -2;
}

static void end_file(void *ctx)
{
	struct file *f = ctx;

	close(f->fd);
	bc_console_audit(&f->who, "job fetch ended", json_pack("{s:s, s:o, s:b}", "id", f->id, "bytes", bc_view_u64(f->sent), "complete",
							   f->sent == f->bytes), NULL);
	free(f);
}

static enum MHD_Result send_file(const struct bc_request *q, const char *id, int fd, uint64_t bytes)
{
	struct file *f = calloc(1, sizeof(*f));
	char name[64];

	if (!f) {
		close(fd);
		return MHD_NO;
	}
	f->who = *q;
	f->fd = fd;
	f->bytes = bytes;
	snprintf(f->id, sizeof(f->id), "%s", id);
	snprintf(name, sizeof(name), "braidcap-%.8s.pcapng", id);
	return bc_reply_stream(q, &(struct bc_reply_stream){
		.next = next_bytes, .done = end_file, .ctx = f, .type = "application/x-pcapng", .name = name, .size = bytes,
	});
}

enum MHD_Result bc_console_job_packets(const struct bc_request *q)
{
	const char *id = bc_request_arg(q, "id");
	const struct bc_console *c = q->ctx;
	uint64_t bytes;
	struct bc_err err;
	int fd;

	if (!c->jobs)
		return no_jobs(q);
	fd = id ? bc_jobs_open(c->jobs, id, whose(q), &bytes) : -ENOENT;
	if (fd == -EAGAIN)
		return bc_reply_error(q, MHD_HTTP_CONFLICT, "the job has no packets yet, or has failed");
	if (fd < 0)
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "there is no such job");
	if (!bc_console_audit(q, "job fetch", json_pack("{s:s}", "id", id), &err))
		return send_file(q, id, fd, bytes);
	close(fd);
	return bc_reply_error(q, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", err.msg);
}
