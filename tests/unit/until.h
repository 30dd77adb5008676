/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for what another thread does. */
#ifndef UNTIL_H
#define UNTIL_H

#include "bc_test.h"

#include <time.h>

#include "bc_time.h"

#define UNTIL_LIMIT_NS (60 * BC_NS_PER_S)

/* Go on when the condition holds; fail if it does not within the limit. */
#define UNTIL(condition) \
	do { \
		uint64_t give_up_ns_ = bc_mono_ns() + UNTIL_LIMIT_NS; \
		while (!(condition)) { \
			if (bc_mono_ns() > give_up_ns_) \
				fail_msg("waited in vain for %s", #condition); \
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL); \
		} \
	} while (0)

#endif
