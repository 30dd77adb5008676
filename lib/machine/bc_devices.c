/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_devices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/capability.h>
#include <linux/if_arp.h>
#include <pcap/pcap.h>

#include "bc_sys.h"

#define NET "/sys/class/net/"
#define PCI "/sys/bus/pci/devices/"
/* Of a PCI device's class: the highest byte of three. */
#define CLASS_NETWORK 0x02
#define ROUTES_MAX 65536

/* Drivers that leave the kernel its interface while DPDK has the device, too. */
static const char *const shared_drivers[] = { "mlx5_core", "mlx4_core" };
static const char *const dpdk_drivers[] = { "vfio-pci", "uio_pci_generic", "igb_uio" };

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

static uint32_t count_queues(const char *root, const char *name)
{
	struct bc_sys_list l = bc_sys_list(root, NET "%s/queues", name);
	uint32_t n = 0;

	for (uint32_t i = 0; i < l.n; i++)
		n += !strncmp(l.name[i], "rx-", 3);
	bc_sys_list_free(&l);
	return n;
}

static enum bc_netdev_state read_state(const char *root, const char *name)
{
	int64_t flags = 0, carrier = 0;

	bc_sys_number(root, &flags, NET "%s/flags", name);
	if (!(flags & IFF_UP))
		return BC_NETDEV_DOWN;
	return bc_sys_number(root, &carrier, NET "%s/carrier", name) && !carrier ? BC_NETDEV_NO_LINK : BC_NETDEV_UP;
}

/* A virtio interface hangs under a device of its own, and that under the one on the bus. */
static int read_numa(const char *root, const char *name)
{
	int64_t numa;

	if (bc_sys_number(root, &numa, NET "%s/device/numa_node", name) || bc_sys_number(root, &numa, NET "%s/device/../numa_node", name))
		return numa >= 0 && numa < 65536 ? (int)numa : -1;
	return -1;
}

static void read_net(const char *root, const struct bc_nic_asker *asker, const char *name, struct bc_netdev *net)
{
	int64_t speed = 0, type = 0;
	char driver[32];

	snprintf(net->name, sizeof(net->name), "%s", name);
	net->state = read_state(root, name);
	if (bc_sys_number(root, &speed, NET "%s/speed", name) && speed > 0 && speed < UINT32_MAX)
		net->speed_mbit = (uint32_t)speed;
	if (bc_sys_number(root, &type, NET "%s/type", name))
		net->type = (uint32_t)type;
	net->numa = read_numa(root, name);
	net->queues = count_queues(root, name);
	net->physical = bc_sys_exists(root, NET "%s/device", name);
	bc_nic_read(asker, name, &net->nic);
	if (!net->nic.driver[0] && bc_sys_link(root, driver, sizeof(driver), NET "%s/device/driver", name))
		strcpy(net->nic.driver, driver);
}

/* A folder may hold other files beside interfaces (bonding_masters). */
static void read_nets(const char *root, const struct bc_nic_asker *asker, struct bc_devices *d)
{
	struct bc_sys_list l = bc_sys_list(root, "/sys/class/net");

	for (uint32_t i = 0; i < l.n && d->n_net < BC_MAX_NETDEVS; i++)
		if (strlen(l.name[i]) < IFNAMSIZ && bc_sys_exists(root, NET "%s/flags", l.name[i]))
			read_net(root, asker, l.name[i], &d->net[d->n_net++]);
	bc_sys_list_free(&l);
}

static struct bc_netdev *find_net(struct bc_devices *d, const char *name)
{
	return (struct bc_netdev *)bc_devices_net(d, name);
}

/* Each line of /proc/net/route begins with an interface, of the default route in /proc/net/ipv6_route it ends with one. */
static void read_routes(const char *root, struct bc_devices *d)
{
	static const char *const files[] = { "/proc/net/route", "/proc/net/ipv6_route" };
	char path[4096], line[1024], name[IFNAMSIZ];

	for (int v6 = 0; v6 < 2; v6++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s%s", root, files[v6]);
		f = fopen(path, "re");
		for (uint32_t i = 0; f && i < ROUTES_MAX && fgets(line, sizeof(line), f); i++) {
			bool told = v6 ? sscanf(line, "%*32s 00 %*32s %*s %*s %*s %*s %*s %*s %15s", name) == 1 :
					 sscanf(line, "%15s", name) == 1;
			struct bc_netdev *net = told ? find_net(d, name) : NULL;

			if (net)
				net->routed = true;
		}
		if (f)
			fclose(f);
	}
}

/* The kernel's interfaces of a PCI device: in its folder, or in that of a device below it (virtio0). */
static void tie_nets(const char *root, const char *folder, struct bc_devices *d, struct bc_pcidev *pci)
{
	struct bc_sys_list l = bc_sys_list(root, PCI "%s%s/net", pci->address, folder);

	for (uint32_t i = 0; i < l.n; i++) {
		struct bc_netdev *net = find_net(d, l.name[i]);

		if (!net)
			continue;
		memcpy(net->pci, pci->address, sizeof(net->pci));
		if (!pci->netdev[0])
			memcpy(pci->netdev, net->name, sizeof(pci->netdev));
	}
	bc_sys_list_free(&l);
}

static void tie_all_nets(const char *root, struct bc_devices *d, struct bc_pcidev *pci)
{
	struct bc_sys_list l = bc_sys_list(root, PCI "%s", pci->address);

	tie_nets(root, "", d, pci);
	for (uint32_t i = 0; i < l.n; i++)
		if (!strncmp(l.name[i], "virtio", 6) && strlen(l.name[i]) < 32) {
			char folder[40];

			snprintf(folder, sizeof(folder), "/%s", l.name[i]);
			tie_nets(root, folder, d, pci);
		}
	bc_sys_list_free(&l);
}

static void read_driver(const char *root, struct bc_pcidev *pci)
{
	if (!bc_sys_link(root, pci->driver, sizeof(pci->driver), PCI "%s/driver", pci->address))
		pci->by = BC_PCIDEV_NONE;
	else if (is_one_of(pci->driver, dpdk_drivers, sizeof(dpdk_drivers) / sizeof(dpdk_drivers[0])))
		pci->by = BC_PCIDEV_DPDK;
	else if (is_one_of(pci->driver, shared_drivers, sizeof(shared_drivers) / sizeof(shared_drivers[0])))
		pci->by = BC_PCIDEV_SHARED;
	else
		pci->by = BC_PCIDEV_KERNEL;
}

static void read_pci(const char *root, const char *address, struct bc_devices *d)
{
	struct bc_pcidev *pci = &d->pci[d->n_pci];
	int64_t class = 0, id = 0, numa = -1;
	char group[16];

	if (strlen(address) >= sizeof(pci->address) || !bc_sys_number(root, &class, PCI "%s/class", address) ||
	    class >> 16 != CLASS_NETWORK)
		return;
	strcpy(pci->address, address);
	if (bc_sys_number(root, &id, PCI "%s/vendor", address))
		pci->vendor = (uint16_t)id;
	if (bc_sys_number(root, &id, PCI "%s/device", address))
		pci->device = (uint16_t)id;
	bc_sys_number(root, &numa, PCI "%s/numa_node", address);
	pci->numa = numa >= 0 && numa < 65536 ? (int)numa : -1;
	pci->iommu_group = bc_sys_link(root, group, sizeof(group), PCI "%s/iommu_group", address) ? atoi(group) : -1;
	read_driver(root, pci);
	tie_all_nets(root, d, pci);
	d->n_pci++;
}

/* A packet socket wants CAP_NET_RAW. */
static bool may_capture(const char *root)
{
	char text[32];

	return bc_sys_line(root, "/proc/self/status", "CapEff", text, sizeof(text)) &&
	       strtoull(text, NULL, 16) & 1ULL << CAP_NET_RAW;
}

void bc_devices_read(const char *root, const struct bc_nic_asker *asker, struct bc_devices *ret)
{
	struct bc_sys_list l;

	memset(ret, 0, sizeof(*ret));
	ret->may_capture = may_capture(root);
	read_nets(root, asker, ret);
	read_routes(root, ret);
	l = bc_sys_list(root, "/sys/bus/pci/devices");
	for (uint32_t i = 0; i < l.n && ret->n_pci < BC_MAX_PCIDEVS; i++)
		read_pci(root, l.name[i], ret);
	bc_sys_list_free(&l);
}

void bc_devices_add_pcap(struct bc_devices *d)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_if_t *all = NULL;

	if (pcap_findalldevs(&all, why) != 0)
		return;
	for (const pcap_if_t *p = all; p && d->n_pcap < BC_MAX_PCAPDEVS; p = p->next) {
		struct bc_pcapdev *dev = &d->pcap[d->n_pcap];

		if (find_net(d, p->name) || strlen(p->name) >= sizeof(dev->name))
			continue;
		strcpy(dev->name, p->name);
		snprintf(dev->description, sizeof(dev->description), "%s", p->description ? p->description : "");
		d->n_pcap++;
	}
	pcap_freealldevs(all);
}

const struct bc_netdev *bc_devices_net(const struct bc_devices *d, const char *name)
{
	for (uint32_t i = 0; i < d->n_net; i++)
		if (!strcmp(d->net[i].name, name))
			return &d->net[i];
	return NULL;
}

const struct bc_pcidev *bc_devices_pci(const struct bc_devices *d, const char *address)
{
	for (uint32_t i = 0; i < d->n_pci; i++)
		if (!strcmp(d->pci[i].address, address))
			return &d->pci[i];
	return NULL;
}

const char *bc_netdev_type(uint32_t type, char buf[24])
{
	static const struct { uint32_t type; const char *name; } names[] = {
		{ ARPHRD_ETHER, "Ethernet" }, { ARPHRD_LOOPBACK, "loopback" }, { ARPHRD_NONE, "IP" }, { ARPHRD_RAWIP, "IP" },
		{ ARPHRD_INFINIBAND, "InfiniBand" }, { ARPHRD_PPP, "PPP" }, { ARPHRD_CAN, "CAN" }, { ARPHRD_IPGRE, "GRE" },
		{ ARPHRD_TUNNEL, "IP in IP" }, { ARPHRD_SIT, "IPv6 in IP" }, { ARPHRD_IEEE80211, "802.11" },
		{ ARPHRD_IEEE80211_PRISM, "802.11" }, { ARPHRD_IEEE80211_RADIOTAP, "802.11" }, { ARPHRD_NETLINK, "netlink" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	snprintf(buf, 24, "type %" PRIu32, type);
	return buf;
}
