/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_thread.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct start {
	void *(*run)(void *arg);
	void *arg;
	char name[BC_THREAD_NAME_MAX];
};

/* It names itself: others may not, once the process has changed its user. */
static void *begin(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), s.name);
	return s.run(s.arg);
}

static void fill_blocked(sigset_t *set)
{
	const int open[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, BC_SIGNAL_EACH };

	sigfillset(set);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		sigdelset(set, open[i]);
}

int bc_thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg)
{
	struct start *s = malloc(sizeof(*s));
	sigset_t blocked, old;
	pthread_t thread;
	int e;

	if (!s)
		return -ENOMEM;
	*s = (struct start){ .run = run, .arg = arg };
	snprintf(s->name, sizeof(s->name), "%s", name);
	/* Set here, as it is inherited: none is delivered to the new thread before it could block it. */
	fill_blocked(&blocked);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	e = pthread_create(&thread, NULL, begin, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e) {
		free(s);
		return -e;
	}
	*ret = thread;
	return 0;
}

void bc_thread_shed_but(uint64_t keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { .effective = 0 } };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* To keep none it need not be asked, which the sandbox allows to nobody. */
	if (keep)
		syscall(SYS_capget, &header, data);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(keep >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	syscall(SYS_capset, &header, data);
}

void bc_thread_shed(void)
{
	bc_thread_shed_but(0);
}

/* Linux takes both for the calling thread alone. */
void bc_thread_yield_disk(void)
{
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

void bc_thread_give_way(void)
{
	setpriority(PRIO_PROCESS, 0, 19);
	bc_thread_yield_disk();
}
