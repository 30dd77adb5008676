/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allow list of drivers, each as its own source code shows it, since what they advertise cannot be relied on.
 */
#include <string.h>

#include "bc_nic_clock.h"

#define VERSION(year, month) ((uint32_t)(year) << 24 | (uint32_t)(month) << 16)

struct entry {
	const char *driver;
	uint32_t since;		/* the first DPDK version of which the rest is true */
	struct bc_nic_kind kind;
};

#define FREE_RUNNING "free-running counter of the device"
#define PHC "PTP hardware clock of the device"
#define NOT_YET "not stamped by this version of the driver"

/* Of a driver's entries the first whose version is reached holds. */
static const struct entry entries[] = {
	{ "mlx5_pci", 0, { BC_NIC_READ_CLOCK, 64, FREE_RUNNING } },
	{ "mlx5_auxiliary", 0, { BC_NIC_READ_CLOCK, 64, FREE_RUNNING } },
	{ "net_cn9k", 0, { BC_NIC_READ_CLOCK, 64, PHC } },
	{ "net_cn10k", 0, { BC_NIC_READ_CLOCK, 64, PHC } },
	{ "net_cn20k", 0, { BC_NIC_READ_CLOCK, 64, PHC } },
	{ "net_gve", VERSION(26, 7), { BC_NIC_READ_CLOCK, 64, "clock of the device" } },
	{ "net_gve", 0, { BC_NIC_NONE, 64, NOT_YET } },
	/* rte_eth_read_clock of ice does not exist, or reads the host's clock. */
	{ "net_ice", 0, { BC_NIC_TIMESYNC, 64, PHC } },
	{ "net_dpaa2", 0, { BC_NIC_TIMESYNC, 64, FREE_RUNNING } },
	{ "net_hns3", 0, { BC_NIC_TIMESYNC, 64, FREE_RUNNING } },
	{ "net_bnxt", VERSION(26, 3), { BC_NIC_TIMESYNC, 48, PHC } },
	{ "net_bnxt", 0, { BC_NIC_NONE, 64, NOT_YET } },
	{ "net_idpf", VERSION(26, 7), { BC_NIC_TIMESYNC, 64, PHC } },
	{ "net_idpf", 0, { BC_NIC_ENVELOPE, 64, PHC } },
	{ "net_cpfl", 0, { BC_NIC_ENVELOPE, 64, PHC } },
	{ "net_iavf", 0, { BC_NIC_ENVELOPE, 64, PHC ", read by the physical function only" } },
	{ "net_ena", VERSION(25, 11), { BC_NIC_ENVELOPE, 64, "clock of the device, undocumented" } },
	{ "net_ena", 0, { BC_NIC_NONE, 64, NOT_YET } },
	{ "net_nfb", VERSION(26, 3), { BC_NIC_UTC_NS, 64, "" } },
	{ "net_nfb", 0, { BC_NIC_NONE, 64, "stamps of this version of the driver go back" } },
	{ "net_af_packet", VERSION(24, 11), { BC_NIC_UTC_NS, 64, "by the kernel" } },
	{ "net_af_packet", 0, { BC_NIC_NONE, 64, NOT_YET } },
	{ "net_pcap", VERSION(26, 7), { BC_NIC_UTC_NS, 64, "by libpcap or the capture file" } },
	{ "net_pcap", 0, { BC_NIC_UTC_US, 64, "by libpcap or the capture file" } },
};

struct bc_nic_kind bc_nic_kind_of(const char *driver, uint32_t dpdk_version)
{
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		if (dpdk_version >= entries[i].since && !strcmp(entries[i].driver, driver))
			return entries[i].kind;
	return (struct bc_nic_kind){ BC_NIC_NONE, 64, "the driver is not known to stamp every packet" };
}

const char *bc_nic_class_name(enum bc_nic_class cls)
{
	static const char *const names[] = {
		[BC_NIC_NONE] = "none",
		[BC_NIC_UTC_NS] = "utc_ns",
		[BC_NIC_UTC_US] = "utc_us",
		[BC_NIC_READ_CLOCK] = "read_clock",
		[BC_NIC_TIMESYNC] = "timesync",
		[BC_NIC_ENVELOPE] = "envelope",
	};

	return names[cls];
}
