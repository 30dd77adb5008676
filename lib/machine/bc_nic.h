/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver of a kernel interface says of it: ethtool's questions, asked by ioctl(2). */
#ifndef BC_NIC_H
#define BC_NIC_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Puts one of ethtool's requests (linux/ethtool.h) to the interface of this name. 0, or a negative errno: the driver does not know.
 * A test answers in its place.
 */
struct bc_nic_asker {
	int (*ask)(void *ctx, const char *name, void *request);
	void *ctx;
};

struct bc_nic {
	char driver[32];		/* "": not told */
	bool stamps_told;
	bool stamps_software;		/* the kernel stamps what is received */
	bool stamps_some, stamps_all;	/* the adapter does: some packets (those of PTP), all of them */
	int phc;			/* its clock: /dev/ptpN; -1: none */
	bool rings_told;
	uint32_t ring, ring_max;	/* descriptors to receive with */
	bool pause_told;
	bool pause_rx, pause_tx;	/* it obeys, and sends, frames of flow control */
	bool offloads_told;
	bool gro, lro, vlan;		/* packets are joined; a VLAN's tag is taken off */
};

/* Of this machine; one for all interfaces. Without a socket (closed with a negative fd) nothing is told. */
struct bc_nic_socket {
	int fd;
};

struct bc_nic_asker bc_nic_open(struct bc_nic_socket *s);
void bc_nic_close(struct bc_nic_socket *s);

/* What the driver tells; the rest is as if it were not there. */
void bc_nic_read(const struct bc_nic_asker *asker, const char *name, struct bc_nic *ret);

#endif
