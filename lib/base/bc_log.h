/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a long-running part says what happened to it; the application decides what becomes of the line. */
#ifndef BC_LOG_H
#define BC_LOG_H

enum bc_level { BC_ERROR, BC_WARN, BC_NOTICE, BC_INFO, BC_DEBUG };

/*
 * emit gets one finished line without a newline. It is called from control and I/O threads, never from an lcore's
 * data path, and possibly from several threads at once: it must be thread safe. A NULL bc_log, or a NULL emit, is silence.
 */
struct bc_log {
	void (*emit)(void *ctx, enum bc_level level, const char *line);
	void *ctx;
};

void bc_log(const struct bc_log *log, enum bc_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
