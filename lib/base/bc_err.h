/* SPDX-License-Identifier: BSD-3-Clause */
/* The one error convention: a negative errno, and one line of words for the person. */
#ifndef BC_ERR_H
#define BC_ERR_H

#include <stdbool.h>

#define BC_ERR_MSG_MAX 1024

/* One line, without a newline: what is wrong, then what to do. Written by the callee that fails. */
struct bc_err {
	char msg[BC_ERR_MSG_MAX];
};

/*
 * Write the line into err (may be NULL) and return code unchanged, so that a failing function can end with
 * `return bc_err_set(err, -EINVAL, "...")`. code is a negative errno. Control characters are replaced by '?'.
 */
int bc_err_set(struct bc_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the line already in err (may be NULL); returns code. */
int bc_err_prefix(struct bc_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Of a start that failed with this negative errno: may its cause pass, so that the same start succeeds later? Configuration does not. */
bool bc_err_may_pass(int code);

#endif
