/* SPDX-License-Identifier: BSD-3-Clause */
/* How often something that strangers can cause is told. One thread. */
#ifndef BC_LOG_LIMIT_H
#define BC_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_log.h"
#include "bc_time.h"

#define BC_LOG_LIMIT_LINES 10U
#define BC_LOG_LIMIT_NS (10 * BC_NS_PER_S)

struct bc_log_limit {
	uint64_t since_ns;
	uint32_t told;
	uint64_t untold;
};

/* May it be told? When it is the first in a while, *ret_untold is how many were not. */
static inline bool bc_log_limit(struct bc_log_limit *l, uint64_t mono_ns, uint64_t *ret_untold)
{
	*ret_untold = 0;
	if (!l->since_ns || mono_ns - l->since_ns >= BC_LOG_LIMIT_NS) {
		*ret_untold = l->untold;
		*l = (struct bc_log_limit){ .since_ns = mono_ns };
	}
	if (l->told == BC_LOG_LIMIT_LINES) {
		l->untold++;
		return false;
	}
	l->told++;
	return true;
}

/* The line, if it may be told, behind "whose: " (NULL: nobody's), and before it how many like it were not. */
void bc_log_limited(const struct bc_log *log, struct bc_log_limit *l, enum bc_level level, const char *whose, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
