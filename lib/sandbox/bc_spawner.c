/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_apart.h"
#include "bc_spawn.h"

enum { START, SIGNAL };

/* What is asked; a start's strings follow. */
struct ask {
	int what;
	int a;		/* START: which command. SIGNAL: which pid */
	unsigned b;	/* START: arguments. SIGNAL: which signal */
};

/* The descriptors of a start. */
enum { STATUS_FD, OUT_FD, IN_FD };

struct child {
	struct child *next;
	pid_t pid;
	int status_fd;
	bool signalled;
};

/* In the process apart. */
struct server {
	const struct bc_spawner_config *cfg;
	struct child *children;
};

struct bc_spawner {
	struct bc_spawner_config cfg;
	struct bc_apart *apart;
};

struct bc_job {
	struct bc_spawner *spawner;
	pid_t pid;
	int status_fd;
};

static int begin(void *ctx, struct bc_err *err)
{
	const struct server *s = ctx;

	return s->cfg->begin ? s->cfg->begin(s->cfg->ctx, err) : 0;
}

/* What it leaves behind in its group goes with it, if it was told to end; now, while the number is still its own. */
static bool bury(struct child *c)
{
	siginfo_t info = { .si_pid = 0 };
	int status;

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
		return false;
	if (c->signalled)
		kill(-c->pid, SIGKILL);
	waitpid(c->pid, &status, 0);
	/* The program may have lost interest. */
	(void)!write(c->status_fd, &status, sizeof(status));
	close(c->status_fd);
	return true;
}

static void child_ended(void *ctx)
{
	struct server *s = ctx;

	for (struct child **at = &s->children; *at;) {
		struct child *c = *at;

		if (bury(c)) {
			*at = c->next;
			free(c);
		} else {
			at = &c->next;
		}
	}
}

static bool is_named(const char *entry, const char *const name[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(name[i]);

		if (!strncmp(entry, name[i], len) && entry[len] == '=')
			return true;
	}
	return false;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

/* Our environment and the arguments; every string to free, and the list. NULL without memory. */
static char **make_environment(const char *const name[], const char *const arg[], unsigned n)
{
	size_t all = 0, k = 0;
	char **list;

	while (environ[all])
		all++;
	list = calloc(all + n + 1, sizeof(*list));
	for (size_t i = 0; list && i < all; i++)
		if (!is_named(environ[i], name, n) && (list[k] = strdup(environ[i])))
			k++;
	for (unsigned i = 0; list && i < n; i++)
		if (asprintf(&list[k], "%s=%s", name[i], arg[i]) >= 0)
			k++;
		else
			list[k] = NULL;
	return list;
}

/* Others would have the shell, or its programs, load what the caller likes. */
static bool is_ours(const char *name)
{
	static const char prefix[] = "BRAIDCAP_";

	return !strncmp(name, prefix, strlen(prefix));
}

/* The strings behind the question: name and argument in turn. False: they are not there, or no names for us. */
static bool read_strings(const struct bc_apart_message *m, unsigned n, const char *name[], const char *arg[])
{
	const char *at = (const char *)m->data + sizeof(struct ask), *end = (const char *)m->data + m->len;

	for (unsigned i = 0; i < 2 * n; i++) {
		const char *zero = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

		if (!zero || (i % 2 == 0 && !is_ours(at)))
			return false;
		*(i % 2 ? &arg[i / 2] : &name[i / 2]) = at;
		at = zero + 1;
	}
	return true;
}

static int run(const char *command, const char *const name[], const char *const arg[], unsigned n, const int fd[], int in_fd)
{
	char *argv[4 + BC_START_ARGS + 1] = { "sh", "-c", (char *)(uintptr_t)command, n ? "braidcap" : NULL };
	char **env = make_environment(name, arg, n);
	pid_t pid;
	int r;

	for (unsigned i = 0; i < n; i++)
		argv[4 + i] = (char *)(uintptr_t)arg[i];
	r = env ? bc_spawn_shell(argv, env, in_fd, fd[OUT_FD], &pid) : -ENOMEM;
	free_list(env);
	return r ? r : pid;
}

static int start(struct server *s, const struct ask *ask, struct bc_apart_message *m)
{
	const char *name[BC_START_ARGS], *arg[BC_START_ARGS];
	struct child *c;
	int r;

	if (ask->a < 0 || (unsigned)ask->a >= s->cfg->n || ask->b > BC_START_ARGS || m->n_fds <= OUT_FD ||
	    !read_strings(m, ask->b, name, arg))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	r = run(s->cfg->command[ask->a], name, arg, ask->b, m->fd, m->n_fds > IN_FD ? m->fd[IN_FD] : -1);
	if (r < 0) {
		free(c);
		return r;
	}
	*c = (struct child){ .next = s->children, .pid = r, .status_fd = m->fd[STATUS_FD] };
	m->fd[STATUS_FD] = -1;
	s->children = c;
	return r;
}

/* Only our own children: of others nobody may be told to end by this. */
static int signal_child(const struct server *s, const struct ask *ask)
{
	for (struct child *c = s->children; c; c = c->next)
		if (c->pid == ask->a) {
			c->signalled = true;
			return kill(-c->pid, (int)ask->b) < 0 ? -errno : 0;
		}
	return -ESRCH;
}

static void serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct ask ask = { .what = -1 };
	int r = -EINVAL;

	if (request->len >= sizeof(ask))
		memcpy(&ask, request->data, sizeof(ask));
	if (ask.what == START)
		r = start(ctx, &ask, request);
	else if (ask.what == SIGNAL)
		r = signal_child(ctx, &ask);
	answer->len = sizeof(r);
	memcpy(answer->data, &r, sizeof(r));
}

int bc_spawner_new(const struct bc_spawner_config *cfg, struct bc_spawner **ret, struct bc_err *err)
{
	struct bc_spawner *s = calloc(1, sizeof(*s));
	struct server server = { .cfg = cfg };
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for commands");
	s->cfg = *cfg;
	r = bc_apart_new(&(struct bc_apart_config){
		.name = "bc-spawner", .begin = begin, .serve = serve, .child_ended = child_ended, .ctx = &server,
	}, &s->apart, err);
	if (r)
		free(s);
	else
		*ret = s;
	return r;
}

bool bc_spawner_has_ended(struct bc_spawner *s)
{
	return bc_apart_has_ended(s->apart);
}

int bc_spawner_pid(struct bc_spawner *s)
{
	return bc_apart_pid(s->apart);
}

void bc_spawner_free(struct bc_spawner *s)
{
	if (!s)
		return;
	bc_apart_free(s->apart);
	free(s);
}

/* The answer's number. */
static int ask_for(struct bc_spawner *s, const struct bc_apart_message *m)
{
	struct bc_apart_message answer;
	int r = bc_apart_ask(s->apart, m, &answer), result;

	if (r)
		return r;
	memcpy(&result, answer.data, sizeof(result));
	return result;
}

static int add_string(struct bc_apart_message *m, const char *text)
{
	size_t len = strlen(text) + 1;

	if (len > sizeof(m->data) - m->len)
		return -E2BIG;
	memcpy(m->data + m->len, text, len);
	m->len += len;
	return 0;
}

static int fill(const struct bc_spawner *s, const struct bc_start *st, int status_fd, struct bc_apart_message *m)
{
	struct ask ask = { .what = START, .a = 0, .b = st->n };
	int r = 0;

	while ((unsigned)ask.a < s->cfg.n && strcmp(s->cfg.command[ask.a], st->command) != 0)
		ask.a++;
	if ((unsigned)ask.a == s->cfg.n)
		return -EACCES;
	m->len = sizeof(ask);
	memcpy(m->data, &ask, sizeof(ask));
	m->fd[STATUS_FD] = status_fd;
	m->fd[OUT_FD] = st->out_fd;
	m->fd[IN_FD] = st->in_fd;
	m->n_fds = st->in_fd < 0 ? IN_FD : IN_FD + 1;
	for (unsigned i = 0; i < st->n && !r; i++) {
		r = add_string(m, st->name[i]);
		if (!r)
			r = add_string(m, st->arg[i]);
	}
	return r;
}

int bc_spawner_start(struct bc_spawner *s, const struct bc_start *start, struct bc_job **ret)
{
	struct bc_apart_message m;
	struct bc_job *j = malloc(sizeof(*j));
	int fd[2], r;

	if (!j || pipe2(fd, O_CLOEXEC) < 0) {
		r = j ? -errno : -ENOMEM;
		free(j);
		return r;
	}
	r = fill(s, start, fd[1], &m);
	if (!r)
		r = ask_for(s, &m);
	close(fd[1]);
	if (r < 0) {
		close(fd[0]);
		free(j);
		return r;
	}
	*j = (struct bc_job){ .spawner = s, .pid = r, .status_fd = fd[0] };
	*ret = j;
	return 0;
}

int bc_job_wait(struct bc_job *j, int ms, int *ret_status)
{
	struct pollfd p = { .fd = j->status_fd, .events = POLLIN };

	if (poll(&p, 1, ms) <= 0)
		return -EAGAIN;
	return read(j->status_fd, ret_status, sizeof(*ret_status)) == sizeof(*ret_status) ? 0 : -EPIPE;
}

void bc_job_signal(struct bc_job *j, int sig)
{
	struct bc_apart_message m = { .len = sizeof(struct ask) };

	memcpy(m.data, &(struct ask){ .what = SIGNAL, .a = j->pid, .b = (unsigned)sig }, sizeof(struct ask));
	ask_for(j->spawner, &m);
}

void bc_job_free(struct bc_job *j)
{
	if (!j)
		return;
	close(j->status_fd);
	free(j);
}
