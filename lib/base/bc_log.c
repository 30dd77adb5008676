/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_log.h"

#include <stdarg.h>
#include <stdio.h>

void bc_log(const struct bc_log *log, enum bc_level level, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	if (!log || !log->emit)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->emit(log->ctx, level, line);
}
