/* SPDX-License-Identifier: BSD-3-Clause */
/* A store that wraps another and fails on demand, for tests of everything in front of a disk. */
#ifndef BC_STORE_FAULT_H
#define BC_STORE_FAULT_H

#include <stdatomic.h>

#include "bc_store.h"

#define BC_FAULT_NO_LIMIT UINT64_MAX

/*
 * Orders, written by the test from any thread at any time, read by the thread that calls the store. All zero but space is
 * no fault at all: begin from BC_FAULT_NONE.
 */
struct bc_fault {
	_Atomic uint64_t space;		/* bytes left on the "disk": used up by writes, given back by cuts; closing bytes
					 * need none. Then -ENOSPC, in mid-block too, until more is stored here */
	_Atomic uint64_t short_max;	/* no system call writes more than this at once; 0: no limit */
	_Atomic uint64_t eio_call;	/* counts down; the write call that makes it 0 fails with -EIO. 0: none */
	_Atomic uint64_t eio_settle;	/* the same for calls of bc_store_settle() that have something to do */
	_Atomic uint64_t delay_ns;	/* each write call sleeps first */
	bool settling;			/* constant: what is written counts as unsettled, even if inner knows better */
	_Atomic uint32_t busy;		/* begin returns -EAGAIN so often before each success */
	_Atomic int begin_err;		/* negative errno that begin returns while it is not 0 */
};

#define BC_FAULT_NONE { .space = BC_FAULT_NO_LIMIT }

/* Takes inner, also on failure (-ENOMEM); closing the outer store closes it. fault outlives the store. */
int bc_store_fault_wrap(struct bc_store *inner, struct bc_fault *fault, struct bc_store **ret, struct bc_err *err);

#endif
