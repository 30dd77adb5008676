/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ipip.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bc_addr.h"

struct bc_ipip {
	struct sockaddr_storage to;
	socklen_t to_len;
	int fd[2];	/* for IPv4 and IPv6 as payload */
};

static int open_raw(struct bc_ipip *x, int proto, const char *source, int *ret, struct bc_err *err)
{
	const int fragment = x->to.ss_family == AF_INET ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT;
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog none = { .len = 1, .filter = &refuse };
	int fd = socket(x->to.ss_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, proto);

	if (fd < 0)
		return bc_err_set(err, -errno, "no raw socket: %s%s", strerror(errno),
				  errno == EPERM ? ": ipip needs root or CAP_NET_RAW" : "");
	*ret = fd;
	/* What is too long for the way goes in fragments. */
	if (x->to.ss_family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &fragment, sizeof(fragment));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &fragment, sizeof(fragment));
	/* Nothing is read here: without a filter that wants nothing the socket would collect what comes in. */
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &none, sizeof(none));
	return source ? bc_addr_bind(fd, x->to.ss_family, source, err) : 0;
}

int bc_ipip_open(const char *host, const char *source, struct bc_ipip **ret, struct bc_err *err)
{
	struct bc_ipip *x = calloc(1, sizeof(*x));
	struct addrinfo *list;
	int r;

	if (!x)
		return bc_err_set(err, -ENOMEM, "no memory");
	x->fd[0] = x->fd[1] = -1;
	r = bc_addr_resolve(host, 0, SOCK_RAW, &list, err);
	if (!r) {
		memcpy(&x->to, list->ai_addr, list->ai_addrlen);
		x->to_len = list->ai_addrlen;
		freeaddrinfo(list);
		r = open_raw(x, IPPROTO_IPIP, source, &x->fd[0], err);
	}
	if (!r)
		r = open_raw(x, IPPROTO_IPV6, source, &x->fd[1], err);
	if (r) {
		bc_ipip_close(x);
		return r;
	}
	*ret = x;
	return 0;
}

void bc_ipip_close(struct bc_ipip *x)
{
	if (!x)
		return;
	for (int i = 0; i < 2; i++)
		if (x->fd[i] >= 0)
			close(x->fd[i]);
	free(x);
}

int bc_ipip_send(struct bc_ipip *x, const uint8_t *packet, size_t len, struct bc_err *err)
{
	int fd = x->fd[len && packet[0] >> 4 == 6];

	if (sendto(fd, packet, len, 0, (struct sockaddr *)&x->to, x->to_len) < 0)
		return bc_err_set(err, -errno, "%s", strerror(errno));
	return 0;
}
