/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_object_write.h"
#include "bc_series.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_upload_key.h"
#include "bc_upload_log.h"
#include "bc_upload_object.h"

#define THREADS_MAX 16U
#define PAUSE_MIN_NS (1 * BC_NS_PER_S)		/* after the store failed, doubled each time */
#define PAUSE_MAX_NS (30 * BC_NS_PER_S)
#define RETRY_NS (60 * BC_NS_PER_S)		/* a segment that was refused */
#define RETELL_NS (3600 * BC_NS_PER_S)		/* the same trouble is told again */
#define STALE_NS (24 * 3600 * BC_NS_PER_S)	/* a multipart upload of ours that nobody goes on with */

/* A segment that waits, or is under way. */
struct item {
	struct item *next;
	struct bc_upload_folder *f;
	uint64_t size, mtime_ns;
	uint64_t due_ns;	/* bc_mono_ns(); 0: at once */
	bool failed;
	char name[];
};

struct bc_upload_folder {
	struct bc_upload_folder *next;
	struct bc_uploader *u;
	unsigned refs;		/* outputs that publish here; the lock's */
	int fd;
	struct stat id;
	char *path, *node;
	struct bc_object_name dest;
	bool utc;
	struct bc_upload_log *log;
	/* Under the uploader's lock. */
	bool scan;		/* the folder is to be looked through */
	bool tidy;		/* old multipart uploads are to be aborted */
	bool leaving;
	unsigned busy;		/* threads at it */
	struct item *head, **tail;	/* those that wait */
	void *names;		/* tsearch(3) of all items, with those under way */
	struct bc_upload_stats sum;
};

struct worker {
	struct bc_uploader *u;
	struct bc_object_client *client;
	_Atomic bool stop;		/* end what is under way */
	struct bc_upload_folder *at;	/* under the lock: the folder that is worked on, or NULL */
	const struct item *item;	/* under the lock: its segment that is under way, or NULL */
	pthread_t thread;
	bool started;
};

struct bc_uploader {
	const struct bc_log *log;
	bool behind;
	struct bc_rate rate;
	struct worker worker[THREADS_MAX];
	unsigned n_workers;
	_Atomic bool stop;
	pthread_mutex_t lock;	/* of all below, and of what folders say */
	pthread_cond_t work;	/* there is something to do, or to be told */
	struct bc_upload_folder *folders;
	uint64_t pause_ns;	/* how long after the last failure; 0: the store works */
	uint64_t resume_ns;	/* bc_mono_ns(): not before */
	uint64_t down_ns;	/* since when; 0: it works */
	uint64_t told_ns;
	int told;		/* the trouble that was told last */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static void lower_priority(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7));
}

/* Under the lock: into the queue, unless it is there. */
static int enqueue(struct bc_upload_folder *f, const char *name, const struct stat *st)
{
	size_t len = strlen(name) + 1;
	struct item *i = malloc(sizeof(*i) + len), **node;

	if (!i)
		return -ENOMEM;
	*i = (struct item){ .f = f, .size = (uint64_t)st->st_size, .mtime_ns = bc_file_mtime_ns(st) };
	memcpy(i->name, name, len);
	node = tsearch(i, &f->names, by_name);
	if (!node || *node != i) {
		free(i);
		return node ? 0 : -ENOMEM;
	}
	*f->tail = i;
	f->tail = &i->next;
	f->sum.waiting++;
	f->sum.waiting_bytes += i->size;
	return 0;
}

static void drop(struct item *i)
{
	struct bc_upload_folder *f = i->f;

	tdelete(i, &f->names, by_name);
	f->sum.waiting--;
	f->sum.waiting_bytes -= i->size;
	f->sum.failed -= i->failed;
	free(i);
}

void bc_uploader_published(struct bc_upload_folder *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;
	bool known = fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	pthread_mutex_lock(&f->u->lock);
	/* Without memory, or a name that is not there: what is there is looked for. */
	if (!known || enqueue(f, name, &st))
		f->scan = true;
	pthread_cond_signal(&f->u->work);
	pthread_mutex_unlock(&f->u->lock);
}

static int is_segment(const struct dirent *e)
{
	struct bc_series s;

	return bc_series_parse(e->d_name, &s);
}

/* The folder's segments that are not there yet, in the order of their names. */
static void scan(struct bc_upload_folder *f)
{
	struct dirent **names;
	int n = scandirat(f->fd, ".", &names, is_segment, alphasort), r = 0;

	if (n < 0)
		bc_log(f->u->log, BC_ERROR, "cannot read the folder %s: %s", f->path, strerror(errno));
	for (int i = 0; i < n; i++) {
		struct bc_upload_file file = { .name = names[i]->d_name };
		struct stat st;

		if (fstatat(f->fd, file.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			file.size = (uint64_t)st.st_size;
			file.mtime_ns = bc_file_mtime_ns(&st);
			pthread_mutex_lock(&f->u->lock);
			if (!bc_upload_log_has(f->log, &file))
				r |= enqueue(f, file.name, &st);
			pthread_mutex_unlock(&f->u->lock);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (r)
		bc_log(f->u->log, BC_ERROR, "%s: no memory for the list of segments to upload", f->path);
}

/* Is it the whole uploader's trouble, not this segment's? */
static bool is_down(int r)
{
	return bc_object_passes(r) || r == -EACCES || r == -EKEYREJECTED || r == -EKEYEXPIRED || r == -ENODEV || r == -EXDEV || r == -EPROTO ||
	       r == -ETIME;
}

/* Under the lock. Each trouble is told once, whichever segment meets it, and from time to time. */
static void tell_trouble(struct bc_uploader *u, int r, const struct bc_err *err, const char *what_now)
{
	const uint64_t now = bc_mono_ns();

	if (u->told_ns && now - u->told_ns < RETELL_NS && u->told == r)
		return;
	u->told_ns = now;
	u->told = r;
	bc_log(u->log, BC_WARN, "upload: %s; %s", err->msg, what_now);
}

static void store_fails(struct bc_uploader *u, int r, const struct bc_err *err)
{
	const uint64_t now = bc_mono_ns();

	if (!u->down_ns)
		u->down_ns = now;
	/* Several threads can find out at once. */
	if (now >= u->resume_ns) {
		u->pause_ns = u->pause_ns ? 2 * u->pause_ns : PAUSE_MIN_NS;
		if (u->pause_ns > PAUSE_MAX_NS)
			u->pause_ns = PAUSE_MAX_NS;
		u->resume_ns = now + u->pause_ns;
	}
	tell_trouble(u, r, err, "segments wait in their folder, and it is tried again");
}

static void store_works(struct bc_uploader *u)
{
	if (u->down_ns)
		bc_log(u->log, BC_NOTICE, "upload: goes on after %llu s", (unsigned long long)((bc_mono_ns() - u->down_ns) / BC_NS_PER_S));
	u->down_ns = u->pause_ns = u->resume_ns = u->told_ns = 0;
}

/* Under the lock. */
static void back_in_line(struct item *i)
{
	i->next = i->f->head;
	i->f->head = i;
	if (!i->next)
		i->f->tail = &i->next;
}

static void refused(struct item *i, const struct bc_err *err)
{
	struct bc_upload_folder *f = i->f;

	f->sum.failed += !i->failed;
	if (!i->failed)
		bc_log(f->u->log, BC_ERROR, "%s/%s: not uploaded: %s", f->path, i->name, err->msg);
	i->failed = true;
	i->due_ns = bc_mono_ns() + RETRY_NS;
	i->next = NULL;
	*f->tail = i;
	f->tail = &i->next;
}

static void uploaded(struct item *i, const struct bc_upload_result *res)
{
	struct bc_upload_folder *f = i->f;
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	int r = bc_upload_log_done(f->log, &file, res->etag);

	if (r)
		bc_log(f->u->log, BC_ERROR, "%s/%s: cannot note in %s that it is uploaded: %s", f->path, i->name, BC_UPLOAD_LOG, strerror(-r));
	bc_log(f->u->log, BC_INFO, "%s/%s: %s", f->path, i->name, res->was_there ? "is uploaded already" : "uploaded");
	f->sum.uploaded++;
	f->sum.uploaded_bytes += i->size;
	f->sum.resumed_bytes += res->was_there ? 0 : res->resumed;
	drop(i);
}

static void missed(struct item *i)
{
	struct bc_upload_folder *f = i->f;

	bc_log(f->u->log, BC_ERROR, "%s/%s: removed before it was uploaded", f->path, i->name);
	f->sum.missed++;
	drop(i);
}

/* What came of it. Under the lock. */
static void settle(struct item *i, int r, const struct bc_upload_result *res, const struct bc_err *err)
{
	struct bc_uploader *u = i->f->u;

	if (r == -ECANCELED) {
		back_in_line(i);
	} else if (r == -ENODATA) {
		missed(i);
	} else if (r && is_down(r)) {
		back_in_line(i);
		store_fails(u, r, err);
	} else {
		store_works(u);
		if (r)
			refused(i, err);
		else
			uploaded(i, res);
	}
}

static void on_begin(void *ctx, const char *id)
{
	const struct item *i = ctx;
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	int r = bc_upload_log_begin(i->f->log, &file, id);

	if (r)
		bc_log(i->f->u->log, BC_ERROR, "%s: cannot write %s: %s", i->f->path, BC_UPLOAD_LOG, strerror(-r));
}

static int upload(struct worker *w, struct item *i, int fd, struct bc_upload_result *res, struct bc_err *err)
{
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	struct bc_upload_folder *f = i->f;
	char key[BC_KEY_MAX], begun[BC_OBJECT_TOKEN_MAX];
	struct bc_upload_job j = {
		.client = w->client, .bucket = f->dest.bucket, .key = key, .fd = fd, .size = i->size, .begin = on_begin, .ctx = i,
		.stop = &w->stop,
	};
	int r = bc_upload_key(f->dest.key, f->node, i->name, f->utc, key);

	if (r)
		return bc_err_set(err, r, "its name gives no key: %s", strerror(-r));
	if (bc_upload_log_begun(f->log, &file, begun))
		j.begun = begun;
	return bc_upload_object(&j, res, err);
}

/* Without the lock. -ENODATA: the file has gone. */
static int try_item(struct worker *w, struct item *i, struct bc_upload_result *res, struct bc_err *err)
{
	int fd = openat(i->f->fd, i->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENODATA : bc_err_set(err, -EIO, "cannot read it: %s", strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return bc_err_set(err, -EIO, "it is no file");
	}
	/* As it is now; another may have taken its name since. */
	pthread_mutex_lock(&w->u->lock);
	i->f->sum.waiting_bytes += (uint64_t)st.st_size - i->size;
	i->size = (uint64_t)st.st_size;
	i->mtime_ns = bc_file_mtime_ns(&st);
	pthread_mutex_unlock(&w->u->lock);
	r = upload(w, i, fd, res, err);
	close(fd);
	return r;
}

static void abort_gone(void *ctx, const char *name, const char *id)
{
	const struct worker *const *w_and_f = ctx;
	const struct bc_upload_folder *f = (const struct bc_upload_folder *)w_and_f[1];
	char key[BC_KEY_MAX];
	struct bc_err err;

	if (bc_upload_key(f->dest.key, f->node, name, f->utc, key) == 0)
		bc_object_abort(w_and_f[0]->client, f->dest.bucket, key, id, &err);
}

struct stale {
	struct worker *w;
	struct bc_upload_folder *f;
	struct { char *key, *id; } found[256];
	unsigned n;
};

/* Of a segment's name, below our own node, a day old: nobody else's. */
static int look_at_upload(void *ctx, const struct bc_object_upload *u)
{
	const char *slash = strrchr(u->key, '/');
	struct stale *s = ctx;
	struct bc_series series;
	const uint64_t now = bc_utc_ns();

	if (!slash || !bc_series_parse(slash + 1, &series) || !u->begun_ns || u->begun_ns > now || now - u->begun_ns < STALE_NS ||
	    s->n == sizeof(s->found) / sizeof(s->found[0]))
		return 0;
	s->found[s->n].key = strdup(u->key);
	s->found[s->n++].id = strdup(u->id);
	return 0;
}

/* One that we mean to go on with? */
static bool is_recorded(struct bc_upload_folder *f, const char *key, const char *id)
{
	const char *name = strrchr(key, '/') + 1;
	char begun[BC_OBJECT_TOKEN_MAX];
	struct bc_upload_file file = { .name = name };
	struct stat st;

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file.size = (uint64_t)st.st_size;
	file.mtime_ns = bc_file_mtime_ns(&st);
	return bc_upload_log_begun(f->log, &file, begun) && strcmp(begun, id) == 0;
}

/* What the folder's own record tells of, then what the store does. A key without the right to list leaves that to a lifecycle rule. */
static void tidy(struct worker *w, struct bc_upload_folder *f)
{
	const void *const gone[] = { w, f };
	struct stale *s = calloc(1, sizeof(*s));
	char prefix[BC_KEY_MAX];
	struct bc_err err;
	size_t n = strlen(f->dest.key);

	bc_upload_log_orphans(f->log, abort_gone, (void *)gone);
	if (!s || snprintf(prefix, sizeof(prefix), "%s%s%s/", f->dest.key, n && f->dest.key[n - 1] != '/' ? "/" : "", f->node) >= (int)sizeof(prefix)) {
		free(s);
		return;
	}
	bc_object_uploads(w->client, f->dest.bucket, prefix, look_at_upload, s, &err);
	for (unsigned i = 0; i < s->n; i++) {
		if (s->found[i].key && s->found[i].id && !is_recorded(f, s->found[i].key, s->found[i].id) &&
		    bc_object_abort(w->client, f->dest.bucket, s->found[i].key, s->found[i].id, &err) == 0)
			bc_log(w->u->log, BC_NOTICE, "upload: aborted what was begun over a day ago: %s", s->found[i].key);
		free(s->found[i].key);
		free(s->found[i].id);
	}
	free(s);
}

/* Under the lock: the oldest that is due, off the queue, from the folder that has been waited on longest; or NULL. *ret_ns: the next is due then. */
static struct item *next_item(struct bc_uploader *u, uint64_t *ret_ns)
{
	const uint64_t now = bc_mono_ns();

	if (u->resume_ns > now) {
		*ret_ns = u->resume_ns;
		return NULL;
	}
	for (struct bc_upload_folder *f = u->folders; f; f = f->next) {
		for (struct item **at = &f->head, *i; !f->leaving && (i = *at); at = &i->next) {
			if (i->due_ns > now) {
				if (i->due_ns < *ret_ns)
					*ret_ns = i->due_ns;
				continue;
			}
			*at = i->next;
			if (f->tail == &i->next)
				f->tail = at;
			i->next = NULL;
			return i;
		}
	}
	return NULL;
}

/* Under the lock: the next turn begins behind it. */
static void turn_to_next(struct bc_uploader *u, struct bc_upload_folder *f)
{
	struct bc_upload_folder **at = &u->folders;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	while (*at)
		at = &(*at)->next;
	*at = f;
	f->next = NULL;
}

static struct bc_upload_folder *folder_to_scan(struct bc_uploader *u)
{
	for (struct bc_upload_folder *f = u->folders; f; f = f->next)
		if (f->scan && !f->leaving)
			return f;
	return NULL;
}

static struct bc_upload_folder *folder_to_tidy(struct bc_uploader *u)
{
	for (struct bc_upload_folder *f = u->folders; f; f = f->next)
		if (f->tidy && !f->leaving && u->resume_ns <= bc_mono_ns())
			return f;
	return NULL;
}

/* Under the lock, both. */
static void begin_work(struct worker *w, struct bc_upload_folder *f, const struct item *i)
{
	f->busy++;
	w->item = i;
	w->at = f;
	atomic_store(&w->stop, atomic_load(&w->u->stop));
}

static void end_work(struct worker *w, struct bc_upload_folder *f)
{
	f->busy--;
	w->at = NULL;
	w->item = NULL;
	pthread_cond_broadcast(&w->u->work);
}

static void interrupt(struct worker *w)
{
	atomic_store(&w->stop, true);
	bc_object_wake(w->client);
}

/* Under the lock, which is given back meanwhile. False: there was nothing to do. */
static bool work_on_folders(struct worker *w)
{
	struct bc_upload_folder *f = folder_to_scan(w->u);
	const bool scans = f != NULL;

	if (!f)
		f = folder_to_tidy(w->u);
	if (!f)
		return false;
	*(scans ? &f->scan : &f->tidy) = false;
	begin_work(w, f, NULL);
	pthread_mutex_unlock(&w->u->lock);
	if (scans)
		scan(f);
	else
		tidy(w, f);
	pthread_mutex_lock(&w->u->lock);
	end_work(w, f);
	return true;
}

static bool work_on_segments(struct worker *w, uint64_t *ret_ns)
{
	struct bc_upload_result res = { .sent = 0 };
	struct bc_upload_folder *f;
	struct item *i = next_item(w->u, ret_ns);
	struct bc_err err = { "" };
	int r;

	if (!i)
		return false;
	f = i->f;
	turn_to_next(w->u, f);
	begin_work(w, f, i);
	pthread_mutex_unlock(&w->u->lock);
	r = try_item(w, i, &res, &err);
	pthread_mutex_lock(&w->u->lock);
	settle(i, r, &res, &err);
	end_work(w, f);
	return true;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct bc_uploader *u = w->u;

	if (u->behind)
		lower_priority();
	pthread_mutex_lock(&u->lock);
	while (!atomic_load(&u->stop)) {
		uint64_t next_ns = bc_mono_ns() + 60 * BC_NS_PER_S;
		struct timespec until;

		if (work_on_folders(w) || work_on_segments(w, &next_ns))
			continue;
		until = (struct timespec){ .tv_sec = (time_t)(next_ns / BC_NS_PER_S), .tv_nsec = (long)(next_ns % BC_NS_PER_S) };
		pthread_cond_clockwait(&u->work, &u->lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

static int start_workers(struct bc_uploader *u, const struct bc_uploader_config *cfg, struct bc_err *err)
{
	const uint32_t connections = cfg->connections ? cfg->connections : BC_UPLOAD_CONNECTIONS;
	const unsigned n = (connections + BC_UPLOAD_PARTS_AT_ONCE - 1) / BC_UPLOAD_PARTS_AT_ONCE;
	struct bc_object_config oc = { .settings = cfg->store, .connections = BC_UPLOAD_PARTS_AT_ONCE, .send_rate = cfg->bytes_per_s ? &u->rate : NULL };
	int r = 0;

	if (connections < BC_UPLOAD_PARTS_AT_ONCE)
		oc.connections = connections;
	for (unsigned i = 0; !r && i < n && i < THREADS_MAX; i++) {
		struct worker *w = &u->worker[i];

		w->u = u;
		oc.stop = &w->stop;
		r = bc_object_client_new(&oc, &w->client, err);
		if (r)
			return r;
		u->n_workers++;
		r = bc_thread_start(&w->thread, "bc-upload", worker_main, w);
		w->started = r == 0;
	}
	return r ? bc_err_set(err, r, "cannot start a thread to upload: %s", strerror(-r)) : 0;
}

int bc_uploader_new(const struct bc_uploader_config *cfg, struct bc_uploader **ret, struct bc_err *err)
{
	struct bc_uploader *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return bc_err_set(err, -ENOMEM, "no memory to upload");
	u->log = cfg->log;
	u->behind = cfg->behind;
	bc_rate_init(&u->rate, cfg->bytes_per_s);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->work, NULL);
	r = start_workers(u, cfg, err);
	if (r) {
		bc_uploader_close(u);
		bc_uploader_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

static void free_folder(struct bc_upload_folder *f)
{
	struct item *i;

	while ((i = f->head)) {
		f->head = i->next;
		drop(i);
	}
	bc_upload_log_free(f->log);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->node);
	free(f);
}

static int open_folder(struct bc_upload_folder *f, const struct bc_upload_dest *d, struct bc_err *err)
{
	char where[BC_ENDPOINT_MAX + BC_BUCKET_MAX + 2 * BC_ENCODED_KEY_MAX], prefix[BC_ENCODED_KEY_MAX];
	int r = bc_object_name_parse("--upload", d->url, &f->dest, err);

	if (!r && !bc_upload_node_ok(d->node))
		r = bc_err_set(err, -EINVAL, "--upload: '%s' cannot stand between two slashes", d->node);
	if (r)
		return r;
	f->fd = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &f->id) < 0)
		return bc_err_set(err, -errno, "cannot read the folder %s: %s", d->folder, strerror(errno));
	if (bc_uri_encode(f->dest.key, true, prefix, sizeof(prefix)) < 0 ||
	    snprintf(where, sizeof(where), "%s/%s/%s", bc_object_where(f->u->worker[0].client), f->dest.bucket, prefix) >= (int)sizeof(where))
		return bc_err_set(err, -ENAMETOOLONG, "--upload: %s is too long", d->url);
	return bc_upload_log_open(f->fd, d->folder, where, &f->log, err);
}

/* Under the lock: the folder that others publish to already. */
static struct bc_upload_folder *same_folder(struct bc_uploader *u, const struct bc_upload_dest *d)
{
	struct stat st;

	for (struct bc_upload_folder *f = u->folders; stat(d->folder, &st) == 0 && f; f = f->next)
		if (f->id.st_ino == st.st_ino && f->id.st_dev == st.st_dev)
			return f;
	return NULL;
}

int bc_uploader_add(struct bc_uploader *u, const struct bc_upload_dest *d, struct bc_upload_folder **ret, struct bc_err *err)
{
	struct bc_upload_folder *f;
	int r;

	pthread_mutex_lock(&u->lock);
	f = same_folder(u, d);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&u->lock);
	if (f) {
		*ret = f;
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory to upload from %s", d->folder);
	*f = (struct bc_upload_folder){ .u = u, .refs = 1, .fd = -1, .utc = d->utc, .scan = true, .tidy = true, .tail = &f->head };
	f->path = strdup(d->folder);
	f->node = strdup(d->node);
	r = f->path && f->node ? open_folder(f, d, err) : bc_err_set(err, -ENOMEM, "no memory to upload from %s", d->folder);
	if (r) {
		free_folder(f);
		return r;
	}
	pthread_mutex_lock(&u->lock);
	f->next = u->folders;
	u->folders = f;
	pthread_cond_broadcast(&u->work);
	pthread_mutex_unlock(&u->lock);
	*ret = f;
	return 0;
}

void bc_uploader_remove(struct bc_uploader *u, struct bc_upload_folder *f)
{
	struct bc_upload_folder **at;

	if (!f)
		return;
	pthread_mutex_lock(&u->lock);
	if (--f->refs) {
		pthread_mutex_unlock(&u->lock);
		return;
	}
	f->leaving = true;
	for (unsigned i = 0; i < u->n_workers; i++)
		if (u->worker[i].at == f)
			interrupt(&u->worker[i]);
	while (f->busy)
		pthread_cond_wait(&u->work, &u->lock);
	at = &u->folders;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	pthread_mutex_unlock(&u->lock);
	free_folder(f);
}

static void keep_older(struct bc_upload_stats *st, const struct item *i)
{
	if (!st->oldest_ns || i->mtime_ns < st->oldest_ns)
		st->oldest_ns = i->mtime_ns;
}

void bc_uploader_stats(struct bc_upload_folder *f, struct bc_upload_stats *ret)
{
	pthread_mutex_lock(&f->u->lock);
	*ret = f->sum;
	ret->down = f->u->down_ns != 0;
	for (const struct item *i = f->head; i; i = i->next)
		keep_older(ret, i);
	for (unsigned i = 0; i < f->u->n_workers; i++)
		if (f->u->worker[i].at == f && f->u->worker[i].item)
			keep_older(ret, f->u->worker[i].item);
	pthread_mutex_unlock(&f->u->lock);
}

bool bc_uploader_idle(struct bc_uploader *u, uint64_t patience_ns)
{
	uint64_t due = 0;
	bool idle;

	pthread_mutex_lock(&u->lock);
	for (const struct bc_upload_folder *f = u->folders; f; f = f->next)
		due += f->busy + f->scan + f->sum.waiting - f->sum.failed;
	idle = due == 0 || (u->down_ns && bc_mono_ns() - u->down_ns >= patience_ns);
	pthread_mutex_unlock(&u->lock);
	return idle;
}

void bc_uploader_close(struct bc_uploader *u)
{
	pthread_mutex_lock(&u->lock);
	atomic_store(&u->stop, true);
	for (unsigned i = 0; i < u->n_workers; i++)
		interrupt(&u->worker[i]);
	pthread_cond_broadcast(&u->work);
	pthread_mutex_unlock(&u->lock);
	for (unsigned i = 0; i < u->n_workers; i++) {
		struct worker *w = &u->worker[i];

		if (w->started)
			pthread_join(w->thread, NULL);
		w->started = false;
	}
}

void bc_uploader_free(struct bc_uploader *u)
{
	if (!u)
		return;
	while (u->folders) {
		u->folders->refs = 1;
		bc_uploader_remove(u, u->folders);
	}
	for (unsigned i = 0; i < u->n_workers; i++)
		bc_object_client_free(u->worker[i].client);
	bc_rate_destroy(&u->rate);
	pthread_cond_destroy(&u->work);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
