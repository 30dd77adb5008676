/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One after another, each allocation and system call that an operation makes is refused: what does it leave behind? The linker puts
 * these functions in place of the C library's (refusal_wraps in meson.build), so that only calls of the program itself are refused.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Only the linker calls them by their names. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

enum refusal_kind {
	REFUSE_MEMORY,		/* one allocation */
	REFUSE_CALL,		/* one system call */
	REFUSE_DISK,		/* a system call, and all that follow: a disk that is gone */
	REFUSE_KINDS,
	REFUSE_NOTHING = REFUSE_KINDS	/* a signal interrupts one call that transfers bytes, which is no failure */
};

static struct {
	_Atomic bool on;
	enum refusal_kind kind;
	uint32_t number;	/* of the call that fails */
	_Atomic uint32_t calls;
	const char *_Atomic name;	/* of the call that failed; NULL: none did */
	_Atomic bool interrupted;
} refusal = { .number = UINT32_MAX };

static inline bool refusal_strikes(bool memory, const char *name, int err)
{
	uint32_t n;

	if (!refusal.on || refusal.kind == REFUSE_NOTHING || memory != (refusal.kind == REFUSE_MEMORY))
		return false;
	n = ++refusal.calls;
	if (n < refusal.number || (n > refusal.number && refusal.kind != REFUSE_DISK))
		return false;
	if (!refusal.name)
		refusal.name = name;
	/* Many wait for space or rights to come back, which they do not here. */
	errno = refusal.kind == REFUSE_DISK ? EIO : err;
	return true;
}

static inline bool refusal_interrupts(void)
{
	if (!refusal.on || refusal.kind != REFUSE_NOTHING || ++refusal.calls != refusal.number)
		return false;
	refusal.interrupted = true;
	errno = EINTR;
	return true;
}

/* The operation stands between these. */
static inline void refusal_begin(void)
{
	refusal.on = true;
}

static inline void refusal_end(void)
{
	refusal.on = false;
}

#define refusal_check(holds) \
	do { \
		if (!(holds)) \
			fail_msg("%s, call %u of kind %d: not so: %s", refusal.name ? refusal.name : "nothing refused", refusal.number, refusal.kind, #holds); \
	} while (0)

/* Runs it until all was refused once, and then once more without; every nth call only. How many calls failed. */
static inline uint32_t refuse_kind(enum refusal_kind kind, void (*run)(void *ctx), void *ctx, uint32_t every)
{
	uint32_t n = 0;
	bool struck;

	refusal.kind = kind;
	refusal.number = 1;
	do {
		refusal.calls = 0;
		refusal.name = NULL;
		refusal.interrupted = false;
		run(ctx);
		refusal_end();
		refusal.number += every;
		struck = refusal.name || refusal.interrupted;
		n += struck;
	} while (struck);
	refusal.number = UINT32_MAX;
	return n;
}

static inline uint32_t refuse_each(void (*run)(void *ctx), void *ctx, uint32_t every)
{
	uint32_t n = 0;

	for (enum refusal_kind kind = 0; kind < REFUSE_KINDS; kind++)
		n += refuse_kind(kind, run, ctx, every);
	return n;
}

/* The same with signals. */
static inline uint32_t interrupt_each(void (*run)(void *ctx), void *ctx)
{
	return refuse_kind(REFUSE_NOTHING, run, ctx, 1);
}

/* Integers and pointers, six at most, which are passed on as they are. */
#define REFUSAL_WRAP(call, memory, err, failed) \
	long __real_##call(long a, long b, long c, long d, long e, long f); \
	long __wrap_##call(long a, long b, long c, long d, long e, long f) \
	{ \
		return refusal_strikes(memory, #call, err) ? (failed) : __real_##call(a, b, c, d, e, f); \
	}

#define REFUSAL_WRAP_TRANSFER(call, err) \
	long __real_##call(long a, long b, long c, long d, long e, long f); \
	long __wrap_##call(long a, long b, long c, long d, long e, long f) \
	{ \
		return refusal_interrupts() || refusal_strikes(false, #call, err) ? -1 : __real_##call(a, b, c, d, e, f); \
	}

REFUSAL_WRAP(malloc, true, ENOMEM, 0)
REFUSAL_WRAP(calloc, true, ENOMEM, 0)
REFUSAL_WRAP(realloc, true, ENOMEM, 0)
REFUSAL_WRAP(aligned_alloc, true, ENOMEM, 0)
REFUSAL_WRAP(strdup, true, ENOMEM, 0)
REFUSAL_WRAP(strndup, true, ENOMEM, 0)
REFUSAL_WRAP(asprintf, true, ENOMEM, -1)
REFUSAL_WRAP(open64, false, EMFILE, -1)
REFUSAL_WRAP(openat64, false, EMFILE, -1)
REFUSAL_WRAP(fdopendir, false, ENOMEM, 0)
REFUSAL_WRAP(fcntl64, false, EINVAL, -1)
REFUSAL_WRAP(fstat64, false, EIO, -1)
REFUSAL_WRAP(fstatat64, false, EIO, -1)
REFUSAL_WRAP(lseek64, false, EIO, -1)
REFUSAL_WRAP_TRANSFER(read, EIO)
REFUSAL_WRAP_TRANSFER(pread64, EIO)
REFUSAL_WRAP_TRANSFER(write, ENOSPC)
REFUSAL_WRAP_TRANSFER(pwrite64, ENOSPC)
REFUSAL_WRAP(pwritev64, false, ENOSPC, -1)
REFUSAL_WRAP_TRANSFER(fallocate64, ENOSPC)
REFUSAL_WRAP(ftruncate64, false, EIO, -1)
REFUSAL_WRAP(fsync, false, EIO, -1)
REFUSAL_WRAP(fdatasync, false, EIO, -1)
REFUSAL_WRAP(flock, false, ENOLCK, -1)
REFUSAL_WRAP(mkdir, false, EACCES, -1)
REFUSAL_WRAP(mkdirat, false, EACCES, -1)
REFUSAL_WRAP(dup3, false, EMFILE, -1)
REFUSAL_WRAP(fchmod, false, EPERM, -1)
REFUSAL_WRAP(fchown, false, EIO, -1)
REFUSAL_WRAP(futimens, false, EIO, -1)
REFUSAL_WRAP(rename, false, EIO, -1)
REFUSAL_WRAP(renameat, false, EIO, -1)
REFUSAL_WRAP(renameat2, false, EIO, -1)
REFUSAL_WRAP(unlink, false, EIO, -1)
REFUSAL_WRAP(unlinkat, false, EIO, -1)

/* Open descriptors of the process. */
static inline uint32_t refusal_descriptors(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

#endif
