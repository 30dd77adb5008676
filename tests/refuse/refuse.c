/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: refuses one call of braidcap. REFUSE is "KIND NUMBER [PROCESS]": of the calls of that kind that the program itself
 * makes, in whatever thread, the one with that number fails; KIND is memory, threads or system. PROCESS: only in this one, the program
 * (braidcap) or a process apart, from where it takes its name. Of one place in the program only the first ENOUGH calls count. The file
 * REFUSE_SAYS gets the call's name and place, and how many there were, if the process ended by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SAYS_FD 900	/* no other's, and open before the sandbox is closed */

#define ENOUGH 100
#define PROGRAM (4U << 20)

enum kind { NONE, MEMORY, THREADS, SYSTEM };

static struct {
	enum kind kind;
	long number;
	_Atomic long calls;
	uintptr_t begin, end;	/* of the program */
	char process[16];
	_Atomic unsigned char seen[PROGRAM];	/* calls from there */
	bool elsewhere;		/* this is another process */
} refuse;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);

/* The first object is the program. */
static int find_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, end = at + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		refuse.begin = !refuse.begin || at < refuse.begin ? at : refuse.begin;
		refuse.end = end > refuse.end ? end : refuse.end;
	}
	return 1;
}

static void say(const char *name, long value)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%s %#lx\n", name, value);

	syscall(SYS_write, SAYS_FD, line, n);
}

/* Not in the commands that it runs. */
__attribute__((constructor)) static void begin(void)
{
	static const char *const kinds[] = { "", "memory", "threads", "system" };
	const char *order = getenv("REFUSE"), *says = getenv("REFUSE_SAYS");
	char kind[16] = "";
	int fd;

	if (!order || !says || strcmp(program_invocation_short_name, "braidcap") != 0 ||
	    sscanf(order, "%15s %ld %15s", kind, &refuse.number, refuse.process) < 2)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, says, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	syscall(SYS_dup3, fd, SAYS_FD, O_CLOEXEC);
	syscall(SYS_close, fd);
	refuse.elsewhere = refuse.process[0] && strcmp(refuse.process, "braidcap") != 0;
	dl_iterate_phdr(find_program, NULL);
	for (int i = MEMORY; i <= SYSTEM; i++)
		if (strcmp(kind, kinds[i]) == 0)
			refuse.kind = (enum kind)i;
}

__attribute__((destructor)) static void end(void)
{
	if (refuse.kind && !refuse.elsewhere)
		say("calls", refuse.calls);
}

static bool is_enough(uintptr_t at)
{
	_Atomic unsigned char *seen = &refuse.seen[(at - refuse.begin) % PROGRAM];

	if (*seen == ENOUGH)
		return true;
	++*seen;
	return false;
}

static bool refused(enum kind kind, const char *name, void *caller, int err)
{
	uintptr_t at = (uintptr_t)caller;

	if (kind != refuse.kind || refuse.elsewhere || at < refuse.begin || at >= refuse.end || is_enough(at))
		return false;
	if (++refuse.calls != refuse.number)
		return false;
	say(name, (long)(at - refuse.begin));
	errno = err;
	return true;
}

#define CALLER __builtin_return_address(0)
#define NO_MEMORY(name) refused(MEMORY, name, CALLER, ENOMEM)

void *malloc(size_t size)
{
	return NO_MEMORY("malloc") ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return NO_MEMORY("calloc") ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return NO_MEMORY("realloc") ? NULL : __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	return NO_MEMORY("aligned_alloc") ? NULL : __libc_memalign(align, size);
}

static char *copy(const char *s, size_t len)
{
	char *p = __libc_malloc(len + 1);

	if (!p)
		return NULL;
	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *strdup(const char *s)
{
	return NO_MEMORY("strdup") ? NULL : copy(s, strlen(s));
}

char *strndup(const char *s, size_t n)
{
	return NO_MEMORY("strndup") ? NULL : copy(s, strnlen(s, n));
}

int __asprintf_chk(char **ret, int flag, const char *fmt, ...);
int __vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap);

int __asprintf_chk(char **ret, int flag, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (NO_MEMORY("asprintf"))
		return -1;
	va_start(ap, fmt);
	n = vasprintf(ret, fmt, ap);
	va_end(ap);
	return n;
}

int __vasprintf_chk(char **ret, int flag, const char *fmt, va_list ap)
{
	return NO_MEMORY("vasprintf") ? -1 : vasprintf(ret, fmt, ap);
}

int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (refused(THREADS, "pthread_create", CALLER, EAGAIN))
		return EAGAIN;
	if (!next)
		next = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
	return next(ret, attr, run, arg);
}

/* All have integers and pointers only, six at most, which are passed on as they are. */
typedef long (*call)(long a, long b, long c, long d, long e, long f);

#define CALL(name, err, failed) \
	long refuse_##name(long a, long b, long c, long d, long e, long f) __asm__(#name); \
	long refuse_##name(long a, long b, long c, long d, long e, long f) \
	{ \
		static call next; \
		if (refused(SYSTEM, #name, CALLER, err)) \
			return failed; \
		if (!next) \
			next = (call)dlsym(RTLD_NEXT, #name); \
		return next(a, b, c, d, e, f); \
	}

/* A process apart is another one until it has its name. */
pid_t fork(void)
{
	static pid_t (*next)(void);
	pid_t pid;

	if (refused(SYSTEM, "fork", CALLER, EAGAIN))
		return -1;
	if (!next)
		next = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	pid = next();
	if (pid == 0 && refuse.process[0])
		refuse.elsewhere = true;
	return pid;
}

int prctl(int what, ...)
{
	static call next;
	unsigned long arg[4];
	va_list ap;

	va_start(ap, what);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (what == PR_SET_NAME && refuse.process[0] && strcmp((const char *)arg[0], refuse.process) == 0) {
		refuse.elsewhere = false;
		refuse.calls = 0;
		memset((void *)refuse.seen, 0, sizeof(refuse.seen));
	}
	if (refused(SYSTEM, "prctl", CALLER, EPERM))
		return -1;
	if (!next)
		next = (call)dlsym(RTLD_NEXT, "prctl");
	return (int)next(what, (long)arg[0], (long)arg[1], (long)arg[2], (long)arg[3], 0);
}

/* All but what is said into. */
int close_range(unsigned first, unsigned last, int flags)
{
	if (first >= SAYS_FD || last <= SAYS_FD)
		return (int)syscall(SYS_close_range, first, last, flags);
	syscall(SYS_close_range, first, SAYS_FD - 1, flags);
	return (int)syscall(SYS_close_range, SAYS_FD + 1, last, flags);
}

/* Processes apart end so. */
void _exit(int status)
{
	if (refuse.process[0])
		end();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

/* A descriptor that is asked for what it has (F_GETFD) is closed where that fails. */
int fcntl64(int fd, int what, ...)
{
	static call next;
	va_list ap;
	long arg;

	va_start(ap, what);
	arg = va_arg(ap, long);
	va_end(ap);
	if (what != F_GETFD && refused(SYSTEM, "fcntl64", CALLER, EINVAL))
		return -1;
	if (!next)
		next = (call)dlsym(RTLD_NEXT, "fcntl64");
	return (int)next(fd, what, arg, 0, 0, 0);
}

CALL(open64, EMFILE, -1)
CALL(openat64, EMFILE, -1)
CALL(__open64_2, EMFILE, -1)
CALL(fopen64, EMFILE, 0)
CALL(fdopen, ENOMEM, 0)
CALL(opendir, EMFILE, 0)
CALL(fdopendir, ENOMEM, 0)
CALL(readdir64, EIO, 0)
CALL(scandir64, EMFILE, -1)
CALL(scandirat64, EMFILE, -1)
CALL(read, EIO, -1)
CALL(__read_chk, EIO, -1)
CALL(pread64, EIO, -1)
CALL(write, EIO, -1)
CALL(pwrite64, EIO, -1)
CALL(pwritev64, EIO, -1)
CALL(lseek64, EIO, -1)
CALL(fsync, EIO, -1)
CALL(fdatasync, EIO, -1)
CALL(sync_file_range, EIO, -1)
CALL(ftruncate64, EIO, -1)
CALL(fallocate64, ENOSPC, -1)
CALL(posix_fadvise64, EINVAL, EINVAL)
CALL(rename, EIO, -1)
CALL(renameat, EIO, -1)
CALL(renameat2, EIO, -1)
CALL(linkat, EIO, -1)
CALL(unlink, EIO, -1)
CALL(unlinkat, EIO, -1)
CALL(mkdir, ENOSPC, -1)
CALL(mkdtemp, ENOSPC, 0)
CALL(rmdir, EIO, -1)
CALL(fchmod, EPERM, -1)
CALL(fchown, EPERM, -1)
CALL(futimens, EPERM, -1)
CALL(flock, ENOLCK, -1)
CALL(access, EIO, -1)
CALL(faccessat, EIO, -1)
CALL(stat64, EIO, -1)
CALL(lstat64, EIO, -1)
CALL(fstat64, EIO, -1)
CALL(fstatat64, EIO, -1)
CALL(statfs64, EIO, -1)
CALL(fstatfs64, EIO, -1)
CALL(statvfs64, EIO, -1)
CALL(fstatvfs64, EIO, -1)
CALL(readlink, EIO, -1)
CALL(realpath, EIO, 0)
CALL(getcwd, ERANGE, 0)
CALL(dup2, EMFILE, -1)
CALL(dup3, EMFILE, -1)
CALL(pipe2, EMFILE, -1)
CALL(ioctl, EIO, -1)
CALL(eventfd, EMFILE, -1)
CALL(signalfd, EMFILE, -1)
CALL(memfd_create, EMFILE, -1)
CALL(epoll_create1, EMFILE, -1)
CALL(epoll_ctl, ENOMEM, -1)
CALL(epoll_wait, EINTR, -1)
CALL(poll, EINTR, -1)
CALL(ppoll, EINTR, -1)
CALL(socket, EMFILE, -1)
CALL(socketpair, EMFILE, -1)
CALL(bind, EADDRINUSE, -1)
CALL(listen, EADDRINUSE, -1)
CALL(connect, ECONNREFUSED, -1)
CALL(accept4, EMFILE, -1)
CALL(send, ECONNRESET, -1)
CALL(sendto, ECONNRESET, -1)
CALL(recv, ECONNRESET, -1)
CALL(sendmsg, ENOBUFS, -1)
CALL(recvmsg, ENOMEM, -1)
CALL(setsockopt, ENOPROTOOPT, -1)
CALL(getsockopt, ENOPROTOOPT, -1)
CALL(mmap64, ENOMEM, -1)
CALL(madvise, EINVAL, -1)
CALL(posix_spawn, EAGAIN, EAGAIN)
CALL(getrlimit64, EPERM, -1)
CALL(setrlimit64, EPERM, -1)
CALL(getrandom, EAGAIN, -1)
CALL(open_memstream, ENOMEM, 0)
CALL(fopencookie, ENOMEM, 0)
CALL(pthread_setaffinity_np, EINVAL, EINVAL)
CALL(pthread_getaffinity_np, EINVAL, EINVAL)
CALL(sched_getaffinity, EINVAL, -1)
CALL(io_uring_queue_init, ENOMEM, -ENOMEM)
CALL(io_uring_submit, EAGAIN, -EAGAIN)
CALL(io_uring_submit_and_wait, EAGAIN, -EAGAIN)
