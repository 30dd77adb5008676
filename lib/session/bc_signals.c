/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_signals.h"

#include <time.h>

#include "bc_time.h"

#define ECHO_NS (500 * BC_NS_PER_MS)
#define HURRIED_ROUND_NS (20 * BC_NS_PER_MS)

void signals_block(struct signals *s)
{
	sigemptyset(&s->set);
	sigaddset(&s->set, SIGINT);
	sigaddset(&s->set, SIGTERM);
	sigaddset(&s->set, SIGHUP);
	sigaddset(&s->set, SIGUSR1);
	sigaddset(&s->set, SIGNALS_WAKE);
	s->waiter = pthread_self();
	pthread_sigmask(SIG_BLOCK, &s->set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int signals_wait(const struct signals *s, uint64_t ns)
{
	return sigtimedwait(&s->set, NULL, &(struct timespec){ .tv_nsec = (long)ns });
}

void signals_wake(const struct signals *s)
{
	pthread_kill(s->waiter, SIGNALS_WAKE);
}

static bool echo(const struct signals *s)
{
	return s->stop_mono_ns && bc_mono_ns() - s->stop_mono_ns < ECHO_NS;
}

enum signals_end signals_end(struct signals *s)
{
	if (s->stop_mono_ns)
		return echo(s) ? SIGNALS_ECHO : SIGNALS_NOW;
	s->stop_mono_ns = bc_mono_ns();
	return SIGNALS_STOP;
}

bool signals_hurried(const struct signals *s)
{
	int sig = signals_wait(s, HURRIED_ROUND_NS);

	return (sig == SIGINT || sig == SIGTERM) && !echo(s);
}
