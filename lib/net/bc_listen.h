/* SPDX-License-Identifier: BSD-3-Clause */
/* Where connections are accepted. */
#ifndef BC_LISTEN_H
#define BC_LISTEN_H

#include <sys/socket.h>

#include "bc_err.h"

struct bc_listen {
	struct sockaddr_storage address;
	socklen_t len;
	char text[80];		/* "192.0.2.1:6001", "[::]:6001" */
};

/*
 * ADDRESS:PORT, an IPv6 address in brackets; an empty one, or PORT alone, is every address of both families. -EINVAL with a line that
 * begins with what.
 */
int bc_listen_parse(const char *what, const char *text, struct bc_listen *ret, struct bc_err *err);

/* A listening, non-blocking socket to close, or a negative errno with a line in err. */
int bc_listen_open(const struct bc_listen *l, struct bc_err *err);

/* An address as bc_listen's text has it; IPv4 through an IPv6 socket is IPv4. */
void bc_listen_text(const struct sockaddr *address, char *dst, size_t size);

#endif
