/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and addresses of hosts. */
#ifndef BC_ADDR_H
#define BC_ADDR_H

#include <netdb.h>
#include <stdint.h>

#include "bc_err.h"

/* The addresses of a host, for a socket of this type; freeaddrinfo() is the caller's. 0, or a negative errno with a line in err. */
int bc_addr_resolve(const char *host, uint16_t port, int socktype, struct addrinfo **ret, struct bc_err *err);

/* Bind a socket of this family to the address source. 0, or a negative errno with a line in err. */
int bc_addr_bind(int fd, int family, const char *source, struct bc_err *err);

#endif
