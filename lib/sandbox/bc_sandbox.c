/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls, by libseccomp: a list of what is allowed. */
#include "bc_sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "bc_landlock.h"

/* Memory, time, threads, files; where the names of calls of other architectures stand, libseccomp leaves them out. */
static const char *const common[] = {
	"brk", "madvise", "mincore", "mlock", "mlock2", "mremap", "munlock", "munmap", "membarrier", "get_mempolicy", "mbind",
	"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "times",
	"arch_prctl", "exit", "exit_group", "futex", "getcpu", "getpid", "getppid", "gettid", "getpriority", "ioprio_get", "ioprio_set",
	"prctl", "prlimit64", "getrlimit", "setrlimit", "getrusage", "restart_syscall", "rseq", "sched_getaffinity", "sched_getparam",
	"sched_getscheduler", "sched_setaffinity", "sched_setscheduler", "sched_yield", "set_robust_list", "set_tid_address",
	"setpriority", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"sigaltstack", "tgkill", "getegid", "geteuid", "getgid", "getgroups", "getuid", "getresgid", "getresuid", "getrandom", "sysinfo",
	"uname", "umask", "access", "faccessat", "faccessat2", "close", "close_range", "dup", "dup2", "dup3", "eventfd2", "fadvise64",
	"fcntl", "flock", "fstat", "fstatfs", "getcwd", "getdents64", "lseek", "lstat", "newfstatat", "open", "openat", "pipe2", "poll",
	"ppoll", "pread64", "preadv", "preadv2", "pselect6", "read", "readahead", "readlink", "readlinkat", "readv", "select", "stat",
	"statfs", "statx", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "write", "writev", "pwrite64", "pwritev", "pwritev2",
	"fsync", "fdatasync", "sync_file_range", "fallocate", "ftruncate", "fchmod", "fchown", "fgetxattr", "fsetxattr", "getxattr",
};

/* Files that are made beside those that are open. */
static const char *const making[] = {
	"chmod", "fchmodat", "link", "linkat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "rmdir", "unlink", "unlinkat", "utimensat",
	"copy_file_range", "sendfile", "io_uring_enter", "io_uring_register", "io_uring_setup",
};

static const char *const talking[] = {
	"accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg",
	"sendmsg", "sendto", "setsockopt", "shutdown", "socket", "socketpair",
};

/* What programs that break in do first: refused as what it is. All that is in no list is unknown, as it is to an older kernel. */
static const char *const refused[] = {
	"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill", "bpf", "mount", "setuid", "setresuid",
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A call that this libseccomp or this architecture does not know is left out. */
static int add(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(f, action, nr, 0);
		if (r == -EDOM || r == -EOPNOTSUPP)
			r = 0;
	}
	return r;
}

/* Code is what was loaded at the start; with libraries to come, what is mapped. */
static int add_mapping(scmp_filter_ctx f, bool code)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp is_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);

	if (!r)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	if (!r)
		r = seccomp_rule_add(f, code ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, is_code);
	return r ? r : seccomp_rule_add(f, code ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mprotect), 1, is_code);
}

/* Threads, no processes: clone3, whose flags a filter cannot see, is unknown, and the C library then takes clone. Of a terminal, what it is. */
static int add_with_arguments(scmp_filter_ctx f)
{
	static const unsigned long requests[] = { TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO };
	int r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	for (size_t i = 0; i < COUNT(requests) && !r; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, requests[i]));
	return r;
}

static int restrict_calls(const struct bc_sandbox *s)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	bool writes = s->write || !s->read;
	int r;

	if (!f)
		return -ENOMEM;
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = add(f, SCMP_ACT_ALLOW, common, COUNT(common));
	if (!r && writes)
		r = add(f, SCMP_ACT_ALLOW, making, COUNT(making));
	if (!r)
		r = add(f, s->net ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), talking, COUNT(talking));
	if (!r)
		r = add(f, SCMP_ACT_ERRNO(EPERM), refused, COUNT(refused));
	if (!r)
		r = add_mapping(f, s->net);
	if (!r)
		r = add_with_arguments(f);
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

unsigned bc_sandbox_enter(const struct bc_sandbox *s)
{
	unsigned holds = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 0;
	if (s->read && !bc_landlock_enter(s))
		holds |= BC_SANDBOX_FILES;
	if (!restrict_calls(s))
		holds |= BC_SANDBOX_CALLS;
	return holds;
}
