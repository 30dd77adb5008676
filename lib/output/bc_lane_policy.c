/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lane_policy.h"

#include <stddef.h>

/*
 * Longer than the committer takes to write a chunk into a page cache, or to get the CPU; a disk may well take longer.
 */
#define PATIENCE_NS (2 * BC_NS_PER_MS)
/* One small round may only be a gap between two bursts of a flood, unless the devices buffer what arrives meanwhile. */
#define CALM_ROUNDS 8
#define CALM_ROUNDS_KEPT 1

/* Packets after which a round is so busy that compressing waits, as long as half of the buffers are free. */
#define BUSY_ROUND 512
/* The same where the sources take turns with the lane, so that a round cannot bring more than a burst of each. */
#define BUSY_ROUND_SHARED 64

/* Chunks that a blocking lane has packed before it compresses the first: more would have left the caches by then. */
#define AHEAD 2
/*
 * Chunks of each lane that the committer has not written, above which a blocking one packs no more, for the same reason. On one CPU
 * they take turns: fewer, for the smaller caches, and the lane goes on when few are left, so as not to be woken for each of them.
 */
#define BEHIND 16
#define BEHIND_ONE_CPU 4
#define BEHIND_LEFT 1

/* Finished chunks for which a busy lane wakes the committer once: on a shared CPU each waking costs more than writing the chunk. */
#define TOGETHER 4
/* Packets that make a round busy in this sense. */
#define BUSY_WAKING 64

/* The pressure ladder: the share of all buffers, in eighths, that this output's lanes have waiting, and what is done from there on. */
static const struct {
	uint32_t eighths;
	int acceleration;	/* 0: store */
} ladder[] = { { 6, 0 }, { 4, 32 }, { 2, 8 } };
/*
 * In a flood chunks are dealt with while they are in the cache, four at a time for their checksums. Compressing headers may then take
 * 1 part in so many of the time, and records must not be too small for it to pay.
 */
#define FLOOD_TOGETHER 4
#define FLOOD_HEADERS_PART 4
#define FLOOD_RECORD_MIN 192

/* And from where on the index has to do without their packets, if a source would lose any by waiting. */
#define UNNOTED_EIGHTHS 1

/*
 * If a chunk shrinks by less than 1 part in this many, compressing it is not worth the time. Samples have less
 * context, hence their own number.
 */
#define WORTH 12
#define SAMPLE_WORTH 20
/* Compressing headers only takes hardly longer than storing. */
#define HEADERS_WORTH 40
/* Chunks between two samples, at the most; it is never more than those already stored. */
#define UNTRIED_MAX 8U

struct bc_lane_mode bc_lane_mode(const struct bc_lane_capture *c)
{
	struct bc_lane_mode m = { .accelerate = c->accelerate && c->lossy, .one_cpu = c->one_cpu };

	if (!c->lossy)
		m.patience_ns = PATIENCE_NS;
	else if (c->one_lcore)
		m.calm_rounds = c->drop_on_full ? CALM_ROUNDS : CALM_ROUNDS_KEPT;
	return m;
}

static bool plenty(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	return s->free > p->buffers / 2;
}

bool bc_lane_far_ahead(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	uint32_t behind = p->mode.one_cpu ? BEHIND_ONE_CPU : BEHIND;

	/* The chunk that the committer waits for must be packed, however many chunks the other lanes have finished. */
	return bc_lane_blocking(p) && !s->awaited && p->buffers - s->free >= (s->held + behind) * p->n_lanes;
}

enum bc_lane_intake bc_lane_intake(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	/* The buffers are there for times when the committer makes no progress because a disk stalls or is full. */
	if (bc_lane_far_ahead(p, s) && s->stalled_ns < p->mode.patience_ns)
		return p->mode.one_cpu ? BC_LANE_WAIT : BC_LANE_HOLD;
	return bc_lane_blocking(p) && s->backlog >= AHEAD ? BC_LANE_HOLD : BC_LANE_PACK;
}

uint32_t bc_lane_wait_free(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	return p->buffers - s->held * p->n_lanes - BEHIND_LEFT;
}

uint32_t bc_lane_calm(const struct bc_lane_policy *p, uint32_t calm, uint32_t packets)
{
	if (packets >= BUSY_ROUND_SHARED)
		return 0;
	return calm < p->mode.calm_rounds ? calm + 1 : calm;
}

bool bc_lane_flooded(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	return p->mode.accelerate && s->calm < p->mode.calm_rounds && (s->flooded || !plenty(p, s));
}

static struct bc_lane_effort flood_effort(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	return (struct bc_lane_effort){
		.defer = s->backlog < FLOOD_TOGETHER && plenty(p, s),
		.pressed = true,
		.headers = s->record_bytes >= FLOOD_RECORD_MIN && s->headers_ns <= s->flood_ns / FLOOD_HEADERS_PART,
	};
}

static struct bc_lane_effort effort(const struct bc_lane_policy *p, const struct bc_lane_sight *s, uint32_t share)
{
	bool shares = p->mode.calm_rounds > 0;
	bool busy = shares ? s->calm < p->mode.calm_rounds : s->packets >= BUSY_ROUND;

	if (s->flooded)
		return flood_effort(p, s);
	if (busy && plenty(p, s))
		return (struct bc_lane_effort){ .defer = true };
	for (size_t i = 0; p->mode.accelerate && i < sizeof(ladder) / sizeof(ladder[0]); i++)
		if (share >= ladder[i].eighths)
			return (struct bc_lane_effort){ .pressed = true, .acceleration = ladder[i].acceleration };
	return (struct bc_lane_effort){ .acceleration = p->level <= 1 ? 1 : -p->level };
}

struct bc_lane_effort bc_lane_effort(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	uint32_t share = s->backlog * p->n_lanes * 8 / p->buffers;
	struct bc_lane_effort e = effort(p, s, share);

	e.unnoted = e.pressed || (!bc_lane_blocking(p) && share >= UNNOTED_EIGHTHS);
	return e;
}

bool bc_lane_wakes(const struct bc_lane_policy *p, const struct bc_lane_sight *s)
{
	/*
	 * A blocking lane's round ends with a chunk, however few of its packets were left, so that a committer with a
	 * CPU of its own can begin.
	 */
	uint32_t busy = !bc_lane_blocking(p) ? BUSY_WAKING : p->mode.one_cpu ? 1 : UINT32_MAX;

	return s->packets < busy || s->unannounced >= TOGETHER || !plenty(p, s);
}

bool bc_lane_trial_samples(const struct bc_lane_trial *t)
{
	return t->doubtful && !t->untried;
}

bool bc_lane_trial_sampled(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed)
{
	if (compressed < bytes - bytes / SAMPLE_WORTH) {
		t->doubtful = false;
		return true;
	}
	t->untried = t->stored < UNTRIED_MAX ? t->stored : UNTRIED_MAX;
	t->stored++;
	t->bare = false;
	return false;
}

void bc_lane_trial_stored(struct bc_lane_trial *t)
{
	t->untried--;
	t->stored++;
}

void bc_lane_trial_headers(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed)
{
	t->bare = compressed > bytes - bytes / HEADERS_WORTH;
}

void bc_lane_trial_compressed(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed)
{
	t->doubtful = compressed > bytes - bytes / WORTH;
	t->stored = 0;
}
