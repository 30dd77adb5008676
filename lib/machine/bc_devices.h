/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be captured on this machine: interfaces of the kernel, ports for DPDK, other devices of libpcap. DPDK is not started. */
#ifndef BC_DEVICES_H
#define BC_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>

#include "bc_nic.h"

#define BC_MAX_NETDEVS 1024
#define BC_MAX_PCIDEVS 512
#define BC_MAX_PCAPDEVS 64
#define BC_PCI_ADDRESS_MAX 16

enum bc_netdev_state { BC_NETDEV_DOWN, BC_NETDEV_NO_LINK, BC_NETDEV_UP };

struct bc_netdev {
	char name[IFNAMSIZ];
	enum bc_netdev_state state;
	uint32_t speed_mbit;		/* 0: not told */
	int numa;			/* -1: near no node */
	uint32_t type;			/* ARPHRD_ */
	uint32_t queues;		/* to receive by */
	char pci[BC_PCI_ADDRESS_MAX];	/* "": no PCI device */
	bool physical;			/* there is a device behind it */
	bool routed;			/* this host's routes use it */
	struct bc_nic nic;
};

/* What drives a PCI device of the network class. */
enum bc_pcidev_driver {
	BC_PCIDEV_NONE,		/* nothing */
	BC_PCIDEV_KERNEL,	/* the kernel alone */
	BC_PCIDEV_SHARED,	/* the kernel, and DPDK beside it (mlx5) */
	BC_PCIDEV_DPDK,		/* vfio or uio, for DPDK */
};

struct bc_pcidev {
	char address[BC_PCI_ADDRESS_MAX];
	uint16_t vendor, device;
	enum bc_pcidev_driver by;
	char driver[32];
	int numa;
	int iommu_group;	/* -1: none */
	char netdev[IFNAMSIZ];	/* the first interface of the kernel on it; "": none */
};

struct bc_pcapdev {
	char name[64];
	char description[128];
};

/* About 200 KiB. Devices beyond the maximums are left out. */
struct bc_devices {
	uint32_t n_net;
	uint32_t n_pci;
	uint32_t n_pcap;
	bool may_capture;	/* this process, from interfaces of the kernel */
	struct bc_netdev net[BC_MAX_NETDEVS];
	struct bc_pcidev pci[BC_MAX_PCIDEVS];
	struct bc_pcapdev pcap[BC_MAX_PCAPDEVS];
};

/* net and pci, as they are below a root (bc_sys.h). */
void bc_devices_read(const char *root, const struct bc_nic_asker *asker, struct bc_devices *ret);

/* pcap: what libpcap has beside the interfaces in d, such as any. */
void bc_devices_add_pcap(struct bc_devices *d);

/* NULL: there is none of that name, or at that address. */
const struct bc_netdev *bc_devices_net(const struct bc_devices *d, const char *name);
const struct bc_pcidev *bc_devices_pci(const struct bc_devices *d, const char *address);

/* The link type in words: buf, or a constant. */
const char *bc_netdev_type(uint32_t type, char buf[24]);

/* How to capture from a device. */
struct bc_device_way {
	char source[96];	/* what follows -i; "": it cannot be named */
	char first[256];	/* what is to be done before, or is to be known; "": nothing */
};

void bc_netdev_way(const struct bc_netdev *net, struct bc_device_way *ret);
void bc_pcidev_way(const struct bc_pcidev *pci, const struct bc_devices *d, struct bc_device_way *ret);
void bc_pcapdev_way(const struct bc_pcapdev *dev, struct bc_device_way *ret);

#endif
