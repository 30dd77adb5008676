/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_indexer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_note.h"
#include "bc_thread.h"
#include "bc_time.h"

#define RING 65536U		/* blocks on their way; a power of two */
#define NOTES_WAITING 32U	/* chunks with notes, before a committer that waits waits */
#define POLL_NS (10 * BC_NS_PER_MS)	/* so that the committer need not wake the thread for each chunk */
#define PART_LEAST 4U		/* how much of a part's bytes are worth one of their own */
#define ROUNDS_IDLE 100U	/* then it sleeps until it is woken */

enum word { BEGIN, BLOCK, END };

struct message {
	enum word word;
	uint32_t segment;		/* a message of an older one is passed over */
	struct bc_index_block block;	/* of BEGIN only file_at */
	uint32_t beside;		/* bytes before compression that must be in the same part, behind the block */
	bool inside;			/* it must be in that of the block before */
	bool noted;			/* there are notes of its packets */
	uint32_t n_blocks;		/* that the notes are of, this one being the last */
	struct bc_notes *notes;		/* NULL: they come with another */
};

struct result {
	struct result *next;
	uint32_t segment;
	struct bc_indexer_part part;
};

struct bc_indexer {
	struct bc_indexer_config cfg;
	struct bc_indexer_stats stats;
	pthread_t thread;
	bool started;
	struct message *ring;
	_Atomic uint32_t head;		/* the thread writes */
	_Atomic uint32_t tail;		/* the committer writes */
	_Atomic uint32_t segment;	/* the one that is written, from 1 on; the committer writes */
	_Atomic uint32_t failed;	/* one of whose parts nothing could be told; the thread writes */
	_Atomic bool sleeping, ending, hurried;
	uint32_t reclaimed;		/* the committer's: messages whose notes went back to their pool, so that no lane waits for the thread */
	uint32_t notes_out;		/* chunks whose notes did not */
	sem_t work, done;
	pthread_mutex_t lock;		/* of the results */
	struct result *first, **end;

	struct bc_flow_table *table;	/* the thread's, as the rest */
	uint64_t skipped;
	uint64_t file_at, plain_at;	/* behind what the table has */
};

static void wait_ns(sem_t *s, uint64_t ns)
{
	uint64_t until_ns = bc_mono_ns() + ns;
	struct timespec until = { .tv_sec = (time_t)(until_ns / BC_NS_PER_S), .tv_nsec = (long)(until_ns % BC_NS_PER_S) };

	sem_clockwait(s, CLOCK_MONOTONIC, &until);
}

/* ---- the thread ---- */

static void give(struct bc_indexer *x, struct result *r)
{
	pthread_mutex_lock(&x->lock);
	*x->end = r;
	x->end = &r->next;
	pthread_mutex_unlock(&x->lock);
	sem_post(&x->done);
}

static void fail(struct bc_indexer *x, uint32_t segment)
{
	atomic_store(&x->failed, segment);
	sem_post(&x->done);
}

/* Of what was told so far. Without memory for it, the segment can have no index. */
static void make_part(struct bc_indexer *x, uint32_t segment, bool last)
{
	struct result *r = calloc(1, sizeof(*r));

	if (!r) {
		fail(x, segment);
		return;
	}
	r->segment = segment;
	r->part.last = last;
	if (bc_flow_table_blocks(x->table))
		r->part.err = bc_flow_table_encode(x->table, &r->part.bytes, &r->part.filter, &r->part.part);
	give(x, r);
	bc_flow_table_begin(x->table, x->file_at, x->plain_at);
}

/* A part that is large enough is ended early rather than told without ports, or not at all. */
static bool part_is_full(const struct bc_indexer *x, const struct message *next)
{
	uint64_t plain = bc_flow_table_plain_bytes(x->table);

	if (next->inside || !bc_flow_table_blocks(x->table))
		return false;
	return bc_flow_table_blocks(x->table) > BC_INDEX_BLOCKS_MAX - BC_MAX_SLICES ||
	       plain + next->block.plain_len + next->beside > x->cfg.part_bytes ||
	       (bc_flow_table_tight(x->table) && plain > x->cfg.part_bytes / PART_LEAST);
}

static void take_block(struct bc_indexer *x, const struct message *m)
{
	uint64_t skipped;

	if (part_is_full(x, m))
		make_part(x, m->segment, false);
	bc_flow_table_block(x->table, &m->block);
	x->file_at += m->block.file_len;
	x->plain_at += m->block.plain_len;
	if (x->cfg.flows && m->notes)
		bc_notes_feed(m->notes, x->table, m->n_blocks);
	else if (x->cfg.flows && m->block.packets && !m->noted)
		bc_flow_table_unindexed(x->table);
	skipped = bc_flow_table_skipped(x->table);
	bc_counter_add(&x->stats.unknown, skipped - x->skipped);
	x->skipped = skipped;
}

static void take_message(struct bc_indexer *x, const struct message *m)
{
	bool current = m->segment == atomic_load_explicit(&x->segment, memory_order_relaxed);

	if (current && m->word == BEGIN) {
		x->file_at = m->block.file_at;
		x->plain_at = 0;
		bc_flow_table_begin(x->table, x->file_at, 0);
	} else if (current && m->word == BLOCK) {
		take_block(x, m);
	} else if (current) {
		make_part(x, m->segment, true);
	}
}

/*
 * Where each CPU has a busy thread, one of SCHED_IDLE gets little of it, but a slice of milliseconds at a time: more than a device
 * buffers. So it leaves it to them as often as it can.
 */
static void leave_cpu(void *arg)
{
	const struct bc_indexer *x = arg;

	if (!atomic_load_explicit(&x->hurried, memory_order_relaxed))
		sched_yield();
}

static bool take_messages(struct bc_indexer *x)
{
	uint32_t head = atomic_load_explicit(&x->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&x->tail, memory_order_acquire);

	if (head == tail)
		return false;
	for (; head != tail && !atomic_load_explicit(&x->ending, memory_order_relaxed); head++) {
		const struct message *m = &x->ring[head % RING];
		/* Looked at before it may be written anew. */
		bool noted = m->notes;

		take_message(x, m);
		atomic_store_explicit(&x->head, head + 1, memory_order_release);
		if (noted && x->cfg.waits)
			sem_post(&x->done);
		else if (noted)
			leave_cpu(x);
	}
	return true;
}

/* Until the committer wakes it; it looks once more after having said so. */
static void sleep_long(struct bc_indexer *x)
{
	atomic_store(&x->sleeping, true);
	if (atomic_load(&x->head) == atomic_load(&x->tail) && !atomic_load(&x->ending))
		sem_wait(&x->work);
	atomic_store(&x->sleeping, false);
}

static void set_policy(pthread_t thread, int policy)
{
	pthread_setschedparam(thread, policy, &(struct sched_param){ 0 });
}

static void *run(void *arg)
{
	struct bc_indexer *x = arg;
	uint32_t idle = 0;

	/* It gets what others leave, unless they wait for it; where that is refused it is one of them. */
	if (!x->cfg.waits) {
		set_policy(pthread_self(), SCHED_IDLE);
		if (atomic_load(&x->hurried))
			set_policy(pthread_self(), SCHED_OTHER);
		bc_flow_table_pauses(x->table, leave_cpu, x);
	}
	while (!atomic_load(&x->ending)) {
		if (take_messages(x))
			idle = 0;
		else if (++idle < ROUNDS_IDLE)
			wait_ns(&x->work, POLL_NS);
		else
			sleep_long(x);
	}
	return NULL;
}

/* ---- the committer ---- */

static void wake(struct bc_indexer *x, bool now)
{
	if (now || atomic_load(&x->sleeping))
		sem_post(&x->work);
}

void bc_indexer_reclaim(struct bc_indexer *x)
{
	uint32_t head = atomic_load_explicit(&x->head, memory_order_acquire);

	for (; x->reclaimed != head; x->reclaimed++) {
		const struct message *m = &x->ring[x->reclaimed % RING];

		if (!m->notes)
			continue;
		bc_notes_free(m->notes, x->cfg.notes);
		x->notes_out--;
	}
}

bool bc_indexer_busy(const struct bc_indexer *x)
{
	return x->notes_out > 0;
}

/* Room for a message; false: there is none. */
static bool room(struct bc_indexer *x)
{
	uint32_t tail = atomic_load_explicit(&x->tail, memory_order_relaxed);

	for (;;) {
		bc_indexer_reclaim(x);
		if (tail - x->reclaimed < RING)
			return true;
		wake(x, true);
		if (!x->cfg.waits)
			return false;
		wait_ns(&x->done, POLL_NS);
	}
}

static bool put(struct bc_indexer *x, const struct message *m)
{
	uint32_t tail = atomic_load_explicit(&x->tail, memory_order_relaxed);

	if (!room(x))
		return false;
	x->ring[tail % RING] = *m;
	x->ring[tail % RING].segment = atomic_load_explicit(&x->segment, memory_order_relaxed);
	atomic_store(&x->tail, tail + 1);
	wake(x, m->word == END);
	return true;
}

bool bc_indexer_begin(struct bc_indexer *x, uint64_t file_at)
{
	atomic_fetch_add(&x->segment, 1);
	return put(x, &(struct message){ .word = BEGIN, .block.file_at = file_at });
}

bool bc_indexer_block(struct bc_indexer *x, const struct bc_index_block *b)
{
	return put(x, &(struct message){ .word = BLOCK, .block = *b });
}

static void await_notes(struct bc_indexer *x)
{
	while (x->cfg.waits && x->notes_out > NOTES_WAITING) {
		wake(x, true);
		wait_ns(&x->done, POLL_NS);
		bc_indexer_reclaim(x);
	}
}

bool bc_indexer_packets(struct bc_indexer *x, struct bc_chunk *k, uint32_t first, uint32_t last, const struct bc_index_block *b)
{
	bool last_block = last == k->n_slices - 1;
	struct message m = { .word = BLOCK, .block = *b, .inside = first, .noted = k->notes };

	for (uint32_t i = last + 1; !first && i < k->n_slices; i++)
		m.beside += k->slice[i].len;
	if (last_block) {
		m.n_blocks = first ? k->n_slices : 1;
		m.notes = k->notes;
	}
	if (x->cfg.flows && !k->notes)
		bc_counter_add(&x->stats.unnoted, b->packets);
	if (!put(x, &m))
		return false;
	if (m.notes) {
		k->notes = NULL;
		x->notes_out++;
		await_notes(x);
	}
	return true;
}

bool bc_indexer_end(struct bc_indexer *x)
{
	return put(x, &(struct message){ .word = END });
}

static void free_result(struct result *r)
{
	free(r->part.bytes.p);
	free(r->part.filter.p);
	free(r);
}

bool bc_indexer_take(struct bc_indexer *x, struct bc_indexer_part *ret)
{
	uint32_t segment = atomic_load_explicit(&x->segment, memory_order_relaxed);
	struct result *r;

	if (atomic_load(&x->failed) == segment) {
		*ret = (struct bc_indexer_part){ .last = true, .err = -ENOMEM };
		return true;
	}
	for (;;) {
		/* Not waited for: whoever has it may not get a CPU. */
		if (pthread_mutex_trylock(&x->lock))
			return false;
		r = x->first;
		if (r)
			x->first = r->next;
		if (!x->first)
			x->end = &x->first;
		pthread_mutex_unlock(&x->lock);
		if (!r)
			return false;
		if (r->segment == segment)
			break;
		free_result(r);
	}
	*ret = r->part;
	free(r);
	return true;
}

void bc_indexer_await(struct bc_indexer *x, uint64_t ns)
{
	wait_ns(&x->done, ns);
}

/* ---- */

struct bc_indexer_stats *bc_indexer_stats(struct bc_indexer *x)
{
	return &x->stats;
}

bool bc_indexer_waits(const struct bc_indexer *x)
{
	return x->cfg.waits;
}

int bc_indexer_new(const struct bc_indexer_config *cfg, struct bc_indexer **ret, struct bc_err *err)
{
	struct bc_indexer *x = calloc(1, sizeof(*x));

	if (!x)
		return bc_err_set(err, -ENOMEM, "no memory for the index");
	x->cfg = *cfg;
	if (!x->cfg.part_bytes)
		x->cfg.part_bytes = BC_INDEX_PART_BYTES;
	x->end = &x->first;
	sem_init(&x->work, 0, 0);
	sem_init(&x->done, 0, 0);
	pthread_mutex_init(&x->lock, NULL);
	x->ring = calloc(RING, sizeof(*x->ring));
	x->table = bc_flow_table_new(cfg->memory, cfg->flows);
	if (!x->ring || !x->table) {
		bc_indexer_free(x);
		return bc_err_set(err, -ENOMEM, "no memory for the index");
	}
	*ret = x;
	return 0;
}

int bc_indexer_start(struct bc_indexer *x)
{
	int r = bc_thread_start(&x->thread, "bc-index", run, x);

	x->started = !r;
	return r;
}

void bc_indexer_hurry(struct bc_indexer *x)
{
	atomic_store(&x->hurried, true);
	if (x->started)
		set_policy(x->thread, SCHED_OTHER);
}

void bc_indexer_free(struct bc_indexer *x)
{
	if (!x)
		return;
	atomic_store(&x->ending, true);
	sem_post(&x->work);
	if (x->started)
		pthread_join(x->thread, NULL);
	while (x->first) {
		struct result *r = x->first;

		x->first = r->next;
		free_result(r);
	}
	bc_flow_table_free(x->table);
	free(x->ring);
	pthread_mutex_destroy(&x->lock);
	sem_destroy(&x->work);
	sem_destroy(&x->done);
	free(x);
}
