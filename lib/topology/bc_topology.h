/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine as placement sees it: CPUs, NUMA nodes, devices; plain data without pointers. */
#ifndef BC_TOPOLOGY_H
#define BC_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_cpulist.h"
#include "bc_err.h"

#define BC_MAX_NODES 256
#define BC_MAX_PCI 2048
#define BC_MAX_NETS 512

/* One logical CPU. Ids other than os only serve to compare CPUs of one topology. */
struct bc_cpu {
	uint16_t os;		/* the kernel's number */
	uint32_t core;
	uint16_t smt;		/* 0 for the first thread of its core, in the order of os */
	int numa;		/* the kernel's number of its memory node, -1: none */
	int package;		/* -1: not told */
	int l3;			/* -1: none */
	uint32_t l1d_kib;	/* 0: not told */
	uint32_t l2_kib;
	uint32_t l3_kib;
	bool allowed;		/* this process may run there when asked to: its affinity, or isolated; and its cgroup */
	bool automatic;		/* it may run there by default: its affinity and its cgroup */
};

struct bc_numa_node {
	int os;
	uint64_t memory_mib;
};

struct bc_pci {
	uint32_t domain;
	uint8_t bus;
	uint8_t dev;
	uint8_t func;
	int numa;	/* -1: near no node in particular */
};

struct bc_net {
	char name[32];
	int numa;
};

/* About 90 KiB. CPUs are in the order of os; devices beyond the maximums are left out, as if unknown. */
struct bc_topology {
	uint32_t n_cpus;
	uint32_t n_nodes;
	uint32_t n_pci;
	uint32_t n_nets;
	struct bc_cpu cpu[BC_MAX_CPUS];
	struct bc_numa_node node[BC_MAX_NODES];
	struct bc_pci pci[BC_MAX_PCI];
	struct bc_net net[BC_MAX_NETS];
};

/*
 * This machine. devices: with its PCI devices and network interfaces, whose discovery takes several times as long as the rest. 0 or a
 * negative errno with a line in err.
 */
int bc_topology_read(bool devices, struct bc_topology *ret, struct bc_err *err);

/*
 * Another machine: an XML file of hwloc's (lstopo saves them), or hwloc's synthetic description, such as
 * "package:2 [numa] l3:1 core:16 pu:2". A name that exists as a file,
	 ends in .xml or contains a '/' is taken for a file. 0
 * or a negative errno.
 */
int bc_topology_describe(const char *desc, struct bc_topology *ret, struct bc_err *err);

/* Mark all CPUs not in set as unavailable to the process. */
void bc_topology_restrict(struct bc_topology *t, const cpu_set_t *set);

/* NULL when there is no such CPU. */
const struct bc_cpu *bc_topology_cpu(const struct bc_topology *t, unsigned os);

/* The node of the device at "0000:3b:00.0" or "3b:00.0"; -1: not known, or no address at all. */
int bc_topology_pci_numa(const struct bc_topology *t, const char *address);

/* The node of the kernel's interface; -1: not known (as for a veth, which is near no node). */
int bc_topology_net_numa(const struct bc_topology *t, const char *name);

#endif
