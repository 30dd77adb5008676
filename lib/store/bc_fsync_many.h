/* SPDX-License-Identifier: BSD-3-Clause */
/* fsync(2) of many files at once, which then share the commits of the file system's journal and the flushes of the disk. */
#ifndef BC_FSYNC_MANY_H
#define BC_FSYNC_MANY_H

#include <stdint.h>

#define BC_FSYNC_MANY_MAX 64

struct bc_fsync {
	int fd;
	int err;	/* 0 or a negative errno */
};

/*
 * Fills err of each; n <= BC_FSYNC_MANY_MAX. Through io_uring where there is one and they are more than a few, otherwise one after the other.
 * Any thread.
 */
void bc_fsync_many(struct bc_fsync *f, uint32_t n);

#endif
