/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The drivers that do not fill imissed, as their sources show (drivers/net of DPDK 22.11.11, and of each version since): what
 * their device drops because nobody took it in time shows nowhere. Not here are those whose peer waits or counts: vhost, memif, ring.
 */
#include "bc_port.h"

#include <string.h>

#include <rte_version.h>

#define NEVER UINT32_MAX

static const struct {
	const char *driver;
	uint32_t since;		/* the first version that counts */
} silent[] = {
	{ "net_af_packet", RTE_VERSION_NUM(25, 3, 0, 0) },
	/* It counts what the kernel calls rx_dropped, which a full ring is no part of since Linux 5.9. */
	{ "net_af_xdp", NEVER },
	{ "net_tap", NEVER },
	{ "net_tun", NEVER },
	{ "net_virtio", NEVER },
	{ "net_virtio_user", NEVER },
	{ "net_vdev_netvsc", NEVER },
	{ "net_ixgbe_vf", NEVER },
	{ "net_e1000_igb_vf", NEVER },
	{ "net_ngbe_vf", NEVER },
	{ "net_txgbe_vf", NEVER },
	{ "net_mlx4", NEVER },
	{ "net_gve", RTE_VERSION_NUM(26, 7, 0, 0) },
	{ "net_nfb", RTE_VERSION_NUM(26, 7, 0, 0) },
	{ "net_idpf", RTE_VERSION_NUM(23, 3, 0, 0) },
	{ "net_avp", NEVER },
	{ "net_dpaa", NEVER },
	{ "net_enetfec", NEVER },
	{ "net_pfe", NEVER },
	{ "net_softnic", NEVER },
};

bool bc_port_counts_losses(const char *driver, uint32_t dpdk_version)
{
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if (!strcmp(silent[i].driver, driver))
			return dpdk_version >= silent[i].since;
	return true;
}
