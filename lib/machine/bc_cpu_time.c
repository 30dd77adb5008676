/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_cpu_time.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bc_sys.h"

/* The fields of a CPU's line, in ticks; guests are in user and nice, too. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double spent_by(int who)
{
	struct rusage u;

	return getrusage(who, &u) == 0 ? seconds(&u.ru_utime) + seconds(&u.ru_stime) : 0;
}

static void add_cpu(const char *root, int cpu, struct bc_cpu_time *t)
{
	const double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
	uint64_t v[FIELDS] = { 0 };
	char name[16], line[256];
	int n;

	snprintf(name, sizeof(name), "cpu%d ", cpu);
	if (!bc_sys_line(root, "/proc/stat", name, line, sizeof(line)))
		return;
	n = sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &v[USER], &v[NICE],
		   &v[SYSTEM], &v[IDLE], &v[IOWAIT], &v[IRQ], &v[SOFTIRQ], &v[STEAL]);
	for (int i = 0; i < n; i++)
		t->all += (double)v[i] * tick_s;
	t->busy += (double)(v[USER] + v[NICE] + v[SYSTEM] + v[IRQ] + v[SOFTIRQ]) * tick_s;
	t->stolen += (double)v[STEAL] * tick_s;
}

struct bc_cpu_time bc_cpu_time_read(const char *root)
{
	struct bc_cpu_time t = { .own = spent_by(RUSAGE_SELF) + spent_by(RUSAGE_CHILDREN) };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return t;
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			add_cpu(root, i, &t);
	return t;
}

struct bc_cpu_shares bc_cpu_time_shares(const struct bc_cpu_time *before, const struct bc_cpu_time *after)
{
	double all = after->all - before->all, others = after->busy - before->busy - (after->own - before->own);

	if (all <= 0)
		return (struct bc_cpu_shares){ 0, 0 };
	return (struct bc_cpu_shares){ others > 0 ? others / all : 0, (after->stolen - before->stolen) / all };
}
