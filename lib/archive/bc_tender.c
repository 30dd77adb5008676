/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_apart.h"
#include "bc_keeper.h"
#include "bc_retention.h"
#include "bc_store.h"

#define FOLDERS 8192U	/* more than there can be clients */

enum { ADD, PUBLISHED, CLOSE, STATS };

/* What is asked; ADD's folder follows, with its NUL. */
struct ask {
	uint32_t what;
	uint32_t number;
	uint32_t now;
};

struct answer {
	int32_t r;
	uint32_t number;
	struct bc_expired sum;
};

struct bc_tender {
	struct bc_tender_config cfg;
	struct bc_apart *apart;
	/* In the process apart. */
	struct bc_retention *folder[FOLDERS];
	uint32_t n;
};

/* The one that it was told of, or a client's in it. */
static bool is_known(const struct bc_tender_config *cfg, const char *folder)
{
	size_t len = strlen(cfg->folder);

	if (!cfg->clients)
		return !strcmp(folder, cfg->folder);
	return !strncmp(folder, cfg->folder, len) && folder[len] == '/' && bc_keeper_is_client(folder + len + 1);
}

static int add(struct bc_tender *t, const char *folder, struct answer *a)
{
	struct bc_err err;
	int r;

	if (!is_known(&t->cfg, folder))
		return -EINVAL;
	if (t->n == FOLDERS)
		return -ENOSPC;
	r = bc_retention_new(folder, t->cfg.keep, t->cfg.log, NULL, &t->folder[t->n], &err);
	if (!r)
		a->number = t->n++;
	return r;
}

static int act(struct bc_tender *t, const struct ask *q, struct answer *a)
{
	struct bc_retention *r = q->number < t->n ? t->folder[q->number] : NULL;

	if (!r)
		return -EINVAL;
	if (q->what == PUBLISHED)
		bc_retention_published(r);
	else if (q->what == CLOSE)
		bc_retention_close(r, q->now);
	else if (q->what == STATS)
		bc_retention_stats(r, &a->sum);
	else
		return -EINVAL;
	return 0;
}

static void serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	const char *folder = (const char *)request->data + sizeof(struct ask);
	struct answer a = { .r = -EINVAL };
	struct ask q;

	if (request->len >= sizeof(q)) {
		memcpy(&q, request->data, sizeof(q));
		if (q.what == ADD && memchr(folder, '\0', request->len - sizeof(q)))
			a.r = add(ctx, folder, &a);
		else if (q.what != ADD)
			a.r = act(ctx, &q, &a);
	}
	answer->len = sizeof(a);
	memcpy(answer->data, &a, sizeof(a));
}

static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_tender *t = ctx;

	return t->cfg.begin ? t->cfg.begin(t->cfg.ctx, err) : 0;
}

int bc_tender_new(const struct bc_tender_config *cfg, struct bc_tender **ret, struct bc_err *err)
{
	struct bc_tender *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return bc_err_set(err, -ENOMEM, "no memory to keep %s within its limits", cfg->folder);
	t->cfg = *cfg;
	r = bc_apart_new(&(struct bc_apart_config){ .name = "bc-tender", .begin = begin, .serve = serve, .ctx = t }, &t->apart, err);
	if (r)
		free(t);
	else
		*ret = t;
	return r;
}

bool bc_tender_has_ended(struct bc_tender *t)
{
	return bc_apart_has_ended(t->apart);
}

int bc_tender_pid(struct bc_tender *t)
{
	return bc_apart_pid(t->apart);
}

static int ask(struct bc_tender *t, const struct bc_apart_message *m, struct answer *ret)
{
	struct bc_apart_message got;
	int r = bc_apart_ask(t->apart, m, &got);

	if (r)
		return r == -EPIPE ? -EOWNERDEAD : r;
	memcpy(ret, got.data, sizeof(*ret));
	return ret->r;
}

static int ask_of(struct bc_tender *t, const struct ask *q, struct answer *ret)
{
	struct bc_apart_message m = { .len = sizeof(*q) };

	memcpy(m.data, q, sizeof(*q));
	return ask(t, &m, ret);
}

int bc_tender_add(struct bc_tender *t, const char *folder, uint32_t *ret_number)
{
	const struct ask q = { .what = ADD };
	struct bc_apart_message m;
	size_t len = strlen(folder) + 1;
	struct answer a;
	int r;

	if (len > sizeof(m.data) - sizeof(q))
		return -ENAMETOOLONG;
	m.n_fds = 0;
	m.len = sizeof(q) + len;
	memcpy(m.data, &q, sizeof(q));
	memcpy(m.data + sizeof(q), folder, len);
	r = ask(t, &m, &a);
	if (!r)
		*ret_number = a.number;
	return r;
}

void bc_tender_published(struct bc_tender *t, uint32_t number)
{
	struct answer a;

	ask_of(t, &(struct ask){ .what = PUBLISHED, .number = number }, &a);
}

void bc_tender_close(struct bc_tender *t, uint32_t number, bool now)
{
	struct answer a;

	ask_of(t, &(struct ask){ .what = CLOSE, .number = number, .now = now }, &a);
}

bool bc_tender_stats(struct bc_tender *t, uint32_t number, struct bc_expired *ret)
{
	struct answer a;

	if (ask_of(t, &(struct ask){ .what = STATS, .number = number }, &a))
		return false;
	*ret = a.sum;
	return true;
}

void bc_tender_free(struct bc_tender *t)
{
	if (!t)
		return;
	bc_apart_free(t->apart);
	free(t);
}
