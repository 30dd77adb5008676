/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_merge.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/*
 * Runs shorter than this on average, in quarters of a packet, are not looked for: to find what bounds a run, and to guess its length
 * wrong, costs more than to play the matches of each packet. What ENOUGH packets were like, the next ones will be.
 */
#define SHORT_RUN 9
#define ENOUGH 64

/* Packets for which room is asked for at once. */
#define WINDOW 1024
/* Of that, what bc_chunker_ready() leaves free beside the room for a chunk's end. */
#define READY_ROOM 2

/* Where a packet passes each so many ns, those that wait for an idle source's promise soon fill a link. */
#define BUSY_NS 4000U

/* Rounds that bring packets, of which one is looked at for the delay. */
#define DELAY_ROUNDS 8

/* One link as the tree sees it. */
struct leaf {
	struct bc_link *link;
	const struct bc_desc *d;	/* window of n descriptors that lie in one piece */
	uint32_t n;			/* 0: empty, and key is the watermark */
	uint32_t taken;			/* packets before d that went out; release() counts them and gives their room back */
	bool blocking;			/* waited for however long it takes */
	bool forced;			/* gone on without; key is BC_WATERMARK_END until it moves */
	uint64_t key;			/* time of the first packet, or the watermark */
	uint64_t forced_wm_ns;		/* the watermark that it was forced at */
};

/*
 * Who plays a match: the key above, the leaf below, so that equal times come in the order of the links. As one number it is compared
 * and selected without a branch, which would be guessed wrong as often as not; and a match needs no look at the leaf.
 */
typedef unsigned __int128 player_t;

/* A winner without packets, and since when it has neither promised nor delivered anything; 0: there is none. */
struct silence {
	uint32_t leaf;
	uint64_t key, merged;
	uint64_t since_ns;
};

/* Packets written into the room of an output's open chunk, n of them, that the chunker does not know of yet. */
struct staged {
	struct bc_chunker_room room;
	uint32_t n, bytes;
};

struct bc_merge {
	struct bc_merge_config cfg;
	uint64_t touched[BC_MAX_SOURCES / 64];	/* leaves that have taken packets */
	struct staged staged[BC_MAX_OUTPUTS];	/* where there are several outputs */
	bool staging;			/* they are in use; hand_over() before any other call of a chunker */
	player_t *loser;		/* loser[1..n-1]; node i has the children 2i and 2i+1; in the same memory as the leaves */
	uint32_t winner;
	uint32_t runs;			/* in this round */
	bool singly;			/* they were short in the last one */
	uint32_t n_forced;
	uint64_t last_ns;		/* youngest that was emitted */
	uint64_t left;			/* packets until count is reached */
	uint32_t delay_round;
	struct silence stuck, silent;	/* as others' packets wait for it; whether any do or not */
	bool started;
	bool finished;
	_Atomic uint64_t emitted_ns;
	_Atomic bool blocked;
	uint32_t emitted;		/* since the last tick, at ticked_ns */
	uint64_t ticked_ns;
	_Atomic bool busy;
	struct leaf leaf[];		/* n_links of them */
};

static inline player_t player(const struct bc_merge *m, uint32_t leaf)
{
	return (player_t)m->leaf[leaf].key << 64 | leaf;
}

/* Once for many runs: count what went out of leaf i, and give its room in the link back. */
static void release(struct bc_merge *m, uint32_t i)
{
	struct leaf *l = &m->leaf[i];

	bc_counter_add(&m->cfg.ledger->source[i].merge.merged, l->taken);
	bc_link_pop(l->link, l->taken);
	l->taken = 0;
}

static void release_all(struct bc_merge *m)
{
	for (uint32_t w = 0; w <= (m->cfg.n_links - 1) / 64; w++) {
		for (uint64_t left = m->touched[w]; left; left &= left - 1)
			release(m, w * 64 + (uint32_t)__builtin_ctzll(left));
		m->touched[w] = 0;
	}
}

static void refill(struct bc_merge *m, uint32_t i)
{
	struct leaf *l = &m->leaf[i];
	uint64_t wm = bc_link_watermark(l->link);

	if (l->taken)
		release(m, i);
	l->n = bc_link_peek(l->link, &l->d);
	if (l->forced) {
		if (!l->n && wm == l->forced_wm_ns)
			return;
		l->forced = false;
		m->n_forced--;
	}
	l->key = l->n ? l->d->ts_ns : wm;
}

/* The winner's key has changed: play its matches again, from the leaf up. Returns who has won. */
static inline uint32_t replay(struct bc_merge *m, uint32_t winner)
{
	player_t w = player(m, winner);

	for (uint32_t node = (winner + m->cfg.n_links) / 2; node; node /= 2) {
		player_t l = m->loser[node], up = l < w ? l : w;

		m->loser[node] = l ^ w ^ up;
		w = up;
	}
	return (uint32_t)w;
}

static player_t play(struct bc_merge *m, uint32_t node)
{
	player_t a, b;

	if (node >= m->cfg.n_links)
		return player(m, node - m->cfg.n_links);
	a = play(m, 2 * node);
	b = play(m, 2 * node + 1);
	m->loser[node] = a < b ? b : a;
	return a < b ? a : b;
}

static void build(struct bc_merge *m)
{
	m->winner = (uint32_t)play(m, 1);
}

/* The last time that the winner may emit: the runner-up's, or just before it if the winner goes second among equals. */
static inline uint64_t limit_of(const struct bc_merge *m, uint32_t winner)
{
	player_t r = ~(player_t)0;

	for (uint32_t node = (winner + m->cfg.n_links) / 2; node; node /= 2)
		r = m->loser[node] < r ? m->loser[node] : r;
	return (uint64_t)(r >> 64) - ((uint64_t)r < winner);
}

static void hand_over(struct bc_merge *m)
{
	for (uint32_t o = 0; m->staging && o < m->cfg.n_outputs; o++)
		bc_chunker_wrote(m->cfg.output[o], m->staged[o].n, m->staged[o].bytes);
	m->staging = false;
}

/* Room in each open chunk for as many packets as bc_chunker_ready() would let pass one by one. */
static void begin_staging(struct bc_merge *m)
{
	for (uint32_t o = 0; o < m->cfg.n_outputs; o++) {
		struct bc_chunker_room r = bc_chunker_room(m->cfg.output[o], WINDOW);

		r.n = r.n > READY_ROOM && bc_chunker_ready(m->cfg.output[o]) ? r.n - READY_ROOM : 0;
		m->staged[o] = (struct staged){ .room = r, .bytes = r.bytes };
	}
	m->staging = true;
}

/* Straight into the open chunks of all that want it; false: nothing was done. */
static inline bool stage(struct bc_merge *m, const struct bc_desc *d, uint32_t source)
{
	for (uint32_t left = bc_desc_outputs(d); left; left &= left - 1) {
		const struct staged *p = &m->staged[__builtin_ctz(left)];

		if (p->n == p->room.n || d->ts_ns >= p->room.due_ns || p->bytes + bc_chunker_bytes(&p->room, d) > p->room.sure)
			return false;
	}
	for (uint32_t left = bc_desc_outputs(d); left; left &= left - 1) {
		struct staged *p = &m->staged[__builtin_ctz(left)];

		p->room.slot[p->n++] = *d;
		p->bytes += bc_chunker_bytes(&p->room, d);
		p->room.from[source]++;
	}
	return true;
}

/* Through the chunkers, which may end chunks and segments; false: one has no room, nothing was done. */
static bool put_each(struct bc_merge *m, const struct bc_desc *d, uint32_t source)
{
	uint32_t mask = bc_desc_outputs(d);

	for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
		if (mask >> o & 1 && !bc_chunker_ready(m->cfg.output[o]))
			return false;
	for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
		if (mask >> o & 1)
			bc_chunker_put(m->cfg.output[o], d, 1, source);
	return true;
}

static uint32_t emit_to_several(struct bc_merge *m, const struct bc_desc *d, uint32_t n, uint32_t source)
{
	for (uint32_t k = 0; k < n; k++) {
		if (m->staging && stage(m, &d[k], source))
			continue;
		hand_over(m);
		if (!put_each(m, &d[k], source))
			return k;
		begin_staging(m);
	}
	return n;
}

/* n packets went out: those that -c allows are so many fewer. */
static void count_down(struct bc_merge *m, uint32_t n)
{
	if (!m->cfg.count)
		return;
	m->left -= n;
	if (!m->left && m->cfg.limit_reached)
		atomic_store_explicit(m->cfg.limit_reached, true, memory_order_release);
}

/* An output's last segment has ended, and with it the capture. */
static void look_if_over(struct bc_merge *m)
{
	if (!bc_chunker_over(m->cfg.output[0]))
		return;
	m->left = 0;
	if (m->cfg.limit_reached)
		atomic_store_explicit(m->cfg.limit_reached, true, memory_order_release);
}

static uint32_t emit(struct bc_merge *m, const struct bc_desc *d, uint32_t n, uint32_t source)
{
	struct bc_source_account *a = &m->cfg.ledger->source[source];

	if (m->left == 0) {
		for (uint32_t k = 0; k < n; k++)
			for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
				bc_counter_add(&a->merge.past_end[o], bc_desc_outputs(&d[k]) >> o & 1);
		m->cfg.drop(m->cfg.drop_ctx, d, n);
		return n;
	}
	if (n > m->left)
		n = (uint32_t)m->left;
	n = m->cfg.n_outputs == 1 ? bc_chunker_put(m->cfg.output[0], d, n, source) : emit_to_several(m, d, n, source);
	count_down(m, n);
	look_if_over(m);
	return n;
}

/* n packets of leaf i, late ones among them, went out. */
static inline void advance(struct bc_merge *m, uint32_t i, uint32_t n, uint32_t late)
{
	struct leaf *l = &m->leaf[i];

	if (late)
		bc_counter_add(&m->cfg.ledger->source[i].merge.late, late);
	m->touched[i / 64] |= 1ULL << i % 64;
	l->taken += n;
	l->d += n;
	l->n -= n;
	if (l->n)
		l->key = l->d->ts_ns;
	else
		refill(m, i);
}

/* Emit the head of the winner's window, up to limit; returns how many packets, 0 if an output has no room. */
static uint32_t emit_run(struct bc_merge *m, uint64_t limit, uint32_t budget)
{
	struct leaf *l = &m->leaf[m->winner];
	uint32_t n = l->n < budget ? l->n : budget, run = 1, late = 0, taken;
	uint64_t last = m->last_ns;

	while (run < n && l->d[run].ts_ns <= limit)
		run++;
	taken = emit(m, l->d, run, m->winner);
	for (uint32_t k = 0; k < taken; k++) {
		late += l->d[k].ts_ns < last;
		last = l->d[k].ts_ns < last ? last : l->d[k].ts_ns;
	}
	if (!taken)
		return 0;
	m->last_ns = last;
	advance(m, m->winner, taken, late);
	m->winner = replay(m, m->winner);
	return taken;
}

/*
 * For a single output: run by run, or packet by packet, straight into its open chunk, where a call for each would cost more than the
 * packets do. Returns how many packets, 0 if the next one ends the chunk or finds no room.
 */
static inline __attribute__((always_inline)) uint32_t emit_direct(struct bc_merge *m, uint32_t budget, bool singly)
{
	const struct bc_chunker_room r = bc_chunker_room(m->cfg.output[0], budget);
	uint32_t n = 0, bytes = r.bytes, runs = 0, winner = m->winner, next;
	uint64_t last = m->last_ns;
	struct leaf *l;

	for (; n < r.n && (l = &m->leaf[winner])->n; winner = next) {
		const uint32_t most = l->n < r.n - n ? l->n : r.n - n;
		uint64_t limit = singly ? 0 : limit_of(m, winner), ts = l->key;
		const struct bc_desc *d = l->d;
		struct bc_desc *slot = r.slot + n;
		uint32_t k = 0, late = 0;

		if (ts >= r.due_ns || ts < r.back_ns)
			break;
		if (limit >= r.due_ns)
			limit = r.due_ns - 1;
		do {
			uint32_t more = bytes + bc_chunker_bytes(&r, &d[k]);

			if (more > r.sure)
				break;
			if (__builtin_expect(ts >= last, 1))
				last = ts;
			else if (ts < r.back_ns)
				break;
			else
				late++;
			bytes = more;
			slot[k] = d[k];
			k++;
		} while (!singly && k < most && (ts = d[k].ts_ns) <= limit);
		if (!k)
			break;
		n += k;
		r.from[winner] += k;
		advance(m, winner, k, late);
		next = replay(m, winner);
		runs += next != winner;
	}
	m->winner = winner;
	m->last_ns = last;
	m->runs += runs;
	bc_chunker_wrote(m->cfg.output[0], n, bytes);
	count_down(m, n);
	look_if_over(m);
	return n;
}

/* What was gone on without may have moved again. */
static void rejoin(struct bc_merge *m)
{
	uint32_t was = m->n_forced;

	for (uint32_t i = 0; i < m->cfg.n_links; i++)
		if (m->leaf[i].forced)
			refill(m, i);
	if (m->n_forced != was)
		build(m);
}

/* Of n packets that lanes have just got, the first and the last stand for one half each. */
static void note_delay(struct bc_merge *m, uint64_t first_ns, uint64_t last_ns, uint32_t n)
{
	struct bc_histogram *h = &m->cfg.ledger->merge_delay;
	uint64_t now_ns;

	if (!m->cfg.now_ns || m->delay_round++ % DELAY_ROUNDS)
		return;
	now_ns = m->cfg.now_ns(m->cfg.now_ctx);
	bc_histogram_add(h, now_ns > last_ns ? now_ns - last_ns : 0, n - n / 2);
	if (n > 1)
		bc_histogram_add(h, now_ns > first_ns ? now_ns - first_ns : 0, n / 2);
}

static void start(struct bc_merge *m)
{
	for (uint32_t i = 0; i < m->cfg.n_links; i++)
		refill(m, i);
	build(m);
	m->started = true;
}

uint32_t bc_merge_poll(struct bc_merge *m, uint32_t budget)
{
	uint32_t emitted = 0;
	uint64_t first_ns = 0;
	bool blocked = false;

	if (!m->started)
		start(m);
	if (m->n_forced)
		rejoin(m);
	m->runs = 0;
	while (emitted < budget) {
		struct leaf *l = &m->leaf[m->winner];
		uint32_t want = budget - emitted, taken = 0;

		if (!l->n) {
			uint64_t old = l->key;

			refill(m, m->winner);
			if (!l->n && l->key == old)
				break;
			m->winner = replay(m, m->winner);
			continue;
		}
		if (!emitted)
			first_ns = l->key;
		if (m->cfg.n_outputs == 1 && m->left) {
			want = want < m->left ? want : (uint32_t)m->left;
			taken = m->singly ? emit_direct(m, want, true) : emit_direct(m, want, false);
		}
		if (!taken)
			taken = emit_run(m, limit_of(m, m->winner), budget - emitted);
		if (!taken) {
			blocked = true;
			break;
		}
		emitted += taken;
	}
	hand_over(m);
	release_all(m);
	m->emitted += emitted;
	if (blocked != atomic_load_explicit(&m->blocked, memory_order_relaxed))
		atomic_store_explicit(&m->blocked, blocked, memory_order_relaxed);
	if (emitted >= ENOUGH)
		m->singly = 4ULL * emitted < SHORT_RUN * (uint64_t)m->runs;
	if (emitted) {
		atomic_store_explicit(&m->emitted_ns, m->last_ns, memory_order_relaxed);
		note_delay(m, first_ns, m->last_ns, emitted);
	}
	return emitted;
}

static bool anyone_waits(const struct bc_merge *m)
{
	for (uint32_t i = 0; i < m->cfg.n_links; i++)
		if (m->leaf[i].n || bc_link_fill(m->leaf[i].link))
			return true;
	return false;
}

static void go_on_without(struct bc_merge *m, struct leaf *l)
{
	l->forced = true;
	l->forced_wm_ns = l->key;
	l->key = BC_WATERMARK_END;
	m->n_forced++;
	m->stuck.since_ns = 0;
	m->winner = replay(m, m->winner);
}

/*
 * For how long the winner, which has no packets, has been silent at each look. What it delivers from its overflow blocks leaves its
 * watermark where it was.
 */
static uint64_t silent_ns(const struct bc_merge *m, struct silence *s, uint64_t mono_ns)
{
	const uint64_t key = m->leaf[m->winner].key, merged = bc_counter_get(&m->cfg.ledger->source[m->winner].merge.merged);

	if (!s->since_ns || s->leaf != m->winner || s->key != key || s->merged != merged)
		*s = (struct silence){ .leaf = m->winner, .key = key, .merged = merged, .since_ns = mono_ns };
	return mono_ns - s->since_ns;
}

/* Go on without the source that keeps packets of others waiting: if it is absent at once, otherwise after max_wait. */
static bool force(struct bc_merge *m, uint64_t mono_ns)
{
	struct leaf *l = &m->leaf[m->winner];

	if (l->n || l->key == BC_WATERMARK_END || l->blocking || !anyone_waits(m)) {
		m->stuck.since_ns = 0;
		return false;
	}
	if (bc_link_absent(l->link)) {
		go_on_without(m, l);
		return true;
	}
	if (silent_ns(m, &m->stuck, mono_ns) < m->cfg.max_wait_ns)
		return false;
	bc_counter_add(&m->cfg.ledger->source[m->winner].merge.forced, 1);
	go_on_without(m, l);
	return true;
}

/* Where a source asked for it and all that it sent before is with the outputs. */
static bool end_segments(struct bc_merge *m)
{
	bool did = false;

	for (uint32_t i = 0; i < m->cfg.n_links; i++) {
		struct bc_link *l = m->leaf[i].link;
		bool ended = true;

		if (!bc_link_barrier_asked(l) || bc_link_fill(l))
			continue;
		for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
			ended &= bc_chunker_cut(m->cfg.output[o]);
		if (ended)
			bc_link_barrier_passed(l);
		did = true;
	}
	return did;
}

static bool all_ended(struct bc_merge *m)
{
	for (uint32_t i = 0; i < m->cfg.n_links; i++) {
		const struct bc_desc *d;

		if (bc_link_watermark(m->leaf[i].link) != BC_WATERMARK_END || bc_link_peek(m->leaf[i].link, &d))
			return false;
	}
	return true;
}

/*
 * The time before which nothing more will come; 0: unknown. When the stream has stood still for longer than anyone is waited for, the
 * clock goes on in its place.
 */
static uint64_t stream_ns(struct bc_merge *m, uint64_t mono_ns)
{
	const struct leaf *l = &m->leaf[m->winner];

	if (l->n) {
		m->silent.since_ns = 0;
	} else if (silent_ns(m, &m->silent, mono_ns) > m->cfg.max_wait_ns && m->cfg.now_ns) {
		uint64_t now_ns = m->cfg.now_ns(m->cfg.now_ctx) - m->cfg.max_wait_ns;

		return l->key != BC_WATERMARK_END && l->key > now_ns ? l->key : now_ns;
	}
	return l->key == BC_WATERMARK_END ? 0 : l->key;
}

static void look_how_busy(struct bc_merge *m, uint64_t mono_ns)
{
	bool busy = (uint64_t)m->emitted * BUSY_NS >= mono_ns - m->ticked_ns;

	if (busy != atomic_load_explicit(&m->busy, memory_order_relaxed))
		atomic_store_explicit(&m->busy, busy, memory_order_relaxed);
	m->emitted = 0;
	m->ticked_ns = mono_ns;
}

bool bc_merge_tick(struct bc_merge *m, uint64_t mono_ns)
{
	bool did = false;
	uint64_t ns;

	look_how_busy(m, mono_ns);
	if (!m->started || m->finished)
		return false;
	if (all_ended(m)) {
		m->finished = true;
		for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
			m->finished &= bc_chunker_finish(m->cfg.output[o]);
		return true;
	}
	ns = stream_ns(m, mono_ns);
	for (uint32_t o = 0; o < m->cfg.n_outputs; o++)
		did |= bc_chunker_tick(m->cfg.output[o], mono_ns, ns);
	look_if_over(m);
	did |= end_segments(m);
	/* Of those that are absent, all. */
	while (force(m, mono_ns))
		did = true;
	return did;
}

bool bc_merge_done(const struct bc_merge *m)
{
	return m->finished;
}

uint64_t bc_merge_emitted_ns(const struct bc_merge *m)
{
	return atomic_load_explicit(&m->emitted_ns, memory_order_relaxed);
}

const _Atomic bool *bc_merge_blocked(const struct bc_merge *m)
{
	return &m->blocked;
}

const _Atomic bool *bc_merge_busy(const struct bc_merge *m)
{
	return &m->busy;
}

struct bc_merge *bc_merge_new(const struct bc_merge_config *cfg)
{
	size_t leaves = (sizeof(struct bc_merge) + cfg->n_links * sizeof(struct leaf) + alignof(player_t) - 1) & ~(alignof(player_t) - 1);
	struct bc_merge *m = calloc(1, leaves + cfg->n_links * sizeof(player_t));

	if (!m)
		return NULL;
	m->cfg = *cfg;
	m->cfg.link = NULL;
	m->cfg.blocking = NULL;
	m->loser = (player_t *)((uint8_t *)m + leaves);
	m->left = cfg->count ? cfg->count : UINT64_MAX;
	for (uint32_t i = 0; i < cfg->n_links; i++) {
		m->leaf[i].link = cfg->link[i];
		m->leaf[i].blocking = cfg->blocking && cfg->blocking[i];
	}
	return m;
}

void bc_merge_free(struct bc_merge *m)
{
	free(m);
}
