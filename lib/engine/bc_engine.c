/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_engine.h"

#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "bc_time.h"

#define TICK_NS BC_NS_PER_MS
/* Rounds between looks at the clock and the command word while there is work. */
#define LOOK_ROUNDS 64
/* Idle rounds before the first sleep, which is this long; the next are longer. */
#define SPIN_ROUNDS 64
#define SLEEP_MIN_NS 20000U

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

static void rest(struct bc_lcore *l, uint64_t idle)
{
	uint64_t ns = SLEEP_MIN_NS;

	if (l->busy_poll || idle < SPIN_ROUNDS) {
		rte_pause();
		return;
	}
	ns += (idle - SPIN_ROUNDS) * SLEEP_MIN_NS / 8;
	if (ns > l->sleep_max_ns)
		ns = l->sleep_max_ns;
	bc_counter_add(&l->sleeps, 1);
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

int bc_lcore_run(void *arg)
{
	struct bc_lcore *l = arg;
	uint64_t idle = 0, round = 0, ticked_ns = 0;

	/* Without this the kernel adds 50 us to each sleep. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	atomic_store(&l->running, true);
	for (;;) {
		uint32_t work = 0;

		for (uint32_t i = 0; i < l->n_stages; i++)
			work += poll_stage(l->stage[i]);
		round++;
		if (!work || round % LOOK_ROUNDS == 0) {
			uint64_t now_ns = bc_mono_ns();

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
		} else {
			bc_counter_add(&l->idle_rounds, 1);
			rest(l, idle++);
		}
	}
	atomic_store(&l->running, false);
	return 0;
}
