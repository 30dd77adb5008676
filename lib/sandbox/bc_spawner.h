/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that starts the user's commands, for a program that has given up the right to start any. It starts those that it was
 * told of at its begin, and no others.
 */
#ifndef BC_SPAWNER_H
#define BC_SPAWNER_H

#include <stdbool.h>

#include "bc_err.h"

struct bc_spawner;
struct bc_job;

struct bc_spawner_config {
	const char *const *command;	/* borrowed until bc_spawner_free() */
	unsigned n;
	/* In the new process: give up what commands are not to have. 0, or a negative errno with a line in err. May be NULL. */
	int (*begin)(void *ctx, struct bc_err *err);
	void *ctx;
};

/* Before other threads. 0 and *ret, or a negative errno with a line in err. */
int bc_spawner_new(const struct bc_spawner_config *cfg, struct bc_spawner **ret, struct bc_err *err);

/* Any thread: it has ended before its time, and starts nothing any more. */
bool bc_spawner_has_ended(struct bc_spawner *s);

/* Its process; 0: it has ended. */
int bc_spawner_pid(struct bc_spawner *s);

/* Commands that run are left alone. Takes NULL. */
void bc_spawner_free(struct bc_spawner *s);

/* How a command is started: as bc_spawn_shell() does. */
struct bc_start {
	const char *command;		/* one of the spawner's */
	const char *const *arg;		/* $1 and so on; $0 is "braidcap" then */
	const char *const *name;	/* each is in the environment, too, by this name, which begins with "BRAIDCAP_" */
	unsigned n;			/* at most BC_START_ARGS */
	int in_fd;			/* -1: no input */
	int out_fd;
};
#define BC_START_ARGS 8U

/* Any thread. 0 and *ret; -EPIPE, the spawner has ended; -EACCES, it was not told of this command; or another negative errno. */
int bc_spawner_start(struct bc_spawner *s, const struct bc_start *start, struct bc_job **ret);

/* Wait for so many ms: 0 and its wait status, -EAGAIN, it still runs; -EPIPE, the spawner has ended and nobody can say. */
int bc_job_wait(struct bc_job *j, int ms, int *ret_status);

/* To its process group. What is in the group when the command ends after this is killed. */
void bc_job_signal(struct bc_job *j, int sig);

/* One that runs is left alone. Takes NULL. */
void bc_job_free(struct bc_job *j);

#endif
