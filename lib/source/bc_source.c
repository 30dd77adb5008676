/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_enqueue.h"
#include "bc_epoch.h"
#include "bc_linktype.h"
#include "bc_packet.h"
#include "bc_classify.h"

/* While much passes the merge, a source whose device buffers for less than BUFFERED_NS is polled so often, though nothing comes. */
#define RENEW_NS (20 * BC_NS_PER_US)
#define BUFFERED_NS BC_NS_PER_MS

static inline bool holds(const struct bc_source *s)
{
	return s->held.first < s->held.batch.n;
}

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
	s->lossless = s->kind->lossless;
	bc_counter_set(&s->lateness_ns, cfg->lateness_us * BC_NS_PER_US);
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
	bc_window_clear(&s->window);
	if (holds(s))
		rte_pktmbuf_free_bulk(s->held.batch.mbuf + s->held.first, s->held.batch.n - s->held.first);
	rte_pktmbuf_free_bulk(s->unsure.mbuf, s->unsure.n);
	bc_filter_reader_close(&s->filters);
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

void bc_source_measure_lateness(struct bc_source *const *s, uint32_t n, const struct bc_source_config *cfg)
{
	for (uint32_t i = 0; i < n; i++) {
		bc_lateness_init(&s[i]->lateness, i ? &s[0]->lateness : NULL, cfg->lateness_us * BC_NS_PER_US);
		bc_counter_set(&s[i]->lateness_ns, bc_lateness_promise(&s[i]->lateness));
	}
}

static int describe_host_clock(const void *clock, char *buf, size_t size)
{
	return bc_clock_describe(clock, buf, size);
}

void bc_source_stamp_by_host(struct bc_iface *iface, const struct bc_clock *clock)
{
	iface->stamp = BC_STAMP_SOFTWARE;
	iface->describe_clock = describe_host_clock;
	iface->describe_ctx = clock;
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

	for (uint32_t i = 0; i < b->n; i++) {
		bytes += bc_meta(b->mbuf[i])->wire_len;
		if (__builtin_expect(b->mbuf[i]->nb_segs > s->most_segs, 0))
			s->most_segs = b->mbuf[i]->nb_segs;
	}
	bc_counter_add(&s->account->ingress.received, b->n);
	bc_counter_add(&s->account->ingress.received_bytes, bytes);
}

static void drop_all(struct bc_source *s, struct bc_batch *b, enum bc_loss loss)
{
	rte_pktmbuf_free_bulk(b->mbuf, b->n);
	bc_counter_add(&s->account->ingress.dropped[loss], b->n);
	s->gap += b->n;
}

/* Packets that found no room stay with a source that waits; other sources lose them. */
static void no_room(struct bc_source *s, const struct bc_batch *b, const uint8_t *mask, uint32_t first)
{
	uint32_t n = b->n - first;

	if (s->wait) {
		s->held.batch = *b;
		s->held.masked = mask != NULL;
		s->held.first = first;
		if (mask)
			memcpy(s->held.mask, mask, b->n);
		return;
	}
	rte_pktmbuf_free_bulk((struct rte_mbuf **)b->mbuf + first, n);
	bc_counter_add(&s->account->ingress.dropped[bc_enqueue_loss(s)], n);
	s->gap += n;
}

static void deliver(struct bc_source *s, struct bc_batch *b)
{
	uint8_t mask[BC_BURST];
	uint32_t placed;
	bool filtered;

	if (__builtin_expect(atomic_load_explicit(&s->lost_outside, memory_order_relaxed) != 0, 0))
		s->gap += atomic_exchange_explicit(&s->lost_outside, 0, memory_order_relaxed);
	filtered = bc_classify(s, b, mask);
	placed = bc_enqueue(s, b, filtered ? mask : NULL, 0);
	/* What finds no room is dropped, for every output, and not filtered. */
	if (filtered)
		bc_classify_count(s, mask, placed);
	if (placed < b->n)
		no_room(s, b, filtered ? mask : NULL, placed);
}

/* Packets that wait go before new ones: first those in the window, then those held. Returns how many moved on. */
static uint32_t move_on(struct bc_source *s)
{
	uint32_t n = bc_enqueue_windowed(s), first = s->held.first;

	if (!holds(s))
		return n;
	s->held.first = bc_enqueue(s, &s->held.batch, s->held.masked ? s->held.mask : NULL, first);
	if (s->held.masked)
		bc_classify_count(s, s->held.mask + first, s->held.first - first);
	return n + s->held.first - first;
}

/* Nothing waits between the device and the link, so the device's promise holds for the link. */
static inline bool passed_on(const struct bc_source *s)
{
	return bc_window_empty(&s->window) && !holds(s);
}

static void promise(struct bc_source *s, uint64_t ns)
{
	if (ns > BC_TS_MAX)
		ns = BC_TS_MAX;
	if (ns > s->promised_ns)
		s->promised_ns = ns;
	if (s->promised_ns > s->watermark_ns && passed_on(s)) {
		s->watermark_ns = s->promised_ns;
		bc_link_set_watermark(s->link, s->watermark_ns);
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

/* One round of a source that no longer takes packets from its device. */
static uint32_t wind_up(struct bc_source *s)
{
	uint32_t n = move_on(s);

	if (passed_on(s))
		end(s);
	return n;
}

/* A device's stamps are believed as far as its clock may be; what it promises is seen from them. */
static void hold_to_clock(struct bc_source *s, struct bc_batch *b)
{
	const uint64_t off_ns = s->guard.off_ns;
	uint64_t held_ns;
	uint32_t ahead = b->n ? bc_stamp_guard(&s->guard, b->ts_ns, b->n, b->asked_ns) : 0;

	if (__builtin_expect(ahead != 0, 0))
		bc_counter_add(&s->account->ingress.stamp_ahead, ahead);
	if (__builtin_expect(s->guard.off_ns != off_ns, 0))
		bc_iface_set_off(s->env.ifaces, s->account->iface, s->guard.off_ns);
	if (s->lateness.next && bc_lateness_polled(&s->lateness, b->asked_ns, b->n ? b->ts_ns[0] : 0, b->empty))
		bc_counter_set(&s->lateness_ns, bc_lateness_promise(&s->lateness));
	held_ns = b->empty ? b->asked_ns - (b->lateness_ns ? b->lateness_ns : bc_counter_get(&s->lateness_ns)) : 0;
	/* Each promise has the merge look, which is not worth it more often than the lcore would wake. */
	if (s->buffers_ns >= BUFFERED_NS)
		held_ns -= held_ns % BUFFERED_NS;
	b->watermark_ns = held_ns > s->guard.last_ns ? held_ns : s->guard.last_ns;
}

static void receive(struct bc_source *s, struct bc_batch *b)
{
	b->n = 0;
	b->time = BC_TIME_OWN;
	b->ended = b->more = b->unsure = b->empty = false;
	b->watermark_ns = b->asked_ns = b->lateness_ns = 0;
	s->ops->rx(s, b, BC_BURST);
	if (__builtin_expect(b->unsure, 0))
		b->asked_ns = 0;
}

/* What was stamped about a step of the system clock, once it can be told what was before it. */
static bool resume(struct bc_source *s, struct bc_batch *b)
{
	if (bc_epoch_unknown(s->env.clock))
		return false;
	*b = s->unsure;
	b->asked_ns = bc_clock_utc(s->env.clock);
	b->empty = false;
	s->unsure.n = 0;
	return true;
}

/* One batch from the device to the link. */
static uint32_t take_batch(struct bc_source *s, uint32_t command)
{
	struct bc_batch b;
	uint32_t n;

	if (__builtin_expect(s->unsure.n != 0, 0)) {
		if (!resume(s, &b))
			return 0;
	} else {
		receive(s, &b);
		if (__builtin_expect(b.unsure && b.n, 0)) {
			s->unsure = b;
			return 0;
		}
	}
	n = b.n;
	bc_epoch_mark(s, &b);
	if (b.asked_ns)
		hold_to_clock(s, &b);
	if (n) {
		count_received(s, &b);
		if (command == BC_SOURCE_PAUSE)
			drop_all(s, &b, BC_LOSS_PAUSED);
		else
			deliver(s, &b);
	}
	promise(s, b.watermark_ns);
	if (b.ended && passed_on(s))
		end(s);
	else if (b.ended)
		s->over = true;
	else if (command >= BC_SOURCE_STOP)
		check_drained(s, n, b.more);
	return n;
}

uint32_t bc_source_poll(struct bc_source *s)
{
	uint32_t command = atomic_load_explicit(&s->command, memory_order_acquire);
	uint32_t state = atomic_load_explicit(&s->state, memory_order_relaxed);
	uint32_t moved = 0;

	if (__builtin_expect(state == BC_SOURCE_RUNNING, 1))
		bc_filter_reader_quiescent(&s->filters);
	if (__builtin_expect(state == BC_SOURCE_ENDED, 0))
		return 0;
	if (__builtin_expect(s->over || (state == BC_SOURCE_QUIET && command == BC_SOURCE_END), 0))
		return wind_up(s);
	if (__builtin_expect(!passed_on(s), 0)) {
		moved = move_on(s);
		promise(s, 0);
	}
	if (__builtin_expect(state != BC_SOURCE_RUNNING, 0))
		return moved;
	if (__builtin_expect(command != BC_SOURCE_RUN, 0) && s->kind->blocking) {
		if (command != BC_SOURCE_PAUSE)
			check_drained(s, 0, false);
		return moved;
	}
	if (__builtin_expect(command == BC_SOURCE_PAUSE, 0) && s->keeps_paused)
		return moved;
	if (holds(s) || (s->wait && !bc_enqueue_ready(s)))
		return moved;
	return moved + take_batch(s, command);
}

uint64_t bc_source_buffers_ns(struct bc_source *s)
{
	if (atomic_load_explicit(&s->command, memory_order_relaxed) != BC_SOURCE_RUN || !passed_on(s) ||
	    (s->wait && !bc_enqueue_ready(s)))
		return 0;
	if (s->kind->poll_mode && s->buffers_ns < BUFFERED_NS && s->merge_busy &&
	    atomic_load_explicit(s->merge_busy, memory_order_relaxed))
		return RENEW_NS;
	return s->buffers_ns;
}
