/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Synthetic packets: the core without a NIC, for tests and measurements. As fast as they are taken, or at a rate, as a device of
 * DESCRIPTORS would bring them; stamped as they are taken, or as a NIC does whose clock is ahead and that holds packets back.
 */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_filler.h"
#include "bc_packet.h"

/* What a device that brings packets at a rate keeps; more are nic_missed. */
#define DESCRIPTORS 4096U
/* Polled at this interval, it holds a burst. */
#define UNPOLLED_NS (250 * BC_NS_PER_US)

/* Text goes round in this much, more than any compressor here looks back. */
#define TEXT_BYTES (1U << 20)
#define HEADERS 42U
#define PORT_AT 35U
#define SEQ_AT HEADERS

/* Packets with something in them: of 256 flows, each with its number and text. */
struct text {
	uint32_t at;			/* what the next packet has of it */
	uint32_t size;
	uint8_t headers[HEADERS];
	uint8_t data[TEXT_BYTES];
};

struct null_source {
	uint64_t left;		/* UINT64_MAX: no end */
	uint32_t size;
	bool paced;
	bool stamped;		/* by the device, with a promise of its own */
	bool measured;		/* stamped, and its promise is found as a NIC's is */
	uint64_t held_ns;	/* between stamp and poll */
	double per_ns;		/* packets; 0: none ever */
	double ns_per;
	uint64_t ahead_ns;
	uint64_t start_ns;	/* when the first packet comes */
	uint64_t came;		/* packets since then, taken or missed */
	uint64_t last_ns;
	struct text *text;	/* NULL: packets are not written to */
	_Atomic uint64_t missed;	/* the stage writes, control reads */
};

/* Packet n comes to the device at this time of the host's. */
static uint64_t due_ns(const struct null_source *p, uint64_t n)
{
	return p->start_ns + (uint64_t)((double)n * p->ns_per);
}

/* How many packets wait in the device, of which it hands over those that it has held back for long enough; what it has no room for is missed. */
static uint32_t waiting(struct null_source *p, uint64_t now_ns, uint32_t max)
{
	uint64_t until_ns = now_ns - p->held_ns, n;

	if (until_ns < p->start_ns || p->per_ns == 0)
		return 0;
	n = 1 + (uint64_t)((double)(until_ns - p->start_ns) * p->per_ns);
	n = n > p->came ? n - p->came : 0;
	if (n > DESCRIPTORS) {
		atomic_store_explicit(&p->missed, atomic_load_explicit(&p->missed, memory_order_relaxed) + n - DESCRIPTORS,
				      memory_order_relaxed);
		p->came += n - DESCRIPTORS;
		n = DESCRIPTORS;
	}
	return n < max ? (uint32_t)n : max;
}

/* The stamp of what the device has not handed over by now, at the least. */
static uint64_t held_from(const struct null_source *p, uint64_t until_ns)
{
	uint64_t next_ns = p->paced && p->per_ns != 0 ? due_ns(p, p->came) : until_ns;

	return p->ahead_ns + (next_ns < until_ns ? next_ns : until_ns);
}

/* Ethernet, IPv4 and UDP, of which a small packet has the begin. */
static void put_headers(uint8_t headers[HEADERS], uint32_t size)
{
	static const uint8_t fixed[HEADERS] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2,
		0x10, 0, 0, 9, 0, 0, 0, 0,
	};
	uint32_t ip = size > HEADERS ? size - 14 : 28, udp = ip - 20;

	memcpy(headers, fixed, HEADERS);
	headers[16] = (uint8_t)(ip >> 8);
	headers[17] = (uint8_t)ip;
	headers[38] = (uint8_t)(udp >> 8);
	headers[39] = (uint8_t)udp;
}

static struct text *new_text(uint32_t size, uint16_t queue)
{
	struct text *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	t->at = 0;
	t->size = size;
	put_headers(t->headers, size);
	bc_filler_text(t->data, TEXT_BYTES, queue + 1U);
	return t;
}

static void put_text(struct text *t, uint8_t *data, uint64_t seq)
{
	memcpy(data, t->data + t->at, t->size);
	memcpy(data, t->headers, t->size < HEADERS ? t->size : HEADERS);
	if (t->size > PORT_AT)
		data[PORT_AT] = (uint8_t)seq;
	if (t->size >= SEQ_AT + sizeof(seq))
		memcpy(data + SEQ_AT, &seq, sizeof(seq));
	t->at += t->size;
	if (t->at > TEXT_BYTES - t->size)
		t->at = 0;
}

static void fill(struct bc_source *s, struct bc_batch *b, uint32_t n)
{
	const struct null_source *p = s->priv;

	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = b->mbuf[i];

		m->data_len = (uint16_t)p->size;
		m->pkt_len = p->size;
		m->port = (uint16_t)s->account->iface;
		*bc_meta(m) = (struct bc_meta){ .wire_len = p->size, .source = s->index };
		if (p->text)
			put_text(p->text, rte_pktmbuf_mtod(m, uint8_t *), p->came + i);
	}
	b->n = n;
}

static void null_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct null_source *p = s->priv;
	uint64_t now_ns = bc_clock_now(s->env.clock), wanted;

	b->time = BC_TIME_STEADY;
	if (!p->left) {
		b->ended = true;
		b->watermark_ns = now_ns + p->ahead_ns;
		return;
	}
	if (!p->start_ns)
		p->start_ns = now_ns;
	if (max > p->left)
		max = (uint32_t)p->left;
	wanted = p->paced ? waiting(p, now_ns, max) : max;
	if (wanted && rte_pktmbuf_alloc_bulk(s->env.pool, b->mbuf, (uint32_t)wanted) != 0)
		return;
	fill(s, b, (uint32_t)wanted);
	for (uint32_t i = 0; i < b->n; i++)
		b->ts_ns[i] = p->ahead_ns + (p->stamped && p->paced ? due_ns(p, p->came + i) : now_ns);
	p->came += b->n;
	if (b->n)
		p->last_ns = b->ts_ns[b->n - 1];
	b->watermark_ns = now_ns + p->ahead_ns;
	/* The device stamps: no packet that it still holds is older than this. */
	if (p->stamped)
		b->watermark_ns = b->n == max ? p->last_ns : held_from(p, now_ns - p->held_ns);
	b->empty = b->n < max;
	if (p->measured)
		b->asked_ns = now_ns + p->ahead_ns;
	if (p->left != UINT64_MAX)
		p->left -= b->n;
}

static void null_stats(struct bc_source *s)
{
	struct null_source *p = s->priv;

	bc_source_lost(s, BC_LOSS_NIC_MISSED, atomic_load_explicit(&p->missed, memory_order_relaxed));
}

static void free_null(struct null_source *p)
{
	if (p)
		free(p->text);
	free(p);
}

static void null_close(struct bc_source *s)
{
	free_null(s->priv);
}

static const struct bc_source_ops null_ops = {
	.rx = null_rx,
	.stats = null_stats,
	.close = null_close,
};

static bool stamped(const struct bc_source_config *cfg)
{
	return cfg->stamp && strcmp(cfg->stamp, "nic") == 0;
}

static bool measured(const struct bc_source_config *cfg)
{
	return stamped(cfg) && cfg->held_us;
}

/* NULL without memory. */
static struct null_source *new_null(const struct bc_source_config *cfg, uint16_t queue)
{
	struct null_source *p = malloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct null_source){
		.left = cfg->count ? cfg->count : UINT64_MAX,
		.size = cfg->size,
		.paced = cfg->rate || cfg->idle,
		.stamped = stamped(cfg),
		.measured = measured(cfg),
		.held_ns = (cfg->held_us ? cfg->held_us : cfg->lateness_us) * BC_NS_PER_US,
		.ahead_ns = cfg->ahead_ms * BC_NS_PER_MS,
		.per_ns = cfg->idle ? 0 : (double)cfg->rate / BC_NS_PER_S,
		.ns_per = cfg->rate ? (double)BC_NS_PER_S / (double)cfg->rate : 0,
		.text = cfg->text ? new_text(cfg->size, queue) : NULL,
	};
	if (!cfg->text || p->text)
		return p;
	free(p);
	return NULL;
}

static void setup(struct bc_source *s, const struct bc_source_config *cfg)
{
	const struct null_source *p = s->priv;

	if (!p->paced)
		return;
	s->wait = s->lossless = cfg->wait;
	s->buffers_ns = UNPOLLED_NS;
	s->drain_packets = DESCRIPTORS;
}

static int open_null(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret, uint32_t *ret_n,
		     struct bc_err *err)
{
	struct bc_iface iface = { .linktype = 1 };
	uint32_t n = 0;

	snprintf(iface.name, sizeof(iface.name), "null%u", env->ledger->n_sources);
	snprintf(iface.description, sizeof(iface.description), "synthetic packets of %u bytes", cfg->size);
	bc_source_stamp_by_host(&iface, env->clock);
	if (stamped(cfg))
		iface.stamp = BC_STAMP_NIC;
	for (; n < cfg->queues; n++) {
		struct null_source *p = new_null(cfg, (uint16_t)n);
		struct bc_source *s = p ? bc_source_new(cfg, env, &null_ops, &iface, (uint16_t)n, err) : NULL;

		if (!s) {
			while (n)
				bc_source_close(ret[--n]);
			if (!p)
				return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
			free_null(p);
			return -ENOSPC;
		}
		s->priv = p;
		setup(s, cfg);
		ret[n] = s;
	}
	if (measured(cfg))
		bc_source_measure_lateness(ret, n, cfg);
	*ret_n = n;
	return 0;
}

/* Its packets are whole mbufs of the usual size, hence 2048. */
static const struct bc_source_key null_keys[] = {
	BC_KEY_QUEUES,
	BC_KEY_FULL,
	{ "count", BC_KEY_U64, BC_KEY_AT(count), .zero = true, .min = 1, .max = 999999999999999 },
	{ "size", BC_KEY_U32, BC_KEY_AT(size), .min = 14, .max = 2048 },
	{ "rate", BC_KEY_U64, BC_KEY_AT(rate), .min = 1, .max = 1000000000 },
	{ "idle", BC_KEY_YES, BC_KEY_AT(idle), .zero = false },
	{ "payload", BC_KEY_FIRST, BC_KEY_AT(text), .words = { "text", "none" } },
	{ "ahead_ms", BC_KEY_U32, BC_KEY_AT(ahead_ms), .zero = true, .min = 1, .max = 3600000 },
	BC_KEY_STAMP("nic", "software"),
	BC_KEY_LATENESS,
	{ "held_us", BC_KEY_U32, BC_KEY_AT(held_us), .zero = true, .min = 1, .max = 60000000 },
};

const struct bc_source_kind bc_source_null = {
	.name = "null",
	.target = BC_TARGET_NONE,
	.live = true,
	.by_host = true,
	.poll_mode = true,
	.waits = true,
	.lossless = true,
	.keys = null_keys,
	.n_keys = sizeof(null_keys) / sizeof(null_keys[0]),
	.open = open_null,
};
