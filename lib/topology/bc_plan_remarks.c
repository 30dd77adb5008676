/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_plan_remarks.h"

#include <stdarg.h>
#include <string.h>

#include "bc_plural.h"

/* A line that is there already says nothing new. */
static void add(struct bc_plan_lines *lines, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct bc_plan_lines *lines, const char *fmt, ...)
{
	char line[sizeof(lines->line[0])];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < lines->n && i < BC_PLAN_MAX_LINES; i++)
		if (!strcmp(lines->line[i], line))
			return;
	if (lines->n < BC_PLAN_MAX_LINES)
		memcpy(lines->line[lines->n], line, sizeof(line));
	lines->n++;
}

static uint32_t count_kind(const struct bc_plan *plan, const struct bc_plan_lcore *l, enum bc_stage_kind kind)
{
	uint32_t n = 0;

	for (uint32_t s = l->first; s < l->first + l->n; s++)
		n += plan->stage[s].kind == kind;
	return n;
}

static void note_sharing(struct bc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_lcores; i++) {
		const struct bc_plan_lcore *l = &plan->lcore[i];
		uint32_t rx = count_kind(plan, l, BC_STAGE_RX), lanes = count_kind(plan, l, BC_STAGE_LANE);

		if (rx && lanes && plan->n_lcores > 1)
			add(&plan->notes, "CPU %u also compresses, since its sources can wait", l->cpu);
		else if (rx && lanes)
			add(&plan->notes, "CPU %u runs every stage in turn", l->cpu);
		else if (rx && count_kind(plan, l, BC_STAGE_MERGE))
			add(&plan->notes, "the merge shares CPU %u with the sources", l->cpu);
		if (rx > 1)
			add(&plan->notes, "%u sources share CPU %u", rx, l->cpu);
		if (lanes > 1)
			add(&plan->notes, "%u writers share CPU %u", lanes, l->cpu);
	}
}

static void note_siblings(const struct bc_topology *topo, struct bc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_lcores; i++)
		for (uint32_t j = i + 1; j < plan->n_lcores; j++) {
			unsigned a = plan->lcore[i].cpu, b = plan->lcore[j].cpu;

			if (bc_topology_cpu(topo, a)->core == bc_topology_cpu(topo, b)->core)
				add(&plan->notes, "CPUs %u and %u are siblings of one core: together they do little "
				    "more than one", a, b);
		}
}

static void note_unused(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *plan)
{
	cpu_set_t idle;
	char list[128];

	CPU_ZERO(&idle);
	if (req->lcores)
		bc_cpulist_parse("--lcores", req->lcores, &idle, NULL);
	else
		for (uint32_t i = 0; i < topo->n_cpus; i++)
			if (topo->cpu[i].allowed && !topo->cpu[i].automatic)
				CPU_SET(topo->cpu[i].os, &idle);
	for (uint32_t l = 0; l < plan->n_lcores; l++)
		CPU_CLR(plan->lcore[l].cpu, &idle);
	if (!CPU_COUNT(&idle))
		return;
	bc_cpulist_format(&idle, list, sizeof(list));
	if (req->lcores)
		add(&plan->notes, "no work for CPU%s %s of --lcores", bc_plural((uint64_t)CPU_COUNT(&idle), "", "s"), list);
	else
		add(&plan->notes, "CPU%s %s, isolated by the kernel, can be used with --lcores %s",
		    bc_plural((uint64_t)CPU_COUNT(&idle), "", "s"), list, list);
}

static void note_far_lanes(const struct bc_topology *topo, struct bc_plan *plan)
{
	int home = -1;
	uint32_t far = 0;

	for (uint32_t i = 0; i < plan->n_lcores; i++)
		if (count_kind(plan, &plan->lcore[i], BC_STAGE_MERGE))
			home = bc_topology_cpu(topo, plan->lcore[i].cpu)->numa;
	for (uint32_t i = 0; i < plan->n_lcores; i++)
		if (bc_topology_cpu(topo, plan->lcore[i].cpu)->numa != home)
			far += count_kind(plan, &plan->lcore[i], BC_STAGE_LANE);
	if (far)
		add(&plan->notes, "%u writer%s on another NUMA node than the merge's, node %d", far,
		    far > 1 ? "s are" : " is", home);
}

static bool control_shares(const struct bc_plan *plan)
{
	cpu_set_t free_cpus = plan->control;

	for (uint32_t l = 0; l < plan->n_lcores; l++)
		CPU_CLR(plan->lcore[l].cpu, &free_cpus);
	return CPU_COUNT(&free_cpus) == 0;
}

static void remark_control(const struct bc_plan_request *req, struct bc_plan *plan)
{
	char list[128];

	if (!control_shares(plan))
		return;
	bc_cpulist_format(&plan->control, list, sizeof(list));
	if (req->busy_poll)
		add(&plan->warnings, "the I/O threads share CPU%s %s with lcores that busy-poll: leave a CPU out of "
		    "--lcores, or do not use --busy-poll", bc_plural((uint64_t)CPU_COUNT(&plan->control), "", "s"), list);
	else
		add(&plan->notes, "no CPU is left for the system: main and the I/O threads share CPU%s %s",
		    bc_plural((uint64_t)CPU_COUNT(&plan->control), "", "s"), list);
}

static bool may_use_node(const struct bc_topology *topo, int numa)
{
	for (uint32_t i = 0; i < topo->n_cpus; i++)
		if (topo->cpu[i].automatic && topo->cpu[i].numa == numa)
			return true;
	return false;
}

static void warn_far_sources(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *plan)
{
	for (uint32_t i = 0; i < plan->n_lcores; i++) {
		const struct bc_plan_lcore *l = &plan->lcore[i];
		int here = bc_topology_cpu(topo, l->cpu)->numa;

		for (uint32_t s = l->first; s < l->first + l->n; s++) {
			const struct bc_plan_source *src = &req->source[plan->stage[s].source];

			if (plan->stage[s].kind != BC_STAGE_RX || src->numa < 0 || src->numa == here)
				continue;
			add(&plan->warnings, "%.80s is on NUMA node %d, but is polled from node %d: %s", src->name,
			    src->numa, here, !may_use_node(topo, src->numa) ? "no CPU of its node may be used" :
			    req->lcores ? "--lcores has too few CPUs there" : "too few cores to poll on both");
		}
	}
}

void bc_plan_remark(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *plan)
{
	note_sharing(plan);
	note_siblings(topo, plan);
	note_far_lanes(topo, plan);
	note_unused(topo, req, plan);
	remark_control(req, plan);
	warn_far_sources(topo, req, plan);
}
