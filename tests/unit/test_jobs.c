/* SPDX-License-Identifier: BSD-3-Clause */
/* Searches in the background: what they keep, how many there may be, and that they end whenever they are to. */
#include "bc_test.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "bc_jobs.h"
#include "scratch.h"

#define USERS 4
#define ROUNDS 25

static sem_t go;
static atomic_uint ended, expired;
static atomic_bool holds;	/* who is told of an end waits for go */

static void told(void *ctx, const char *what, const struct bc_job *job)
{
	if (!strcmp(what, "job expired")) {
		atomic_fetch_add(&expired, 1);
		return;
	}
	atomic_fetch_add(&ended, 1);
	while (holds && sem_wait(&go) < 0)
		;
}

static struct bc_jobs *start(uint64_t keep_ns)
{
	static char folder[SCRATCH_MAX], path[4096];
	static char *paths[] = { path };
	struct bc_jobs_config cfg = { .folder = folder, .job_bytes = 1000000, .keep_ns = keep_ns, .paths = paths, .n_paths = 1, .told = told };
	struct bc_jobs *j;
	struct bc_err err;

	scratch_folder(folder, "bc-jobs");
	snprintf(path, sizeof(path), "%s/braidcap.pcapng", getenv("BC_GOLDEN"));
	ended = expired = 0;
	assert_int_equal(bc_jobs_start(&cfg, &j, &err), 0);
	return j;
}

static struct bc_job asked(const char *user)
{
	struct bc_job job = { .to_ns = UINT64_MAX };

	snprintf(job.user, sizeof(job.user), "%s", user);
	assert_int_equal(bc_job_id(job.id), 0);
	return job;
}

static uint32_t count(struct bc_jobs *j, const char *user, enum bc_job_state state)
{
	struct bc_job job[BC_JOBS_MAX];
	uint32_t n = bc_jobs_list(j, user, job), found = 0;

	for (uint32_t i = 0; i < n; i++)
		found += job[i].state == state;
	return found;
}

static void await(struct bc_jobs *j, enum bc_job_state state, uint32_t n)
{
	while (count(j, NULL, state) != n)
		usleep(1000);
}

static void packets_are_kept(void **state)
{
	struct bc_jobs *j = start(UINT64_MAX / 4);
	struct bc_job job = asked("anna");
	uint64_t bytes = 0;
	uint32_t magic;
	int fd;

	assert_int_equal(bc_jobs_open(j, job.id, "anna", &bytes), -ENOENT);
	assert_int_equal(bc_jobs_add(j, &job, NULL), 0);
	await(j, BC_JOB_DONE, 1);
	assert_int_equal(bc_jobs_open(j, job.id, "albert", &bytes), -ENOENT);
	fd = bc_jobs_open(j, job.id, "anna", &bytes);
	assert_true(fd >= 0);
	assert_int_equal(bc_jobs_remove(j, job.id, "albert"), -ENOENT);
	assert_int_equal(bc_jobs_remove(j, job.id, "anna"), 0);
	assert_int_equal(pread(fd, &magic, sizeof(magic), 0), sizeof(magic));
	assert_int_equal(magic, 0x0a0d0d0a);
	assert_int_equal(lseek(fd, 0, SEEK_END), bytes);
	close(fd);
	bc_jobs_stop(j);
}

static void there_are_so_many_at_most(void **state)
{
	static const char *const users[] = { "a", "b", "c", "d" };
	struct bc_jobs *j;
	struct bc_job job;

	holds = true;
	j = start(UINT64_MAX / 4);
	for (int u = 0; u < USERS; u++) {
		for (uint32_t i = 0; i < BC_JOBS_OF_ONE; i++) {
			job = asked(users[u]);
			assert_int_equal(bc_jobs_add(j, &job, NULL), 0);
		}
		job = asked(users[u]);
		assert_int_equal(bc_jobs_add(j, &job, NULL), -EBUSY);
	}
	job = asked("e");
	assert_int_equal(bc_jobs_add(j, &job, NULL), -EBUSY);
	/* Both threads wait behind their first one. */
	await(j, BC_JOB_DONE, BC_JOBS_RUNNING);
	assert_int_equal(count(j, NULL, BC_JOB_QUEUED), BC_JOBS_MAX - BC_JOBS_RUNNING);
	holds = false;
	for (uint32_t i = 0; i < BC_JOBS_RUNNING; i++)
		sem_post(&go);
	await(j, BC_JOB_DONE, BC_JOBS_MAX);
	bc_jobs_stop(j);
}

static void they_are_forgotten(void **state)
{
	struct bc_jobs *j = start(0);
	struct bc_job job = asked("anna");

	assert_int_equal(bc_jobs_add(j, &job, NULL), 0);
	while (!expired)
		usleep(1000);
	assert_int_equal(count(j, NULL, BC_JOB_DONE), 0);
	bc_jobs_stop(j);
	assert_int_equal(ended, 1);
}

static void *come_and_go(void *arg)
{
	struct bc_jobs *j = arg;
	struct bc_job job;
	char user[24];

	snprintf(user, sizeof(user), "%p", (void *)&job);
	for (int i = 0; i < ROUNDS; i++) {
		job = asked(user);
		if (!bc_jobs_add(j, &job, NULL)) {
			count(j, user, BC_JOB_RUNNING);
			assert_int_equal(bc_jobs_remove(j, job.id, NULL), 0);
		}
	}
	job = asked(user);
	bc_jobs_add(j, &job, NULL);
	return NULL;
}

static void they_end_whenever_they_are_to(void **state)
{
	struct bc_jobs *j = start(UINT64_MAX / 4);
	pthread_t thread[USERS];

	for (int i = 0; i < USERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, j), 0);
	for (int i = 0; i < USERS; i++)
		pthread_join(thread[i], NULL);
	bc_jobs_stop(j);
	bc_jobs_stop(NULL);
}

static void a_folder_that_is_none(void **state)
{
	struct bc_jobs_config cfg = { .folder = "/no/such/folder", .told = told };
	struct bc_jobs *j;
	struct bc_err err;

	assert_int_equal(bc_jobs_start(&cfg, &j, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/no/such/folder"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_kept),
		cmocka_unit_test(there_are_so_many_at_most),
		cmocka_unit_test(they_are_forgotten),
		cmocka_unit_test(they_end_whenever_they_are_to),
		cmocka_unit_test(a_folder_that_is_none),
	};

	sem_init(&go, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
