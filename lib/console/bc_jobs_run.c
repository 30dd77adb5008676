/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs are taken in their order, run, and forgotten when their time is over. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bc_depot.h"
#include "bc_jobs_priv.h"
#include "bc_thread.h"
#include "bc_time.h"

#define READERS 2
#define SHARE 4U

int bc_jobs_nameless(const char *folder)
{
	char path[4096];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* Not every file system can. */
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if (snprintf(path, sizeof(path), "%s/tmp-job-XXXXXX", folder) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* ---- one that runs ---- */

/* The search can be stopped from now on; false: it was, before it began. */
static bool begin(struct bc_jobs *j, struct bc_job_entry *e, struct bc_find *find)
{
	bool ok;

	pthread_mutex_lock(&j->lock);
	ok = !e->removed;
	e->find = ok ? find : NULL;
	pthread_mutex_unlock(&j->lock);
	return ok;
}

static void end(struct bc_jobs *j, struct bc_job_entry *e, struct bc_find *find)
{
	pthread_mutex_lock(&j->lock);
	bc_find_get_progress(find, &e->job.progress);
	e->find = NULL;
	pthread_mutex_unlock(&j->lock);
}

/* What it would read, into sums; or, without these, its packets into the file. */
static int search(struct bc_jobs *j, struct bc_job_entry *e, struct bc_find_config *cfg, struct bc_find_sums *sums,
		  struct bc_err *err)
{
	const struct bc_depot_config depot = { .hours = true, .log = j->cfg.log };
	struct bc_find *find = NULL;
	int r = bc_depot_new(&depot, &cfg->depot, err);

	if (!r)
		r = bc_find_new(cfg, &find, err);
	if (!r && !begin(j, e, find))
		r = bc_err_set(err, -ECANCELED, "it was removed");
	if (!r) {
		r = sums ? bc_find_explain(find, NULL, NULL, sums, err) : bc_find_run(find, err);
		end(j, e, find);
	}
	bc_find_free(find);
	bc_depot_free(cfg->depot);
	return r;
}

/* For one more file: two of them, and those that come later, leave the file system room. */
static uint64_t room(const struct bc_jobs *j, int fd)
{
	struct statvfs st;
	uint64_t part = fstatvfs(fd, &st) ? UINT64_MAX : (uint64_t)st.f_bavail * st.f_frsize / SHARE;

	part = part ? part : 1;
	return part < j->cfg.job_bytes ? part : j->cfg.job_bytes;
}

static int estimate_and_find(struct bc_jobs *j, struct bc_job_entry *e, struct bc_err *err)
{
	struct bc_find_config cfg = {
		.expression = e->job.expression, .paths = j->cfg.paths, .n_paths = j->cfg.n_paths, .from_ns = e->job.from_ns,
		.to_ns = e->job.to_ns, .threads = READERS, .log = j->cfg.log, .dest.kind = BC_STORE_NULL,
	};
	struct bc_find_sums sums;
	char dest[32];
	int r = search(j, e, &cfg, &sums, err);

	if (r)
		return r;
	pthread_mutex_lock(&j->lock);
	e->job.to_read = sums.to_read;
	pthread_mutex_unlock(&j->lock);
	snprintf(dest, sizeof(dest), "/dev/fd/%d", e->fd);
	cfg.limit_file_bytes = room(j, e->fd);
	cfg.dest = (struct bc_find_dest){ .kind = BC_STORE_FD, .path = dest, .format = BC_FORMAT_PCAPNG, .codec = BC_CODEC_NONE };
	return search(j, e, &cfg, NULL, err);
}

uint64_t bc_jobs_size(const struct bc_job_entry *e)
{
	struct stat st;

	return e->fd >= 0 && !fstat(e->fd, &st) ? (uint64_t)st.st_size : 0;
}

/* Under the lock. What failed has no file. */
static void conclude(const struct bc_jobs *j, struct bc_job_entry *e, int r, const struct bc_err *err)
{
	e->job.state = r ? BC_JOB_FAILED : BC_JOB_DONE;
	e->job.bytes = r ? 0 : bc_jobs_size(e);
	e->job.ended_ns = bc_utc_ns();
	e->job.expires_ns = e->job.ended_ns + j->cfg.keep_ns;
	if (r)
		e->job.why = *err;
	if (r && e->fd >= 0) {
		close(e->fd);
		e->fd = -1;
	}
}

static void run(struct bc_jobs *j, struct bc_job_entry *e)
{
	struct bc_err err = { .msg = "" };
	int fd = bc_jobs_nameless(j->cfg.folder), r = 0;
	struct bc_job ended;
	bool removed;

	if (fd < 0)
		r = bc_err_set(&err, fd, "%s: %s", j->cfg.folder, strerror(-fd));
	pthread_mutex_lock(&j->lock);
	e->fd = fd < 0 ? -1 : fd;
	pthread_mutex_unlock(&j->lock);
	if (!r)
		r = estimate_and_find(j, e, &err);
	pthread_mutex_lock(&j->lock);
	conclude(j, e, r, &err);
	removed = e->removed;
	ended = e->job;
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	if (removed)
		bc_jobs_entry_free(e);
	j->cfg.told(j->cfg.ctx, "job ended", &ended);
}

/* ---- the threads ---- */

static bool has_running(const struct bc_jobs *j, const char *user)
{
	for (const struct bc_job_entry *e = j->first; e; e = e->next)
		if (e->job.state == BC_JOB_RUNNING && !strcmp(e->job.user, user))
			return true;
	return false;
}

/* The oldest that waits and whose user has none that runs. */
static struct bc_job_entry *next(const struct bc_jobs *j)
{
	struct bc_job_entry *e = j->first;

	while (e && (e->job.state != BC_JOB_QUEUED || has_running(j, e->job.user)))
		e = e->next;
	return e;
}

void *bc_jobs_work(void *arg)
{
	struct bc_jobs *j = arg;
	struct bc_job_entry *e;

	bc_thread_give_way();
	pthread_mutex_lock(&j->lock);
	while (!j->over) {
		e = next(j);
		if (!e) {
			pthread_cond_wait(&j->changed, &j->lock);
			continue;
		}
		e->job.state = BC_JOB_RUNNING;
		pthread_mutex_unlock(&j->lock);
		run(j, e);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

/* Where that is which is forgotten first; NULL: none has ended. */
static struct bc_job_entry **oldest_ended(struct bc_jobs *j)
{
	struct bc_job_entry **found = NULL;

	for (struct bc_job_entry **p = &j->first; *p; p = &(*p)->next)
		if ((*p)->job.expires_ns && (!found || (*p)->job.expires_ns < (*found)->job.expires_ns))
			found = p;
	return found;
}

/* Under the lock, which it gives back meanwhile. */
static void expire(struct bc_jobs *j, struct bc_job_entry **p)
{
	const struct bc_job job = (*p)->job;

	bc_jobs_drop(p);
	pthread_mutex_unlock(&j->lock);
	j->cfg.told(j->cfg.ctx, "job expired", &job);
	pthread_mutex_lock(&j->lock);
}

void *bc_jobs_forget(void *arg)
{
	struct bc_jobs *j = arg;

	pthread_mutex_lock(&j->lock);
	while (!j->over) {
		struct bc_job_entry **p = oldest_ended(j);
		uint64_t due_ns = p ? (*p)->job.expires_ns : 0;
		const struct timespec until = { .tv_sec = (time_t)(due_ns / BC_NS_PER_S), .tv_nsec = (long)(due_ns % BC_NS_PER_S) };

		if (!p)
			pthread_cond_wait(&j->changed, &j->lock);
		else if (bc_utc_ns() < due_ns)
			pthread_cond_timedwait(&j->changed, &j->lock, &until);
		else
			expire(j, p);
	}
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

