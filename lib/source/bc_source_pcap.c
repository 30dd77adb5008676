/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernel interfaces, and every other device that libpcap knows. */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "bc_epoch.h"
#include "bc_kernel.h"
#include "bc_linktype.h"
#include "bc_ring.h"

struct pcap_source {
	pcap_t *handle;
	struct bc_source *s;
	struct bc_batch *batch;		/* during a dispatch */
	struct bc_spare spare;
	uint32_t wrapped_drop, wrapped_ifdrop;	/* the kernel's 32-bit counters as last read */
	uint64_t drop, ifdrop;			/* and unwrapped */
	bool first_stats;
	uint32_t unit_ns;		/* of a stamp's fraction: some devices of libpcap have microseconds only (nflog, usbmon) */
};

static void take(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct pcap_source *p = (struct pcap_source *)user;
	uint64_t ts_ns = (uint64_t)h->ts.tv_sec * BC_NS_PER_S + (uint64_t)h->ts.tv_usec * p->unit_ns;

	bc_spare_take(&p->spare, p->s, p->batch, data, h->caplen, h->len, ts_ns);
}

static void pcap_source_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct pcap_source *p = s->priv;
	uint64_t now_ns = bc_clock_utc(s->env.clock);
	int r;

	p->batch = b;
	max = bc_spare_refill(&p->spare, s->env.pool, max);
	/* Without an mbuf the packets stay in the kernel. */
	if (!max)
		return;
	b->time = BC_TIME_UTC;
	r = pcap_dispatch(p->handle, (int)max, take, (u_char *)p);
	if (r < 0) {
		bc_log(s->env.log, BC_ERROR, "%s: capture ended: %s", s->account->name, pcap_geterr(p->handle));
		b->ended = true;
		atomic_store_explicit(&s->failed, true, memory_order_release);
	}
	b->asked_ns = now_ns;
	b->unsure = bc_epoch_unknown(s->env.clock);
	b->empty = r < (int)max;
}

static void pcap_source_stats(struct bc_source *s)
{
	struct pcap_source *p = s->priv;
	struct pcap_stat st;

	if (pcap_stats(p->handle, &st) != 0)
		return;
	p->drop += (uint32_t)(st.ps_drop - p->wrapped_drop);
	/* The interface's counter does not begin with the capture. */
	if (!p->first_stats)
		p->ifdrop += (uint32_t)(st.ps_ifdrop - p->wrapped_ifdrop);
	p->wrapped_drop = st.ps_drop;
	p->wrapped_ifdrop = st.ps_ifdrop;
	p->first_stats = false;
	bc_source_lost(s, BC_LOSS_KERNEL_DROP, p->drop);
	bc_source_lost(s, BC_LOSS_KERNEL_IFDROP, p->ifdrop);
}

static void pcap_source_close(struct bc_source *s)
{
	struct pcap_source *p = s->priv;

	if (p && p->handle)
		pcap_close(p->handle);
	if (p)
		rte_pktmbuf_free_bulk(p->spare.mbuf, p->spare.n);
	free(p);
}

static const struct bc_source_ops pcap_ops = {
	.rx = pcap_source_rx,
	.stats = pcap_source_stats,
	.close = pcap_source_close,
};

/* Does the interface offer stamps of its adapter in the host's time? */
static bool offers_adapter(pcap_t *h)
{
	int *types, n = pcap_list_tstamp_types(h, &types);
	bool found = false;

	for (int i = 0; i < n; i++)
		found |= types[i] == PCAP_TSTAMP_ADAPTER;
	if (n > 0)
		pcap_free_tstamp_types(types);
	return found;
}

static int refuse(pcap_t *h, int r, const struct bc_source_config *cfg, struct bc_err *err)
{
	const char *words = pcap_geterr(h);

	switch (r) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return bc_err_set(err, -EPERM, "%s: no permission to capture: run as root, or grant it once with "
				  "'setcap cap_net_raw=ep' on the braidcap program", cfg->spec);
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return strncmp(cfg->spec, "pcap:", 5) ?
			bc_err_set(err, -ENODEV, "%s: no such interface ('braidcap devices' lists them), and no such file", cfg->spec) :
			bc_err_set(err, -ENODEV, "%s: no such interface: 'braidcap devices' lists them", cfg->spec);
	case PCAP_ERROR_IFACE_NOT_UP:
		return bc_err_set(err, -ENETDOWN, "%s: the interface is down: 'ip link set %s up'", cfg->spec, cfg->target);
	default:
		return bc_err_set(err, -EIO, "%s: %s", cfg->spec, words[0] ? words : pcap_statustostr(r));
	}
}

int bc_linktypes_print(FILE *f, const char *interface, struct bc_err *err)
{
	const struct bc_source_config cfg = { .spec = (char *)interface, .target = (char *)interface };
	char errbuf[PCAP_ERRBUF_SIZE];
	pcap_t *h = pcap_create(interface, errbuf);
	int *types, n, r = h ? pcap_activate(h) : -1;

	if (!h)
		return bc_err_set(err, -EIO, "%s: %s", interface, errbuf);
	if (r < 0) {
		r = refuse(h, r, &cfg, err);
	} else if ((n = pcap_list_datalinks(h, &types)) < 0) {
		r = bc_err_set(err, -EIO, "%s: %s", interface, pcap_geterr(h));
	} else {
		fprintf(f, "Link types of %s, for -y:\n", interface);
		for (int i = 0; i < n; i++) {
			const char *name = pcap_datalink_val_to_name(types[i]), *what = pcap_datalink_val_to_description(types[i]);

			fprintf(f, "  %s (%s)\n", name ? name : "?", what ? what : "without a description");
		}
		pcap_free_datalinks(types);
		r = 0;
	}
	pcap_close(h);
	return r;
}

static int set_linktype(pcap_t *h, const struct bc_source_config *cfg, struct bc_err *err)
{
	int type = pcap_datalink_name_to_val(cfg->linktype);

	if (type >= 0 && pcap_set_datalink(h, type) == 0)
		return 0;
	return bc_err_set(err, -EINVAL, "%s: the interface has no link type '%s': 'braidcap capture -L -i %s' lists those that it has",
			  cfg->spec, cfg->linktype, cfg->target);
}

static int set_direction(pcap_t *h, const struct bc_source_config *cfg, struct bc_err *err)
{
	static const pcap_direction_t directions[] = {
		[BC_DIRECTION_BOTH] = PCAP_D_INOUT, [BC_DIRECTION_IN] = PCAP_D_IN, [BC_DIRECTION_OUT] = PCAP_D_OUT,
	};
	int d = bc_direction_of(cfg->direction);

	if (d == BC_DIRECTION_BOTH || pcap_setdirection(h, directions[d]) == 0)
		return 0;
	return bc_err_set(err, -ENOTSUP, "%s: direction=%s: %s", cfg->spec, cfg->direction, pcap_geterr(h));
}

/* A ring's packets are Ethernet. */
static bool wants_libpcap(const struct bc_source_config *cfg)
{
	return cfg->immediate || (cfg->linktype && strcmp(cfg->linktype, "EN10MB") != 0);
}

static int setup(pcap_t *h, const struct bc_source_config *cfg, const struct bc_source_env *env, bool adapter,
		 struct bc_err *err)
{
	char errbuf[PCAP_ERRBUF_SIZE];
	int r;

	pcap_set_snaplen(h, (int)BC_SNAPLEN_MAX);
	pcap_set_promisc(h, env->promiscuous);
	pcap_set_timeout(h, BC_KERNEL_HOLD_MS);
	pcap_set_immediate_mode(h, cfg->immediate);
	pcap_set_buffer_size(h, (int)(cfg->buffer_mb * 1000000U));
	pcap_set_tstamp_precision(h, PCAP_TSTAMP_PRECISION_NANO);
	if (adapter)
		pcap_set_tstamp_type(h, PCAP_TSTAMP_ADAPTER);
	r = pcap_activate(h);
	if (r < 0)
		return refuse(h, r, cfg, err);
	if (r > 0)
		bc_log(env->log, BC_WARN, "%s: %s", cfg->spec, pcap_geterr(h)[0] ? pcap_geterr(h) : pcap_statustostr(r));
	r = cfg->linktype ? set_linktype(h, cfg, err) : 0;
	if (r)
		return r;
	/* The newer of the two headers that stand in for several links' own also tells the interface. */
	if (!cfg->linktype && pcap_datalink(h) == DLT_LINUX_SLL && pcap_set_datalink(h, DLT_LINUX_SLL2) != 0)
		bc_log(env->log, BC_WARN, "%s: libpcap does not know SLL2: %s", cfg->spec, pcap_geterr(h));
	if (pcap_setnonblock(h, 1, errbuf) != 0)
		return bc_err_set(err, -EIO, "%s: %s", cfg->spec, errbuf);
	return set_direction(h, cfg, err);
}

static void describe(const struct bc_source_config *cfg, pcap_t *h, bool adapter, struct bc_iface *ret)
{
	*ret = (struct bc_iface){
		.stamp = adapter ? BC_STAMP_NIC : BC_STAMP_KERNEL,
		/* The one DLT_ value of a Linux interface that is not its LINKTYPE_ value. */
		.linktype = (uint16_t)(pcap_datalink(h) == DLT_RAW ? LINKTYPE_RAW : pcap_datalink(h)),
	};
	snprintf(ret->name, sizeof(ret->name), "%s", cfg->target);
	snprintf(ret->description, sizeof(ret->description), "libpcap %s capture", cfg->immediate ? "immediate" : "buffered");
	snprintf(ret->clock, sizeof(ret->clock), "%s%s", adapter ? "stamped by the adapter, as the kernel converts it" :
		 "stamped by the kernel's receive path with the system clock",
		 pcap_get_tstamp_precision(h) == PCAP_TSTAMP_PRECISION_NANO ? "" : ", in microseconds");
}

static int open_handle(struct pcap_source *p, const struct bc_source_config *cfg, const struct bc_source_env *env,
		       bool adapter, struct bc_source **ret, struct bc_err *err)
{
	struct bc_iface iface;
	int r = setup(p->handle, cfg, env, adapter, err);

	if (r)
		return r;
	describe(cfg, p->handle, adapter, &iface);
	p->s = bc_source_new(cfg, env, &pcap_ops, &iface, 0, err);
	if (!p->s)
		return -ENOSPC;
	p->first_stats = true;
	p->unit_ns = pcap_get_tstamp_precision(p->handle) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
	p->s->priv = p;
	bc_kernel_setup(p->s, cfg);
	pcap_source_stats(p->s);
	*ret = p->s;
	return 0;
}

/* There are not as many rings as there should be; libpcap may know better words. */
static int refuse_queues(pcap_t *h, int why, const struct bc_source_config *cfg, const struct bc_source_env *env,
			 struct bc_err *err)
{
	int r = setup(h, cfg, env, false, err);

	if (r)
		return r;
	if (why == -ENOTSUP)
		return bc_err_set(err, why, "%s: only Ethernet and loopback interfaces have several queues: leave out "
				  "queues=", cfg->spec);
	return bc_err_set(err, why, "%s: %u rings of %u MB: %s", cfg->spec, cfg->queues, cfg->buffer_mb, strerror(-why));
}

static int open_pcap(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		     uint32_t *ret_n, struct bc_err *err)
{
	struct pcap_source *p = calloc(1, sizeof(*p));
	char errbuf[PCAP_ERRBUF_SIZE];
	bool adapter;
	int r = 0, why;

	if (!p)
		return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
	p->handle = pcap_create(cfg->target, errbuf);
	if (!p->handle) {
		free(p);
		return bc_err_set(err, -EIO, "%s: %s", cfg->spec, errbuf);
	}
	adapter = cfg->queues == 1 && (!cfg->stamp || strcmp(cfg->stamp, "adapter") == 0) && offers_adapter(p->handle);
	if (cfg->stamp && strcmp(cfg->stamp, "adapter") == 0 && !adapter)
		r = bc_err_set(err, -ENOTSUP, "%s: the adapter does not support timestamps: leave out stamp=adapter",
			       cfg->spec);
	/* libpcap supports more kinds of devices; the ring is cheaper, and there may be several. */
	why = r || adapter || wants_libpcap(cfg) ? -ENOTSUP : bc_kernel_ring_open(cfg, env, ret);
	if (!r && why)
		r = cfg->queues == 1 ? open_handle(p, cfg, env, adapter, ret, err) : refuse_queues(p->handle, why, cfg, env, err);
	if (r || !why) {
		pcap_close(p->handle);
		free(p);
	}
	if (!r)
		*ret_n = cfg->queues;
	return r;
}

/* libpcap counts its buffer's bytes in an int. */
static const struct bc_source_key pcap_keys[] = {
	BC_KEY_QUEUES,
	BC_KEY_FULL,
	BC_KEY_STAMP("adapter", "host"),
	{ "buffer_mb", BC_KEY_U32, BC_KEY_AT(buffer_mb), .min = 1, .max = 2047 },
	{ "immediate", BC_KEY_YES, BC_KEY_AT(immediate), .zero = false },
	{ "direction", BC_KEY_WORD, BC_KEY_AT(direction), .words = { "in", "out", "inout" } },
	{ "linktype", BC_KEY_TEXT, BC_KEY_AT(linktype), .zero = false },
	BC_KEY_LATENESS,
};

const struct bc_source_kind bc_source_pcap = {
	.name = "pcap",
	.target = BC_TARGET_INTERFACE,
	.live = true,
	.waits = true,
	.keys = pcap_keys,
	.n_keys = sizeof(pcap_keys) / sizeof(pcap_keys[0]),
	.open = open_pcap,
};
