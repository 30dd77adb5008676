/* SPDX-License-Identifier: BSD-3-Clause */
/* In the tender's process: what is asked for is done or refused. Whoever asks may have been taken over. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_completed.h"
#include "bc_retention.h"
#include "bc_segname.h"
#include "bc_tender_priv.h"
#include "bc_thread.h"

struct folder {
	const struct bc_keeper_config *where;
	char from[BC_STORE_PATH_MAX];	/* its segments are published here, */
	char to[BC_STORE_PATH_MAX];	/* and stay here */
	struct bc_completed *completed;	/* NULL: the same */
	int moves;			/* which are asked for through this socket; -1 */
	pthread_t mover;
	bool moving;			/* it runs */
	struct bc_retention *limits;	/* NULL: there are none */
};

struct bc_tender_server {
	const struct bc_tender_config *cfg;
	struct folder *folder[BC_TENDER_FOLDERS];	/* NULL: free */
};

struct bc_tender_server *bc_tender_server_new(const struct bc_tender_config *cfg)
{
	struct bc_tender_server *s = calloc(1, sizeof(*s));

	if (s)
		s->cfg = cfg;
	return s;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len >= n && !strcmp(name + len - n, end);
}

/* Only what the keeper has given its final name: nothing else in the folder is moved. */
static bool may_be_published(const struct bc_keeper_config *where, const char *name)
{
	const char *slash = strrchr(where->dest, '/'), *file = slash ? slash + 1 : where->dest;
	size_t stem = strlen(file);
	uint64_t seq;

	if (!*name || *name == '.' || strchr(name, '/') || bc_segname_is_tmp(name, &seq))
		return false;
	if (!where->file)
		return ends_with(name, where->ext);
	/* -N may stand before the extension. */
	if (ends_with(file, where->ext))
		stem -= strlen(where->ext);
	return !strncmp(name, file, stem) && ends_with(name + stem, file + stem);
}

static void move(struct folder *f, const char *name, struct bc_tender_moved *ret)
{
	const bool slash = !*f->from || ends_with(f->from, "/");
	char path[BC_STORE_PATH_MAX];

	if (!may_be_published(f->where, name) || snprintf(path, sizeof(path), "%s%s%s", f->from, slash ? "" : "/", name) >= (int)sizeof(path))
		ret->r = bc_err_set(&ret->err, -EINVAL, "'%s' is no segment of %s", name, f->from);
	else
		ret->r = bc_completed_move(f->completed, path, ret->path, &ret->err);
}

static void *move_main(void *arg)
{
	struct folder *f = arg;
	char name[BC_SEGNAME_MAX + 1];
	ssize_t n;

	bc_thread_yield_disk();
	while ((n = TEMP_FAILURE_RETRY(read(f->moves, name, sizeof(name) - 1))) > 0) {
		struct bc_tender_moved m = { .r = 0 };

		name[n] = '\0';
		move(f, name, &m);
		if (write(f->moves, &m, sizeof(m)) != sizeof(m))
			break;
	}
	return NULL;
}

/* Ends what is under way; of moving, the segment that is moved is waited for. Takes NULL. */
static void end(struct folder *f, bool now, struct bc_tender_stats *ret)
{
	if (!f)
		return;
	if (f->moving) {
		shutdown(f->moves, SHUT_RDWR);
		pthread_join(f->mover, NULL);
	}
	if (f->moves >= 0)
		close(f->moves);
	bc_completed_close(f->completed);
	if (f->limits) {
		bc_retention_close(f->limits, now);
		bc_retention_stats(f->limits, &ret->expired);
	}
	bc_retention_free(f->limits);
	free(f);
}

/* base, or a client's own folder in it. */
static int name_folder(const struct bc_keeper_config *where, const char *base, const char *client, char ret[BC_STORE_PATH_MAX], struct bc_err *err)
{
	const bool own = where->clients == BC_KEEPER_FOLDERS;

	if (snprintf(ret, BC_STORE_PATH_MAX, "%s%s%s", base, own ? "/" : "", own ? client : "") < BC_STORE_PATH_MAX)
		return 0;
	return bc_err_set(err, -ENAMETOOLONG, "'%.64s...': the path is too long", base);
}

/* Where segments are published; of a file, the folder that it is in, with its slash. */
static int name_from(struct folder *f, const char *client, struct bc_err *err)
{
	const char *slash = f->where->file ? strrchr(f->where->dest, '/') : NULL;
	int r = name_folder(f->where, f->where->dest, client, f->from, err);

	if (!r && f->where->file)
		f->from[slash ? slash - f->where->dest + 1 : 0] = '\0';
	return r;
}

static int begin_moving(struct folder *f, const char *to, const char *client, int fd, struct bc_err *err)
{
	int r = name_folder(f->where, to, client, f->to, err);

	if (!r && f->where->clients == BC_KEEPER_FOLDERS && mkdir(f->to, 0750) < 0 && errno != EEXIST)
		r = bc_err_set(err, -errno, "cannot create the folder %s: %s", f->to, strerror(errno));
	if (!r)
		r = bc_completed_open(f->to, &f->completed, err);
	if (r)
		return r;
	f->moves = fd;
	r = bc_thread_start(&f->mover, "bc-complete", move_main, f);
	f->moving = r == 0;
	return r ? bc_err_set(err, r, "cannot start the thread for completed segments: %s", strerror(-r)) : 0;
}

/* *fd becomes the folder's. */
static int new_folder(struct bc_tender_server *s, const struct bc_tender_ask *q, int *fd, struct folder **ret, struct bc_err *err)
{
	const struct bc_tender_config *cfg = s->cfg;
	struct folder *f = *ret = calloc(1, sizeof(*f));
	int r = 0;

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory to tend published segments");
	f->where = cfg->where;
	f->moves = -1;
	r = name_from(f, q->client, err);
	if (!r && cfg->completed) {
		r = begin_moving(f, cfg->completed, q->client, *fd, err);
		*fd = f->moves < 0 ? *fd : -1;
	} else {
		strcpy(f->to, f->from);
	}
	if (!r && q->limits)
		r = bc_retention_new(f->to, cfg->keep, cfg->log, &f->limits, err);
	return r;
}

static int add(struct bc_tender_server *s, const struct bc_tender_ask *q, int *fd, struct bc_tender_answer *a)
{
	struct bc_tender_stats none;
	uint32_t n = 0;
	int r;

	if ((s->cfg->where->clients != BC_KEEPER_ONE && !bc_keeper_is_client(q->client)) || (s->cfg->completed && *fd < 0))
		return bc_err_set(&a->err, -EINVAL, "'%.64s' is no client's name", q->client);
	while (n < BC_TENDER_FOLDERS && s->folder[n])
		n++;
	if (n == BC_TENDER_FOLDERS)
		return bc_err_set(&a->err, -ENOSPC, "%s: too many folders", q->client);
	r = new_folder(s, q, fd, &s->folder[n], &a->err);
	a->number = n;
	if (r) {
		end(s->folder[n], true, &none);
		s->folder[n] = NULL;
	}
	return r;
}

static int act(struct bc_tender_server *s, const struct bc_tender_ask *q, struct bc_tender_answer *a)
{
	struct folder *f = q->number < BC_TENDER_FOLDERS ? s->folder[q->number] : NULL;

	if (!f)
		return -EINVAL;
	if (q->what == BC_TENDER_PUBLISHED && f->limits) {
		bc_retention_published(f->limits);
	} else if (q->what == BC_TENDER_STATS && f->limits) {
		bc_retention_stats(f->limits, &a->stats.expired);
	} else if (q->what == BC_TENDER_CLOSE) {
		s->folder[q->number] = NULL;
		end(f, q->now, &a->stats);
	}
	return 0;
}

void bc_tender_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct bc_tender_answer a = { .r = -EINVAL };
	struct bc_tender_ask q = { .client = "" };
	int none = -1;

	if (request->len == sizeof(q))
		memcpy(&q, request->data, sizeof(q));
	if (request->len == sizeof(q) && memchr(q.client, '\0', sizeof(q.client)))
		a.r = q.what == BC_TENDER_ADD ? add(ctx, &q, request->n_fds ? &request->fd[0] : &none, &a) : act(ctx, &q, &a);
	answer->len = q.what == BC_TENDER_PUBLISHED ? 0 : sizeof(a);
	memcpy(answer->data, &a, sizeof(a));
}
