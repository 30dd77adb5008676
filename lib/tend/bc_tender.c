/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tender.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bc_tender_priv.h"

#define ENDED "the process that tends published segments has ended"

struct bc_tender {
	struct bc_tender_config cfg;
	struct bc_apart *apart;
};

struct bc_tender_folder {
	struct bc_tender *tender;
	uint32_t number;		/* which it is there */
	bool limits;
	int moves;			/* a socket to the thread there that moves; -1: nothing is moved */
	pthread_mutex_t lock;		/* of what follows */
	struct bc_tender_stats stats;	/* heard last */
	bool closed;
};

static int begin(void *ctx, struct bc_err *err)
{
	return bc_tender_server_new(*(const struct bc_tender_config **)ctx, ctx, err);
}

static void serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	bc_tender_serve(*(struct bc_tender_server **)ctx, request, answer);
}

static void child_ended(void *ctx)
{
	bc_tender_child_ended(*(struct bc_tender_server **)ctx);
}

int bc_tender_new(const struct bc_tender_config *cfg, struct bc_tender **ret, struct bc_err *err)
{
	struct bc_tender *t = calloc(1, sizeof(*t));
	/* The new process's copy becomes its server. */
	const void *ctx;
	int r;

	if (!t)
		return bc_err_set(err, -ENOMEM, "no memory for the process that tends published segments");
	t->cfg = *cfg;
	ctx = &t->cfg;
	r = bc_apart_new(&(struct bc_apart_config){
		.name = cfg->name, .begin = begin, .serve = serve, .child_ended = child_ended, .ctx = &ctx,
	}, &t->apart, err);
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

void bc_tender_free(struct bc_tender *t)
{
	if (!t)
		return;
	bc_apart_free(t->apart);
	free(t);
}

/* with: a descriptor that goes along; -1: none. */
static int ask(struct bc_tender *t, const struct bc_tender_ask *q, int with, struct bc_tender_answer *ret)
{
	int r = bc_apart_call(t->apart, q, sizeof(*q), ret, sizeof(*ret), &with);

	if (r)
		return bc_err_set(&ret->err, r, r == -EOWNERDEAD ? ENDED : "%s", strerror(-r));
	ret->err.msg[sizeof(ret->err.msg) - 1] = '\0';
	return ret->r;
}

/* Its number there, with the other end of its socket. */
static int add(struct bc_tender_folder *f, const struct bc_tender_ask *q, struct bc_err *err)
{
	int fd[2] = { -1, -1 }, r = 0;
	struct bc_tender_answer a;

	if (f->tender->cfg.moves && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		return bc_err_set(err, -errno, "cannot have segments moved: %s", strerror(errno));
	r = ask(f->tender, q, fd[1], &a);
	if (fd[1] >= 0)
		close(fd[1]);
	f->moves = fd[0];
	f->number = a.number;
	return r ? bc_err_set(err, r, "%s", a.err.msg) : 0;
}

int bc_tender_add(struct bc_tender *t, const char *client, bool limits, struct bc_tender_folder **ret, struct bc_err *err)
{
	struct bc_tender_ask q = { .what = BC_TENDER_ADD, .limits = limits && t->cfg.keep };
	struct bc_tender_folder *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory to tend the segments of %s", client);
	*f = (struct bc_tender_folder){ .tender = t, .moves = -1, .limits = limits && t->cfg.keep };
	pthread_mutex_init(&f->lock, NULL);
	/* A name that is cut off is of no client's. */
	snprintf(q.name, sizeof(q.name), "%s", client);
	r = add(f, &q, err);
	if (r)
		bc_tender_folder_free(f);
	else
		*ret = f;
	return r;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int bc_tender_move(void *folder, const char *path, char ret[BC_STORE_PATH_MAX], struct bc_err *err)
{
	const struct bc_tender_folder *f = folder;
	const char *name = name_of(path);
	struct bc_tender_moved m;
	ssize_t n = send(f->moves, name, strlen(name) + 1, MSG_NOSIGNAL);

	if (n > 0)
		n = TEMP_FAILURE_RETRY(recv(f->moves, &m, sizeof(m), 0));
	if (n != sizeof(m))
		return bc_err_set(err, -EOWNERDEAD, "cannot move %s: " ENDED ": it stays where it is", path);
	m.path[sizeof(m.path) - 1] = m.err.msg[sizeof(m.err.msg) - 1] = '\0';
	strcpy(ret, m.path);
	*err = m.err;
	return m.r;
}

void bc_tender_published(struct bc_tender_folder *f, const char *path)
{
	struct bc_tender_ask q = { .what = BC_TENDER_PUBLISHED, .number = f->number };

	snprintf(q.name, sizeof(q.name), "%s", name_of(path));
	bc_apart_tell(f->tender->apart, &q, sizeof(q));
}

bool bc_tender_does(const struct bc_tender_folder *f, enum bc_tending what)
{
	const struct bc_tender_config *cfg = &f->tender->cfg;

	return what == BC_TEND_LIMITS ? f->limits : what == BC_TEND_CUSTODY ? cfg->sign != NULL : cfg->upload != NULL;
}

bool bc_tender_finish(struct bc_tender *t, uint64_t patience_ns)
{
	const struct bc_tender_ask q = { .what = BC_TENDER_FINISH, .patience_ns = patience_ns };
	struct bc_tender_answer a;

	return ask(t, &q, -1, &a) || a.finished;
}

void bc_tender_end(struct bc_tender *t)
{
	struct bc_tender_answer a;

	ask(t, &(struct bc_tender_ask){ .what = BC_TENDER_END }, -1, &a);
}

static void hear(struct bc_tender_folder *f, const struct bc_tender_ask *q)
{
	struct bc_tender_answer a;

	if (!ask(f->tender, q, -1, &a))
		f->stats = a.stats;
}

void bc_tender_stats(struct bc_tender_folder *f, struct bc_tender_stats *ret)
{
	pthread_mutex_lock(&f->lock);
	if (!f->closed)
		hear(f, &(struct bc_tender_ask){ .what = BC_TENDER_STATS, .number = f->number });
	*ret = f->stats;
	pthread_mutex_unlock(&f->lock);
}

void bc_tender_close(struct bc_tender_folder *f, bool now)
{
	pthread_mutex_lock(&f->lock);
	if (!f->closed)
		hear(f, &(struct bc_tender_ask){ .what = BC_TENDER_CLOSE, .number = f->number, .now = now });
	f->closed = true;
	pthread_mutex_unlock(&f->lock);
}

void bc_tender_folder_free(struct bc_tender_folder *f)
{
	if (!f)
		return;
	if (f->moves >= 0)
		close(f->moves);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
