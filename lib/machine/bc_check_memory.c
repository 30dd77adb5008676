/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_check.h"
#include "bc_sys.h"

#define NODES "/sys/devices/system/node"
#define MEMORY "memory"
/* A port's mbufs and EAL, to begin with (docs/operations.md). */
#define ENOUGH_MIB 1024
#define MAX_NODES 64

struct pages {
	uint64_t reserved_mib, free_mib;
};

/* The node's number; -1: a name of something else. */
static int node_number(const char *name)
{
	char *end;
	long n = strncmp(name, "node", 4) ? -1 : strtol(name + 4, &end, 10);

	return n >= 0 && n < MAX_NODES && end != name + 4 && !*end ? (int)n : -1;
}

/* The hugepages in one folder of sizes: hugepages-2048kB and the like. */
static struct pages read_pages(const char *root, const char *folder, const char *where, struct bc_findings *f)
{
	struct bc_sys_list l = bc_sys_list(root, "%s", folder);
	struct pages p = { 0, 0 };

	for (uint32_t i = 0; i < l.n; i++) {
		int64_t all = 0, unused = 0;
		uint64_t kib = strncmp(l.name[i], "hugepages-", 10) ? 0 : strtoull(l.name[i] + 10, NULL, 10);

		if (!kib || kib > 1U << 30 || !bc_sys_number(root, &all, "%s/%s/nr_hugepages", folder, l.name[i]) ||
		    !bc_sys_number(root, &unused, "%s/%s/free_hugepages", folder, l.name[i]) || all <= 0 || all > INT32_MAX ||
		    unused < 0 || unused > all)
			continue;
		p.reserved_mib += (uint64_t)all * kib >> 10;
		p.free_mib += (uint64_t)unused * kib >> 10;
		bc_finding_add(f, unused ? BC_FINDING_OK : BC_FINDING_NOTE, MEMORY,
			       "%s%" PRId64 " of %" PRId64 " hugepages of %" PRIu64 " %s are free", where, unused, all,
			       kib >= 1U << 20 ? kib >> 20 : kib >> 10, kib >= 1U << 20 ? "GiB" : "MiB");
		if (!unused)
			bc_finding_advise(f, "another program has them: stop it, or reserve more");
	}
	bc_sys_list_free(&l);
	return p;
}

static bool for_dpdk(const struct bc_pcidev *pci)
{
	return pci->by == BC_PCIDEV_DPDK || pci->by == BC_PCIDEV_SHARED;
}

/* The mbufs of a port come from its own node. */
static void check_node_of_ports(const struct bc_devices *d, const struct pages *node, uint64_t free_mib, struct bc_findings *f)
{
	for (uint32_t i = 0; i < d->n_pci; i++) {
		const struct bc_pcidev *pci = &d->pci[i];

		if (!for_dpdk(pci) || pci->numa < 0 || pci->numa >= MAX_NODES || node[pci->numa].free_mib || !free_mib)
			continue;
		bc_finding_add(f, pci->by == BC_PCIDEV_DPDK ? BC_FINDING_PROBLEM : BC_FINDING_NOTE, MEMORY,
			       "port %s is on node %d, which has no free hugepages; others have", pci->address, pci->numa);
		bc_finding_advise(f, "echo %d > " NODES "/node%d/hugepages/hugepages-2048kB/nr_hugepages", ENOUGH_MIB / 2, pci->numa);
	}
}

static void check_none(const struct bc_devices *d, struct bc_findings *f)
{
	enum bc_finding_level level = BC_FINDING_NOTE;

	/* Without an IOMMU's help a port's memory has to be in hugepages. */
	for (uint32_t i = 0; i < d->n_pci; i++)
		if (d->pci[i].by == BC_PCIDEV_DPDK && d->pci[i].iommu_group < 0)
			level = BC_FINDING_PROBLEM;
	bc_finding_add(f, level, MEMORY, "no hugepages are reserved: %s", level == BC_FINDING_PROBLEM ?
		       "a port that DPDK has without an IOMMU cannot work" : "each packet costs more CPU time");
	bc_finding_advise(f, "sysctl vm.nr_hugepages=%d, and a line of it in /etc/sysctl.d", ENOUGH_MIB / 2);
}

/* vfio pins a port's memory, as much as this limit allows to anybody but root. */
static void check_lock(const char *root, const struct bc_devices *d, struct bc_findings *f)
{
	char uid[64], limit[128];
	bool port = false;

	for (uint32_t i = 0; i < d->n_pci; i++)
		port |= for_dpdk(&d->pci[i]);
	if (!port || !bc_sys_line(root, "/proc/self/status", "Uid", uid, sizeof(uid)) || strtol(uid, NULL, 10) == 0 ||
	    !bc_sys_line(root, "/proc/self/limits", "Max locked memory", limit, sizeof(limit)) || !strncmp(limit, "unlimited", 9) ||
	    strtoull(limit, NULL, 10) >> 20 >= ENOUGH_MIB)
		return;
	bc_finding_add(f, BC_FINDING_PROBLEM, MEMORY, "this user may lock %llu MiB of memory, a port needs all that it uses",
		       strtoull(limit, NULL, 10) >> 20);
	bc_finding_advise(f, "memlock unlimited in /etc/security/limits.d, or LimitMEMLOCK=infinity in the unit");
}

void bc_check_memory(const char *root, const struct bc_devices *d, struct bc_findings *f)
{
	struct bc_sys_list l = bc_sys_list(root, NODES);
	struct pages node[MAX_NODES] = { 0 }, all = { 0, 0 };
	uint32_t nodes = 0;

	for (uint32_t i = 0; i < l.n; i++)
		nodes += node_number(l.name[i]) >= 0;
	for (uint32_t i = 0; i < l.n; i++) {
		int n = node_number(l.name[i]);
		char folder[96], where[32] = "";

		if (n < 0)
			continue;
		snprintf(folder, sizeof(folder), NODES "/node%d/hugepages", n);
		if (nodes > 1)
			snprintf(where, sizeof(where), "node %d: ", n);
		node[n] = read_pages(root, folder, where, f);
		all.reserved_mib += node[n].reserved_mib;
		all.free_mib += node[n].free_mib;
	}
	bc_sys_list_free(&l);
	if (!nodes)
		all = read_pages(root, "/sys/kernel/mm/hugepages", "", f);
	if (!all.reserved_mib)
		check_none(d, f);
	else if (nodes > 1)
		check_node_of_ports(d, node, all.free_mib, f);
	check_lock(root, d, f);
}
