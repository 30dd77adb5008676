/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process apart, for rights that the rest of the program gives up: forked early, it answers requests, which may carry
 * descriptors, one after another until the program ends.
 */
#ifndef BC_APART_H
#define BC_APART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

#define BC_APART_BYTES 8192U
#define BC_APART_FDS 4U

struct bc_apart_message {
	size_t len;		/* at least 1 */
	unsigned n_fds;
	int fd[BC_APART_FDS];
	uint8_t data[BC_APART_BYTES];
};

/* All functions are called in the new process, by its only thread. It knows what the program knew when it was made. */
struct bc_apart_config {
	const char *name;	/* of the process, at most 15 letters */
	/* Before the first request: take what is needed, and give up the rest. 0, or a negative errno with a line in err. May be NULL. */
	int (*begin)(void *ctx, struct bc_err *err);
	/*
	 * Answer a request, which is not to be believed: whoever sends it may have been taken over. The request's descriptors
	 * are closed behind it, but for those that it replaces by -1; those that the process has no room for are missing. The answer's are closed once they are sent. What was told, and not asked,
	 * gets an empty answer.
	 */
	void (*serve)(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer);
	/* A child of it may have ended. May be NULL. */
	void (*child_ended)(void *ctx);
	void *ctx;
	/*
	 * One that does not answer for so long, as it is stopped, counts as ended: for those whose answers only take CPU time, and whom the
	 * program must not wait for. 0: it is waited for as long as it takes, as for a disk that hangs and comes back.
	 */
	uint32_t patience_ms;
};

struct bc_apart;

/*
 * Before other threads. It has standard error and no other descriptor of the program's, takes no signal, and ends when the program
 * has, however that was. 0 and *ret; or a negative errno with a line in err, which may be begin's.
 */
int bc_apart_new(const struct bc_apart_config *cfg, struct bc_apart **ret, struct bc_err *err);

/*
 * Any thread, one at a time: waits for the answer. The request's descriptors stay the caller's; those of *ret become so. 0; -EMFILE: here
 * was no room for these, and *ret is without them; -EPIPE once the process has ended, or another negative errno: there is no answer then.
 */
int bc_apart_ask(struct bc_apart *a, const struct bc_apart_message *request, struct bc_apart_message *ret);

/*
 * The same for a question and an answer of a fixed size each. *fd goes with the question, and on success is
 * what came with the answer, the caller's; -1: none; NULL: neither. 0; -EMFILE: as 0, but here was no room for the descriptor;
 * -EOWNERDEAD: the process has ended; -EBADMSG: it is no such answer; or another negative errno.
 */
int bc_apart_call(struct bc_apart *a, const void *question, size_t len, void *ret, size_t ret_len, int *fd);

/*
 * Any thread, also while others ask: there is no answer to it. Waits only when the process is some 200 such messages behind. 0 or a negative
 * errno.
 */
int bc_apart_tell(struct bc_apart *a, const void *news, size_t len);

/* Any thread; never waits: it has ended before its time, or counts as such. */
bool bc_apart_has_ended(struct bc_apart *a);

/* Its process, for tests and messages; 0: it has ended. */
int bc_apart_pid(struct bc_apart *a);

/* Ends the process, and waits for that; not forever for one that is stopped, which ends when it goes on. Takes NULL. */
void bc_apart_free(struct bc_apart *a);

#endif
