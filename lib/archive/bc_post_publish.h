/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is done with a published segment: it is moved to the folder of completed ones, subscribers are notified, and
 * a command is run. Nothing here delays the store that publishes: the work is done on this module's own threads.
 */
#ifndef BC_POST_PUBLISH_H
#define BC_POST_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_publisher.h"
#include "bc_store.h"

struct bc_post_publish_config {
	const char *completed;		/* folder; NULL: segments stay where they are */
	/* With it: as bc_completed_move(), by whoever has the rights to the folders. NULL: this process. */
	int (*move)(void *ctx, const char *path, char ret[BC_STORE_PATH_MAX], struct bc_err *err);
	void *move_ctx;
	const char *command;		/* run after each, see bc_runner.h; NULL: none */
	uint32_t command_seconds;	/* that it may take; 0: BC_RUNNER_SECONDS */
	struct bc_spawner *spawner;	/* that starts it, and outlives this; NULL without a command */
	struct bc_publisher *publisher;	/* gets closingtracefile; NULL: none */
	const char *client;		/* with a publisher; NULL: events are not published */
	const struct bc_log *log;	/* may be NULL */
	/*
	 * A segment is where it stays. Called once for each bc_post_publish_segment(), in their order, by its caller or by a thread of this module's.
	 * Arguments as of bc_store_published. Must not call this module. May be NULL.
	 */
	bc_store_published settled;
	void *ctx;
};

struct bc_post_publish;

/* Strings are copied. 0 and *ret; or a negative errno and a line in err: the folder is not there, cannot be written, a thread does not start. */
int bc_post_publish_new(const struct bc_post_publish_config *cfg, struct bc_post_publish **ret, struct bc_err *err);

/* For bc_store_published; one thread at a time. A segment that failed (err) is only passed on to settled. Never waits. */
void bc_post_publish_segment(struct bc_post_publish *a, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err);

/* Any thread: nothing is being moved, no command waits or runs. */
bool bc_post_publish_idle(struct bc_post_publish *a);

/*
 * No more segments will come: wait until it is idle, and end the threads. now: only the file that is being moved is waited for, a
 * running command is ended, and what waits is forgotten, but for settled, which is called in any case.
 */
void bc_post_publish_close(struct bc_post_publish *a, bool now);

/* After bc_post_publish_close(). Takes NULL. */
void bc_post_publish_free(struct bc_post_publish *a);

struct bc_post_publish_stats {
	uint64_t moved;
	uint64_t move_failed;		/* these stayed where they were */
	uint64_t commands;		/* run to their end, and exited with 0 */
	uint64_t commands_failed;	/* could not be started, exited otherwise, or were ended after their time */
	uint64_t commands_skipped;	/* the queue was full, or the end came first */
	uint32_t commands_waiting;
	bool command_running;
};

/* Any thread, until bc_post_publish_free. */
void bc_post_publish_stats(struct bc_post_publish *a, struct bc_post_publish_stats *ret);

#endif
