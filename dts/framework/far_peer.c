/* SPDX-License-Identifier: BSD-3-Clause */
/* For LD_PRELOAD: the other end of each TCP connection is far away, a second there and back, so that its answers are waited for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	int (*next)(int, int, int, void *, socklen_t *) = (int (*)(int, int, int, void *, socklen_t *))dlsym(RTLD_NEXT, "getsockopt");
	int r = next(fd, level, name, value, len);

	if (r == 0 && level == IPPROTO_TCP && name == TCP_INFO && *len > offsetof(struct tcp_info, tcpi_rtt))
		((struct tcp_info *)value)->tcpi_rtt = 1000000;
	return r;
}
