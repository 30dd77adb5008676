/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_port_paths.h"

#include <stdio.h>
#include <string.h>

#include "bc_source_kind.h"

/* Devices that drivers open, registers of those that are bound to them, and the names of threads. */
static const char *const devices[] = {
	"/dev/{infiniband,net,vduse,vfio}", "/dev/{uio*,vhost-*}", "/sys/bus/pci/drivers/{igb_uio,mlx5_core,uio_pci_generic,vfio-pci}/*:*",
	"/sys/bus/vmbus/drivers/uio_hv_generic/*-*", "/proc/self/task",
};

/* What virtual devices make, by the names of drivers and of their arguments. */
static const struct { const char *driver, *key; bool socket; } made[] = {
	{ "_vhost", "iface=", true }, { "virtio_user", "path=", true }, { "memif", "socket=", true }, { "_pcap", "tx_pcap=", false },
};

#define MEMIF_DEFAULT "/run/memif.sock"

/* Devices among them are allowed anyway. */
static void add(struct bc_paths *to, const char *value)
{
	char path[4096];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(value, ",)"), value);
	if (strncmp(path, "/dev/", 5) != 0)
		bc_paths_add_parent(to, path);
}

static void find_made(const char *args, const struct bc_port_paths *to)
{
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		for (const char *at = strstr(args, made[i].driver) ? strchr(args, ',') : NULL; at; at = strchr(at + 1, ','))
			if (!strncmp(at + 1, made[i].key, strlen(made[i].key)))
				add(made[i].socket ? to->socket : to->write, at + 1 + strlen(made[i].key));
	if (strstr(args, "memif") && !strstr(args, "socket="))
		bc_paths_add_parent(to->socket, MEMIF_DEFAULT);
}

static void find_made_by_eal(const char *words, const struct bc_port_paths *to)
{
	char word[4096];

	for (size_t n; *words; words += n) {
		words += strspn(words, " \t\n");
		n = strcspn(words, " \t\n");
		snprintf(word, sizeof(word), "%.*s", (int)n, words);
		find_made(word, to);
	}
}

static bool is_port(const struct bc_source_config *c)
{
	return c->kind->target == BC_TARGET_PORT;
}

bool bc_port_paths_xdp(const struct bc_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (is_port(&cfg->sources[i]) && strstr(cfg->sources[i].target, "af_xdp"))
			return true;
	return cfg->eal && strstr(cfg->eal, "af_xdp");
}

void bc_port_paths_find(const struct bc_config *cfg, const struct bc_port_paths *to)
{
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		bc_paths_add_all(to->device, devices[i]);
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (is_port(&cfg->sources[i]))
			find_made(cfg->sources[i].target, to);
	if (cfg->eal)
		find_made_by_eal(cfg->eal, to);
	/* UIO's lock files of nfp. */
	bc_paths_add(to->write, "/run/lock");
	if (bc_port_paths_xdp(cfg)) {
		/* libxdp's, for its lock and its programs. */
		bc_paths_add_parent(to->socket, "/run/xdp");
		bc_paths_add(to->write, "/sys/fs/bpf");
	}
}
