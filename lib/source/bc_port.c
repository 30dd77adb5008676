/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>

#define JUMBO_MTU 9216U
#define DEFAULT_DESCRIPTORS 4096U
#define RSS_KEY_MAX 64

/* The name before the first comma: what the port is called. */
static int port_name(const char *devargs, char *name, size_t size)
{
	size_t n = strcspn(devargs, ",");

	if (n == 0 || n >= size)
		return -EINVAL;
	memcpy(name, devargs, n);
	name[n] = '\0';
	return 0;
}

static bool looks_like_pci(const char *name)
{
	unsigned a, b, c, d;
	char rest;

	return sscanf(name, "%x:%x:%x.%x%c", &a, &b, &c, &d, &rest) == 4 || sscanf(name, "%x:%x.%x%c", &a, &b, &c, &rest) == 3;
}

static int find(const struct bc_source_config *cfg, struct bc_port *p, struct bc_err *err)
{
	int r;

	if (port_name(cfg->target, p->name, sizeof(p->name)) != 0)
		return bc_err_set(err, -EINVAL, "%s: no device given", cfg->spec);
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) == 0)
		return 0;
	r = rte_dev_probe(cfg->target);
	if (r < 0 && looks_like_pci(p->name))
		return bc_err_set(err, -ENODEV, "%s: no such port, or it is not bound to a driver that DPDK can use: "
				  "'dpdk-devbind.py --status' shows, 'dpdk-devbind.py --bind=vfio-pci %s' binds", cfg->spec, p->name);
	if (r < 0)
		return bc_err_set(err, -ENODEV, "%s: DPDK cannot open it (%s): check the device's name and arguments; "
				  "-vv shows what DPDK says", cfg->spec, rte_strerror(-r));
	p->probed = true;
	if (rte_eth_dev_get_port_by_name(p->name, &p->id) != 0)
		return bc_err_set(err, -ENODEV, "%s: DPDK opened it, but it provides no port", cfg->spec);
	return 0;
}

/*
 * The same hash for both directions of a flow: Woo and Park, "Scalable TCP session monitoring with symmetric RSS",
 * 2012.
 */
static void symmetric_rss(struct bc_port *p, struct rte_eth_conf *conf, uint8_t key[RSS_KEY_MAX])
{
	uint64_t wanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP;

	wanted &= p->info.flow_type_rss_offloads;
	if (p->queues < 2 || !wanted || p->info.hash_key_size > RSS_KEY_MAX)
		return;
	for (int i = 0; i < RSS_KEY_MAX; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = wanted;
	conf->rx_adv_conf.rss_conf.rss_key = p->info.hash_key_size ? key : NULL;
	conf->rx_adv_conf.rss_conf.rss_key_len = p->info.hash_key_size;
	p->rss = true;
}

static uint32_t choose_mtu(const struct bc_source_config *cfg, const struct rte_eth_dev_info *info)
{
	bool scatter = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	uint32_t mtu = cfg->mtu ? cfg->mtu : scatter ? JUMBO_MTU : RTE_ETHER_MTU;

	return mtu < info->max_mtu ? mtu : info->max_mtu;
}

static int configure(const struct bc_source_config *cfg, struct bc_port *p, uint16_t n_tx, struct bc_err *err)
{
	uint64_t offloads = (RTE_ETH_RX_OFFLOAD_TIMESTAMP | RTE_ETH_RX_OFFLOAD_SCATTER) & p->info.rx_offload_capa;
	struct rte_eth_conf conf = { .rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE, .offloads = offloads } };
	uint8_t key[RSS_KEY_MAX];
	int r;

	symmetric_rss(p, &conf, key);
	conf.rxmode.mtu = p->mtu = choose_mtu(cfg, &p->info);
	r = rte_eth_dev_configure(p->id, p->queues, n_tx, &conf);
	if (r && !cfg->mtu) {
		/* Some drivers advertise more than they support. */
		conf.rxmode.mtu = p->mtu = RTE_ETHER_MTU;
		r = rte_eth_dev_configure(p->id, p->queues, n_tx, &conf);
	}
	if (r)
		return bc_err_set(err, r, "%s: the port refuses %u RX queues and MTU %u (%s)", cfg->spec, p->queues, p->mtu,
				  rte_strerror(-r));
	return 0;
}

static int setup_queues(const struct bc_source_config *cfg, struct bc_port *p, uint16_t n_tx, struct rte_mempool *pool,
			struct bc_err *err)
{
	uint16_t rxd = (uint16_t)(cfg->descriptors ? cfg->descriptors : DEFAULT_DESCRIPTORS), txd = 64;
	int node = rte_eth_dev_socket_id(p->id), r;

	r = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rxd, &txd);
	for (uint16_t q = 0; !r && q < p->queues; q++)
		r = rte_eth_rx_queue_setup(p->id, q, rxd, (unsigned)node, NULL, pool);
	/* Without as many TX queues vhost and memif receive nothing, and report no error. */
	for (uint16_t q = 0; !r && q < n_tx; q++)
		r = rte_eth_tx_queue_setup(p->id, q, txd, (unsigned)node, NULL);
	if (r)
		return bc_err_set(err, r, "%s: setting up the queues failed (%s)", cfg->spec, rte_strerror(-r));
	p->descriptors = rxd;
	return 0;
}

int bc_port_open(const struct bc_source_config *cfg, struct rte_mempool *pool, bool promiscuous, const struct bc_log *log,
		 struct bc_port *ret, struct bc_err *err)
{
	struct bc_port p = { .queues = (uint16_t)cfg->queues };
	uint16_t n_tx;
	int r = find(cfg, &p, err);

	if (r)
		goto fail;
	r = rte_eth_dev_info_get(p.id, &p.info);
	if (r) {
		bc_err_set(err, r, "%s: the port does not respond (%s)", cfg->spec, rte_strerror(-r));
		goto fail;
	}
	if (p.queues > p.info.max_rx_queues) {
		r = bc_err_set(err, -EINVAL, "%s: queues=%u, but the port has %u", cfg->spec, p.queues, p.info.max_rx_queues);
		goto fail;
	}
	n_tx = p.queues < p.info.max_tx_queues ? p.queues : p.info.max_tx_queues;
	p.loses_on_nombuf = strcmp(p.info.driver_name, "net_pcap") == 0;
	r = configure(cfg, &p, n_tx, err);
	if (!r)
		r = setup_queues(cfg, &p, n_tx, pool, err);
	if (r)
		goto fail;
	r = rte_eth_dev_start(p.id);
	if (r) {
		bc_err_set(err, r, "%s: the port does not start (%s)", cfg->spec, rte_strerror(-r));
		goto fail;
	}
	p.started = true;
	r = promiscuous ? rte_eth_promiscuous_enable(p.id) : 0;
	if (r && r != -ENOTSUP)
		bc_log(log, BC_WARN, "%s: not promiscuous (%s)", cfg->spec, rte_strerror(-r));
	*ret = p;
	return 0;
fail:
	bc_port_close(&p);
	return r;
}

void bc_port_close(struct bc_port *p)
{
	struct rte_eth_dev_info info;

	if (p->started)
		rte_eth_dev_stop(p->id);
	if (!p->probed)
		return;
	if (rte_eth_dev_info_get(p->id, &info) == 0) {
		rte_eth_dev_close(p->id);
		rte_dev_remove(info.device);
	}
	p->probed = false;
}
