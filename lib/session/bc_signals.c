/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_signals.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bc_time.h"

#define ECHO_NS (500 * BC_NS_PER_MS)
#define HURRIED_ROUND_NS (20 * BC_NS_PER_MS)

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * A program in a terminal that a service started inherits the service's variables; SYSTEMD_EXEC_PID then names another
 * process.
 */
static bool is_service(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");

	return getenv("NOTIFY_SOCKET") || (getenv("INVOCATION_ID") && (!pid || atoi(pid) == (int)getpid()));
}

static bool survives_hup(void)
{
	struct sigaction old;

	return sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

static bool hup_ends(enum bc_hup hup)
{
	if (hup == BC_HUP_ROTATES || survives_hup())
		return false;
	return hup == BC_HUP_ENDS || (has_terminal() && !is_service());
}

void bc_signals_block(struct bc_signals *s, enum bc_hup hup)
{
	s->hup_ends = hup_ends(hup);
	sigemptyset(&s->set);
	sigaddset(&s->set, SIGINT);
	sigaddset(&s->set, SIGTERM);
	sigaddset(&s->set, SIGHUP);
	sigaddset(&s->set, SIGUSR1);
	sigaddset(&s->set, BC_SIGNALS_WAKE);
	s->waiter = pthread_self();
	pthread_sigmask(SIG_BLOCK, &s->set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int bc_signals_wait(const struct bc_signals *s, uint64_t ns)
{
	const struct timespec limit = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

	return sigtimedwait(&s->set, NULL, &limit);
}

bool bc_signals_end_waits(const struct bc_signals *s)
{
	sigset_t waiting;

	return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM) ||
					     (s->hup_ends && sigismember(&waiting, SIGHUP)));
}

void bc_signals_wake(const struct bc_signals *s)
{
	pthread_kill(s->waiter, BC_SIGNALS_WAKE);
}

static bool echo(const struct bc_signals *s)
{
	return s->stop_mono_ns && bc_mono_ns() - s->stop_mono_ns < ECHO_NS;
}

enum bc_signals_end bc_signals_end(struct bc_signals *s)
{
	if (s->stop_mono_ns)
		return echo(s) ? BC_SIGNALS_ECHO : BC_SIGNALS_NOW;
	s->stop_mono_ns = bc_mono_ns();
	return BC_SIGNALS_STOP;
}

bool bc_signals_hurried(const struct bc_signals *s)
{
	int sig = bc_signals_wait(s, HURRIED_ROUND_NS);

	return (sig == SIGINT || sig == SIGTERM) && !echo(s);
}
