/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How ctl asks for what is not one question with one answer. As bc_ctl_ask: 0 and *ret, or a negative errno with a line
 * in err.
 */
#ifndef BC_CTL_ASK_H
#define BC_CTL_ASK_H

#include "bc_ctl_client.h"

struct bc_tel_command;

/* Any command, in its own way. Its check has found q good. */
int bc_ctl_run(const struct bc_tel_command *c, const struct bc_ctl_request *q, json_t **ret, struct bc_err *err);

/* The ledger, put together where it does not fit one reply. */
int bc_ctl_ask_ledger(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err);

/* [N], and --output. */
int bc_ctl_check_segments(const struct bc_ctl_request *q, struct bc_err *err);
int bc_ctl_ask_segments(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err);

/* The filters in force, or, with the words of an expression, exchange one. */
int bc_ctl_check_filter(const struct bc_ctl_request *q, struct bc_err *err);
int bc_ctl_ask_filter(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err);

#endif
