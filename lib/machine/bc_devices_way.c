/* SPDX-License-Identifier: BSD-3-Clause */
/* How a device is captured from: the source to name, and what comes before. */
#include "bc_devices.h"

#include <stdio.h>
#include <string.h>

/* Can it be typed, and is it taken for a name as a whole? What follows a comma and has a '=' is taken for a key. */
static bool can_be_named(const char *name)
{
	const char *comma = strchr(name, ',');

	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return false;
	return !comma || !strchr(comma, '=');
}

void bc_netdev_way(const struct bc_netdev *net, struct bc_device_way *ret)
{
	*ret = (struct bc_device_way){ "", "" };
	if (!can_be_named(net->name)) {
		snprintf(ret->first, sizeof(ret->first), "give it another name: its own cannot stand behind -i");
		return;
	}
	snprintf(ret->source, sizeof(ret->source), "%s", net->name);
	if (net->state == BC_NETDEV_DOWN)
		snprintf(ret->first, sizeof(ret->first), "ip link set %s up", net->name);
}

void bc_pcidev_way(const struct bc_pcidev *pci, const struct bc_devices *d, struct bc_device_way *ret)
{
	const struct bc_netdev *net = pci->netdev[0] ? bc_devices_net(d, pci->netdev) : NULL;

	*ret = (struct bc_device_way){ "", "" };
	if (net && net->routed && pci->by == BC_PCIDEV_KERNEL) {
		snprintf(ret->first, sizeof(ret->first), "not at all: this host's routes use %s, which DPDK would take away", net->name);
		return;
	}
	snprintf(ret->source, sizeof(ret->source), "dpdk:%s", pci->address);
	if (pci->by == BC_PCIDEV_KERNEL || pci->by == BC_PCIDEV_NONE)
		snprintf(ret->first, sizeof(ret->first), "dpdk-devbind.py --bind=vfio-pci %s", pci->address);
}

void bc_pcapdev_way(const struct bc_pcapdev *dev, struct bc_device_way *ret)
{
	*ret = (struct bc_device_way){ "", "" };
	if (can_be_named(dev->name))
		snprintf(ret->source, sizeof(ret->source), "pcap:%s", dev->name);
	else
		snprintf(ret->first, sizeof(ret->first), "its name cannot stand behind -i");
}
