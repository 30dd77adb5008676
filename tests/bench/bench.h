/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the benchmarks share: time, results, packets. Each prints one line of JSON for each measurement,
 *
 *     {"bench":"pack","case":"64 hot","unit":"ns/packet","value":5.1,"runs":[5.0,5.1,5.3]}
 *
 * with the unit "ns/packet", "GB/s", "Mpps", "ratio" (of two rates taken in turns, above 1 is faster), "x" (of compression)
 * or "count"; value is the median of runs. Nothing else goes to standard output.
 */
#ifndef BENCH_H
#define BENCH_H

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_time.h"

#define BENCH_RUNS 15

struct bench_random {
	uint64_t state;		/* not 0 */
};

static inline uint64_t bench_u64(struct bench_random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state * 0x2545F4914F6CDD1DULL;
}

static inline uint32_t bench_below(struct bench_random *r, uint32_t n)
{
	return (uint32_t)((bench_u64(r) >> 32) * n >> 32);
}

/* This thread's CPU time: what other processes take does not count. */
static inline uint64_t bench_cpu_ns(void)
{
	return bc_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* What a pair of calls measures of itself; to be taken off where many short times are summed up. */
static inline uint64_t bench_cpu_cost_ns(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t begin = bench_cpu_ns(), ns = bench_cpu_ns() - begin;

		least = ns < least ? ns : least;
	}
	return least;
}

static inline void bench_pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* The number in the environment, so that a quick look need not be a whole measurement. */
static inline uint32_t bench_setting(const char *name, uint32_t def)
{
	const char *s = getenv(name);
	long n = s ? atol(s) : 0;

	return n > 0 ? (uint32_t)n : def;
}

static inline uint32_t bench_runs(void)
{
	uint32_t n = bench_setting("BENCH_RUNS", BENCH_RUNS);

	return n < 99 ? n : 99;
}

static inline int bench_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double bench_median(const double *v, uint32_t n)
{
	double s[99];

	memcpy(s, v, n * sizeof(*v));
	qsort(s, n, sizeof(*s), bench_order);
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

static inline void bench_print(const char *bench, const char *what, const char *unit, const double *v, uint32_t n)
{
	printf("{\"bench\":\"%s\",\"case\":\"%s\",\"unit\":\"%s\",\"value\":%.4g,\"runs\":[", bench, what, unit,
	       bench_median(v, n));
	for (uint32_t i = 0; i < n; i++)
		printf("%s%.4g", i ? "," : "", v[i]);
	printf("]}\n");
	fflush(stdout);
}

/* Two measurements that were taken in turns, as times: base's time over ours, run by run. */
static inline void bench_print_ratio(const char *bench, const char *what, const double *ours, const double *base, uint32_t n)
{
	double v[99];

	for (uint32_t i = 0; i < n; i++)
		v[i] = base[i] / ours[i];
	bench_print(bench, what, "ratio", v, n);
}

/* Lengths of the mix: 790 bytes on average. */
static inline uint32_t bench_mix_len(struct bench_random *r)
{
	static const uint16_t len[] = { 64, 64, 64, 570, 570, 570, 1500, 1500, 1500, 1500 };

	return len[bench_below(r, 10)];
}

/* Words of a small language between numbers, which LZ4 makes about 1.8 times smaller. */
static inline void bench_text(struct bench_random *r, uint8_t *p, uint32_t len)
{
	static char word[512][16];

	if (!word[0][0]) {
		struct bench_random w = { 7 };

		for (int i = 0; i < 512; i++)
			for (uint32_t k = 0, n = 4 + bench_below(&w, 8); k < n; k++)
				word[i][k] = (char)("etaoinshrdlucmfwypvbgkjqxz"[bench_below(&w, 1 + bench_below(&w, 26))]);
	}
	for (uint32_t at = 0; at < len;) {
		char s[32];
		/* Small numbers are more frequent than large ones, as words are. */
		uint32_t i = bench_below(r, 1 + bench_below(r, 512));
		int n = bench_below(r, 4) ? snprintf(s, sizeof(s), "%s ", word[i]) :
					    snprintf(s, sizeof(s), "%" PRIu32 "; ", bench_below(r, 100000000));

		for (int k = 0; k < n && at < len; k++)
			p[at++] = (uint8_t)s[k];
	}
}

static inline void bench_noise(struct bench_random *r, uint8_t *p, uint32_t len)
{
	for (uint32_t at = 0; at < len; at++)
		p[at] = (uint8_t)(bench_u64(r) >> 56);
}

/* An Ethernet, IPv4 and TCP header of one of 64 flows, then text or noise. len is at least 54. */
static inline void bench_packet(struct bench_random *r, uint8_t *p, uint32_t len, bool text)
{
	uint32_t flow = bench_below(r, 64), seq = (uint32_t)bench_u64(r);
	uint8_t h[54] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, (uint8_t)((len - 14) >> 8), (uint8_t)(len - 14), (uint8_t)seq, (uint8_t)(seq >> 8), 0x40, 0, 64, 6,
		(uint8_t)(seq >> 5), (uint8_t)(seq >> 13), 10, 0, 1, (uint8_t)flow, 10, 0, 2, (uint8_t)(flow / 4),
		(uint8_t)(128 + flow), (uint8_t)(flow * 37), 1, 0xbb, (uint8_t)(seq >> 24), (uint8_t)(seq >> 16),
		(uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, (uint8_t)flow, (uint8_t)(seq >> 3), 0x50, 0x18, 1, 0xf6,
		(uint8_t)(seq >> 7), (uint8_t)(seq >> 9), 0, 0,
	};

	memcpy(p, h, sizeof(h));
	if (text)
		bench_text(r, p + sizeof(h), len - (uint32_t)sizeof(h));
	else
		bench_noise(r, p + sizeof(h), len - (uint32_t)sizeof(h));
}

#endif
