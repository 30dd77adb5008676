/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of a capture's telemetry socket. What comes out of it is taken for hostile. */
#ifndef BC_CTL_CLIENT_H
#define BC_CTL_CLIENT_H

#include <stdint.h>

#include <jansson.h>

#include "bc_err.h"

#define BC_CTL_PREFIX_MAX 64
#define BC_CTL_MAX_CAPTURES 256
/* Elements of a list, whatever a capture says of their number. */
#define BC_CTL_LIST_MAX 8192

/* What DPDK reads of a request at the most. */
#define BC_CTL_REQUEST_MAX 1023

struct bc_ctl_capture {
	char prefix[BC_CTL_PREFIX_MAX];
	json_t *info;	/* of /braidcap/info */
};

/* What was asked for on ctl's command line, for one command. Borrowed. */
struct bc_ctl_request {
	int fd;			/* of bc_ctl_connect; -1 without a connection */
	const char *output;	/* of --output, a number; or NULL */
	int argc;		/* the words behind the command */
	char **argv;
};

/* Can a capture have that prefix? 0, or -EINVAL with a line in err. */
int bc_ctl_check_prefix(const char *prefix, struct bc_err *err);

/* What has a folder among the control sockets, by name; it may be another program's, or long gone. */
void bc_ctl_each_prefix(void (*each)(void *ctx, const char *prefix), void *ctx);

/*
 * The captures of this user that answer, by name: those whose prefix begins with start. Returns their number, at most
 * BC_CTL_MAX_CAPTURES; each info is to be given back with json_decref.
 */
uint32_t bc_ctl_find(const char *start, struct bc_ctl_capture *ret);

/* Connect to a capture. A descriptor to close, or a negative errno with a line in err. */
int bc_ctl_connect(const char *prefix, struct bc_err *err);

/*
 * Ask one thing; param may be NULL. 0 and *ret, a new object or array; or a negative errno with a line in err: -EREMOTEIO with the
 * capture's own words when it refuses, -ETIMEDOUT after 5 s.
 */
int bc_ctl_ask(int fd, const char *command, const char *param, json_t **ret, struct bc_err *err);

/*
 * The sources, outputs or lcores, all of them: one by one where they do not fit one reply. n is their number.
 */
int bc_ctl_ask_list(int fd, const char *command, uint64_t n, json_t **ret, struct bc_err *err);

/* A reply to command, as it came: the answer, its lists made arrays again. As bc_ctl_ask. */
int bc_ctl_parse(const char *reply, size_t len, const char *command, json_t **ret, struct bc_err *err);

#endif
