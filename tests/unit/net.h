/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening socket on loopback, and a certificate authority in a folder. */
#ifndef NET_H
#define NET_H

#include "bc_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int net_try_to_listen(uint16_t port)
{
	const struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 8) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * Port 0: any; it is then in *port. It is none of those that the kernel gives to connections, so that it can be listened on again after a
 * while.
 */
static inline int net_listen(uint16_t *port)
{
	static uint32_t n;
	int fd = *port ? net_try_to_listen(*port) : -1;

	for (uint32_t tries = 0; !*port && tries < 5000; tries++) {
		uint16_t other = (uint16_t)(5000 + ((uint32_t)getpid() * 16 + n++) % 5000);

		fd = net_try_to_listen(other);
		if (fd >= 0)
			*port = other;
	}
	assert_true(fd >= 0);
	return fd;
}

/* The next connection within a minute. */
static inline int net_accept(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 60000), 1);
	return accept(listener, NULL, NULL);
}

/* Close with a reset, as a process that was killed with bytes unread does. */
static inline void net_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* Run scripts/test-ca, which needs openssl(1), with these arguments. */
static inline void net_ca(const char *folder, const char *args)
{
	char command[512];

	snprintf(command, sizeof(command), "'" BC_ROOT "/scripts/test-ca' %s %s", folder, args);
	assert_int_equal(system(command), 0);
}

#endif
