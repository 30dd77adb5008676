/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is this machine fit for capturing? Each check looks at one thing, below a root (bc_sys.h) or in what was read before, and adds what
 * it finds. Nothing is changed or measured. docs/operations.md explains what is advised.
 */
#ifndef BC_CHECK_H
#define BC_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/timex.h>

#include "bc_devices.h"
#include "bc_finding.h"

/* Hugepages: reserved and free, by size and node; may a port lock its memory? */
void bc_check_memory(const char *root, const struct bc_devices *d, struct bc_findings *f);

/* The IOMMU, and vfio: can DPDK have the ports that the kernel has, and those that were given to it? */
void bc_check_iommu(const char *root, const struct bc_devices *d, struct bc_findings *f);

/* Frequency scaling, isolated CPUs, the clock that stamps are read from, whether priorities count (sched(7), "The autogroup feature"). */
void bc_check_cpus(const char *root, struct bc_findings *f);

/* On which node the devices are; nothing where there is only one. */
void bc_check_numa(const char *root, const struct bc_devices *d, struct bc_findings *f);

/* Of interfaces with a device behind them that are up: ring, flow control, joined packets, VLAN tags, link. */
void bc_check_interfaces(const struct bc_devices *d, struct bc_findings *f);

/* Packets that the kernel dropped before it gave them to anybody. */
void bc_check_backlog(const char *root, struct bc_findings *f);

/* The system clock, as adjtimex(2) told: its return value and what it filled in. */
void bc_check_clock(int state, const struct timex *t, struct bc_findings *f);

/* A NIC's clock, so far ahead of the system's; of an interface that it stamps packets for. tai_s: of adjtimex(2). */
void bc_check_nic_clock(const char *interface, int64_t ahead_ns, int tai_s, struct bc_findings *f);

/* A folder for segments: is it there, on what kind of file system, how much is free? False: nothing can be written into it. */
bool bc_check_folder(const char *folder, struct bc_findings *f);

#endif
