/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int bc_addr_resolve(const char *host, uint16_t port, int socktype, struct addrinfo **ret, struct bc_err *err)
{
	const struct addrinfo hints = { .ai_socktype = socktype, .ai_flags = AI_ADDRCONFIG };
	const struct addrinfo numeric = { .ai_socktype = socktype, .ai_flags = AI_NUMERICHOST };
	char service[8];
	int r;

	snprintf(service, sizeof(service), "%u", port);
	/* An address needs no configured interface of its family, as a name does. */
	r = getaddrinfo(host, socktype == SOCK_STREAM ? service : NULL, &numeric, ret);
	if (r)
		r = getaddrinfo(host, socktype == SOCK_STREAM ? service : NULL, &hints, ret);
	return r ? bc_err_set(err, -EHOSTUNREACH, "cannot resolve '%s': %s", host, gai_strerror(r)) : 0;
}

int bc_addr_bind(int fd, int family, const char *source, struct bc_err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int r = -1;

	errno = EAFNOSUPPORT;
	if (family == AF_INET && inet_pton(AF_INET, source, &v4.sin_addr) == 1)
		r = bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	else if (family == AF_INET6 && inet_pton(AF_INET6, source, &v6.sin6_addr) == 1)
		r = bind(fd, (struct sockaddr *)&v6, sizeof(v6));
	return r < 0 ? bc_err_set(err, -errno, "the source address %s: %s", source, strerror(errno)) : 0;
}
