/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_await.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bc_source_kind.h"
#include "bc_time.h"

#define ROUND_NS 100000000L

/* One that is no network interface, such as any, or usbmon0, is left to libpcap. */
static bool can_appear(const struct bc_source_config *s)
{
	return s->kind->target == BC_TARGET_INTERFACE && strcmp(s->target, "any") && strlen(s->target) < IFNAMSIZ;
}

static bool is_up(int fd, const char *name)
{
	struct ifreq q = { .ifr_flags = 0 };

	memcpy(q.ifr_name, name, strlen(name));
	return ioctl(fd, SIOCGIFFLAGS, &q) == 0 && q.ifr_flags & IFF_UP;
}

int bc_await_interfaces(const struct bc_config *cfg, const struct bc_log *log, struct bc_err *err)
{
	const struct timespec round = { .tv_nsec = ROUND_NS };
	const uint64_t end_ns = bc_mono_ns() + (uint64_t)(cfg->wait_interface_s * (double)BC_NS_PER_S);
	int fd = cfg->wait_interface_s > 0 ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1, rc = 0;

	for (uint32_t i = 0; fd >= 0 && !rc && i < cfg->n_sources; i++) {
		const char *name = cfg->sources[i].target;
		bool told = false;

		while (can_appear(&cfg->sources[i]) && !rc && !is_up(fd, name)) {
			if (!told)
				bc_log(log, BC_NOTICE, "waiting for %s", name);
			told = true;
			if (bc_mono_ns() >= end_ns)
				rc = bc_err_set(err, -ENODEV, "%s: not there, or not up, within %g s", name, cfg->wait_interface_s);
			else
				nanosleep(&round, NULL);
		}
	}
	if (fd >= 0)
		close(fd);
	return rc;
}
