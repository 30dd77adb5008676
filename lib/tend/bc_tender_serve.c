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
#include "bc_keyring.h"
#include "bc_retention.h"
#include "bc_segname.h"
#include "bc_stamper.h"
#include "bc_tender_priv.h"
#include "bc_thread.h"

struct folder {
	const struct bc_keeper_config *where;
	char from[BC_STORE_PATH_MAX];	/* its segments are published here, */
	char to[BC_STORE_PATH_MAX];	/* and stay here */
	struct bc_completed *completed;	/* NULL: none is moved by this process */
	int moves;			/* which are asked for through this socket; -1 */
	pthread_t mover;
	bool moving;			/* it runs */
	struct bc_retention *limits;	/* NULL: there are none */
	struct bc_signer_folder *custody;	/* NULL: there is no chain of custody */
	struct bc_upload_folder *upload;	/* NULL: nothing is uploaded */
};

struct bc_tender_server {
	const struct bc_tender_config *cfg;
	struct bc_keyring *keyring;
	struct bc_stamper *stamper;	/* NULL: nobody stamps */
	struct bc_signer *signer;	/* NULL: nothing is recorded */
	struct bc_uploader *uploader;	/* NULL: nothing is uploaded */
	struct folder *folder[BC_TENDER_FOLDERS];	/* NULL: free */
};

static int new_custody(struct bc_tender_server *s, struct bc_err *err)
{
	const struct bc_tender_config *cfg = s->cfg;
	int r = cfg->timestamp ? bc_stamper_new(cfg->timestamp, cfg->timestamp_seconds, cfg->log, &s->stamper, err) : 0;

	return r ? r : bc_signer_new(cfg->sign, s->keyring, s->stamper, cfg->log, &s->signer, err);
}

int bc_tender_server_new(const struct bc_tender_config *cfg, struct bc_tender_server **ret, struct bc_err *err)
{
	struct bc_tender_server *s = *ret = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for the process that tends published segments");
	s->cfg = cfg;
	/* These take rights that are given up next. */
	r = cfg->sign ? bc_keyring_new(cfg->keyring, &s->keyring, err) : 0;
	if (!r && cfg->upload)
		r = bc_uploader_new(cfg->upload, &s->uploader, err);
	if (!r && cfg->begin)
		r = cfg->begin(cfg->ctx, err);
	return r || !cfg->sign ? r : new_custody(s, err);
}

void bc_tender_child_ended(struct bc_tender_server *s)
{
	bc_log(s->cfg->log, BC_ERROR, BC_KEYRING_ENDED "; until then segments get no record in the chain of custody");
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
		if (TEMP_FAILURE_RETRY(write(f->moves, &m, sizeof(m))) != sizeof(m))
			break;
	}
	/* Who asks is not to wait for an answer of nobody's. */
	shutdown(f->moves, SHUT_RDWR);
	return NULL;
}

static void find_stats(const struct folder *f, struct bc_tender_stats *ret)
{
	if (f->limits)
		bc_retention_stats(f->limits, &ret->expired);
	if (f->custody)
		bc_signer_stats(f->custody, &ret->custody);
	if (f->upload)
		bc_uploader_stats(f->upload, &ret->upload);
}

/* Ends what is under way; of moving, the segment that is moved is waited for. Takes NULL. */
static void end(const struct bc_tender_server *s, struct folder *f, bool now, struct bc_tender_stats *ret)
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
	if (f->limits)
		bc_retention_close(f->limits, now);
	find_stats(f, ret);
	bc_uploader_remove(s->uploader, f->upload);
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

static int name_places(struct folder *f, const char *completed, const char *client, struct bc_err *err)
{
	int r = name_from(f, client, err);

	if (!r && completed)
		return name_folder(f->where, completed, client, f->to, err);
	strcpy(f->to, f->from);
	return r;
}

static int begin_moving(struct folder *f, int fd, struct bc_err *err)
{
	int r = 0;

	if (f->where->clients == BC_KEEPER_FOLDERS && mkdir(f->to, 0750) < 0 && errno != EEXIST)
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

static int begin_uploads(struct bc_tender_server *s, struct folder *f, const char *client, struct bc_err *err)
{
	return bc_uploader_add(s->uploader, &(struct bc_upload_dest){
		.folder = f->to, .url = s->cfg->url, .node = f->where->clients == BC_KEEPER_ONE ? s->cfg->node : client, .utc = f->where->utc,
	}, &f->upload, err);
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
	r = name_places(f, cfg->completed, q->name, err);
	if (!r && cfg->moves) {
		r = begin_moving(f, *fd, err);
		*fd = f->moves < 0 ? *fd : -1;
	}
	if (!r && s->signer)
		r = bc_signer_add(s->signer, f->to, &f->custody, err);
	if (!r && s->uploader)
		r = begin_uploads(s, f, q->name, err);
	if (!r && q->limits && cfg->keep)
		r = bc_retention_new(f->to, cfg->keep, cfg->log, &f->limits, err);
	return r;
}

static int add(struct bc_tender_server *s, const struct bc_tender_ask *q, int *fd, struct bc_tender_answer *a)
{
	struct bc_tender_stats none;
	uint32_t n = 0;
	int r;

	if (s->cfg->where->clients == BC_KEEPER_FOLDERS && !bc_keeper_is_client(q->name))
		return bc_err_set(&a->err, -EINVAL, "'%.64s' is no client's name", q->name);
	/* It came, and there was no room for it. */
	if (s->cfg->moves && *fd < 0)
		return bc_err_set(&a->err, -EMFILE, "cannot have segments of %s moved: too many open files: raise the limit (ulimit -n)",
				  q->name);
	while (n < BC_TENDER_FOLDERS && s->folder[n])
		n++;
	if (n == BC_TENDER_FOLDERS)
		return bc_err_set(&a->err, -ENOSPC, "%s: too many folders", q->name);
	r = new_folder(s, q, fd, &s->folder[n], &a->err);
	a->number = n;
	if (r) {
		end(s, s->folder[n], true, &none);
		s->folder[n] = NULL;
	}
	return r;
}

static void published(const struct folder *f, const char *name)
{
	if (!may_be_published(f->where, name))
		return;
	if (f->upload)
		bc_uploader_published(f->upload, name);
	if (f->custody)
		bc_signer_published(f->custody, name);
	if (f->limits)
		bc_retention_published(f->limits);
}

static int act(struct bc_tender_server *s, const struct bc_tender_ask *q, struct bc_tender_answer *a)
{
	struct folder *f = q->number < BC_TENDER_FOLDERS ? s->folder[q->number] : NULL;

	if (!f)
		return -EINVAL;
	if (q->what == BC_TENDER_PUBLISHED) {
		published(f, q->name);
	} else if (q->what == BC_TENDER_STATS) {
		find_stats(f, &a->stats);
	} else if (q->what == BC_TENDER_CLOSE) {
		s->folder[q->number] = NULL;
		end(s, f, q->now, &a->stats);
	}
	return 0;
}

static int finish(struct bc_tender_server *s, uint64_t patience_ns, struct bc_tender_answer *a)
{
	a->finished = (!s->signer || bc_signer_idle(s->signer)) && (!s->stamper || bc_stamper_finish(s->stamper, patience_ns)) &&
		      (!s->uploader || bc_uploader_finish(s->uploader, patience_ns));
	return 0;
}

static int end_all(struct bc_tender_server *s)
{
	if (s->uploader)
		bc_uploader_close(s->uploader);
	if (s->signer)
		bc_signer_close(s->signer);
	if (s->stamper)
		bc_stamper_close(s->stamper);
	return 0;
}

static int serve(struct bc_tender_server *s, const struct bc_tender_ask *q, int *fd, struct bc_tender_answer *a)
{
	switch (q->what) {
	case BC_TENDER_ADD:
		return add(s, q, fd, a);
	case BC_TENDER_FINISH:
		return finish(s, q->patience_ns, a);
	case BC_TENDER_END:
		return end_all(s);
	default:
		return act(s, q, a);
	}
}

void bc_tender_serve(struct bc_tender_server *s, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct bc_tender_answer a = { .r = -EINVAL };
	struct bc_tender_ask q = { .name = "" };
	int none = -1;

	if (request->len == sizeof(q))
		memcpy(&q, request->data, sizeof(q));
	if (request->len == sizeof(q) && memchr(q.name, '\0', sizeof(q.name)))
		a.r = serve(s, &q, request->n_fds ? &request->fd[0] : &none, &a);
	answer->len = q.what == BC_TENDER_PUBLISHED ? 0 : sizeof(a);
	memcpy(answer->data, &a, sizeof(a));
}
