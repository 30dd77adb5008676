/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bc_counter.h"
#include "bc_object_transfer.h"
#include "bc_time.h"

#define BACK_OFF_MS 100U
#define BACK_OFF_MAX_MS 20000U
#define RETRY_AFTER_MAX_S 60U
#define RATE_MS 5		/* how often it is looked whether a paused body may go on */

struct bc_object_client {
	struct bc_object_link link;
	char *credentials, *profile;	/* as given, to be read again */
	uint32_t attempts;
	const _Atomic bool *stop;
	CURLM *multi;
	struct bc_object_transfer *waiting, **tail;	/* not before due_ns; in the order of arrival */
	struct bc_object_transfer *active;
	unsigned n_waiting, n_active, n_done;
	CURL **idle;			/* handles; as many as connections */
	unsigned n_idle;
	_Atomic bool woken;		/* any thread sets, bc_object_run() clears */
	bc_counter_t requests, retries, sent_bytes, got_bytes;	/* the client's thread writes */
};

bool bc_object_passes(int code)
{
	return code == -EAGAIN || code == -EHOSTUNREACH || code == -ECONNREFUSED || code == -ECONNRESET || code == -ETIMEDOUT || code == -ENOMEM;
}

static int find_all(struct bc_object_client *c, const struct bc_object_settings *s, struct bc_err *err)
{
	int r = bc_object_place_find(s, &c->link.place, err);

	r = r ? r : bc_credentials_find(s->credentials, s->profile, &c->link.key, err);
	if (r)
		return r;
	snprintf(c->link.where, sizeof(c->link.where), "%s://%s", c->link.place.https ? "https" : "http", c->link.place.host);
	c->credentials = s->credentials ? strdup(s->credentials) : NULL;
	c->profile = s->profile ? strdup(s->profile) : NULL;
	if ((s->credentials && !c->credentials) || (s->profile && !c->profile))
		return bc_err_set(err, -ENOMEM, "no memory for object storage");
	return 0;
}

int bc_object_client_new(const struct bc_object_config *cfg, struct bc_object_client **ret, struct bc_err *err)
{
	struct bc_object_client *c;
	int r = bc_curl_load(err);

	if (r)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for object storage");
	c->tail = &c->waiting;
	c->link.connections = cfg->connections ? cfg->connections : BC_OBJECT_CONNECTIONS;
	c->link.stall_seconds = cfg->stall_seconds ? cfg->stall_seconds : BC_OBJECT_STALL_SECONDS;
	c->link.send_rate = cfg->send_rate;
	c->stop = cfg->stop;
	c->attempts = cfg->attempts ? cfg->attempts : BC_OBJECT_ATTEMPTS;
	c->multi = curl_multi_init();
	c->idle = calloc(c->link.connections, sizeof(*c->idle));
	r = c->multi && c->idle ? find_all(c, &cfg->settings, err) : bc_err_set(err, -ENOMEM, "no memory for object storage");
	if (r) {
		bc_object_client_free(c);
		return r;
	}
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->link.connections);
	curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	*ret = c;
	return 0;
}

static void put_handle(struct bc_object_client *c, CURL *easy)
{
	if (c->n_idle < c->link.connections)
		c->idle[c->n_idle++] = easy;
	else
		curl_easy_cleanup(easy);
}

/* Off the wire; the handle is idle again. */
static void detach(struct bc_object_client *c, struct bc_object_transfer *t)
{
	struct bc_object_transfer **at = &c->active;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->next = NULL;
	c->n_active--;
	curl_multi_remove_handle(c->multi, t->easy);
	put_handle(c, t->easy);
	t->easy = NULL;
}

void bc_object_client_free(struct bc_object_client *c)
{
	struct bc_object_transfer *t;

	if (!c)
		return;
	while ((t = c->active)) {
		detach(c, t);
		bc_object_transfer_free(t);
	}
	while ((t = c->waiting)) {
		c->waiting = t->next;
		bc_object_transfer_free(t);
	}
	while (c->n_idle)
		curl_easy_cleanup(c->idle[--c->n_idle]);
	if (c->multi)
		curl_multi_cleanup(c->multi);
	bc_credentials_wipe(&c->link.key);
	free(c->idle);
	free(c->credentials);
	free(c->profile);
	free(c);
}

static void wait_in_line(struct bc_object_client *c, struct bc_object_transfer *t)
{
	t->next = NULL;
	*c->tail = t;
	c->tail = &t->next;
	c->n_waiting++;
}

int bc_object_submit(struct bc_object_client *c, const struct bc_object_request *req)
{
	struct bc_object_transfer *t;
	int r = bc_object_transfer_new(req, &t);

	if (r)
		return r;
	wait_in_line(c, t);
	return 0;
}

static void finish(struct bc_object_client *c, struct bc_object_transfer *t, const struct bc_object_answer *a)
{
	c->n_done++;
	if (t->req.done)
		t->req.done(t->req.ctx, a);
	bc_object_transfer_free(t);
}

static void fail(struct bc_object_client *c, struct bc_object_transfer *t, int code, const char *text)
{
	struct bc_err err;
	const struct bc_object_answer a = { .code = code, .error = err.msg, .etag = "", .attempts = t->attempts };

	bc_err_set(&err, code, "s3://%s/%s: %s", t->req.bucket, t->req.key ? t->req.key : "", text);
	finish(c, t, &a);
}

/* Others that have been written to the file meanwhile, or set? */
static bool other_credentials(struct bc_object_client *c)
{
	struct bc_credentials k;
	bool other;

	if (bc_credentials_find(c->credentials, c->profile, &k, NULL) != 0)
		return false;
	other = strcmp(k.id, c->link.key.id) || strcmp(k.secret, c->link.key.secret) || strcmp(k.token, c->link.key.token);
	if (other)
		c->link.key = k;
	bc_credentials_wipe(&k);
	return other;
}

static uint64_t back_off_ns(const struct bc_object_transfer *t)
{
	uint64_t ms = (uint64_t)BACK_OFF_MS << (t->attempts < 10 ? t->attempts - 1 : 9);
	uint32_t random = 0;

	if (ms > BACK_OFF_MAX_MS)
		ms = BACK_OFF_MAX_MS;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	ms = ms / 2 + random % (ms / 2 + 1);
	if (t->retry_after_s)
		ms += 1000 * (uint64_t)(t->retry_after_s < RETRY_AFTER_MAX_S ? t->retry_after_s : RETRY_AFTER_MAX_S);
	return ms * BC_NS_PER_MS;
}

static bool is_refused(int code)
{
	return code == -EKEYREJECTED || code == -EKEYEXPIRED || code == -EACCES || code == -EIO;
}

/* Once more? It then waits in line. */
static bool again(struct bc_object_client *c, struct bc_object_transfer *t, int code)
{
	if (is_refused(code) && !t->rekeyed) {
		t->rekeyed = true;
		if (!other_credentials(c))
			return false;
		t->due_ns = 0;
	} else if (bc_object_passes(code) && t->attempts < c->attempts) {
		t->due_ns = bc_mono_ns() + back_off_ns(t);
	} else {
		return false;
	}
	bc_counter_add(&c->retries, 1);
	wait_in_line(c, t);
	return true;
}

static void ended(struct bc_object_client *c, struct bc_object_transfer *t, CURLcode code)
{
	struct bc_object_answer a;
	struct bc_err err;

	bc_object_transfer_end(t, code, &a, &err);
	bc_counter_add(&c->sent_bytes, t->sent);
	bc_counter_add(&c->got_bytes, t->got);
	detach(c, t);
	if (!again(c, t, a.code))
		finish(c, t, &a);
}

static CURL *take_handle(struct bc_object_client *c)
{
	return c->n_idle ? c->idle[--c->n_idle] : curl_easy_init();
}

static void start(struct bc_object_client *c, struct bc_object_transfer *t)
{
	CURL *easy = take_handle(c);
	int r = easy ? bc_object_transfer_start(t, &c->link, easy) : -ENOMEM;

	t->attempts++;
	if (!r && curl_multi_add_handle(c->multi, easy) != CURLM_OK)
		r = -ENOMEM;
	if (r) {
		if (easy)
			put_handle(c, easy);
		t->easy = NULL;
		fail(c, t, r, strerror(-r));
		return;
	}
	t->next = c->active;
	c->active = t;
	c->n_active++;
	bc_counter_add(&c->requests, 1);
}

/* What is due, in order, as connections are free. How long until the next is due, in ms, at most wait_ms. */
static int start_due(struct bc_object_client *c, int wait_ms)
{
	const uint64_t now = bc_mono_ns();
	struct bc_object_transfer **at = &c->waiting, *t;

	while ((t = *at) && c->n_active < c->link.connections) {
		if (t->due_ns > now) {
			const uint64_t ms = (t->due_ns - now) / BC_NS_PER_MS + 1;

			if (ms < (uint64_t)wait_ms)
				wait_ms = (int)ms;
			at = &t->next;
			continue;
		}
		*at = t->next;
		if (c->tail == &t->next)
			c->tail = at;
		c->n_waiting--;
		start(c, t);
	}
	return wait_ms;
}

static struct bc_object_transfer *longest_paused(const struct bc_object_client *c)
{
	struct bc_object_transfer *longest = NULL;

	for (struct bc_object_transfer *t = c->active; t; t = t->next)
		if (t->paused_ns && (!longest || t->paused_ns < longest->paused_ns))
			longest = t;
	return longest;
}

/* Those that the rate has stopped go on in turns, no more of them than there are bytes for: none waits for ever. */
static void resume(struct bc_object_client *c)
{
	struct bc_object_transfer *t;
	uint64_t n;

	if (!c->link.send_rate)
		return;
	n = 1 + c->link.send_rate->bytes_per_s * RATE_MS / 1000 / BC_OBJECT_BUFFER;
	while (n-- && (t = longest_paused(c))) {
		t->paused_ns = 0;
		curl_easy_pause(t->easy, CURLPAUSE_CONT);
	}
}

static void reap(struct bc_object_client *c)
{
	struct bc_object_transfer *t;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left))) {
		const CURLcode code = m->data.result;
		char *private = NULL;

		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		t = (struct bc_object_transfer *)(void *)private;
		ended(c, t, code);
	}
}

/* Send and receive what is there to be sent and received. How long may be waited for more, in ms; or a negative errno. */
static int turn(struct bc_object_client *c, int wait_ms)
{
	int running, ms;

	start_due(c, 0);
	resume(c);
	if (curl_multi_perform(c->multi, &running) != CURLM_OK)
		return -EIO;
	reap(c);
	ms = start_due(c, wait_ms);
	return longest_paused(c) && ms > RATE_MS ? RATE_MS : ms;
}

int bc_object_run(struct bc_object_client *c, int wait_ms)
{
	const uint64_t until = bc_mono_ns() + (uint64_t)wait_ms * BC_NS_PER_MS;

	c->n_done = 0;
	for (;;) {
		const uint64_t now = bc_mono_ns();
		const int ms = turn(c, now < until ? (int)((until - now) / BC_NS_PER_MS) + 1 : 0);

		if (ms < 0)
			return ms;
		if (c->n_done || now >= until || (!c->n_active && !c->n_waiting) || atomic_exchange(&c->woken, false))
			return (int)(c->n_active + c->n_waiting);
		if (curl_multi_poll(c->multi, NULL, 0, ms, NULL) != CURLM_OK)
			return -EIO;
	}
}

void bc_object_wake(struct bc_object_client *c)
{
	atomic_store(&c->woken, true);
	curl_multi_wakeup(c->multi);
}

void bc_object_cancel(struct bc_object_client *c)
{
	struct bc_object_transfer *t;

	while ((t = c->active)) {
		detach(c, t);
		fail(c, t, -ECANCELED, "ended");
	}
	while ((t = c->waiting)) {
		c->waiting = t->next;
		if (!c->waiting)
			c->tail = &c->waiting;
		c->n_waiting--;
		fail(c, t, -ECANCELED, "ended");
	}
}

struct wait {
	bool done;
	struct bc_object_answer answer;
	char etag[BC_ETAG_MAX];
	struct bc_err err;
};

static void on_done(void *ctx, const struct bc_object_answer *a)
{
	struct wait *w = ctx;

	w->done = true;
	w->answer = *a;
	snprintf(w->etag, sizeof(w->etag), "%s", a->etag);
	snprintf(w->err.msg, sizeof(w->err.msg), "%s", a->error);
}

int bc_object_do(struct bc_object_client *c, const struct bc_object_request *req, struct bc_object_answer *ret,
		 char ret_etag[BC_ETAG_MAX], struct bc_err *err)
{
	struct bc_object_request mine = *req;
	struct wait w = { .done = false };
	int r;

	mine.done = on_done;
	mine.ctx = &w;
	r = bc_object_submit(c, &mine);
	while (!r && !w.done) {
		const int n = c->stop && atomic_load(c->stop) ? -ECANCELED : bc_object_run(c, 1000);

		r = n < 0 ? n : 0;
	}
	if (r) {
		/* Nothing of ours may be called back any more. */
		if (!w.done)
			bc_object_cancel(c);
		return bc_err_set(err, r, "s3://%s/%s: %s", req->bucket, req->key ? req->key : "", strerror(-r));
	}
	if (w.answer.code)
		return bc_err_set(err, w.answer.code, "%s", w.err.msg);
	w.answer.error = w.answer.etag = "";
	if (ret)
		*ret = w.answer;
	if (ret_etag)
		strcpy(ret_etag, w.etag);
	return 0;
}

void bc_object_stats(const struct bc_object_client *c, struct bc_object_stats *ret)
{
	*ret = (struct bc_object_stats){
		.requests = bc_counter_get(&c->requests),
		.retries = bc_counter_get(&c->retries),
		.sent_bytes = bc_counter_get(&c->sent_bytes),
		.got_bytes = bc_counter_get(&c->got_bytes),
	};
}

const char *bc_object_where(const struct bc_object_client *c)
{
	return c->link.where;
}
