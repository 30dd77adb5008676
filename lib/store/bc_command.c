/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_spawner.h"

#define LOOK_MS 100		/* between looks whether the wait was cancelled */
#define PIPE_BYTES (1 << 20)

struct bc_command {
	struct bc_job *job;	/* NULL: it was waited for to its end */
	int in;		/* -1: ended */
};

int bc_command_start(struct bc_spawner *spawner, const char *command, int out_fd, struct bc_command **ret)
{
	struct bc_command *c = malloc(sizeof(*c));
	int fd[2], r;

	if (!c || pipe2(fd, O_CLOEXEC) < 0) {
		r = c ? -errno : -ENOMEM;
		free(c);
		return r;
	}
	fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	r = bc_spawner_start(spawner, &(struct bc_start){ .command = command, .in_fd = fd[0], .out_fd = out_fd }, &c->job);
	close(fd[0]);
	if (r < 0) {
		close(fd[1]);
		free(c);
		return r;
	}
	c->in = fd[1];
	*ret = c;
	return 0;
}

ptrdiff_t bc_command_write(struct bc_command *c, const uint8_t *data, size_t len, const _Atomic bool *cancelled)
{
	while (!atomic_load(cancelled)) {
		struct pollfd p = { .fd = c->in, .events = POLLOUT };
		ssize_t n = write(c->in, data, len);

		if (n >= 0)
			return n;
		if (errno == EPIPE)
			return -ECOMM;
		if (errno == EAGAIN)
			poll(&p, 1, LOOK_MS);
		else if (errno != EINTR)
			return -errno;
	}
	return -ECANCELED;
}

void bc_command_end_input(struct bc_command *c)
{
	if (c->in >= 0)
		close(c->in);
	c->in = -1;
}

static int exit_result(int status, struct bc_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return bc_err_set(err, -ECOMM, "ended with status %d", WEXITSTATUS(status));
	return bc_err_set(err, -ECOMM, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
}

int bc_command_wait(struct bc_command *c, const _Atomic bool *cancelled, struct bc_err *err)
{
	while (!atomic_load(cancelled)) {
		int status, r = bc_job_wait(c->job, LOOK_MS, &status);

		if (r == -EAGAIN)
			continue;
		bc_job_free(c->job);
		c->job = NULL;
		return r ? bc_err_set(err, -ECOMM, "was lost sight of, because the process that starts commands has ended") :
		       exit_result(status, err);
	}
	return bc_err_set(err, -ECANCELED, "did not exit in time");
}

void bc_command_free(struct bc_command *c)
{
	if (!c)
		return;
	bc_command_end_input(c);
	if (c->job)
		bc_job_signal(c->job, SIGKILL);
	bc_job_free(c->job);
	free(c);
}
