/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter that keeps a peer's own traffic out of a capture. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bc_addr.h"
#include "bc_peer.h"

static int any_of(const struct addrinfo *list, char *buf, size_t size)
{
	char host[NI_MAXHOST];
	size_t at = 0;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST))
			return -EINVAL;
		at += (size_t)snprintf(buf + at, size - at, "%shost %s", at ? " or " : "", host);
		if (at >= size)
			return -ENOSPC;
	}
	return 0;
}

int bc_peer_exclude(enum bc_peer_proto proto, const char *host, uint16_t port, char *buf, size_t size, struct bc_err *err)
{
	char hosts[1024], what[80] = "ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41";
	struct addrinfo *list;
	int r = bc_addr_resolve(host, port, SOCK_STREAM, &list, err);

	if (r)
		return bc_err_prefix(err, r, "--detect-loop");
	r = any_of(list, hosts, sizeof(hosts));
	freeaddrinfo(list);
	if (proto == BC_PEER_OSMO)
		snprintf(what, sizeof(what), "tcp port %u", port);
	if (r || (size_t)snprintf(buf, size, "not ((%s) and (%s))", what, hosts) >= size)
		return bc_err_set(err, -EINVAL, "--detect-loop: '%s' has too many addresses", host);
	return 0;
}
