/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Searches that go on without whoever asked for them: a few run at a time, one of a user; the others wait. What they find is kept
 * for a while, in files without names, which end with the process, however it ends. Any thread.
 */
#ifndef BC_JOBS_H
#define BC_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_find.h"
#include "bc_log.h"
#include "bc_users.h"

#define BC_JOBS_MAX 16U		/* that are kept */
#define BC_JOBS_OF_ONE 4U	/* of these, of one user */
#define BC_JOBS_RUNNING 2U
#define BC_JOB_ID_MAX 33

enum bc_job_state { BC_JOB_QUEUED, BC_JOB_RUNNING, BC_JOB_DONE, BC_JOB_FAILED };

/* Plain data. */
struct bc_job {
	/* Who asked for what; the caller's. */
	char id[BC_JOB_ID_MAX];
	char user[BC_USER_NAME_MAX];	/* "": who has no name; all of these are one */
	enum bc_role role;
	char from[80];			/* his address */
	char expression[4096];
	uint64_t from_ns, to_ns;	/* as bc_find_config has them */
	/* What became of it. */
	enum bc_job_state state;
	uint64_t asked_ns, ended_ns, expires_ns;	/* UTC; 0: not yet */
	struct bc_find_progress progress;
	uint64_t to_read;		/* bytes, as was estimated; 0: not yet */
	uint64_t bytes;			/* of what was found, as a file */
	struct bc_err why;		/* it failed */
};

struct bc_jobs_config {
	const char *folder;		/* where the files are */
	uint64_t job_bytes;		/* each has about so many at most, and no more than a quarter of what is free when it begins */
	uint64_t keep_ns;		/* so long after its end a job is forgotten */
	char *const *paths;
	uint32_t n_paths;
	const struct bc_log *log;	/* thread safe */
	/* "job ended", "job expired"; on threads of the jobs. */
	void (*told)(void *ctx, const char *what, const struct bc_job *job);
	void *ctx;
};

struct bc_jobs;

/* What cfg points at outlives it. 0 and *ret, or a negative errno with a line in err. stop ends all of them, and takes NULL. */
int bc_jobs_start(const struct bc_jobs_config *cfg, struct bc_jobs **ret, struct bc_err *err);
void bc_jobs_stop(struct bc_jobs *j);

/* One that nobody guesses. 0, or a negative errno. */
int bc_job_id(char ret[BC_JOB_ID_MAX]);
/* 0: it waits for its turn. -EBUSY with a line in err: there are as many as may be. */
int bc_jobs_add(struct bc_jobs *j, const struct bc_job *asked, struct bc_err *err);

/* Those of the user, or all of them: NULL; the oldest first. Their number; ret has room for BC_JOBS_MAX. */
uint32_t bc_jobs_list(struct bc_jobs *j, const char *user, struct bc_job *ret);
/* user: as above; another's is not found. 0; -ENOENT. One that runs is ended soon. */
int bc_jobs_remove(struct bc_jobs *j, const char *id, const char *user);
/* A descriptor of its packets, for the caller to close, which outlives the job; -ENOENT; -EAGAIN: there are none yet. */
int bc_jobs_open(struct bc_jobs *j, const char *id, const char *user, uint64_t *ret_bytes);

#endif
