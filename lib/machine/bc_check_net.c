/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bc_check.h"
#include "bc_plural.h"
#include "bc_sys.h"

#define LINES_MAX 4096

/* The CPUs of a node, to be named with --lcores. */
static void say_node(const char *root, const char *what, const char *name, int node, struct bc_findings *f)
{
	char cpus[192];

	if (node < 0) {
		bc_finding_add(f, BC_FINDING_NOTE, "numa", "the firmware does not tell on which node %s %s is", what, name);
		bc_finding_advise(f, "find it out (lspci -t, the board's manual), and name CPUs there with --lcores");
		return;
	}
	bc_sys_text(root, cpus, sizeof(cpus), "/sys/devices/system/node/node%d/cpulist", node);
	bc_finding_add(f, BC_FINDING_OK, "numa", "%s %s is on node %d, with CPUs %s", what, name, node, cpus[0] ? cpus : "none");
}

void bc_check_numa(const char *root, const struct bc_devices *d, struct bc_findings *f)
{
	if (!bc_sys_exists(root, "/sys/devices/system/node/node1"))
		return;
	for (uint32_t i = 0; i < d->n_pci; i++)
		say_node(root, "port", d->pci[i].address, d->pci[i].numa, f);
	for (uint32_t i = 0; i < d->n_net; i++)
		if (d->net[i].physical && !d->net[i].pci[0])
			say_node(root, "interface", d->net[i].name, d->net[i].numa, f);
}

static void check_ring(const struct bc_netdev *net, struct bc_findings *f)
{
	if (!net->nic.rings_told)
		return;
	if (net->nic.ring >= net->nic.ring_max) {
		bc_finding_add(f, BC_FINDING_OK, "nic", "%s receives with %" PRIu32 " descriptors, all it can have", net->name, net->nic.ring);
		return;
	}
	bc_finding_add(f, BC_FINDING_NOTE, "nic", "%s receives with %" PRIu32 " descriptors of %" PRIu32, net->name, net->nic.ring,
		       net->nic.ring_max);
	bc_finding_advise(f, "ethtool -G %s rx %" PRIu32, net->name, net->nic.ring_max);
}

/* A full ring then stops the sender, often a mirroring switch, which drops in its place and tells nobody. */
static void check_pause(const struct bc_netdev *net, struct bc_findings *f)
{
	if (!net->nic.pause_told || !net->nic.pause_tx)
		return;
	bc_finding_add(f, BC_FINDING_NOTE, "nic", "%s asks its peer to pause when it falls behind: losses move to where nobody counts",
		       net->name);
	bc_finding_advise(f, "ethtool -A %s autoneg off rx off tx off", net->name);
}

static void check_offloads(const struct bc_netdev *net, struct bc_findings *f)
{
	if (!net->nic.offloads_told)
		return;
	if (net->nic.gro || net->nic.lro) {
		bc_finding_add(f, BC_FINDING_NOTE, "nic", "%s joins packets of a flow (%s%s%s): a capture has fewer and longer ones", net->name,
			       net->nic.gro ? "GRO" : "", net->nic.gro && net->nic.lro ? ", " : "", net->nic.lro ? "LRO" : "");
		bc_finding_advise(f, "ethtool -K %s gro off lro off", net->name);
	}
	if (net->nic.vlan)
		bc_finding_add(f, BC_FINDING_OK, "nic", "%s takes VLAN tags off, and braidcap puts them back", net->name);
}

void bc_check_interfaces(const struct bc_devices *d, struct bc_findings *f)
{
	for (uint32_t i = 0; i < d->n_net; i++) {
		const struct bc_netdev *net = &d->net[i];

		if (!net->physical || net->state == BC_NETDEV_DOWN)
			continue;
		if (net->state == BC_NETDEV_NO_LINK) {
			bc_finding_add(f, BC_FINDING_NOTE, "nic", "%s is up, but has no link", net->name);
			bc_finding_advise(f, "check cable, optics and the other end");
			continue;
		}
		check_ring(net, f);
		check_pause(net, f);
		check_offloads(net, f);
	}
}

/* The second column of each CPU's line; since the machine started. */
void bc_check_backlog(const char *root, struct bc_findings *f)
{
	uint64_t dropped = 0;
	unsigned one, lines = 0;
	char path[4096], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/net/softnet_stat", root);
	file = fopen(path, "re");
	for (; file && lines < LINES_MAX && fgets(line, sizeof(line), file); lines++)
		if (sscanf(line, "%*8x %8x", &one) == 1)
			dropped += one;
	if (file)
		fclose(file);
	if (!lines)
		return;
	if (!dropped) {
		bc_finding_add(f, BC_FINDING_OK, "kernel", "no packet was dropped for want of room in a CPU's backlog");
		return;
	}
	bc_finding_add(f, BC_FINDING_NOTE, "kernel", "since the start %" PRIu64 " packet%s found no room in a CPU's backlog", dropped,
		       bc_plural(dropped, "", "s"));
	bc_finding_advise(f, "sysctl net.core.netdev_max_backlog=20000");
}
