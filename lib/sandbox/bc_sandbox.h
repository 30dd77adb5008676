/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the process can still do once it has begun: a fault in a parser that hostile input makes use of gets no further. It may open
 * only the files that it was told to work on (Landlock), and make only the system calls that its duty needs (seccomp).
 */
#ifndef BC_SANDBOX_H
#define BC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What a process is there for. bc_sandbox_calls.c has a row for each: which system calls it needs. */
enum bc_duty {
	BC_DUTY_SEARCH,		/* reads stored captures, writes what it finds: verify, find, flows */
	BC_DUTY_FETCH,		/* the same, from object storage */
	BC_DUTY_TEND,		/* changes stored captures: index, recover, expire */
	BC_DUTY_UPLOAD,
	BC_DUTY_CONSOLE,
	BC_DUTY_COLLECT,
	BC_DUTY_RECEIVE,	/* the same, while another process keeps the folders (BC_DUTY_KEEP) */
	BC_DUTY_KEEP,		/* makes, names and removes files, for it */
	BC_DUTY_LOOK,		/* reads, for it */
	BC_DUTY_CAPTURE,	/* of kernel interfaces, files, remote nodes */
	BC_DUTY_PORTS,		/* capture or collect with DPDK */
	BC_DUTY_SIGN,		/* keeps private keys, which files have */
	BC_DUTIES
};

struct bc_sandbox {
	enum bc_duty duty;
	char *const *read;		/* files, and folders with all below, for reading; NULL: anything is read */
	size_t n_read;
	char *const *write;		/* folders in which files are made, renamed and removed; NULL: none with read; without it, anywhere */
	size_t n_write;
	char *const *socket;		/* with write: folders in which sockets and folders are made, and what is there removed */
	size_t n_socket;
	char *const *device;		/* with write: files, and folders with all below, that are written into as they are */
	size_t n_device;
	bool xdp;			/* BC_DUTY_PORTS with AF_XDP sockets, whose driver loads programs into the kernel */
	bool tell;			/* what is refused is for bc_breach_tell(): no thread blocks SIGSYS, which would kill it then */
};

#define BC_SANDBOX_FILES 1U
#define BC_SANDBOX_CALLS 2U

/*
 * For the process and all its threads, for good: from now on it gains no rights by running a program either. Files are restricted for
 * the caller and the threads that it will start, not for others. What was opened stays open. Links in the folders to files elsewhere are followed now, and these may be read too.
 * Returns which of the two parts hold: a kernel may have neither. A call that is refused fails (EPERM, or ENOSYS, which libraries
 * know from older kernels); nothing is killed.
 */
unsigned bc_sandbox_enter(const struct bc_sandbox *s);

/* The same in two steps: which of the two holds, or 0. */
unsigned bc_sandbox_enter_files(const struct bc_sandbox *s);
unsigned bc_sandbox_enter_calls(const struct bc_sandbox *s);

#endif
