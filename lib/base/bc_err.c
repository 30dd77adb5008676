/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

int bc_err_set(struct bc_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	one_line(err->msg);
	return code;
}

int bc_err_prefix(struct bc_err *err, int code, const char *fmt, ...)
{
	char old[BC_ERR_MSG_MAX];
	va_list ap;
	size_t n;

	if (!err)
		return code;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
	one_line(err->msg);
	return code;
}

bool bc_err_may_pass(int code)
{
	switch (code) {
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
	case -EADDRINUSE:
	case -EADDRNOTAVAIL:
	case -ENOSPC:
	case -EMFILE:
	case -ENFILE:
		return true;
	default:
		return false;
	}
}
