/* SPDX-License-Identifier: BSD-3-Clause */
/* IP packets as payload of IP: IPv4 as protocol 4, IPv6 as protocol 41, over whichever of the two the host has. */
#ifndef BC_IPIP_H
#define BC_IPIP_H

#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_ipip;

/* Needs CAP_NET_RAW. host is resolved; source may be NULL. 0 and *ret, or a negative errno with a line in err. close takes NULL. */
int bc_ipip_open(const char *host, const char *source, struct bc_ipip **ret, struct bc_err *err);
void bc_ipip_close(struct bc_ipip *x);

/* One packet. 0, or a negative errno with a line in err: the kernel did not take it. Never waits. */
int bc_ipip_send(struct bc_ipip *x, const uint8_t *packet, size_t len, struct bc_err *err);

#endif
