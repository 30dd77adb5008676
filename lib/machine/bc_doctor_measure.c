/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_doctor_measure.h"

#include <stdlib.h>
#include <unistd.h>

#include "bc_cpu_time.h"
#include "bc_measure.h"
#include "bc_sizing.h"

/* What a capture may take of a folder: this share of what is free, and no more than so much for each second. */
#define FREE_SHARE 0.05
#define BYTES_PER_S 8e9
/* Packets come by one queue more for so many CPUs. */
#define CPUS_PER_QUEUE 8
#define MAX_QUEUES 16
/* Of each kind, one after the other: what disturbs one of them may leave the next alone. Odd: one is the median. */
#define ROUNDS 5
/* A rate is tried for so many times as long: the disk's cache hides for a while what it cannot keep. */
#define TRY_PARTS 5
/* A rate that loses packets is lowered to this share of itself, so many times. */
#define LOWER 0.75
#define TRIES 4
/* Of the time asked for, when the first tries lose nothing. */
#define PARTS (2 * ROUNDS + 2 * TRY_PARTS)

static uint32_t queues(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) / CPUS_PER_QUEUE;

	return n < 1 ? 1 : n < MAX_QUEUES ? (uint32_t)n : MAX_QUEUES;
}

/* For so many parts of the time that was asked for. */
static void set_time(struct bc_measure_request *m, const struct bc_doctor_request *req, double free_bytes, uint32_t parts)
{
	double most;

	m->seconds = req->seconds * parts / PARTS;
	most = BYTES_PER_S * m->seconds;
	m->max_bytes = req->folder && free_bytes * FREE_SHARE < most ? (uint64_t)(free_bytes * FREE_SHARE) : (uint64_t)most;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int run_rounds(struct bc_measure_request *m, struct bc_doctor_measured *ret, struct bc_err *err)
{
	struct bc_figure *at = &ret->figures.at[0];
	double pps[2][ROUNDS], disk[ROUNDS] = { 0 };

	*at = (struct bc_figure){ .bytes = m->packet };
	for (int i = 0; i < 2 * ROUNDS; i++) {
		struct bc_measured got;
		int r;

		m->lz4 = i % 2;
		r = bc_measure(m, &got, err);
		if (r)
			return r;
		pps[m->lz4][i / 2] = got.packets_per_s;
		if (m->lz4)
			at->lz4_ratio = got.ratio;
		else if (m->folder)
			disk[i / 2] = got.file_bytes_per_s;
	}
	qsort(disk, ROUNDS, sizeof(double), compare);
	for (int lz4 = 0; lz4 < 2; lz4++) {
		qsort(pps[lz4], ROUNDS, sizeof(double), compare);
		ret->least_pps[lz4] = pps[lz4][0];
		ret->most_pps[lz4] = pps[lz4][ROUNDS - 1];
	}
	at->none_pps = pps[0][ROUNDS / 2];
	at->lz4_pps = pps[1][ROUNDS / 2];
	ret->figures.disk_bytes_per_s = disk[ROUNDS / 2];
	ret->figures.n = 1;
	return 0;
}

/* Does a capture lose nothing at that share of the least that was measured? It has to bear the worst moments, too. */
static int try_rates(const struct bc_doctor_request *req, struct bc_measure_request *m, struct bc_doctor_measured *ret, struct bc_err *err)
{
	const double median_pps = m->lz4 ? ret->figures.at[0].lz4_pps : ret->figures.at[0].none_pps;
	const double limit_pps = bc_doctor_rate(ret, req, m->lz4, 0).limit / 8 / (req->packet + BC_SIZING_FRAME);
	double share = BC_DOCTOR_SAFE * ret->least_pps[m->lz4] / median_pps;
	struct bc_measured got;

	for (int i = 0; i < TRIES; i++, share *= LOWER) {
		int r;

		m->pps = limit_pps * share;
		r = bc_measure(m, &got, err);
		if (r)
			return r;
		if (got.lost <= 0) {
			ret->safe[m->lz4] = share;
			return 0;
		}
	}
	return 0;
}

int bc_doctor_measure(const struct bc_doctor_request *req, double free_bytes, struct bc_doctor_measured *ret, struct bc_err *err)
{
	struct bc_measure_request m = { .folder = req->folder, .packet = req->packet, .queues = queues() };
	struct bc_cpu_time before = bc_cpu_time_read(""), after;
	struct bc_doctor_measured d = { .others = 0 };
	struct bc_cpu_shares shares;
	int r;

	set_time(&m, req, free_bytes, 1);
	r = run_rounds(&m, &d, err);
	set_time(&m, req, free_bytes, TRY_PARTS);
	d.try_s = m.seconds;
	for (int lz4 = 0; !r && lz4 < 2; lz4++) {
		m.lz4 = lz4;
		r = try_rates(req, &m, &d, err);
	}
	if (r)
		return r;
	after = bc_cpu_time_read("");
	shares = bc_cpu_time_shares(&before, &after);
	d.others = shares.others;
	d.stolen = shares.stolen;
	*ret = d;
	return 0;
}
