/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of each duty, by libseccomp: lists of what is allowed. */
#include "bc_sandbox_calls.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "bc_breach.h"

/*
 * Memory, time, threads, files that are open or only read. Some are not made by us, but by other versions of the C library in place of
 * those that are; capset is there to give up what is left. Names of other architectures, or that this libseccomp does not know, are left out.
 */
static const char *const bare[] = {
	"brk", "madvise", "mincore", "mlock", "mlock2", "mremap", "msync", "munlock", "munmap", "membarrier", "get_mempolicy", "mbind", "mseal",
	"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "times",
	"arch_prctl", "exit", "exit_group", "futex", "futex_wait", "futex_wake", "futex_requeue", "futex_waitv", "getcpu", "getpgid", "getpgrp",
	"getpid", "getppid", "getsid", "gettid", "getpriority", "ioprio_get", "ioprio_set", "map_shadow_stack",
	"prctl", "prlimit64", "getrlimit", "setrlimit", "getrusage", "restart_syscall", "rseq", "sched_getaffinity", "sched_getattr",
	"sched_getparam", "sched_get_priority_max", "sched_get_priority_min", "sched_getscheduler", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list", "get_robust_list", "set_tid_address",
	"setpriority", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"sigaltstack", "tgkill", "getegid", "geteuid", "getgid", "getgroups", "getuid", "getresgid", "getresuid", "getrandom", "sysinfo",
	"uname", "umask", "access", "faccessat", "faccessat2", "cachestat", "close", "close_range", "dup", "dup2", "dup3", "eventfd", "eventfd2",
	"fadvise64", "fcntl", "flock", "fstat", "fstatfs", "getcwd", "getdents", "getdents64", "lseek", "lstat", "newfstatat", "open", "openat",
	"openat2", "pipe", "pipe2", "poll", "ppoll", "pread64", "preadv", "preadv2", "pselect6", "read", "readahead", "readlink", "readlinkat",
	"readv", "select", "stat", "statfs", "statx", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "fallocate", "ftruncate",
	"capset", "fgetxattr", "flistxattr", "getxattr",
};

/* Who may use what is open: files, and folders. */
static const char *const owning[] = { "fchmod", "fchown", "fsetxattr" };

/* Files that are made and renamed beside those that are open. */
static const char *const making[] = {
	"chmod", "chown", "copy_file_range", "creat", "fchmodat", "fchmodat2", "fchownat", "lchown", "link", "linkat", "mkdir", "mkdirat", "rename",
	"renameat", "renameat2", "sendfile", "symlink", "symlinkat", "truncate", "utimensat",
};

/* Or removed: a control socket with its folder, too. */
static const char *const removing[] = { "rmdir", "unlink", "unlinkat" };

/* A process apart, to whoever asks it: by messages and sockets, and memory that goes with them. */
static const char *const answering[] = { "memfd_create", "recvmsg", "sendmsg", "shutdown" };

/* The store's direct writing. What goes through a ring is not seen here, but by Landlock. */
static const char *const rings[] = { "io_uring_enter", "io_uring_register", "io_uring_setup" };

/* With others; names are resolved by sockets, too. socket() and socketpair() go by their families. */
static const char *const talking[] = {
	"bind", "connect", "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmmsg", "recvmsg", "sendmmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown",
};

static const char *const serving[] = { "accept", "accept4", "listen" };

/* The state of the clock's discipline, which is only read; rings in memory. */
static const char *const capturing[] = { "adjtimex", "clock_adjtime", "memfd_create" };

/* For the end of a process apart. */
static const char *const waiting[] = { "wait4", "waitid", "waitpid" };

/* What drivers of DPDK do while a port runs, comes or goes. */
static const char *const driving[] = {
	"inotify_add_watch", "inotify_init1", "inotify_rm_watch", "migrate_pages", "mknod", "mknodat", "mlockall", "mprotect", "move_pages",
	"munlockall", "remap_file_pages", "set_mempolicy", "signalfd4", "timer_create", "timer_delete", "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
};

/*
 * What nobody needs, and who broke in does first: refused as what it is. All that is in no list is unknown, as it is to an older
 * kernel, which libraries are used to.
 */
static const char *const refused[] = {
	"execve", "execveat", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal",
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "bpf", "perf_event_open", "userfaultfd",
	"chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree", "pivot_root", "setns", "umount2",
	"unshare", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "quotactl", "swapon", "swapoff", "acct",
	"add_key", "keyctl", "request_key", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"iopl", "ioperm", "personality", "settimeofday", "clock_settime", "sethostname", "setdomainname", "syslog", "vhangup",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
};

/*
 * New processes. The C library blocks all signals around them, so that nothing can be told of them. clone3, whose flags a
 * filter cannot see, is unknown, and the C library then takes clone.
 */
static const char *const forking[] = { "fork", "vfork" };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct group {
	const char *const *call;
	size_t n;
} groups[] = {
#define GROUP(list) { list, COUNT(list) }
	GROUP(bare), GROUP(making), GROUP(rings), GROUP(talking), GROUP(serving), GROUP(capturing), GROUP(driving), GROUP(removing),
	GROUP(answering), GROUP(waiting), GROUP(owning),
};

enum {
	BARE = 1, MAKING = 2, RINGS = 4, TALKING = 8, SERVING = 16, CAPTURING = 32, DRIVING = 64, REMOVING = 128, ANSWERING = 256, WAITING = 512,
	OWNING = 1024,
	COMMON = BARE | OWNING,
	CHANGING = MAKING | REMOVING,
	LATE_CODE = 2048,	/* libraries are loaded when they are needed: those of the resolver */
	NEW_CODE = 4096,	/* code is made in memory: filters */
};

static const int local[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
static const int packets[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
static const int ports[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_XDP };

/* Of terminals, what they are; of sockets, names and states of interfaces. */
static const unsigned long terminals[] = { TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO };
static const unsigned long interfaces[] = {
	TCGETS, TIOCGWINSZ, TIOCGPGRP, FIONREAD, FIONBIO, TIOCOUTQ, SIOCGIFINDEX, SIOCGIFNAME, SIOCGIFHWADDR, SIOCGIFFLAGS, SIOCGIFMTU, SIOCGIFCONF,
	SIOCGIFADDR, SIOCGIFNETMASK,
};

#define FAMILIES(list) .family = list, .n_families = COUNT(list)
#define REQUESTS(list) .request = list, .n_requests = COUNT(list)
#define TO_PACKETS (COMMON | CHANGING | RINGS | TALKING | SERVING | CAPTURING | WAITING | LATE_CODE)

/* Which groups a duty has, which families its sockets, and what it may ask of devices; none: whatever there is. */
static const struct duty {
	unsigned groups;
	const int *family;
	size_t n_families;
	const unsigned long *request;
	size_t n_requests;
} duties[BC_DUTIES] = {
	[BC_DUTY_SEARCH] = { COMMON | CHANGING | RINGS, REQUESTS(terminals) },
	[BC_DUTY_FETCH] = { COMMON | CHANGING | RINGS | TALKING | LATE_CODE, FAMILIES(local), REQUESTS(interfaces) },
	[BC_DUTY_TEND] = { COMMON | CHANGING | RINGS, REQUESTS(terminals) },
	[BC_DUTY_UPLOAD] = { COMMON | CHANGING | TALKING | LATE_CODE, FAMILIES(local), REQUESTS(interfaces) },
	[BC_DUTY_CONSOLE] = { COMMON | CHANGING | TALKING | SERVING | WAITING | LATE_CODE, FAMILIES(local), REQUESTS(interfaces) },
	[BC_DUTY_COLLECT] = { TO_PACKETS, FAMILIES(local), REQUESTS(interfaces) },
	[BC_DUTY_RECEIVE] = { TO_PACKETS & ~(MAKING | OWNING), FAMILIES(local), REQUESTS(interfaces) },
	[BC_DUTY_KEEP] = { COMMON | CHANGING | ANSWERING, REQUESTS(terminals) },
	[BC_DUTY_LOOK] = { BARE | ANSWERING, REQUESTS(terminals) },
	[BC_DUTY_CAPTURE] = { TO_PACKETS, FAMILIES(packets), REQUESTS(interfaces) },
	/* It has a socket, and makes none. */
	[BC_DUTY_SIGN] = { COMMON | ANSWERING, REQUESTS(terminals) },
	[BC_DUTY_PORTS] = { TO_PACKETS | DRIVING | NEW_CODE, FAMILIES(ports) },
};

/* Left out is a call that this architecture does not have, and what is so without a rule. NULL: whatever its arguments are. */
static int rule(scmp_filter_ctx f, uint32_t action, int nr, const struct scmp_arg_cmp *arg)
{
	int r = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(f, action, nr, arg ? 1 : 0, arg);

	return r == -EDOM || r == -EOPNOTSUPP || r == -EACCES ? 0 : r;
}

static int add_one(scmp_filter_ctx f, uint32_t action, const char *name)
{
	return rule(f, action, seccomp_syscall_resolve_name(name), NULL);
}

static int add(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = add_one(f, action, names[i]);
	return r;
}

static int add_groups(scmp_filter_ctx f, const struct bc_sandbox *s)
{
	unsigned wanted = duties[s->duty].groups;
	int r = 0;

	if (s->read && !s->n_write)
		wanted &= ~(unsigned)CHANGING;
	for (size_t i = 0; i < COUNT(groups) && !r; i++)
		if (wanted & 1U << i)
			r = add(f, SCMP_ACT_ALLOW, groups[i].call, groups[i].n);
	return r;
}

static int add_refused(scmp_filter_ctx f, const struct bc_sandbox *s, uint32_t action)
{
	int r = add(f, SCMP_ACT_ERRNO(EPERM), forking, COUNT(forking));

	for (size_t i = 0; i < COUNT(refused) && !r; i++) {
		bc_breach_is_grave(seccomp_syscall_resolve_name(refused[i]));
		r = s->xdp && !strcmp(refused[i], "bpf") ? add_one(f, SCMP_ACT_ALLOW, "bpf") : add_one(f, action, refused[i]);
	}
	return r;
}

/* No memory is both written and run. What is run was loaded at the start or, late, from a file. */
static int add_mapping(scmp_filter_ctx f, unsigned wanted)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp is_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC);
	const struct scmp_arg_cmp code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC);
	const struct scmp_arg_cmp both = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE);
	int r = rule(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), &no_code);

	if (!r)
		r = rule(f, wanted & LATE_CODE ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), &code);
	if (!r)
		r = rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), &both);
	if (r || wanted & NEW_CODE)
		return r;
	r = rule(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), &no_code);
	return r ? r : rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mprotect), &is_code);
}

/* Of another family: as by a kernel that was built without it. */
static int add_sockets(scmp_filter_ctx f, const struct duty *d)
{
	int most = -1, r = 0;

	if (!d->n_families) {
		r = rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), NULL);
		return r ? r : rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socketpair), NULL);
	}
	for (size_t i = 0; i < d->n_families && !r; i++) {
		r = rule(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), &SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)d->family[i]));
		most = d->family[i] > most ? d->family[i] : most;
	}
	for (int family = 0; family < most && !r; family++) {
		bool allowed = false;

		for (size_t i = 0; i < d->n_families; i++)
			allowed |= d->family[i] == family;
		if (!allowed)
			r = rule(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), &SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	}
	if (!r)
		r = rule(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), &SCMP_A0(SCMP_CMP_GT, (scmp_datum_t)most));
	return r ? r : rule(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), &SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

static int add_devices(scmp_filter_ctx f, const struct duty *d)
{
	int r = d->n_requests ? 0 : rule(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), NULL);

	for (size_t i = 0; i < d->n_requests && !r; i++)
		r = rule(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), &SCMP_A1(SCMP_CMP_EQ, d->request[i]));
	return r;
}

static int add_threads(scmp_filter_ctx f)
{
	int r = rule(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), &SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	if (!r)
		r = rule(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), &SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r ? r : rule(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), NULL);
}

static int add_all(scmp_filter_ctx f, const struct bc_sandbox *s, uint32_t breach)
{
	const struct duty *d = &duties[s->duty];
	int r = add_groups(f, s);

	if (!r)
		r = add_refused(f, s, breach);
	if (!r)
		r = add_mapping(f, d->groups);
	if (!r)
		r = add_sockets(f, d);
	if (!r)
		r = add_devices(f, d);
	return r ? r : add_threads(f);
}

int bc_sandbox_restrict_calls(const struct bc_sandbox *s)
{
	bool tell = s->tell && bc_breach_watch();
	scmp_filter_ctx f = seccomp_init(tell ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(ENOSYS));
	int r;

	if (!f)
		return -ENOMEM;
	r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!r)
		r = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!r)
		r = add_all(f, s, tell ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM));
	if (!r)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}
