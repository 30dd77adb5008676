/* SPDX-License-Identifier: BSD-3-Clause */
/* A limit in bytes a second that several threads keep together: a bucket of tokens, filled by the clock. */
#ifndef BC_RATE_H
#define BC_RATE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct bc_rate {
	pthread_mutex_t lock;
	uint64_t bytes_per_s;	/* 0: no limit */
	uint64_t tokens;
	uint64_t filled_ns;	/* bc_mono_ns() */
};

void bc_rate_init(struct bc_rate *r, uint64_t bytes_per_s);
void bc_rate_destroy(struct bc_rate *r);

/* Of want bytes, how many may go now: 0 is none yet. now_ns: bc_mono_ns(). Any thread. */
size_t bc_rate_take(struct bc_rate *r, size_t want, uint64_t now_ns);

#endif
