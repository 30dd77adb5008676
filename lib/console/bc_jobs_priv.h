/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of bc_jobs share. */
#ifndef BC_JOBS_PRIV_H
#define BC_JOBS_PRIV_H

#include <pthread.h>

#include "bc_jobs.h"

/* In the list until it is removed; then, if it runs, its thread's alone. All under the lock of bc_jobs. */
struct bc_job_entry {
	struct bc_job_entry *next;
	struct bc_job job;
	int fd;			/* -1: it has not run */
	struct bc_find *find;	/* which is under way */
	bool removed;
};

struct bc_jobs {
	struct bc_jobs_config cfg;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct bc_job_entry *first;	/* the oldest; under the lock */
	bool over;		/* under the lock */
	pthread_t thread[BC_JOBS_RUNNING + 1];
	uint32_t n_threads;
};

/* A file that is gone when nobody has it open any more. A descriptor, or a negative errno. */
int bc_jobs_nameless(const char *folder);

/* Under the lock. */
uint64_t bc_jobs_size(const struct bc_job_entry *e);
/* The same: takes the job out of the list; one that runs ends soon. */
void bc_jobs_drop(struct bc_job_entry **p);
void bc_jobs_entry_free(struct bc_job_entry *e);

/* Threads, of bc_jobs: one takes jobs in their order and runs them; one forgets those whose time is over. */
void *bc_jobs_work(void *jobs);
void *bc_jobs_forget(void *jobs);

#endif
