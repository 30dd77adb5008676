/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_breach.h"

#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <ucontext.h>

#define CALLS 1024
#define REASON 1	/* SYS_SECCOMP: the C library's headers and the kernel's cannot both be included */

/* A signal handler has no other memory than that of the process. */
static struct {
	bool grave[CALLS];		/* written before the first signal */
	_Atomic uint32_t n[CALLS];	/* any thread adds */
	_Atomic bool any;
	uint64_t said[CALLS];		/* the reader's: from when on it is said again; 0: never said */
} breaches;

#if defined(__x86_64__)
#define CAN_WATCH true
#define RESULT(u) (u)->uc_mcontext.gregs[REG_RAX]
#elif defined(__aarch64__)
#define CAN_WATCH true
#define RESULT(u) (u)->uc_mcontext.regs[0]
#else
#define CAN_WATCH false
#define RESULT(u) *(long *)(u)
#endif

/* The call returns what is put where its result belongs. */
static void on_refused(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	unsigned nr = (unsigned)info->si_syscall;

	if (info->si_code != REASON)
		return;
	nr = nr < CALLS ? nr : CALLS - 1;
	RESULT(u) = breaches.grave[nr] ? -EPERM : -ENOSYS;
	atomic_fetch_add_explicit(&breaches.n[nr], 1, memory_order_relaxed);
	atomic_store_explicit(&breaches.any, true, memory_order_relaxed);
}

bool bc_breach_watch(void)
{
	const struct sigaction act = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };

	return CAN_WATCH && sigaction(SIGSYS, &act, NULL) == 0;
}

void bc_breach_is_grave(int nr)
{
	if (nr >= 0 && nr < CALLS)
		breaches.grave[nr] = true;
}

static void tell(const struct bc_log *log, int nr, uint32_t n)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
	const char *text = name ? name : "of a new kind";

	if (breaches.grave[nr])
		bc_log(log, BC_ERROR, "the sandbox refused the system call %s (%" PRIu32 " times), which this program never makes: a fault in it "
		       "may be misused", text, n);
	else
		bc_log(log, BC_WARN, "the sandbox refused the system call %s (%" PRIu32 " times): if something fails by that, --no-sandbox goes "
		       "without; please report it", text, n);
	free(name);
}

void bc_breach_tell(const struct bc_log *log)
{
	if (!atomic_exchange_explicit(&breaches.any, false, memory_order_relaxed))
		return;
	for (int nr = 0; nr < CALLS; nr++) {
		uint32_t n = atomic_load_explicit(&breaches.n[nr], memory_order_relaxed);

		if (!n || n < breaches.said[nr])
			continue;
		breaches.said[nr] = 10 * (uint64_t)n;
		tell(log, nr, n);
	}
}
