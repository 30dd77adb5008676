/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_log_limit.h"

#include <stdarg.h>
#include <stdio.h>

#include "bc_err.h"

void bc_log_limited(const struct bc_log *log, struct bc_log_limit *l, enum bc_level level, const char *whose, const char *fmt, ...)
{
	const char *colon = whose ? ": " : "";
	struct bc_err line;
	uint64_t untold;
	va_list ap;

	if (!whose)
		whose = "";
	if (!bc_log_limit(l, bc_mono_ns(), &untold))
		return;
	if (untold)
		bc_log(log, level, "%s%s%llu lines like this were left out", whose, colon, (unsigned long long)untold);
	va_start(ap, fmt);
	vsnprintf(line.msg, sizeof(line.msg), fmt, ap);
	va_end(ap);
	bc_log(log, level, "%s%s%s", whose, colon, line.msg);
}
