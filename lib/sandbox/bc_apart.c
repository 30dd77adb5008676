/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* It ends as soon as it can. One that is stopped does once it goes on; the sandbox allows nobody to kill it. */
#define GRACE_MS 2000
#define LOOK_MS 1

#define SOCKET_FD 3	/* in the new process, behind the standard ones */

struct bc_apart {
	int fd;
	pthread_mutex_t lock;	/* of a question with its answer, and of all below */
	pid_t pid;		/* 0: it has ended and was waited for */
	bool given_up;		/* it did not answer in time */
};

union control {
	struct cmsghdr header;	/* for its alignment */
	char bytes[CMSG_SPACE(BC_APART_FDS * sizeof(int))];
};

static int send_message(int fd, const struct bc_apart_message *m)
{
	struct iovec iov = { (void *)(uintptr_t)m->data, m->len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = { .bytes = "" };
	ssize_t n;

	if (m->n_fds) {
		struct cmsghdr *c = &control.header;

		h.msg_control = control.bytes;
		h.msg_controllen = CMSG_SPACE(m->n_fds * sizeof(int));
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(m->n_fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), m->fd, m->n_fds * sizeof(int));
	}
	do
		n = sendmsg(fd, &h, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void close_all(struct bc_apart_message *m)
{
	for (unsigned i = 0; i < m->n_fds; i++)
		if (m->fd[i] >= 0)
			close(m->fd[i]);
	m->n_fds = 0;
}

static void take_descriptors(struct msghdr *h, struct bc_apart_message *ret)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			ret->n_fds = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(ret->fd, CMSG_DATA(c), ret->n_fds * sizeof(int));
		}
}

/* -EPIPE: the other end is gone. -EMFILE: it is there, but for its descriptors, for which there was no room. */
static int receive_message(int fd, struct bc_apart_message *ret)
{
	struct iovec iov = { ret->data, sizeof(ret->data) };
	union control control;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	ret->len = (size_t)n;
	ret->n_fds = 0;
	take_descriptors(&h, ret);
	if (!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 0;
	close_all(ret);
	return h.msg_flags & MSG_TRUNC ? -EMSGSIZE : -EMFILE;
}

static void on_child(int sig)
{
}

/* Signals of the terminal or the service are for the program, which ends in its own time, and this process with it. */
static void take_no_signals(void)
{
	const struct sigaction child = { .sa_handler = on_child, .sa_flags = SA_NOCLDSTOP };
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	sigaction(SIGCHLD, &child, NULL);
}

static void keep_no_descriptors(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (fd != SOCKET_FD)
		dup3(fd, SOCKET_FD, O_CLOEXEC);
	close_range(SOCKET_FD + 1, ~0U, 0);
}

/* False: the program has ended. */
static bool serve_one(const struct bc_apart_config *cfg)
{
	struct bc_apart_message request, answer = { .len = 0 };
	int r = receive_message(SOCKET_FD, &request);

	/* Who asks waits for an answer, also where the descriptors that came along could not be taken. */
	if (r && r != -EMFILE)
		return r == -EMSGSIZE;
	cfg->serve(cfg->ctx, &request, &answer);
	close_all(&request);
	r = answer.len ? send_message(SOCKET_FD, &answer) : 0;
	close_all(&answer);
	return !r;
}

static void attend(const struct bc_apart_config *cfg)
{
	struct pollfd p = { .fd = SOCKET_FD, .events = POLLIN };
	sigset_t but_child;
	bool more = true;

	sigfillset(&but_child);
	sigdelset(&but_child, SIGCHLD);
	while (more) {
		int n = ppoll(&p, 1, NULL, &but_child);

		if (n < 0 && errno == EINTR && cfg->child_ended)
			cfg->child_ended(cfg->ctx);
		else if (n > 0)
			more = serve_one(cfg);
	}
}

static _Noreturn void live(const struct bc_apart_config *cfg, int fd)
{
	struct bc_apart_message hello = { .len = sizeof(int) };
	struct bc_err err = { .msg = "" };
	int r;

	prctl(PR_SET_NAME, cfg->name, 0, 0, 0);
	take_no_signals();
	keep_no_descriptors(fd);
	r = cfg->begin ? cfg->begin(cfg->ctx, &err) : 0;
	memcpy(hello.data, &r, sizeof(r));
	memcpy(hello.data + sizeof(r), err.msg, sizeof(err.msg));
	hello.len += sizeof(err.msg);
	if (!send_message(SOCKET_FD, &hello) && !r)
		attend(cfg);
	_exit(0);
}

/* What it says when it has begun. */
static int hear(struct bc_apart *a, const char *name, struct bc_err *err)
{
	struct bc_apart_message hello;
	int r = receive_message(a->fd, &hello), began;

	if (r)
		return bc_err_set(err, r, "%s: the process ended as it began", name);
	memcpy(&began, hello.data, sizeof(began));
	return began ? bc_err_set(err, began, "%.*s", (int)sizeof(err->msg) - 1, (const char *)hello.data + sizeof(began)) : 0;
}

/* Once it has begun, which may take longer. */
static void limit_patience(struct bc_apart *a, uint32_t ms)
{
	const struct timeval most = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	setsockopt(a->fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
}

int bc_apart_new(const struct bc_apart_config *cfg, struct bc_apart **ret, struct bc_err *err)
{
	struct bc_apart *a = calloc(1, sizeof(*a));
	int fd[2], r;

	if (!a || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
		r = a ? -errno : -ENOMEM;
		free(a);
		return bc_err_set(err, r, "%s: %s", cfg->name, strerror(-r));
	}
	pthread_mutex_init(&a->lock, NULL);
	a->fd = fd[0];
	a->pid = fork();
	r = a->pid < 0 ? -errno : 0;
	if (a->pid == 0)
		live(cfg, fd[1]);
	close(fd[1]);
	r = r ? bc_err_set(err, r, "%s: cannot start a process: %s", cfg->name, strerror(-r)) : hear(a, cfg->name, err);
	if (r) {
		bc_apart_free(a);
		return r;
	}
	limit_patience(a, cfg->patience_ms);
	*ret = a;
	return 0;
}

int bc_apart_ask(struct bc_apart *a, const struct bc_apart_message *request, struct bc_apart_message *ret)
{
	int r;

	pthread_mutex_lock(&a->lock);
	r = send_message(a->fd, request);
	if (!r)
		r = receive_message(a->fd, ret);
	if (r == -EAGAIN) {
		/* Its answer must not be taken for that to the next question; once it goes on it finds that nobody asks any more. */
		shutdown(a->fd, SHUT_RDWR);
		a->given_up = true;
		r = -EPIPE;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

static void give_descriptor(struct bc_apart_message *m, int *fd)
{
	if (fd)
		*fd = m->n_fds ? m->fd[0] : -1;
	if (fd && m->n_fds)
		m->fd[0] = -1;
	close_all(m);
}

int bc_apart_call(struct bc_apart *a, const void *question, size_t len, void *ret, size_t ret_len, int *fd)
{
	struct bc_apart_message m = { .len = len }, got;
	int r;

	if (fd && *fd >= 0)
		m.fd[m.n_fds++] = *fd;
	memcpy(m.data, question, len);
	r = bc_apart_ask(a, &m, &got);
	if (r && r != -EMFILE)
		return r == -EPIPE ? -EOWNERDEAD : r;
	if (got.len != ret_len) {
		close_all(&got);
		return -EBADMSG;
	}
	memcpy(ret, got.data, ret_len);
	give_descriptor(&got, fd);
	return r;
}

int bc_apart_tell(struct bc_apart *a, const void *news, size_t len)
{
	struct bc_apart_message m = { .len = len };

	memcpy(m.data, news, len);
	return send_message(a->fd, &m);
}

/* With the lock held. */
static void look_for_end(struct bc_apart *a, int flags)
{
	pid_t pid;

	do
		pid = a->pid > 0 ? waitpid(a->pid, NULL, flags) : 0;
	while (pid < 0 && errno == EINTR);
	if (pid)
		a->pid = 0;
}

int bc_apart_pid(struct bc_apart *a)
{
	int pid;

	pthread_mutex_lock(&a->lock);
	look_for_end(a, WNOHANG);
	pid = a->pid;
	pthread_mutex_unlock(&a->lock);
	return pid;
}

bool bc_apart_has_ended(struct bc_apart *a)
{
	bool ended;

	/* It is being asked, and who asks will know. */
	if (pthread_mutex_trylock(&a->lock))
		return false;
	look_for_end(a, WNOHANG);
	ended = a->given_up || !a->pid;
	pthread_mutex_unlock(&a->lock);
	return ended;
}

void bc_apart_free(struct bc_apart *a)
{
	if (!a)
		return;
	close(a->fd);
	for (int i = 0; i < GRACE_MS / LOOK_MS && bc_apart_pid(a); i++)
		usleep(LOOK_MS * 1000);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
