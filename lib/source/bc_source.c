/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_packet.h"

/* Of what is not known yet. */
#define LINKTYPE_ETHERNET 1
/* Bytes that a dropcount option adds to a record; see bc_pcapng.h. */
#define DROPCOUNT_BYTES 16

struct bc_source *bc_source_new(const struct bc_source_config *cfg, const struct bc_source_env *env,
				const struct bc_source_ops *ops, const struct bc_iface *iface, uint16_t queue,
				struct bc_err *err)
{
	struct bc_source *s;
	int i = 0;

	if (env->ledger->n_sources == BC_MAX_SOURCES) {
		bc_err_set(err, -ENOSPC, "%s: more than %u sources", cfg->spec, BC_MAX_SOURCES);
		return NULL;
	}
	s = aligned_alloc(BC_CACHE_LINE, sizeof(*s));
	if (s)
		memset(s, 0, sizeof(*s));
	if (!s || !(s->scratch = malloc(BC_FILTER_MAX_SNAPLEN))) {
		free(s);
		bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
		return NULL;
	}
	if (iface)
		i = queue ? (int)env->ledger->source[env->ledger->n_sources - 1].iface : bc_iface_add(env->ifaces, iface);
	if (i < 0) {
		bc_err_set(err, i, "%s: more than %u interfaces", cfg->spec, BC_MAX_IFACES);
		free(s->scratch);
		free(s);
		return NULL;
	}
	s->kind = cfg->kind;
	s->ops = ops;
	s->env = *env;
	s->index = (uint16_t)env->ledger->n_sources;
	s->queue = queue;
	s->wait = cfg->wait || s->kind->waits;
	s->lossless = cfg->wait || s->kind->lossless;
	s->lateness_ns = cfg->lateness_us * BC_NS_PER_US;
	s->numa_node = -1;
	s->account = &env->ledger->source[env->ledger->n_sources++];
	snprintf(s->account->name, sizeof(s->account->name), "%s", cfg->spec);
	snprintf(s->account->interface, sizeof(s->account->interface), "%s", iface ? iface->name : cfg->spec);
	s->account->queue = queue;
	s->account->stamp = (uint16_t)(iface ? iface->stamp : BC_STAMP_REMOTE);
	s->account->iface = iface ? (uint32_t)i : BC_IFACE_NONE;
	atomic_store_explicit(&s->filters.linktype, iface ? iface->linktype : LINKTYPE_ETHERNET, memory_order_relaxed);
	return s;
}

int bc_source_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		   uint32_t *ret_n, struct bc_err *err)
{
	return cfg->kind->open(cfg, env, ret, ret_n, err);
}

void bc_source_close(struct bc_source *s)
{
	if (!s)
		return;
	s->ops->close(s);
	free(s->scratch);
	free(s);
}

void bc_source_command(struct bc_source *s, enum bc_source_command c)
{
	atomic_store_explicit(&s->command, c, memory_order_release);
}

enum bc_source_state bc_source_state(const struct bc_source *s)
{
	return atomic_load_explicit(&s->state, memory_order_acquire);
}

void bc_source_stats(struct bc_source *s)
{
	if (s->ops->stats)
		s->ops->stats(s);
}

void bc_source_lost(struct bc_source *s, enum bc_loss loss, uint64_t total)
{
	uint64_t known = bc_counter_get(&s->account->control.dropped[loss]);

	if (total <= known)
		return;
	bc_counter_set(&s->account->control.dropped[loss], total);
	atomic_fetch_add_explicit(&s->lost_outside, total - known, memory_order_relaxed);
}

void bc_source_dropped(struct bc_source *s, enum bc_loss loss, uint64_t n, uint64_t bytes)
{
	bc_counter_add(&s->account->ingress.received, n);
	bc_counter_add(&s->account->ingress.received_bytes, bytes);
	bc_counter_add(&s->account->ingress.dropped[loss], n);
	s->gap += n;
}

static void count_received(struct bc_source *s, const struct bc_batch *b)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < b->n; i++)
		bytes += bc_meta(b->mbuf[i])->wire_len;
	bc_counter_add(&s->account->ingress.received, b->n);
	bc_counter_add(&s->account->ingress.received_bytes, bytes);
}

static void drop_all(struct bc_source *s, struct bc_batch *b, enum bc_loss loss)
{
	rte_pktmbuf_free_bulk(b->mbuf, b->n);
	bc_counter_add(&s->account->ingress.dropped[loss], b->n);
	s->gap += b->n;
}

/* Packets whose bytes are fetched while one is looked at. */
#define LOOK_AHEAD 4

/* Of wanted, the packets that are user traffic of GPRS. */
static uint64_t gprs_packets(const struct bc_source *s, const struct bc_gprs *g, const struct bc_batch *b,
			     const uint32_t *wire, uint64_t wanted)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < b->n && i < LOOK_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->mbuf[i], const void *));
	for (uint32_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->mbuf[i];

		if (i + LOOK_AHEAD < b->n)
			rte_prefetch0(rte_pktmbuf_mtod(b->mbuf[i + LOOK_AHEAD], const void *));
		/* The first segment holds more than the headers of any such packet. */
		if ((wanted >> i & 1) && bc_gprs_user_data(g, s->env.ifaces->entry[m->port].linktype,
							  rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, wire[i]))
			found |= 1ULL << i;
	}
	return found;
}

/* The packets of the batch, bit i for packet i, that each output wants. False: all want all of them. */
static bool classify(struct bc_source *s, const struct bc_batch *b, uint64_t *wanted)
{
	const struct bc_filter_set *f = atomic_load_explicit(&s->filters.set, memory_order_acquire);
	const uint64_t all = UINT64_MAX >> (BC_BURST - b->n);
	uint32_t wire[BC_BURST];
	uint64_t by_all = all;

	if (!f)
		return false;
	for (uint32_t i = 0; i < b->n; i++)
		wire[i] = bc_meta(b->mbuf[i])->wire_len;
	for (uint32_t o = 0; o < s->env.n_outputs; o++) {
		wanted[o] = all;
		if (f->filter[o])
			wanted[o] &= bc_filter_burst(f->filter[o], b->mbuf, wire, b->n, s->scratch);
		if (f->no_gprs[o])
			wanted[o] &= ~gprs_packets(s, f->no_gprs[o], b, wire, wanted[o]);
		by_all &= wanted[o];
	}
	return by_all != all;
}

/* The outputs that want packet i. */
static inline uint8_t outputs_of(const uint64_t *wanted, uint32_t n_outputs, uint32_t i)
{
	uint32_t outputs = 0;

	for (uint32_t o = 0; o < n_outputs; o++)
		outputs |= (uint32_t)(wanted[o] >> i & 1) << o;
	return (uint8_t)outputs;
}

/* Keep in the batch what some output wants, and in mask by which; count for each output what it does not get. */
static void drop_unwanted(struct bc_source *s, struct bc_batch *b, const uint64_t *wanted, uint8_t *mask, uint32_t room)
{
	uint64_t by_any = 0, counted = UINT64_MAX >> (BC_BURST - b->n);
	struct rte_mbuf *out[BC_BURST];
	uint32_t kept = 0, n_out = 0;

	for (uint32_t o = 0; o < s->env.n_outputs; o++)
		by_any |= wanted[o];
	for (uint32_t i = 0; i < b->n; i++) {
		if (!(by_any >> i & 1)) {
			out[n_out++] = b->mbuf[i];
			continue;
		}
		/* What finds no room is dropped, for every output, and not filtered. */
		if (kept >= room)
			counted &= ~(1ULL << i);
		b->mbuf[kept] = b->mbuf[i];
		b->ts_ns[kept] = b->ts_ns[i];
		mask[kept++] = outputs_of(wanted, s->env.n_outputs, i);
	}
	for (uint32_t o = 0; o < s->env.n_outputs; o++)
		bc_counter_add(&s->account->ingress.filtered[o], (uint64_t)__builtin_popcountll(counted & ~wanted[o]));
	rte_pktmbuf_free_bulk(out, n_out);
	b->n = kept;
}

static uint64_t clamp_ts(uint64_t ns)
{
	return ns < BC_TS_MAX ? ns : BC_TS_MAX;
}

/* The descriptor of one packet, which records the loss before it. */
static inline struct bc_desc make_desc(struct bc_source *s, struct rte_mbuf *m, uint64_t ts_ns, uint32_t outputs)
{
	uint32_t bytes = m->pkt_len;

	if (__builtin_expect(s->gap != 0, 0)) {
		m->tx_offload = s->gap + (bc_meta(m)->flags & BC_META_DROPS ? m->tx_offload : 0);
		bc_meta(m)->flags |= BC_META_DROPS;
		s->gap = 0;
	}
	if (__builtin_expect(bc_meta(m)->flags & BC_META_DROPS, 0))
		bytes = ((bytes + 3) & ~3U) + DROPCOUNT_BYTES;
	if (__builtin_expect(outputs & (outputs - 1), 0))
		rte_pktmbuf_refcnt_update(m, (int16_t)(__builtin_popcount(outputs) - 1));
	return (struct bc_desc){ clamp_ts(ts_ns), bc_desc_word(m, bytes, outputs) };
}

static inline void enqueue(struct bc_source *s, struct bc_batch *b, const uint8_t *mask, uint32_t n)
{
	const struct bc_link_slots slots = bc_link_slots(s->link);
	const uint8_t all = (uint8_t)((1U << s->env.n_outputs) - 1);

	for (uint32_t i = 0; i < n; i++)
		*bc_link_at(&slots, i) = make_desc(s, b->mbuf[i], b->ts_ns[i], mask ? mask[i] : all);
	bc_link_push(s->link, n);
}

static void deliver(struct bc_source *s, struct bc_batch *b)
{
	uint64_t wanted[BC_MAX_OUTPUTS];
	uint8_t mask[BC_BURST];
	uint32_t n, room;
	bool filtered;

	if (__builtin_expect(atomic_load_explicit(&s->lost_outside, memory_order_relaxed) != 0, 0))
		s->gap += atomic_exchange_explicit(&s->lost_outside, 0, memory_order_relaxed);
	room = bc_link_room(s->link, b->n);
	filtered = classify(s, b, wanted);
	if (filtered)
		drop_unwanted(s, b, wanted, mask, room);
	n = b->n < room ? b->n : room;
	enqueue(s, b, filtered ? mask : NULL, n);
	if (n < b->n) {
		rte_pktmbuf_free_bulk(b->mbuf + n, b->n - n);
		bc_counter_add(&s->account->ingress.dropped[BC_LOSS_LINK_FULL], b->n - n);
		s->gap += b->n - n;
	}
}

static void end(struct bc_source *s)
{
	bc_filter_reader_leave(&s->filters);
	bc_link_set_watermark(s->link, BC_WATERMARK_END);
	atomic_store_explicit(&s->state, BC_SOURCE_ENDED, memory_order_release);
}

/* A stop has been asked for, and this round brought n packets. */
static void check_drained(struct bc_source *s, uint32_t n, bool more)
{
	uint64_t now_ns = bc_mono_ns();

	if (!s->stopped_mono_ns)
		s->stopped_mono_ns = now_ns;
	s->drained += n;
	if (s->kind->blocking || (n == 0 && !more && now_ns - s->stopped_mono_ns >= s->drain_ns) ||
	    s->drained > s->drain_packets) {
		bc_filter_reader_leave(&s->filters);
		atomic_store_explicit(&s->state, BC_SOURCE_QUIET, memory_order_release);
	}
}

uint32_t bc_source_poll(struct bc_source *s)
{
	uint32_t command = atomic_load_explicit(&s->command, memory_order_acquire);
	uint32_t state = atomic_load_explicit(&s->state, memory_order_relaxed);
	struct bc_batch b;
	uint32_t n;

	if (__builtin_expect(state == BC_SOURCE_RUNNING, 1))
		bc_filter_reader_quiescent(&s->filters);
	if (__builtin_expect(state != BC_SOURCE_RUNNING || command != BC_SOURCE_RUN, 0)) {
		if (state == BC_SOURCE_QUIET && command == BC_SOURCE_END)
			end(s);
		if (state != BC_SOURCE_RUNNING)
			return 0;
		if (s->kind->blocking && command != BC_SOURCE_RUN) {
			if (command != BC_SOURCE_PAUSE)
				check_drained(s, 0, false);
			return 0;
		}
	}
	if (s->wait && bc_link_room(s->link, BC_BURST) < BC_BURST)
		return 0;
	b.n = 0;
	b.ended = b.more = false;
	b.watermark_ns = 0;
	s->ops->rx(s, &b, BC_BURST);
	n = b.n;
	if (n) {
		count_received(s, &b);
		if (command == BC_SOURCE_PAUSE)
			drop_all(s, &b, BC_LOSS_PAUSED);
		else
			deliver(s, &b);
	}
	b.watermark_ns = clamp_ts(b.watermark_ns);
	if (b.watermark_ns > s->watermark_ns) {
		s->watermark_ns = b.watermark_ns;
		bc_link_set_watermark(s->link, b.watermark_ns);
	}
	if (b.ended)
		end(s);
	else if (command >= BC_SOURCE_STOP)
		check_drained(s, n, b.more);
	return n;
}

uint64_t bc_source_unattended(struct bc_source *s)
{
	if (atomic_load_explicit(&s->command, memory_order_relaxed) != BC_SOURCE_RUN ||
	    (s->wait && bc_link_room(s->link, BC_BURST) < BC_BURST))
		return 0;
	return s->unattended_ns;
}
