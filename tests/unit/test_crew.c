/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "bc_crew.h"
#include "bc_time.h"

struct job {
	struct bc_task task;
	_Atomic uint32_t runs, at_once, together;
	_Atomic uint64_t wanted, seen;	/* what the wakers asked for, and what a run found */
	_Atomic uint64_t answer;	/* what run returns */
	sem_t ran, go_on;
	bool waits;
};

static uint64_t work(void *ctx)
{
	struct job *j = ctx;
	uint64_t answer = j->answer;
	bool waits = j->waits;

	if (atomic_fetch_add(&j->at_once, 1))
		j->together++;
	j->seen = j->wanted;
	j->runs++;
	atomic_fetch_sub(&j->at_once, 1);
	sem_post(&j->ran);
	if (waits)
		sem_wait(&j->go_on);
	return answer;
}

static void job_init(struct job *j, uint64_t answer)
{
	*j = (struct job){ .task = { .run = work, .ctx = j }, .answer = answer };
	sem_init(&j->ran, 0, 0);
	sem_init(&j->go_on, 0, 0);
}

static void end_job(struct job *j)
{
	j->answer = BC_TASK_OVER;
	bc_task_wake(&j->task);
	bc_task_join(&j->task);
}

static void a_task_runs_when_it_is_started_and_when_it_is_woken(void **state)
{
	struct bc_crew *c;
	struct job j;

	job_init(&j, BC_TASK_WOKEN);
	assert_int_equal(bc_crew_new("test", 1, &c), 0);
	bc_task_wake(&j.task);
	assert_int_equal(bc_task_start(&j.task, c), 0);
	sem_wait(&j.ran);
	bc_task_wake(&j.task);
	sem_wait(&j.ran);
	end_job(&j);
	assert_int_equal(j.runs, 3);
	bc_task_wake(&j.task);
	bc_crew_free(c);
	assert_int_equal(j.runs, 3);
}

static void one_that_asks_for_a_time_is_run_then(void **state)
{
	struct bc_crew *c;
	struct job j, other;
	uint64_t begin_ns = bc_mono_ns();

	job_init(&j, 20 * BC_NS_PER_MS);
	job_init(&other, 3600 * BC_NS_PER_S);
	assert_int_equal(bc_crew_new("test", 2, &c), 0);
	bc_task_start(&other.task, c);
	sem_wait(&other.ran);
	bc_task_start(&j.task, c);
	for (int i = 0; i < 3; i++)
		sem_wait(&j.ran);
	assert_true(bc_mono_ns() - begin_ns >= 40 * BC_NS_PER_MS);
	end_job(&j);
	end_job(&other);
	assert_int_equal(other.runs, 2);
	bc_crew_free(c);
}

static void one_that_goes_on_at_once_lets_others_run(void **state)
{
	struct bc_crew *c;
	struct job busy, other;

	job_init(&busy, 0);
	job_init(&other, BC_TASK_WOKEN);
	assert_int_equal(bc_crew_new("test", 1, &c), 0);
	bc_task_start(&busy.task, c);
	bc_task_start(&other.task, c);
	sem_wait(&other.ran);
	end_job(&busy);
	end_job(&other);
	assert_true(busy.runs > 1);
	bc_crew_free(c);
}

static void one_that_waits_keeps_its_thread_only(void **state)
{
	struct bc_crew *c;
	struct job slow, other;

	job_init(&slow, BC_TASK_WOKEN);
	job_init(&other, BC_TASK_WOKEN);
	slow.waits = true;
	assert_int_equal(bc_crew_new("test", 2, &c), 0);
	bc_task_start(&slow.task, c);
	sem_wait(&slow.ran);
	bc_task_start(&other.task, c);
	sem_wait(&other.ran);
	slow.waits = false;
	sem_post(&slow.go_on);
	end_job(&slow);
	end_job(&other);
	bc_crew_free(c);
}

#define WAKES 20000

static void *call(void *arg)
{
	struct job *j = arg;

	for (uint32_t i = 0; i < WAKES; i++) {
		j->wanted++;
		bc_task_wake(&j->task);
	}
	return NULL;
}

static void no_call_is_missed_and_no_task_runs_twice_at_once(void **state)
{
	struct bc_crew *c;
	struct job j;
	pthread_t caller[2];

	job_init(&j, BC_TASK_WOKEN);
	assert_int_equal(bc_crew_new("test", 3, &c), 0);
	bc_task_start(&j.task, c);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&caller[i], NULL, call, &j), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(caller[i], NULL);
	while (j.seen != 2 * WAKES)
		sem_wait(&j.ran);
	end_job(&j);
	assert_int_equal(j.together, 0);
	bc_crew_free(c);
}

#define TASKS 300

static void many_tasks_come_and_go(void **state)
{
	static struct job j[TASKS];
	struct bc_crew *c;

	assert_int_equal(bc_crew_new("test", 2, &c), 0);
	for (uint32_t i = 0; i < TASKS; i++) {
		job_init(&j[i], i % 2 ? BC_TASK_WOKEN : BC_NS_PER_MS);
		assert_int_equal(bc_task_start(&j[i].task, c), 0);
	}
	for (uint32_t i = 0; i < TASKS; i += 3)
		end_job(&j[i]);
	for (uint32_t i = 0; i < TASKS; i++) {
		uint32_t before = j[i].runs;

		if (i % 3 == 0)
			continue;
		while (sem_trywait(&j[i].ran) == 0)
			continue;
		bc_task_wake(&j[i].task);
		sem_wait(&j[i].ran);
		end_job(&j[i]);
		assert_true(j[i].runs > before);
	}
	bc_crew_free(c);
}

static void what_was_never_started_can_be_joined_and_freed(void **state)
{
	struct job j;

	job_init(&j, BC_TASK_OVER);
	bc_task_join(&j.task);
	bc_crew_free(NULL);
	assert_int_equal(j.runs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_runs_when_it_is_started_and_when_it_is_woken),
		cmocka_unit_test(one_that_asks_for_a_time_is_run_then),
		cmocka_unit_test(one_that_goes_on_at_once_lets_others_run),
		cmocka_unit_test(one_that_waits_keeps_its_thread_only),
		cmocka_unit_test(no_call_is_missed_and_no_task_runs_twice_at_once),
		cmocka_unit_test(many_tasks_come_and_go),
		cmocka_unit_test(what_was_never_started_can_be_joined_and_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
