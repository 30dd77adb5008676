/* SPDX-License-Identifier: BSD-3-Clause */
/* What DPDK writes, as far as that are files: known by its drivers' sources (22.11 to 26.07), for those that can capture. */
#ifndef BC_PORT_PATHS_H
#define BC_PORT_PATHS_H

#include "bc_config.h"
#include "bc_paths.h"

struct bc_port_paths {
	struct bc_paths *device;	/* devices, and the kernel's files */
	struct bc_paths *socket;	/* where sockets are made and removed */
	struct bc_paths *write;	/* where files are */
};

/* Beside its runtime folder: what its ports, and the devices of --eal, need. */
void bc_port_paths_find(const struct bc_config *cfg, const struct bc_port_paths *to);

/* Is a port, or a device of --eal, one of AF_XDP? */
bool bc_port_paths_xdp(const struct bc_config *cfg);

#endif
