/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_index_subject.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_upload_beside.h"
#include "bc_upload_key.h"

#define RETRY_NS (60 * BC_NS_PER_S)	/* a segment that was refused */

static void lower_priority(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7));
}

static void refused(struct bc_upload_item *i, const struct bc_err *err)
{
	struct bc_upload_folder *f = i->f;

	bc_upload_hour_leave(i);
	f->sum.failed += !i->failed;
	if (!i->failed)
		bc_log(f->u->log, BC_ERROR, "%s/%s: not uploaded: %s", f->path, i->name, err->msg);
	i->failed = true;
	i->due_ns = bc_mono_ns() + RETRY_NS;
	bc_upload_to_the_end(i);
}

/* Without the lock: nobody waits for the disk. */
static void note_done(const struct bc_upload_item *i, const struct bc_upload_result *res)
{
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	struct bc_upload_folder *f = i->f;
	int r = bc_upload_log_done(f->log, &file, res->etag);

	if (r)
		bc_log(f->u->log, BC_ERROR, "%s/%s: cannot note in %s that it is uploaded: %s", f->path, i->name, BC_UPLOAD_LOG, strerror(-r));
}

static void uploaded(struct bc_upload_item *i, const struct bc_upload_result *res)
{
	struct bc_upload_folder *f = i->f;

	if (res->etag[0])
		bc_log(f->u->log, BC_INFO, "%s/%s: %s", f->path, i->name, res->was_there ? "is uploaded already" : "uploaded");
	if (!bc_index_beside_is_name(i->name)) {
		f->sum.uploaded++;
		f->sum.uploaded_bytes += i->size;
	} else if (res->etag[0]) {
		f->sum.indexes++;
		f->sum.index_bytes += i->size;
	}
	f->sum.resumed_bytes += res->was_there ? 0 : res->resumed;
	if (res->etag[0])
		bc_upload_hour_note(i);
	bc_upload_drop(i);
}

static void missed(struct bc_upload_item *i)
{
	struct bc_upload_folder *f = i->f;

	/* An index can be made again. */
	if (bc_index_beside_is_name(i->name)) {
		bc_upload_drop(i);
		return;
	}
	bc_log(f->u->log, BC_ERROR, "%s/%s: removed before it was uploaded", f->path, i->name);
	f->sum.missed++;
	bc_upload_drop(i);
}

/* What came of it. Under the lock. */
static void settle(struct bc_upload_item *i, int r, const struct bc_upload_result *res, const struct bc_err *err)
{
	struct bc_uploader *u = i->f->u;

	if (r == -ECANCELED) {
		bc_upload_back_in_line(i);
	} else if (r == -ENODATA) {
		missed(i);
	} else if (r && bc_upload_is_down(r)) {
		bc_upload_back_in_line(i);
		bc_upload_store_fails(u, r, err);
	} else {
		bc_upload_store_works(u);
		if (r)
			refused(i, err);
		else
			uploaded(i, res);
	}
}

static void on_begin(void *ctx, const char *id)
{
	const struct bc_upload_item *i = ctx;
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	int r = bc_upload_log_begin(i->f->log, &file, id);

	if (r)
		bc_log(i->f->u->log, BC_ERROR, "%s: cannot write %s: %s", i->f->path, BC_UPLOAD_LOG, strerror(-r));
}

/* subject: of an index. */
static int upload(struct bc_upload_worker *w, struct bc_upload_item *i, int fd, const uint8_t *subject, struct bc_upload_result *res,
		  struct bc_err *err)
{
	const struct bc_upload_file file = { i->name, i->size, i->mtime_ns };
	struct bc_upload_folder *f = i->f;
	char key[BC_KEY_MAX], begun[BC_OBJECT_TOKEN_MAX];
	struct bc_upload_job j = {
		.client = w->client, .bucket = f->dest.bucket, .key = key, .fd = fd, .size = i->size, .begin = on_begin, .ctx = i,
		.stop = &w->stop, .head = subject, .head_len = subject ? BC_SUBJECT_SIZE : 0, .replace = subject != NULL,
	};
	int r = bc_upload_key(f->dest.key, f->node, i->name, f->utc, key);

	if (r)
		return bc_err_set(err, r, "its name gives no key: %s", strerror(-r));
	if (bc_upload_log_begun(f->log, &file, begun))
		j.begun = begun;
	return bc_upload_object(&j, res, err);
}

/* An index that is not its segment's is passed over: 0, and no ETag. */
static int upload_index(struct bc_upload_worker *w, struct bc_upload_item *i, int fd, struct bc_upload_result *res, struct bc_err *err)
{
	uint8_t subject[BC_SUBJECT_SIZE];
	int r = bc_upload_beside(i->f->log, i->f->fd, i->name, fd, subject, err);

	if (r != -EBADMSG)
		return r ? r : upload(w, i, fd, subject, res, err);
	bc_log(w->u->log, BC_WARN, "%s/%s: not uploaded: %s", i->f->path, i->name, err->msg);
	return 0;
}

/* Without the lock. -ENODATA: the file has gone. */
static int try_item(struct bc_upload_worker *w, struct bc_upload_item *i, struct bc_upload_result *res, struct bc_err *err)
{
	struct bc_upload_file file;
	int fd = bc_upload_open(i->f->fd, i->name, &file), r;

	if (fd < 0)
		return fd == -ENOENT ? -ENODATA : bc_err_set(err, -EIO, "cannot read it: %s", fd == -EINVAL ? "it is no file" : strerror(-fd));
	/* As it is now; another may have taken its name since. */
	pthread_mutex_lock(&w->u->lock);
	i->f->sum.waiting_bytes += file.size - i->size;
	i->size = file.size;
	i->mtime_ns = file.mtime_ns;
	pthread_mutex_unlock(&w->u->lock);
	r = bc_index_beside_is_name(i->name) ? upload_index(w, i, fd, res, err) : upload(w, i, fd, NULL, res, err);
	close(fd);
	return r;
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
static void begin_work(struct bc_upload_worker *w, struct bc_upload_folder *f, const struct bc_upload_item *i)
{
	f->busy++;
	w->item = i;
	w->at = f;
	atomic_store(&w->stop, atomic_load(&w->u->stop));
}

static void end_work(struct bc_upload_worker *w, struct bc_upload_folder *f)
{
	f->busy--;
	w->at = NULL;
	w->item = NULL;
	pthread_cond_broadcast(&w->u->work);
}

void bc_upload_interrupt(struct bc_upload_worker *w)
{
	atomic_store(&w->stop, true);
	bc_object_wake(w->client);
}

/* Under the lock, which is given back meanwhile. False: there was nothing to do. */
static bool work_on_folders(struct bc_upload_worker *w)
{
	struct bc_upload_folder *f = folder_to_scan(w->u);
	const bool scans = f != NULL;

	if (!f)
		f = folder_to_tidy(w->u);
	if (!f)
		return false;
	*(scans ? &f->scan : &f->tidy) = false;
	f->scanning |= scans;
	begin_work(w, f, NULL);
	pthread_mutex_unlock(&w->u->lock);
	if (scans)
		bc_upload_scan(f);
	else
		bc_upload_tidy(w, f);
	pthread_mutex_lock(&w->u->lock);
	f->scanning &= !scans;
	end_work(w, f);
	return true;
}

static bool work_on_hours(struct bc_upload_worker *w)
{
	struct bc_upload_folder *f = w->u->folders;
	struct bc_upload_hour *h = NULL;
	struct bc_err err;
	int r;

	if (w->u->resume_ns > bc_mono_ns())
		return false;
	for (; f; f = f->next)
		if (!f->leaving && (h = bc_upload_hour_over(f)))
			break;
	if (!h)
		return false;
	begin_work(w, f, NULL);
	pthread_mutex_unlock(&w->u->lock);
	r = bc_upload_write_hour(w, f, h, &err);
	pthread_mutex_lock(&w->u->lock);
	bc_upload_hour_done(f, h, r, &err);
	end_work(w, f);
	return true;
}

static bool work_on_segments(struct bc_upload_worker *w, uint64_t *ret_ns)
{
	struct bc_upload_result res = { .sent = 0 };
	struct bc_upload_folder *f;
	struct bc_upload_item *i = bc_upload_next(w->u, ret_ns);
	struct bc_err err = { "" };
	char index[BC_UPLOAD_INDEX_MAX];
	struct stat st;
	uint32_t share;
	bool more;
	int r;

	if (!i)
		return false;
	f = i->f;
	share = bc_upload_share(w->u, i);
	w->u->in_use += share;
	turn_to_next(w->u, f);
	begin_work(w, f, i);
	pthread_mutex_unlock(&w->u->lock);
	r = try_item(w, i, &res, &err);
	if (!r)
		note_done(i, &res);
	more = !r && !bc_index_beside_is_name(i->name) && bc_upload_index_waits(f->log, f->fd, i->name, index, &st);
	pthread_mutex_lock(&w->u->lock);
	if (more && bc_upload_enqueue(f, index, &st))
		f->scan = true;
	w->u->in_use -= share;
	settle(i, r, &res, &err);
	end_work(w, f);
	return true;
}

static void *worker_main(void *arg)
{
	struct bc_upload_worker *w = arg;
	struct bc_uploader *u = w->u;

	if (u->behind)
		lower_priority();
	pthread_mutex_lock(&u->lock);
	while (!atomic_load(&u->stop)) {
		uint64_t next_ns = bc_mono_ns() + 60 * BC_NS_PER_S;
		struct timespec until;

		if (work_on_folders(w) || work_on_hours(w) || work_on_segments(w, &next_ns))
			continue;
		until = (struct timespec){ .tv_sec = (time_t)(next_ns / BC_NS_PER_S), .tv_nsec = (long)(next_ns % BC_NS_PER_S) };
		pthread_cond_clockwait(&u->work, &u->lock, CLOCK_MONOTONIC, &until);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

int bc_upload_workers_new(struct bc_uploader *u, const struct bc_uploader_config *cfg, struct bc_err *err)
{
	const uint32_t connections = cfg->connections ? cfg->connections : BC_UPLOAD_CONNECTIONS;
	struct bc_object_config oc = { .settings = cfg->store, .connections = BC_UPLOAD_PARTS_AT_ONCE, .send_rate = cfg->bytes_per_s ? &u->rate : NULL };
	int r = 0;

	u->connections = connections;
	if (connections < BC_UPLOAD_PARTS_AT_ONCE)
		oc.connections = connections;
	for (unsigned i = 0; !r && i < connections && i < BC_UPLOAD_THREADS_MAX; i++) {
		struct bc_upload_worker *w = &u->worker[i];

		w->u = u;
		oc.stop = &w->stop;
		r = bc_object_client_new(&oc, &w->client, err);
		u->n_workers += !r;
	}
	return r;
}

int bc_upload_workers_start(struct bc_uploader *u, struct bc_err *err)
{
	int r = 0;

	for (unsigned i = 0; !r && i < u->n_workers; i++) {
		struct bc_upload_worker *w = &u->worker[i];

		if (w->started)
			continue;
		r = bc_thread_start(&w->thread, "bc-upload", worker_main, w);
		w->started = r == 0;
	}
	return r ? bc_err_set(err, r, "cannot start a thread to upload: %s", strerror(-r)) : 0;
}
