/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a command after each published segment: one at a time, in order, on its own thread. It is a shell command
 * (/bin/sh -c), which gets the segment as arguments and in its environment, never as part of the text:
 *
 *   $1 BRAIDCAP_PATH   $2 BRAIDCAP_PACKETS   $3 BRAIDCAP_BYTES (of the file)
 *   $4 BRAIDCAP_FIRST  $5 BRAIDCAP_LAST      of the packets, UTC seconds with nine decimals; empty when there is none
 *
 * It has no input, stderr as its output, its own process group, no signal blocked, and no other descriptor. When its
 * time is up the group gets SIGTERM, then SIGKILL; what survives that is left alone.
 */
#ifndef BC_RUNNER_H
#define BC_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_store.h"

#define BC_RUNNER_SECONDS 60U
#define BC_RUNNER_QUEUE 256U	/* segments queued for their command; for further ones none is run */

struct bc_runner;
struct bc_spawner;

/*
 * command is copied, and one of the spawner's, which outlives the runner. seconds: what one may take; 0: BC_RUNNER_SECONDS. 0 or a
 * negative errno with a line in err.
 */
int bc_runner_new(struct bc_spawner *spawner, const char *command, uint32_t seconds, const struct bc_log *log, struct bc_runner **ret,
		  struct bc_err *err);

/* Any thread; never waits. */
void bc_runner_put(struct bc_runner *r, const char *path, uint64_t file_bytes, const struct bc_segment_info *info);

/* Any thread: nothing waits and nothing runs. */
bool bc_runner_idle(struct bc_runner *r);

/* Ends a command that runs, forgets (and counts as skipped) those that wait, ends the thread. Once. */
void bc_runner_close(struct bc_runner *r);

/* After close. Takes NULL. */
void bc_runner_free(struct bc_runner *r);

struct bc_runner_stats {
	uint64_t done;		/* exited with 0 */
	uint64_t failed;	/* did not start, exited otherwise, or were ended after their time */
	uint64_t skipped;	/* the queue was full, or the end came first */
	uint32_t waiting;
	bool running;		/* one is */
};

/* Any thread, until free. */
void bc_runner_stats(struct bc_runner *r, struct bc_runner_stats *ret);

#endif
