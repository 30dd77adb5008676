/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_runner.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_spawner.h"
#include "bc_thread.h"
#include "bc_time.h"

#define LOOK_NS (20 * BC_NS_PER_MS)	/* between two looks at a command that runs */
#define TERM_NS (2 * BC_NS_PER_S)	/* from SIGTERM to SIGKILL */
#define KILL_NS (1 * BC_NS_PER_S)	/* from there until it is left alone */
#define SAY_NS (10 * BC_NS_PER_S)

struct job {
	struct job *next;
	uint64_t file_bytes;
	struct bc_segment_info info;
	char path[];
};

struct bc_runner {
	struct bc_spawner *spawner;
	char *command;
	uint64_t limit_ns;
	const struct bc_log *log;
	pthread_t thread;
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t work;
	struct job *head, **tail;
	bool running;
	bool stop;
	uint64_t said_mono_ns;
	struct bc_runner_stats stats;
};

#define N_ARGS 5

static const char *const names[N_ARGS] = {
	"BRAIDCAP_PATH", "BRAIDCAP_PACKETS", "BRAIDCAP_BYTES", "BRAIDCAP_FIRST", "BRAIDCAP_LAST",
};

static void time_text(char dst[32], uint64_t ns)
{
	snprintf(dst, 32, "%" PRIu64 ".%09" PRIu64, (uint64_t)(ns / BC_NS_PER_S), (uint64_t)(ns % BC_NS_PER_S));
}

static void make_values(const struct job *j, char value[N_ARGS][32])
{
	snprintf(value[1], 32, "%" PRIu64, j->info.packets);
	snprintf(value[2], 32, "%" PRIu64, j->file_bytes);
	if (j->info.packets) {
		time_text(value[3], j->info.first_ns);
		time_text(value[4], j->info.last_ns);
	}
}

static int start(const struct bc_runner *runner, const struct job *j, struct bc_job **ret)
{
	char value[N_ARGS][32] = { "" };
	const char *arg[N_ARGS] = { j->path, value[1], value[2], value[3], value[4] };

	make_values(j, value);
	return bc_spawner_start(runner->spawner, &(struct bc_start){
		.command = runner->command, .arg = arg, .name = names, .n = N_ARGS, .in_fd = -1, .out_fd = STDERR_FILENO,
	}, ret);
}

/* With the lock held: sleep a little, or until something is asked for. */
static void nap(struct bc_runner *r)
{
	uint64_t ns = bc_mono_ns() + LOOK_NS;
	struct timespec until = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

	pthread_cond_clockwait(&r->work, &r->lock, CLOCK_MONOTONIC, &until);
}

/* With the lock held. 0 and its wait status; -EAGAIN: it did not end; -EPIPE: nobody knows. *ret_ended: because we ended it. */
static int await(struct bc_runner *r, struct bc_job *job, int *ret_status, bool *ret_ended)
{
	uint64_t due = bc_mono_ns() + r->limit_ns;
	int sent = 0, e;

	while ((e = bc_job_wait(job, 0, ret_status)) == -EAGAIN) {
		uint64_t now = bc_mono_ns();

		if (sent == 0 && (now >= due || r->stop)) {
			bc_job_signal(job, SIGTERM);
			sent = SIGTERM;
			due = now + TERM_NS;
		} else if (sent == SIGTERM && now >= due) {
			bc_job_signal(job, SIGKILL);
			sent = SIGKILL;
			due = now + KILL_NS;
		} else if (sent == SIGKILL && now >= due) {
			break;
		}
		nap(r);
	}
	*ret_ended = sent;
	return e;
}

static void complain(const struct bc_runner *r, const struct job *j, int e, int status, bool ended)
{
	if (ended && !r->stop)
		bc_log(r->log, BC_ERROR, "%s: its command took longer than %u s and was killed", j->path,
		       (unsigned)(r->limit_ns / BC_NS_PER_S));
	else if (ended)
		bc_log(r->log, BC_WARN, "%s: its command was ended", j->path);
	else if (e)
		bc_log(r->log, BC_ERROR, "%s: its command was lost sight of, because the process that starts commands has ended", j->path);
	else if (WIFSIGNALED(status))
		bc_log(r->log, BC_ERROR, "%s: its command was killed by signal %d", j->path, WTERMSIG(status));
	else
		bc_log(r->log, BC_ERROR, "%s: its command failed with exit status %d", j->path, WEXITSTATUS(status));
}

/* Without the lock. */
static struct bc_job *start_job(const struct bc_runner *r, const struct job *j)
{
	struct bc_job *job = NULL;
	int e = start(r, j, &job);

	if (e)
		bc_log(r->log, BC_ERROR, "%s: cannot start its command: %s", j->path,
		       e == -EPIPE ? "the process that starts commands has ended" : strerror(-e));
	return job;
}

/* With the lock held, which is given up while the command is started and waited for. */
static void run_job(struct bc_runner *r, const struct job *j)
{
	bool ended = false;
	struct bc_job *job;
	int status = 0, e;

	pthread_mutex_unlock(&r->lock);
	job = start_job(r, j);
	pthread_mutex_lock(&r->lock);
	e = job ? await(r, job, &status, &ended) : 0;
	if (job && (e || ended || status))
		complain(r, j, e, status, ended);
	if (job && !e && !ended && !status)
		r->stats.done++;
	else
		r->stats.failed++;
	bc_job_free(job);
}

static void *runner_main(void *arg)
{
	struct bc_runner *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct job *j = r->head;

		if (!j) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		r->head = j->next;
		if (!r->head)
			r->tail = &r->head;
		r->stats.waiting--;
		r->running = true;
		run_job(r, j);
		r->running = false;
		free(j);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int bc_runner_new(struct bc_spawner *spawner, const char *command, uint32_t seconds, const struct bc_log *log, struct bc_runner **ret,
		  struct bc_err *err)
{
	struct bc_runner *r = calloc(1, sizeof(*r));
	int e = -ENOMEM;

	if (r) {
		r->spawner = spawner;
		r->command = strdup(command);
		r->limit_ns = (seconds ? seconds : BC_RUNNER_SECONDS) * BC_NS_PER_S;
		r->log = log;
		r->tail = &r->head;
		pthread_mutex_init(&r->lock, NULL);
		pthread_cond_init(&r->work, NULL);
		e = r->command ? bc_thread_start(&r->thread, "bc-command", runner_main, r) : -ENOMEM;
	}
	if (e) {
		bc_runner_free(r);
		return bc_err_set(err, e, "cannot start the thread for segment commands: %s", strerror(-e));
	}
	*ret = r;
	return 0;
}

/* With the lock held. */
static void skip(struct bc_runner *r, const char *path)
{
	uint64_t now = bc_mono_ns();

	r->stats.skipped++;
	if (r->said_mono_ns && now - r->said_mono_ns < SAY_NS)
		return;
	r->said_mono_ns = now;
	bc_log(r->log, BC_ERROR, "%s: no command is run for it: %u others are queued, because each takes too long",
	       path, r->stats.waiting);
}

void bc_runner_put(struct bc_runner *r, const char *path, uint64_t file_bytes, const struct bc_segment_info *info)
{
	size_t len = strlen(path) + 1;
	struct job *j = malloc(sizeof(*j) + len);

	if (j) {
		*j = (struct job){ .file_bytes = file_bytes, .info = *info };
		memcpy(j->path, path, len);
	}
	pthread_mutex_lock(&r->lock);
	if (j && !r->stop && r->stats.waiting < BC_RUNNER_QUEUE) {
		*r->tail = j;
		r->tail = &j->next;
		r->stats.waiting++;
		pthread_cond_signal(&r->work);
	} else {
		skip(r, path);
		free(j);
	}
	pthread_mutex_unlock(&r->lock);
}

bool bc_runner_idle(struct bc_runner *r)
{
	bool idle;

	pthread_mutex_lock(&r->lock);
	idle = !r->head && !r->running;
	pthread_mutex_unlock(&r->lock);
	return idle;
}

void bc_runner_close(struct bc_runner *r)
{
	struct job *j;

	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	while ((j = r->head)) {
		r->head = j->next;
		r->stats.waiting--;
		skip(r, j->path);
		free(j);
	}
}

void bc_runner_free(struct bc_runner *r)
{
	if (!r)
		return;
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r->command);
	free(r);
}

void bc_runner_stats(struct bc_runner *r, struct bc_runner_stats *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->stats;
	ret->running = r->running;
	pthread_mutex_unlock(&r->lock);
}
