/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_engine.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_pause.h>

#include "bc_thread.h"
#include "bc_time.h"

#define TICK_NS BC_NS_PER_MS
/* Rounds between looks at the clock and the command word while there is work. */
#define LOOK_ROUNDS 64
/* Idle rounds before the first sleep, which is this long; the next are longer. */
#define SPIN_ROUNDS 64
#define SLEEP_MIN_NS 20000U
/* A device that buffers for so long what arrives is not polled meanwhile, so that each wake-up finds many packets. */
#define BUFFERED_NS BC_NS_PER_MS
/* Where nothing came for so long, sleeps get so many times longer: each costs some 10 us, and a flood does not come out of nothing. */
#define LONG_IDLE_NS BC_NS_PER_S
#define LONG_IDLE_FACTOR 4

static uint32_t poll_stage(struct bc_stage *s)
{
	uint64_t begin = rte_rdtsc();
	uint32_t n = s->poll(s->ctx);

	if (n) {
		bc_counter_add(&s->units, n);
		bc_counter_add(&s->busy_tsc, rte_rdtsc() - begin);
	}
	return n;
}

static bool tick(struct bc_lcore *l, uint64_t now_ns)
{
	bool did = false;

	for (uint32_t i = 0; i < l->n_stages; i++)
		if (l->stage[i]->tick)
			did |= l->stage[i]->tick(l->stage[i]->ctx, now_ns);
	return did;
}

static bool all_done(struct bc_lcore *l)
{
	for (uint32_t i = 0; i < l->n_stages; i++)
		if (!l->stage[i]->done(l->stage[i]->ctx))
			return false;
	return true;
}

/* Wake the lcores that are asleep now. One that is just going to sleep may be missed. */
static void wake_sleeping(struct bc_lcore *l)
{
	for (uint32_t i = 0; i < l->n_all; i++) {
		struct bc_lcore *o = &l->all[i];

		if (o->woken && atomic_load_explicit(&o->asleep, memory_order_relaxed) && o != l) {
			atomic_store_explicit(&o->asleep, 0, memory_order_relaxed);
			syscall(SYS_futex, &o->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		}
	}
}

/*
 * The same after the last round with work, and none is missed. The fences here and in wait_for_wake() rule out that
 * the other lcore sets asleep and finds its ring empty while this one, having pushed, finds asleep not set.
 */
static void wake_all_surely(struct bc_lcore *l)
{
	atomic_thread_fence(memory_order_seq_cst);
	wake_sleeping(l);
}

/* Sleep until woken. The caller set asleep before its last round, which found no work. */
static void sleep_until_woken(struct bc_lcore *l, uint64_t ns)
{
	const struct timespec most = { .tv_nsec = (long)ns };

	syscall(SYS_futex, &l->asleep, FUTEX_WAIT_PRIVATE, 1, &most, NULL, 0);
	atomic_store_explicit(&l->asleep, 0, memory_order_relaxed);
}

/* How long every device of the lcore buffers what arrives; *ret_blocked: a stage waits for one of another lcore. */
static uint64_t buffers_ns(const struct bc_lcore *l, bool *ret_blocked)
{
	uint64_t least = UINT64_MAX;

	*ret_blocked = false;
	for (uint32_t i = 0; i < l->n_stages; i++) {
		const struct bc_stage *s = l->stage[i];
		uint64_t ns = s->buffers_ns ? s->buffers_ns(s->ctx) : UINT64_MAX;

		if (!ns)
			*ret_blocked = true;
		else if (ns < least)
			least = ns;
	}
	return least;
}

static void wait_for_wake(struct bc_lcore *l, bool long_idle)
{
	bc_counter_add(&l->sleeps, 1);
	if (atomic_load_explicit(&l->asleep, memory_order_relaxed)) {
		sleep_until_woken(l, BC_SLEEP_WOKEN_NS * (long_idle ? LONG_IDLE_FACTOR : 1));
	} else {
		/* Set before the rings are looked at once more; see wake_all_surely(). */
		atomic_store_explicit(&l->asleep, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
	}
}

/* After the idle-th round in a row without work. long_idle: there has been none for LONG_IDLE_NS. */
static void idle_wait(struct bc_lcore *l, uint64_t idle, bool long_idle)
{
	uint64_t most, ns = SLEEP_MIN_NS;
	bool blocked, buffered;

	if (l->busy_poll) {
		rte_pause();
		return;
	}
	most = buffers_ns(l, &blocked);
	buffered = !l->woken && !blocked && most >= BUFFERED_NS && most != UINT64_MAX;
	if (!buffered && idle < SPIN_ROUNDS) {
		rte_pause();
		return;
	}
	if (l->woken) {
		wait_for_wake(l, long_idle);
		return;
	}
	if (buffered) {
		ns = most;
	} else {
		if (most > BC_SLEEP_BLOCKED_NS)
			most = BC_SLEEP_BLOCKED_NS;
		else if (long_idle && most > SLEEP_MIN_NS)
			most *= LONG_IDLE_FACTOR;
		ns += (idle - SPIN_ROUNDS) * SLEEP_MIN_NS / 8;
		ns = ns < most ? ns : most;
	}
	bc_counter_add(&l->sleeps, 1);
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

int bc_lcore_run(void *arg)
{
	struct bc_lcore *l = arg;
	uint64_t idle = 0, idle_since_ns = 0, round = 0, ticked_ns = 0, now_ns = 0;

	/* Without this the kernel adds 50 us to each sleep. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	atomic_store(&l->running, true);
	for (;;) {
		uint32_t work = 0;

		for (uint32_t i = 0; i < l->n_stages; i++)
			work += poll_stage(l->stage[i]);
		round++;
		if (!work || round % LOOK_ROUNDS == 0) {
			now_ns = bc_mono_ns();
			if (now_ns - ticked_ns >= TICK_NS) {
				ticked_ns = now_ns;
				work += tick(l, now_ns);
				bc_counter_set(&l->rounds, round);
				if (atomic_load_explicit(&l->abort, memory_order_relaxed) || all_done(l))
					break;
			}
		}
		if (work) {
			idle = 0;
			if (l->n_all > 1)
				wake_sleeping(l);
			if (l->woken)
				atomic_store_explicit(&l->asleep, 0, memory_order_relaxed);
		} else {
			bc_counter_add(&l->idle_rounds, 1);
			if (!idle) {
				idle_since_ns = now_ns;
				if (l->n_all > 1)
					wake_all_surely(l);
			}
			idle_wait(l, idle++, now_ns - idle_since_ns >= LONG_IDLE_NS);
		}
	}
	wake_all_surely(l);
	atomic_store(&l->running, false);
	return 0;
}

static void *run_thread(void *lcore)
{
	bc_lcore_run(lcore);
	return NULL;
}

/* It inherits its CPU, so that nothing of it runs elsewhere. */
static int start_thread(struct bc_lcore *l, uint32_t id)
{
	char name[BC_THREAD_NAME_MAX];
	cpu_set_t here, there;
	int r = pthread_getaffinity_np(pthread_self(), sizeof(here), &here);

	CPU_ZERO(&there);
	CPU_SET(l->cpu, &there);
	if (!r)
		r = pthread_setaffinity_np(pthread_self(), sizeof(there), &there);
	if (r)
		return -r;
	snprintf(name, sizeof(name), "bc-lcore-%u", id);
	r = bc_thread_start(&l->thread, name, run_thread, l);
	pthread_setaffinity_np(pthread_self(), sizeof(here), &here);
	return r;
}

int bc_lcore_start(struct bc_lcore *l, uint32_t id, bool eal, struct bc_err *err)
{
	int r = eal ? rte_eal_remote_launch(bc_lcore_run, l, id) : start_thread(l, id);

	if (r)
		return bc_err_set(err, r, "cannot start lcore %u on CPU %u (%s)", id, l->cpu, strerror(-r));
	l->id = id;
	l->on = eal ? BC_LCORE_EAL : BC_LCORE_THREAD;
	return 0;
}

void bc_lcores_wait(struct bc_lcore *l, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (l[i].on == BC_LCORE_THREAD)
			pthread_join(l[i].thread, NULL);
		else if (l[i].on == BC_LCORE_EAL)
			rte_eal_wait_lcore(l[i].id);
		l[i].on = BC_LCORE_NONE;
		/* ThreadSanitizer does not see EAL's synchronisation; it sees this. */
		(void)atomic_load(&l[i].running);
	}
}
