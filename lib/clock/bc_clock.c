/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define SAMPLE_TRIES 8

#if defined(__x86_64__) || defined(__i386__)
static int tsc_is_invariant(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

/*
 * The kernel takes a TSC that it saw drift between cores off this list. Without the list there is nothing against
 * it.
 */
static int tsc_is_trusted(void)
{
	char line[256] = "";
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "re");

	if (!f)
		return 1;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	for (char *save, *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		if (!strcmp(w, "tsc"))
			return 1;
	return 0;
}
#endif

enum bc_ticks bc_clock_detect(const char **ret_why)
{
	*ret_why = "";
#if defined(__x86_64__) || defined(__i386__)
	if (!tsc_is_invariant())
		*ret_why = "the TSC is not invariant";
	else if (!tsc_is_trusted())
		*ret_why = "the kernel does not offer the TSC as a clock source";
	else
		return BC_TICKS_TSC;
	return BC_TICKS_SYSTEM;
#elif defined(__aarch64__)
	return BC_TICKS_CNTVCT;
#else
	*ret_why = "no counter is known for this CPU";
	return BC_TICKS_SYSTEM;
#endif
}

/* bc_clock_tsc, kept in its place among the instructions around it. */
static uint64_t ordered_tsc(const struct bc_clock *c)
{
	uint64_t v;

#if defined(__x86_64__) || defined(__i386__)
	_mm_lfence();
	v = bc_clock_tsc(c);
	_mm_lfence();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
	v = bc_clock_tsc(c);
	__asm__ volatile("isb" ::: "memory");
#else
	v = bc_clock_tsc(c);
#endif
	return v;
}

/* The system clock between two reads of the counter: the closest of several. */
static int sample(void *ctx, struct bc_pair *ret)
{
	struct bc_clock *c = ctx;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = ordered_tsc(c);
		uint64_t utc_ns = bc_utc_ns();
		uint64_t width = ordered_tsc(c) - before;

		if (width >= best)
			continue;
		best = width;
		*ret = (struct bc_pair){ before + width / 2, utc_ns, (double)width * c->track.d.slope };
	}
	return 0;
}

/* CLOCK_MONOTONIC runs at the rate of CLOCK_REALTIME, however that is slewed: one pair tells all. */
static void init_system(struct bc_clock *c)
{
	struct bc_pair pair;

	c->track.d.slope = 1.0;
	sample(c, &pair);
	bc_track_init(&c->track, 1.0, 64, &(struct bc_seg){ pair.ticks, pair.utc_ns, bc_line_mult(1.0) }, 0);
	bc_discipline_add(&c->track.d, &pair);
	bc_track_tell(&c->track, 1.0, 1.0, 0, 0);
}

void bc_clock_init_ticks(struct bc_clock *c, enum bc_ticks ticks, const char *why)
{
	struct bc_seg seg;

	memset(&c->steps, 0, sizeof(c->steps));
	c->ticks = ticks;
	c->why = why;
	if (ticks == BC_TICKS_SYSTEM) {
		init_system(c);
		return;
	}
	seg = (struct bc_seg){ bc_clock_tsc(c), bc_utc_ns(), bc_line_mult(1.0) };
	bc_track_init(&c->track, 0, 64, &seg, 0);
	if (bc_track_calibrate(&c->track, sample, c) < 0)
		bc_clock_init_ticks(c, BC_TICKS_SYSTEM, "the CPU's counter does not advance steadily");
}

void bc_clock_init(struct bc_clock *c)
{
	const char *why;
	enum bc_ticks ticks = bc_clock_detect(&why);

	bc_clock_init_ticks(c, ticks, why);
}

int64_t bc_clock_update(struct bc_clock *c)
{
	uint64_t ahead_ns = bc_steps_ahead(&c->steps, bc_steps_epoch(bc_steps_count(&c->steps))), now_ns;
	struct bc_pair pair;
	int64_t off_ns;

	sample(c, &pair);
	now_ns = bc_clock_tsc_to_ns(c, pair.ticks);
	off_ns = (int64_t)(pair.utc_ns + ahead_ns - now_ns);
	if (off_ns >= -(int64_t)BC_CLOCK_STEP_NS && off_ns <= (int64_t)BC_CLOCK_STEP_NS) {
		off_ns = 0;
	} else {
		ahead_ns -= (uint64_t)off_ns;
		bc_steps_add(&c->steps, now_ns, ahead_ns);
	}
	pair.utc_ns += ahead_ns;
	bc_track_feed(&c->track, &pair, bc_clock_tsc(c));
	return off_ns;
}

void bc_clock_status(const struct bc_clock *c, struct bc_clock_status *ret)
{
	ret->ticks = c->ticks;
	ret->why = c->why;
	bc_track_status(&c->track, &ret->track);
	ret->steps = bc_steps_count(&c->steps);
	ret->stepped_ns = -(int64_t)bc_steps_ahead(&c->steps, bc_steps_epoch((uint32_t)ret->steps));
}

/*
 * What the kernel knows of the system clock's own error; it says "unsynchronised" of a clock that nobody
 * disciplines.
 */
static int describe_system_clock(char *buf, size_t size)
{
	struct timex tx = { 0 };
	int state = adjtimex(&tx);

	if (state < 0)
		return snprintf(buf, size, "its own error unknown");
	if (state == TIME_ERROR || (tx.status & STA_UNSYNC))
		return snprintf(buf, size, "itself unsynchronised");
	return snprintf(buf, size, "itself within %ld us of UTC", tx.maxerror);
}

int bc_clock_describe(const struct bc_clock *c, char *buf, size_t size)
{
	static const char *const names[] = { "TSC", "CNTVCT", "CLOCK_MONOTONIC" };
	struct bc_clock_status st;
	char system[64], stepped[64] = "";

	bc_clock_status(c, &st);
	describe_system_clock(system, sizeof(system));
	if (st.steps)
		snprintf(stepped, sizeof(stepped), ", stepped by %+.3f s in all since the capture began",
			 (double)st.stepped_ns / (double)BC_NS_PER_S);
	return snprintf(buf, size, "%s%s%s%s at %.0f Hz, disciplined to the system clock: %+" PRId64
			" ns off it, %.0f ns rms; the system clock is %s%s",
			names[st.ticks], *st.why ? " (" : "", st.why, *st.why ? ")" : "",
			st.track.freq_hz, -st.track.offset_ns, st.track.rms_ns, system, stepped);
}
