/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_nic.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>

static int ask_kernel(void *ctx, const char *name, void *request)
{
	const struct bc_nic_socket *s = ctx;
	struct ifreq q = { .ifr_data = request };

	if (s->fd < 0)
		return -ENODEV;
	snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
	return ioctl(s->fd, SIOCETHTOOL, &q) < 0 ? -errno : 0;
}

struct bc_nic_asker bc_nic_open(struct bc_nic_socket *s)
{
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return (struct bc_nic_asker){ ask_kernel, s };
}

void bc_nic_close(struct bc_nic_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static bool ask(const struct bc_nic_asker *a, const char *name, void *request)
{
	return a->ask(a->ctx, name, request) == 0;
}

static void read_driver(const struct bc_nic_asker *a, const char *name, struct bc_nic *nic)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ask(a, name, &info))
		snprintf(nic->driver, sizeof(nic->driver), "%.*s", (int)sizeof(info.driver) - 1, info.driver);
}

static void read_stamps(const struct bc_nic_asker *a, const char *name, struct bc_nic *nic)
{
	struct ethtool_ts_info info = { .cmd = ETHTOOL_GET_TS_INFO };
	bool hardware;

	nic->phc = -1;
	nic->stamps_told = ask(a, name, &info);
	if (!nic->stamps_told)
		return;
	hardware = (info.so_timestamping & SOF_TIMESTAMPING_RX_HARDWARE) && (info.so_timestamping & SOF_TIMESTAMPING_RAW_HARDWARE);
	nic->stamps_software = info.so_timestamping & SOF_TIMESTAMPING_RX_SOFTWARE;
	nic->stamps_all = hardware && (info.rx_filters & 1U << HWTSTAMP_FILTER_ALL);
	nic->stamps_some = hardware && (info.rx_filters & ~(1U << HWTSTAMP_FILTER_NONE));
	nic->phc = info.phc_index;
}

static void read_ring(const struct bc_nic_asker *a, const char *name, struct bc_nic *nic)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };

	nic->rings_told = ask(a, name, &ring) && ring.rx_max_pending;
	nic->ring = ring.rx_pending;
	nic->ring_max = ring.rx_max_pending;
}

static void read_pause(const struct bc_nic_asker *a, const char *name, struct bc_nic *nic)
{
	struct ethtool_pauseparam pause = { .cmd = ETHTOOL_GPAUSEPARAM };

	nic->pause_told = ask(a, name, &pause);
	nic->pause_rx = pause.rx_pause;
	nic->pause_tx = pause.tx_pause;
}

static void read_offloads(const struct bc_nic_asker *a, const char *name, struct bc_nic *nic)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS }, gro = { .cmd = ETHTOOL_GGRO };

	nic->offloads_told = ask(a, name, &flags) && ask(a, name, &gro);
	nic->gro = gro.data;
	nic->lro = flags.data & ETH_FLAG_LRO;
	nic->vlan = flags.data & ETH_FLAG_RXVLAN;
}

void bc_nic_read(const struct bc_nic_asker *asker, const char *name, struct bc_nic *ret)
{
	struct bc_nic nic = { .phc = -1 };

	read_driver(asker, name, &nic);
	read_stamps(asker, name, &nic);
	read_ring(asker, name, &nic);
	read_pause(asker, name, &nic);
	read_offloads(asker, name, &nic);
	*ret = nic;
}
