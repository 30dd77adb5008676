/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_topology.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* hwloc builds whatever a description asks for, however large; these keep it in bounds. */
#define SYNTHETIC_MAX_CHARS 512
#define SYNTHETIC_MAX_OBJECTS 4096
#define XML_MAX_BYTES (16U << 20)

static uint32_t cache_kib(hwloc_obj_t cache)
{
	return cache ? (uint32_t)(cache->attr->cache.size >> 10) : 0;
}

static void read_cpu(hwloc_topology_t h, hwloc_obj_t pu, struct bc_cpu *cpu)
{
	hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_CORE, pu);
	hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_PACKAGE, pu);
	hwloc_obj_t l3 = hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_L3CACHE, pu);

	cpu->os = (uint16_t)pu->os_index;
	/* A machine that tells of no cores has one for each CPU; the numbers must only not meet. */
	cpu->core = core ? core->logical_index : UINT32_MAX - pu->logical_index;
	cpu->numa = hwloc_bitmap_first(pu->nodeset);
	cpu->package = package ? (int)package->logical_index : -1;
	cpu->l3 = l3 ? (int)l3->logical_index : -1;
	cpu->l1d_kib = cache_kib(hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_L1CACHE, pu));
	cpu->l2_kib = cache_kib(hwloc_get_ancestor_obj_by_type(h, HWLOC_OBJ_L2CACHE, pu));
	cpu->l3_kib = cache_kib(l3);
	cpu->allowed = hwloc_bitmap_isset(hwloc_topology_get_allowed_cpuset(h), pu->os_index);
	cpu->automatic = cpu->allowed;
}

static int by_os(const void *a, const void *b)
{
	return (int)((const struct bc_cpu *)a)->os - (int)((const struct bc_cpu *)b)->os;
}

static void read_cpus(hwloc_topology_t h, struct bc_topology *t)
{
	hwloc_obj_t pu = NULL;

	while ((pu = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_PU, pu)) && t->n_cpus < BC_MAX_CPUS)
		if (pu->os_index < BC_MAX_CPUS)
			read_cpu(h, pu, &t->cpu[t->n_cpus++]);
	qsort(t->cpu, t->n_cpus, sizeof(t->cpu[0]), by_os);
	for (uint32_t i = 0; i < t->n_cpus; i++)
		for (uint32_t j = 0; j < i; j++)
			if (t->cpu[j].core == t->cpu[i].core)
				t->cpu[i].smt++;
}

static void read_nodes(hwloc_topology_t h, struct bc_topology *t)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(h, HWLOC_OBJ_NUMANODE, node)) && t->n_nodes < BC_MAX_NODES)
		t->node[t->n_nodes++] = (struct bc_numa_node){
			.os = (int)node->os_index,
			.memory_mib = node->attr->numanode.local_memory >> 20,
		};
}

/* The one node of the CPUs that a device hangs under; -1 when they are of several. */
static int device_numa(hwloc_topology_t h, hwloc_obj_t device, const struct bc_topology *t)
{
	hwloc_obj_t under = hwloc_get_non_io_ancestor_obj(h, device);
	int numa = -1;

	for (uint32_t i = 0; i < t->n_cpus; i++) {
		if (!hwloc_bitmap_isset(under->cpuset, t->cpu[i].os))
			continue;
		if (numa >= 0 && numa != t->cpu[i].numa)
			return -1;
		numa = t->cpu[i].numa;
	}
	return numa;
}

static void read_devices(hwloc_topology_t h, struct bc_topology *t)
{
	hwloc_obj_t o = NULL;

	while ((o = hwloc_get_next_pcidev(h, o)) && t->n_pci < BC_MAX_PCI)
		t->pci[t->n_pci++] = (struct bc_pci){
			.domain = o->attr->pcidev.domain,
			.bus = o->attr->pcidev.bus,
			.dev = o->attr->pcidev.dev,
			.func = o->attr->pcidev.func,
			.numa = device_numa(h, o, t),
		};
	o = NULL;
	while ((o = hwloc_get_next_osdev(h, o)) && t->n_nets < BC_MAX_NETS) {
		struct bc_net *net = &t->net[t->n_nets];

		if (o->attr->osdev.type != HWLOC_OBJ_OSDEV_NETWORK || !o->name)
			continue;
		snprintf(net->name, sizeof(net->name), "%s", o->name);
		net->numa = device_numa(h, o, t);
		t->n_nets++;
	}
}

/* h's machine into *ret. */
static int load(hwloc_topology_t h, bool devices, struct bc_topology *ret)
{
	struct bc_topology *t;
	int r = 0;

	/* The CPUs that the cgroup forbids are read too, so that --lcores can be told apart from a slip of the pen. */
	hwloc_topology_set_flags(h, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
	hwloc_topology_set_io_types_filter(h, devices ? HWLOC_TYPE_FILTER_KEEP_IMPORTANT : HWLOC_TYPE_FILTER_KEEP_NONE);
	if (hwloc_topology_load(h))
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	read_cpus(h, t);
	read_nodes(h, t);
	read_devices(h, t);
	if (t->n_cpus)
		*ret = *t;
	else
		r = -EINVAL;
	free(t);
	return r;
}

/* The kernel's list of CPUs that no process gets without asking (isolcpus=). */
static void read_isolated(cpu_set_t *ret)
{
	FILE *f = fopen("/sys/devices/system/cpu/isolated", "re");
	char line[4096];

	CPU_ZERO(ret);
	if (!f)
		return;
	if (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		bc_cpulist_parse("", line, ret, NULL);
	}
	fclose(f);
}

int bc_topology_read(bool devices, struct bc_topology *ret, struct bc_err *err)
{
	cpu_set_t affinity, isolated;
	hwloc_topology_t h;
	int r;

	if (sched_getaffinity(0, sizeof(affinity), &affinity))
		return bc_err_set(err, -errno, "cannot read this process's CPUs: %s", strerror(errno));
	if (hwloc_topology_init(&h))
		return bc_err_set(err, -ENOMEM, "no memory for the machine's topology");
	r = load(h, devices, ret);
	hwloc_topology_destroy(h);
	if (r)
		return bc_err_set(err, r, "cannot read the machine's topology: %s", strerror(-r));
	read_isolated(&isolated);
	for (uint32_t i = 0; i < ret->n_cpus; i++) {
		struct bc_cpu *cpu = &ret->cpu[i];

		cpu->automatic = cpu->allowed && CPU_ISSET(cpu->os, &affinity);
		cpu->allowed = cpu->automatic || (cpu->allowed && CPU_ISSET(cpu->os, &isolated));
	}
	return 0;
}

/*
 * How many objects the lowest level of a synthetic description has; what hwloc cannot parse either may give any
 * number.
 */
static uint64_t synthetic_objects(const char *desc)
{
	uint64_t total = 1;
	int depth = 0;

	for (const char *p = desc; *p && total <= SYNTHETIC_MAX_OBJECTS; p++) {
		if (*p == '(' || *p == '[')
			depth++;
		else if ((*p == ')' || *p == ']') && depth > 0)
			depth--;
		/* A level is "TYPE:NUMBER", or a number alone; l2's digit is neither. */
		if (depth == 0 && isdigit((unsigned char)*p) && (p == desc || !isalnum((unsigned char)p[-1]))) {
			uint64_t n = strtoull(p, NULL, 0);

			/* hwloc would take -1 for a very large number. */
			total *= n <= SYNTHETIC_MAX_OBJECTS && (p == desc || p[-1] != '-') ? n :
				 SYNTHETIC_MAX_OBJECTS + 1;
		}
	}
	return total;
}

static int set_synthetic(hwloc_topology_t h, const char *desc, struct bc_err *err)
{
	if (strlen(desc) > SYNTHETIC_MAX_CHARS || synthetic_objects(desc) > SYNTHETIC_MAX_OBJECTS)
		return bc_err_set(err, -E2BIG, "topology '%.60s': larger than %d CPUs or %d characters", desc,
				  SYNTHETIC_MAX_OBJECTS, SYNTHETIC_MAX_CHARS);
	if (hwloc_topology_set_synthetic(h, desc))
		return bc_err_set(err, -EINVAL, "topology '%s': neither a file nor an hwloc description such as "
				  "'package:2 [numa] l3:1 core:16 pu:2'", desc);
	return 0;
}

static int read_all(int fd, char *buf, size_t size)
{
	for (size_t n = 0; n < size;) {
		ssize_t r = read(fd, buf + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EIO;
		n += (size_t)r;
	}
	return 0;
}

/* fd is the caller's. The file goes through a buffer because hwloc would take one of any size, and a pipe. */
static int set_xml(hwloc_topology_t h, const char *path, int fd, struct bc_err *err)
{
	struct stat st;
	char *buf;
	int r;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > XML_MAX_BYTES)
		return bc_err_set(err, -EINVAL, "topology '%s': not a file of 1 byte to 16 MiB", path);
	/* hwloc wants a terminating zero, and counts it. */
	buf = calloc(1, (size_t)st.st_size + 1);
	if (!buf)
		return bc_err_set(err, -ENOMEM, "topology '%s': no memory", path);
	r = read_all(fd, buf, (size_t)st.st_size);
	if (r)
		bc_err_set(err, r, "topology '%s': %s", path, strerror(-r));
	else if (hwloc_topology_set_xmlbuffer(h, buf, (int)st.st_size + 1))
		r = bc_err_set(err, -EINVAL, "topology '%s': not an hwloc XML file", path);
	free(buf);
	return r;
}

static int set_described(hwloc_topology_t h, const char *desc, struct bc_err *err)
{
	size_t len = strlen(desc);
	bool file = strchr(desc, '/') || (len > 4 && !strcmp(desc + len - 4, ".xml"));
	int fd = open(desc, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0 && file)
		return bc_err_set(err, -errno, "topology '%s': %s", desc, strerror(errno));
	if (fd < 0)
		return set_synthetic(h, desc, err);
	r = set_xml(h, desc, fd, err);
	close(fd);
	return r;
}

int bc_topology_describe(const char *desc, struct bc_topology *ret, struct bc_err *err)
{
	hwloc_topology_t h;
	int r;

	if (hwloc_topology_init(&h))
		return bc_err_set(err, -ENOMEM, "no memory for the topology");
	r = set_described(h, desc, err);
	if (!r) {
		r = load(h, true, ret);
		if (r)
			bc_err_set(err, r, "topology '%s': hwloc cannot build a machine from it", desc);
	}
	hwloc_topology_destroy(h);
	return r;
}

void bc_topology_restrict(struct bc_topology *t, const cpu_set_t *set)
{
	for (uint32_t i = 0; i < t->n_cpus; i++)
		if (!CPU_ISSET(t->cpu[i].os, set))
			t->cpu[i].allowed = t->cpu[i].automatic = false;
}

const struct bc_cpu *bc_topology_cpu(const struct bc_topology *t, unsigned os)
{
	for (uint32_t i = 0; i < t->n_cpus; i++)
		if (t->cpu[i].os == os)
			return &t->cpu[i];
	return NULL;
}

int bc_topology_pci_numa(const struct bc_topology *t, const char *address)
{
	unsigned domain = 0, bus, dev, func;
	int end = 0;

	if (sscanf(address, "%8x:%2x:%2x.%1x%n", &domain, &bus, &dev, &func, &end) != 4 || address[end]) {
		domain = 0;
		end = 0;
		if (sscanf(address, "%2x:%2x.%1x%n", &bus, &dev, &func, &end) != 3 || address[end])
			return -1;
	}
	for (uint32_t i = 0; i < t->n_pci; i++) {
		const struct bc_pci *p = &t->pci[i];

		if (p->domain == domain && p->bus == bus && p->dev == dev && p->func == func)
			return p->numa;
	}
	return -1;
}

int bc_topology_net_numa(const struct bc_topology *t, const char *name)
{
	for (uint32_t i = 0; i < t->n_nets; i++)
		if (!strcmp(t->net[i].name, name))
			return t->net[i].numa;
	return -1;
}
