/* SPDX-License-Identifier: BSD-3-Clause */
/* A DPDK port set up for reception: found or probed, configured with its RX queues, started. Control thread. */
#ifndef BC_PORT_H
#define BC_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "bc_source_config.h"
#include "bc_err.h"
#include "bc_log.h"

struct bc_port {
	uint16_t id;
	bool probed;		/* by us: to be removed again */
	bool started;
	uint16_t queues;
	uint32_t descriptors;	/* of each RX queue */
	uint32_t mtu;
	bool rss;
	bool loses_on_nombuf;	/* its rx_nombuf counts lost packets; elsewhere the packet waits in the ring */
	char name[RTE_ETH_NAME_MAX_LEN];
	struct rte_eth_dev_info info;
};

/* 0 and *ret set up and started; or a negative errno with a line in err, and the port as it was. */
int bc_port_open(const struct bc_source_config *cfg, struct rte_mempool *pool, bool promiscuous, const struct bc_log *log,
		 struct bc_port *ret, struct bc_err *err);
void bc_port_close(struct bc_port *p);

/* Does this driver count what its device has no room for? */
bool bc_port_counts_losses(const char *driver, uint32_t dpdk_version);

#endif
