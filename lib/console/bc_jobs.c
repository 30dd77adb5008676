/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_jobs_priv.h"
#include "bc_thread.h"
#include "bc_time.h"

void bc_jobs_entry_free(struct bc_job_entry *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

/* ---- the list, under the lock ---- */

static bool is_of(const struct bc_job_entry *e, const char *user)
{
	return !user || !strcmp(e->job.user, user);
}

static struct bc_job_entry **at(struct bc_jobs *j, const char *id, const char *user)
{
	struct bc_job_entry **p = &j->first;

	while (*p && (strcmp((*p)->job.id, id) || !is_of(*p, user)))
		p = &(*p)->next;
	return p;
}

static uint32_t count(const struct bc_jobs *j, const char *user)
{
	uint32_t n = 0;

	for (const struct bc_job_entry *e = j->first; e; e = e->next)
		n += is_of(e, user);
	return n;
}

void bc_jobs_drop(struct bc_job_entry **p)
{
	struct bc_job_entry *e = *p;

	*p = e->next;
	e->removed = true;
	if (e->find)
		bc_find_stop(e->find);
	if (e->job.state != BC_JOB_RUNNING)
		bc_jobs_entry_free(e);
}

/* ---- the beginning and the end ---- */

static int start_thread(struct bc_jobs *j, const char *name, void *(*what)(void *))
{
	int r = bc_thread_start(&j->thread[j->n_threads], name, what, j);

	j->n_threads += !r;
	return r;
}

static int start_threads(struct bc_jobs *j)
{
	int r = start_thread(j, "bc-jobs", bc_jobs_forget);

	for (uint32_t i = 0; !r && i < BC_JOBS_RUNNING; i++)
		r = start_thread(j, "bc-job", bc_jobs_work);
	return r;
}

int bc_jobs_start(const struct bc_jobs_config *cfg, struct bc_jobs **ret, struct bc_err *err)
{
	int fd = bc_jobs_nameless(cfg->folder), r;
	struct bc_jobs *j;

	if (fd < 0)
		return bc_err_set(err, fd, "--jobs %s: %s", cfg->folder, strerror(-fd));
	close(fd);
	j = calloc(1, sizeof(*j));
	if (!j)
		return bc_err_set(err, -ENOMEM, "no memory");
	j->cfg = *cfg;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->changed, NULL);
	r = start_threads(j);
	if (r) {
		bc_jobs_stop(j);
		return bc_err_set(err, r, "cannot start a thread (%s)", strerror(-r));
	}
	*ret = j;
	return 0;
}

void bc_jobs_stop(struct bc_jobs *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->over = true;
	while (j->first)
		bc_jobs_drop(&j->first);
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	for (uint32_t i = 0; i < j->n_threads; i++)
		pthread_join(j->thread[i], NULL);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
	free(j);
}

/* ---- for those who ask ---- */

int bc_job_id(char ret[BC_JOB_ID_MAX])
{
	uint8_t random[(BC_JOB_ID_MAX - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		sprintf(ret + 2 * i, "%02x", random[i]);
	return 0;
}

int bc_jobs_add(struct bc_jobs *j, const struct bc_job *asked, struct bc_err *err)
{
	struct bc_job_entry *e = calloc(1, sizeof(*e)), **last;
	int r = e ? 0 : bc_err_set(err, -ENOMEM, "no memory");

	pthread_mutex_lock(&j->lock);
	if (!r && count(j, asked->user) >= BC_JOBS_OF_ONE)
		r = bc_err_set(err, -EBUSY, "%u jobs are yours already: remove one", BC_JOBS_OF_ONE);
	if (!r && count(j, NULL) >= BC_JOBS_MAX)
		r = bc_err_set(err, -EBUSY, "%u jobs are there already: try again when one is gone", BC_JOBS_MAX);
	if (r) {
		free(e);
	} else {
		e->job = *asked;
		e->job.asked_ns = bc_utc_ns();
		e->fd = -1;
		for (last = &j->first; *last; last = &(*last)->next)
			;
		*last = e;
		pthread_cond_broadcast(&j->changed);
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}

uint32_t bc_jobs_list(struct bc_jobs *j, const char *user, struct bc_job *ret)
{
	uint32_t n = 0;

	pthread_mutex_lock(&j->lock);
	for (const struct bc_job_entry *e = j->first; e; e = e->next) {
		if (!is_of(e, user))
			continue;
		ret[n] = e->job;
		if (e->find)
			bc_find_get_progress(e->find, &ret[n].progress);
		if (e->job.state == BC_JOB_RUNNING)
			ret[n].bytes = bc_jobs_size(e);
		n++;
	}
	pthread_mutex_unlock(&j->lock);
	return n;
}

int bc_jobs_remove(struct bc_jobs *j, const char *id, const char *user)
{
	struct bc_job_entry **p;
	int r = -ENOENT;

	pthread_mutex_lock(&j->lock);
	p = at(j, id, user);
	if (*p) {
		bc_jobs_drop(p);
		r = 0;
	}
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->lock);
	return r;
}

int bc_jobs_open(struct bc_jobs *j, const char *id, const char *user, uint64_t *ret_bytes)
{
	struct bc_job_entry *e;
	int r = -ENOENT;

	pthread_mutex_lock(&j->lock);
	e = *at(j, id, user);
	if (e) {
		r = e->job.state == BC_JOB_DONE ? fcntl(e->fd, F_DUPFD_CLOEXEC, 0) : -EAGAIN;
		if (r == -1)
			r = -errno;
		*ret_bytes = e->job.bytes;
	}
	pthread_mutex_unlock(&j->lock);
	return r;
}
