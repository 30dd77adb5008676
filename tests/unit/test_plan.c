/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_plan.h"

static struct bc_topology topo;
static struct bc_plan_request req;
static struct bc_plan plan;
static struct bc_err err;

static void machine(const char *desc)
{
	memset(&req, 0, sizeof(req));
	if (bc_topology_describe(desc, &topo, &err))
		fail_msg("%s", err.msg);
}

static void allow(const char *list)
{
	cpu_set_t set;

	assert_int_equal(bc_cpulist_parse("allow", list, &set, NULL), 0);
	bc_topology_restrict(&topo, &set);
}

/* n queues of one port, or one source without queues. */
static void sources(const char *name, uint32_t n, int numa, bool busy)
{
	for (uint32_t q = 0; q < n; q++) {
		struct bc_plan_source *s = &req.source[req.n_sources++];

		snprintf(s->name, sizeof(s->name), "%s", name);
		s->queue = n > 1 ? (int)q : -1;
		s->numa = numa;
		s->busy = busy;
	}
}

static void output(const char *name, uint32_t writers, bool compressing)
{
	struct bc_plan_output *o = &req.output[req.n_outputs++];

	snprintf(o->name, sizeof(o->name), "%s", name);
	o->writers = writers;
	o->compressing = compressing;
}

/* Every promise of struct bc_plan that does not depend on the rules. */
static void check_whole(void)
{
	uint32_t merges = 0, seen = 0, rx[BC_MAX_SOURCES] = { 0 };
	uint32_t lanes[BC_MAX_OUTPUTS][BC_PLAN_MAX_LANES] = { { 0 } };

	for (uint32_t i = 0; i < plan.n_lcores; i++) {
		const struct bc_plan_lcore *l = &plan.lcore[i];

		assert_true(bc_topology_cpu(&topo, l->cpu)->allowed);
		assert_true(l->n >= 1);
		assert_int_equal(l->first, seen);
		seen += l->n;
		for (uint32_t j = 0; j < i; j++)
			assert_int_not_equal(plan.lcore[j].cpu, l->cpu);
		for (uint32_t s = l->first; s < l->first + l->n; s++) {
			const struct bc_plan_stage *st = &plan.stage[s];

			if (s > l->first)
				assert_true(plan.stage[s - 1].kind <= st->kind);
			if (st->kind == BC_STAGE_RX)
				rx[st->source]++;
			else if (st->kind == BC_STAGE_MERGE)
				merges++;
			else
				lanes[st->output][st->lane]++;
		}
	}
	assert_int_equal(seen, plan.n_stages);
	assert_int_equal(merges, 1);
	for (uint32_t i = 0; i < BC_MAX_SOURCES; i++)
		assert_int_equal(rx[i], i < req.n_sources);
	for (uint32_t o = 0; o < BC_MAX_OUTPUTS; o++) {
		assert_true(o >= req.n_outputs || plan.writers[o] >= 1);
		for (uint32_t l = 0; l < BC_PLAN_MAX_LANES; l++)
			assert_int_equal(lanes[o][l], o < req.n_outputs && l < plan.writers[o]);
	}
	assert_true(CPU_COUNT(&plan.control) >= 1);
}

static void make(void)
{
	if (bc_plan_make(&topo, &req, &plan, &err))
		fail_msg("%s", err.msg);
	check_whole();
}

static void refused(const char *words)
{
	plan.n_lcores = 77;
	assert_int_equal(bc_plan_make(&topo, &req, &plan, &err), -EINVAL);
	if (!strstr(err.msg, words))
		fail_msg("'%s' does not say '%s'", err.msg, words);
	assert_int_equal(plan.n_lcores, 77);
}

/* The CPU of the nth stage of a kind: RX by source, LANE of output 0 by lane. */
static int cpu_of(enum bc_stage_kind kind, uint32_t nth)
{
	for (uint32_t i = 0; i < plan.n_lcores; i++)
		for (uint32_t s = plan.lcore[i].first; s < plan.lcore[i].first + plan.lcore[i].n; s++) {
			const struct bc_plan_stage *st = &plan.stage[s];

			if (st->kind == kind && (kind == BC_STAGE_MERGE || (kind == BC_STAGE_RX && st->source == nth) ||
						 (kind == BC_STAGE_LANE && st->output == 0 && st->lane == nth)))
				return plan.lcore[i].cpu;
		}
	return -1;
}

static int numa_of(int cpu)
{
	return bc_topology_cpu(&topo, (unsigned)cpu)->numa;
}

static uint32_t rx_lcores(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan.n_lcores; i++)
		n += plan.stage[plan.lcore[i].first].kind == BC_STAGE_RX;
	return n;
}

static bool says(const struct bc_plan_lines *lines, const char *words)
{
	for (uint32_t i = 0; i < lines->n && i < BC_PLAN_MAX_LINES; i++)
		if (strstr(lines->line[i], words))
			return true;
	return false;
}

static void control_is(const char *list)
{
	char text[256];

	assert_string_equal(bc_cpulist_format(&plan.control, text, sizeof(text)), list);
}

/* Two lcores on one core, though a core without any could have been used. */
static bool shares_a_core_needlessly(void)
{
	bool shared = false, free_core = false;
	cpu_set_t listed;
	uint32_t taken;

	if (req.lcores)
		assert_int_equal(bc_cpulist_parse("", req.lcores, &listed, NULL), 0);
	for (uint32_t i = 0; i < topo.n_cpus; i++) {
		const struct bc_cpu *cpu = &topo.cpu[i];

		taken = 0;
		for (uint32_t l = 0; l < plan.n_lcores; l++)
			taken += bc_topology_cpu(&topo, plan.lcore[l].cpu)->core == cpu->core;
		shared = shared || taken > 1;
		if (req.lcores ? CPU_ISSET(cpu->os, &listed) : cpu->automatic)
			free_core = free_core || !taken;
	}
	return shared && free_core;
}

/* --- few CPUs --- */

static void one_core_does_everything(void **state)
{
	machine("core:1 pu:1");
	sources("dpdk:a", 3, -1, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 1);
	assert_int_equal(plan.writers[0], 1);
	assert_true(says(&plan.notes, "CPU 0 runs every stage"));
	control_is("0");
}

static void two_cores_poll_and_merge_on_one_and_write_on_the_other(void **state)
{
	machine("core:2 pu:1");
	sources("dpdk:a", 2, -1, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
	assert_int_equal(cpu_of(BC_STAGE_RX, 0), 0);
	assert_int_equal(cpu_of(BC_STAGE_RX, 1), 0);
	assert_int_equal(cpu_of(BC_STAGE_MERGE, 0), 0);
	assert_int_equal(cpu_of(BC_STAGE_LANE, 0), 1);
	assert_int_equal(plan.writers[0], 1);
	control_is("0-1");
}

static void two_cores_split_light_sources_from_compression_too(void **state)
{
	machine("core:2 pu:1");
	sources("file:a", 1, -1, false);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
}

static void two_cores_leave_one_alone_when_nothing_is_heavy(void **state)
{
	machine("core:2 pu:1");
	sources("pcap:eth0", 1, -1, false);
	output("x", 0, false);
	make();
	assert_int_equal(plan.n_lcores, 1);
	assert_int_equal(plan.n_stages, 3);
}

static void two_cores_split_light_work_when_two_writers_are_wanted(void **state)
{
	machine("core:2 pu:1");
	sources("pcap:eth0", 1, -1, false);
	output("x", 2, false);
	make();
	assert_int_equal(plan.n_lcores, 2);
}

static void two_cores_are_both_used_for_light_work_when_they_are_named(void **state)
{
	machine("core:2 pu:1");
	sources("pcap:eth0", 1, -1, false);
	output("x", 0, false);
	req.lcores = "0-1";
	make();
	assert_int_equal(plan.n_lcores, 2);
}

static void lcores_0_of_two_puts_everything_there(void **state)
{
	machine("core:2 pu:1");
	sources("dpdk:a", 1, -1, true);
	output("x", 0, true);
	req.lcores = "0";
	make();
	assert_int_equal(plan.n_lcores, 1);
	assert_int_equal(plan.lcore[0].cpu, 0);
	assert_int_equal(plan.n_stages, 3);
	control_is("0-1");
}

static void both_threads_of_the_only_core_are_used(void **state)
{
	machine("core:1 pu:2");
	sources("dpdk:a", 1, -1, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
	assert_true(says(&plan.notes, "CPUs 0 and 1 are siblings of one core"));
}

static void three_cores_without_compression_are_a_stage_each(void **state)
{
	machine("core:3 pu:1");
	sources("dpdk:a", 1, -1, true);
	output("x", 0, false);
	req.lcores = "0-2";
	make();
	assert_int_equal(plan.n_lcores, 3);
	assert_int_not_equal(cpu_of(BC_STAGE_RX, 0), cpu_of(BC_STAGE_MERGE, 0));
}

static void three_cores_with_compression_give_two_to_the_writers(void **state)
{
	machine("core:3 pu:1");
	sources("dpdk:a", 1, -1, true);
	output("x", 0, true);
	req.lcores = "0-2";
	make();
	assert_int_equal(cpu_of(BC_STAGE_RX, 0), cpu_of(BC_STAGE_MERGE, 0));
	assert_int_equal(plan.writers[0], 2);
	assert_true(says(&plan.notes, "the merge shares CPU 0"));
}

/* --- the system's core, threads of a core --- */

static void more_than_two_cores_leave_one_to_the_system(void **state)
{
	machine("core:4 pu:2");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 3);
	assert_int_equal(cpu_of(BC_STAGE_RX, 0), 2);
	control_is("0-1");
}

static void the_core_left_is_not_one_that_a_small_nic_node_needs(void **state)
{
	machine("package:2 [numa] core:2 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, false);
	make();
	assert_int_equal(numa_of(cpu_of(BC_STAGE_RX, 0)), 0);
	assert_int_equal(numa_of(cpu_of(BC_STAGE_MERGE, 0)), 0);
	control_is("2");
}

static void siblings_stay_idle_while_the_plan_chooses(void **state)
{
	machine("core:4 pu:2");
	sources("dpdk:a", 8, 0, true);
	output("x", 0, true);
	make();
	for (uint32_t i = 0; i < plan.n_lcores; i++)
		assert_int_equal(plan.lcore[i].cpu % 2, 0);
}

static void listed_siblings_come_after_whole_cores(void **state)
{
	machine("core:4 pu:2");
	sources("dpdk:a", 1, 0, true);
	output("x", 1, false);
	req.lcores = "0-5";
	make();
	assert_int_equal(plan.n_lcores, 3);
	assert_false(shares_a_core_needlessly());
	assert_true(says(&plan.notes, "no work for CPUs 1,3,5 of --lcores"));
}

static void control_stays_off_the_lcores_cores(void **state)
{
	machine("core:4 pu:2");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "0,2";
	make();
	control_is("4-7");
}

static void control_takes_siblings_when_no_core_is_free(void **state)
{
	machine("core:2 pu:2");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	control_is("1,3");
}

static void control_shares_named_cpus_when_there_are_no_others(void **state)
{
	machine("core:4 pu:1");
	for (unsigned i = 0; i < 4; i++)
		topo.cpu[i].automatic = false;
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "2";
	make();
	control_is("2");
}

static void busy_polling_on_every_cpu_is_warned_of(void **state)
{
	machine("core:2 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.warnings.n, 0);
	assert_true(says(&plan.notes, "no CPU is left for the system"));
	req.busy_poll = true;
	make();
	assert_true(says(&plan.warnings, "busy-poll"));
}

/* --- nodes --- */

static void rx_runs_on_the_nic_s_node(void **state)
{
	machine("package:2 [numa] l3:1 core:16 pu:2");
	sources("dpdk:a", 2, 0, true);
	sources("dpdk:b", 2, 1, true);
	output("x", 0, true);
	make();
	assert_int_equal(rx_lcores(), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(numa_of(cpu_of(BC_STAGE_RX, i)), i / 2);
	assert_int_equal(plan.warnings.n, 0);
}

static void merge_is_near_most_of_the_sources(void **state)
{
	machine("package:2 [numa] l3:1 core:16 pu:2");
	sources("dpdk:a", 1, 0, true);
	sources("dpdk:b", 2, 1, true);
	output("x", 0, true);
	make();
	assert_int_equal(numa_of(cpu_of(BC_STAGE_MERGE, 0)), 1);
}

static void rx_leaves_the_merge_a_core_of_its_node(void **state)
{
	machine("package:2 [numa] core:4 pu:1");
	sources("dpdk:a", 8, 1, true);
	output("x", 1, true);
	make();
	assert_int_equal(numa_of(cpu_of(BC_STAGE_MERGE, 0)), 1);
}

static void rx_lcores_go_where_the_most_queues_wait(void **state)
{
	uint32_t far = 0;

	machine("package:2 [numa] core:8 pu:1");
	sources("dpdk:a", 8, 0, true);
	sources("dpdk:b", 4, 1, true);
	output("x", 0, true);
	make();
	assert_int_equal(rx_lcores(), 7);
	for (uint32_t i = 0; i < rx_lcores(); i++)
		far += numa_of(plan.lcore[i].cpu) == 1;
	assert_int_equal(far, 2);
}

static void merge_shares_the_l3_of_its_sources(void **state)
{
	machine("package:1 [numa] l3:2 core:2 pu:1(indexes=0,2,1,3)");
	sources("dpdk:a", 1, 0, true);
	output("x", 1, true);
	req.lcores = "0-3";
	make();
	assert_int_equal(cpu_of(BC_STAGE_RX, 0), 0);
	assert_int_equal(cpu_of(BC_STAGE_MERGE, 0), 2);
}

static void lanes_fill_the_merge_s_node_first(void **state)
{
	machine("package:2 [numa] core:8 pu:1");
	sources("dpdk:a", 1, 1, true);
	output("x", 6, true);
	make();
	for (uint32_t l = 0; l < 6; l++)
		assert_int_equal(numa_of(cpu_of(BC_STAGE_LANE, l)), 1);
}

static void lanes_prefer_the_merge_s_package_to_another(void **state)
{
	machine("package:2 group:2 [numa] core:2 pu:1");
	sources("dpdk:a", 1, 3, true);
	output("x", 2, true);
	req.lcores = "0-7";
	make();
	assert_int_equal(cpu_of(BC_STAGE_LANE, 0), 4);
	assert_int_equal(cpu_of(BC_STAGE_LANE, 1), 5);
}

static void lanes_on_a_far_node_are_noted(void **state)
{
	machine("package:2 [numa] core:8 pu:1");
	sources("dpdk:a", 1, 1, true);
	output("x", 8, true);
	make();
	assert_int_equal(numa_of(cpu_of(BC_STAGE_LANE, 7)), 0);
	assert_true(says(&plan.notes, "2 writers are on another NUMA node"));
}

static void nic_on_a_node_without_our_cpus_is_warned_of(void **state)
{
	machine("package:2 [numa] core:4 pu:1");
	allow("0-3");
	sources("dpdk:a", 2, 1, true);
	output("x", 0, true);
	make();
	assert_int_equal(numa_of(cpu_of(BC_STAGE_RX, 0)), 0);
	assert_int_equal(plan.warnings.n, 1);
	assert_true(says(&plan.warnings, "dpdk:a is on NUMA node 1, but is polled from node 0"));
}

static void lcores_away_from_the_nic_are_warned_of(void **state)
{
	machine("package:2 [numa] core:4 pu:1");
	sources("dpdk:a", 1, 1, true);
	output("x", 0, true);
	req.lcores = "0-3";
	make();
	assert_true(says(&plan.warnings, "--lcores has too few CPUs there"));
}

static void sources_near_no_node_warn_of_nothing(void **state)
{
	machine("package:2 [numa] core:4 pu:1");
	sources("dpdk:a", 4, -1, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.warnings.n, 0);
}

/* --- how many of each --- */

static void writers_take_the_cores_that_remain(void **state)
{
	machine("core:8 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.writers[0], 5);
}

static void writers_stop_at_sixteen(void **state)
{
	machine("core:100 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.writers[0], 16);
	assert_int_equal(plan.n_lcores, 18);
}

static void writers_that_only_pack_stop_at_four(void **state)
{
	machine("core:100 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, false);
	make();
	assert_int_equal(plan.writers[0], 4);
}

static void of_two_cpus_both_compress_what_files_bring(void **state)
{
	machine("core:2 pu:1");
	sources("file:a", 1, -1, false);
	sources("file:b", 1, -1, false);
	req.source[0].waits = req.source[1].waits = true;
	output("/out", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
	assert_int_equal(plan.writers[0], 3);
	assert_int_equal(plan.stage[plan.lcore[0].first + plan.lcore[0].n - 1].kind, BC_STAGE_LANE);
	assert_int_equal(plan.lcore[0].n, 4);
	assert_int_equal(plan.lcore[1].n, 2);
}

static void one_source_that_cannot_wait_has_no_lane_beside_it(void **state)
{
	machine("core:2 pu:1");
	sources("file:a", 1, -1, false);
	sources("pcap:eth0", 1, -1, false);
	req.source[0].waits = true;
	output("/out", 0, true);
	make();
	assert_int_equal(plan.writers[0], 1);
	assert_int_equal(plan.lcore[1].n, 1);
}

static void one_writer_packs_what_light_sources_bring(void **state)
{
	machine("core:100 pu:1");
	sources("pcap:a", 1, 0, false);
	output("x", 0, false);
	make();
	assert_int_equal(plan.writers[0], 1);
}

static void listed_cpus_all_become_writers(void **state)
{
	machine("core:100 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "10-49";
	make();
	assert_int_equal(plan.writers[0], 38);
}

static void compressing_outputs_get_the_free_cores_first(void **state)
{
	machine("core:9 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, false);
	output("y", 0, true);
	make();
	assert_int_equal(plan.writers[0], 1);
	assert_int_equal(plan.writers[1], 5);
}

static void busy_queues_get_a_core_each(void **state)
{
	machine("core:16 pu:1");
	sources("dpdk:a", 4, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(rx_lcores(), 4);
	assert_int_equal(plan.writers[0], 10);
}

static void queues_beyond_half_of_the_cores_share(void **state)
{
	machine("core:8 pu:1");
	sources("dpdk:a", 6, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(rx_lcores(), 3);
	assert_true(says(&plan.notes, "2 sources share CPU 1"));
}

static void cores_that_writers_do_not_want_go_to_queues(void **state)
{
	machine("core:8 pu:1");
	sources("dpdk:a", 6, 0, true);
	output("x", 1, true);
	make();
	assert_int_equal(rx_lcores(), 5);
}

static void four_light_sources_share_an_lcore(void **state)
{
	machine("core:16 pu:1");
	sources("file:a", 8, -1, false);
	output("x", 0, true);
	make();
	assert_int_equal(rx_lcores(), 2);
	assert_int_not_equal(cpu_of(BC_STAGE_RX, 0), cpu_of(BC_STAGE_RX, 1));
	assert_true(says(&plan.notes, "4 sources share CPU"));
}

static void light_sources_stay_off_a_busy_queue_s_lcore(void **state)
{
	machine("core:16 pu:1");
	sources("pcap:a", 4, -1, false);
	sources("dpdk:b", 1, 0, true);
	output("x", 0, true);
	make();
	for (uint32_t i = 0; i < 4; i++)
		assert_int_not_equal(cpu_of(BC_STAGE_RX, i), cpu_of(BC_STAGE_RX, 4));
}

static void sources_share_when_there_are_more_than_cores(void **state)
{
	machine("core:4 pu:1");
	sources("dpdk:a", BC_MAX_SOURCES, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 3);
	assert_true(says(&plan.notes, "1024 sources share CPU 1"));
}

static void writers_share_lcores_before_they_burden_a_source_s(void **state)
{
	machine("core:2 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 2, true);
	make();
	assert_int_equal(cpu_of(BC_STAGE_LANE, 0), 1);
	assert_int_equal(cpu_of(BC_STAGE_LANE, 1), 1);
	assert_true(says(&plan.notes, "2 writers share CPU 1"));
}

static void at_most_128_lcores_are_made(void **state)
{
	machine("core:400 pu:1");
	sources("dpdk:a", BC_MAX_SOURCES, 0, true);
	for (int i = 0; i < BC_MAX_OUTPUTS; i++)
		output("x", 64, true);
	make();
	assert_int_equal(plan.n_lcores, BC_PLAN_MAX_LCORES);
}

/* --- which CPUs --- */

static void only_allowed_cpus_are_used(void **state)
{
	machine("core:8 pu:1");
	allow("4-6");
	sources("dpdk:a", 4, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
	assert_int_equal(plan.lcore[0].cpu, 5);
	control_is("4");
}

static void an_isolated_cpu_is_used_only_by_name(void **state)
{
	machine("core:4 pu:1");
	topo.cpu[3].automatic = false;
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	make();
	assert_int_equal(plan.n_lcores, 2);
	assert_true(says(&plan.notes, "--lcores 3"));
	req.lcores = "3";
	make();
	assert_int_equal(plan.lcore[0].cpu, 3);
	control_is("0-2");
}

static void listed_cpus_and_no_others_are_used(void **state)
{
	machine("core:8 pu:1");
	sources("dpdk:a", 2, 0, true);
	output("x", 0, true);
	req.lcores = "2-5,7";
	make();
	assert_int_equal(plan.n_lcores, 5);
	for (uint32_t i = 0; i < plan.n_lcores; i++)
		assert_true(strchr("23457", '0' + plan.lcore[i].cpu));
	control_is("0-1,6");
}

static void cpu_that_does_not_exist_is_refused(void **state)
{
	machine("core:4 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "2-4";
	refused("there is no CPU 4; this machine has 0-3");
}

static void cpu_that_is_not_ours_is_refused(void **state)
{
	machine("core:4 pu:1");
	allow("0-1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "1,2";
	refused("CPU 2 is not available to this process, which may use 0-1");
}

static void malformed_and_empty_lists_are_refused(void **state)
{
	machine("core:4 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "";
	refused("is not a list of CPUs");
	req.lcores = "1-";
	refused("is not a list of CPUs");
}

static void more_than_128_listed_cpus_are_refused(void **state)
{
	machine("core:200 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	req.lcores = "0-128";
	refused("129 CPUs, but at most 128");
}

static void no_cpu_at_all_is_refused(void **state)
{
	machine("core:4 pu:1");
	for (unsigned i = 0; i < 4; i++)
		topo.cpu[i].automatic = false;
	sources("dpdk:a", 1, 0, true);
	output("x", 0, true);
	refused("no CPU is free");
}

static void more_writers_than_cpus_are_refused(void **state)
{
	machine("core:4 pu:1");
	sources("dpdk:a", 1, 0, true);
	output("x", 4, true);
	refused("4 writers for 'x', but the data path has 3 CPUs: ask for at most 3");
	req.lcores = "0";
	req.output[0].writers = 2;
	refused("1 CPU: ask for at most 1");
}

static void requests_past_the_limits_are_refused(void **state)
{
	machine("core:100 pu:1");
	refused("0 sources");
	req.n_sources = BC_MAX_SOURCES + 1;
	refused("1025 sources");
	req.n_sources = 1;
	refused("0 outputs");
	req.n_outputs = BC_MAX_OUTPUTS + 1;
	refused("8 outputs");
	req.n_outputs = 0;
	output("x", 65, true);
	refused("at most 64");
}

/* --- any request on any machine --- */

static uint32_t rnd_state;

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 1664525U + 1013904223U;
	return (rnd_state >> 8) % n;
}

static void random_machine(void)
{
	char desc[128];

	snprintf(desc, sizeof(desc), "package:%u [numa] l3:%u core:%u pu:%u", 1 + rnd(3), 1 + rnd(3), 1 + rnd(8),
		 1 + rnd(3));
	machine(desc);
	for (uint32_t i = 0; i < topo.n_cpus && rnd(2); i++)
		if (!rnd(4))
			topo.cpu[i].automatic = topo.cpu[i].allowed = false;
}

static const char *random_list(char *buf, size_t size)
{
	size_t n = 0;

	for (uint32_t i = 0; i < topo.n_cpus + 1 && n + 8 < size; i++)
		if (!rnd(3))
			n += (size_t)snprintf(buf + n, size - n, "%s%u", n ? "," : "", i);
	buf[n] = '\0';
	return buf;
}

static void random_request(char *list, size_t size)
{
	uint32_t outputs = 1 + rnd(3);

	for (uint32_t n = 1 + rnd(4); n; n--)
		sources("dpdk:a", 1 + rnd(rnd(8) ? 6 : 60), (int)rnd(4) - 1, rnd(3));
	while (outputs--)
		output("x", rnd(3) ? 0 : 1 + rnd(6), rnd(2));
	req.busy_poll = rnd(2);
	if (!rnd(3))
		req.lcores = random_list(list, size);
}

static void any_request_is_planned_whole_or_refused_in_words(void **state)
{
	uint32_t planned = 0, refusals = 0;

	for (uint32_t seed = 0; seed < 3000; seed++) {
		char list[1024];

		rnd_state = seed * 2654435761U;
		random_machine();
		random_request(list, sizeof(list));
		err.msg[0] = '\0';
		if (bc_plan_make(&topo, &req, &plan, &err)) {
			assert_true(strlen(err.msg) > 20);
			refusals++;
			continue;
		}
		planned++;
		check_whole();
		if (shares_a_core_needlessly())
			fail_msg("seed %u: siblings share a core while one is free", seed);
	}
	assert_true(planned > 1000);
	assert_true(refusals > 100);
}

/* --- the picture --- */

static void picture_is(const char *name, bool utf8)
{
	const char *folder = getenv("BC_GOLDEN");
	char path[512], *got = NULL, want[16384];
	size_t got_len, want_len = 0;
	FILE *f;

	if (!folder)
		BC_SKIP("BC_GOLDEN does not name tests/golden");
	f = open_memstream(&got, &got_len);
	bc_plan_print(f, &topo, &req, &plan, utf8);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	if (f) {
		want_len = fread(want, 1, sizeof(want), f);
		fclose(f);
	}
	if (got_len != want_len || memcmp(got, want, got_len)) {
		fputs(got, stdout);
		fail_msg("the picture above is not that of %s", path);
	}
	free(got);
}

static void picture_of_two_sockets(void **state)
{
	machine("package:2 [numa] l3:1 core:16 pu:2");
	sources("dpdk:0000:3b:00.0", 4, 0, true);
	sources("dpdk:0000:d8:00.0", 2, 1, true);
	output("/data/capture", 0, true);
	output("null:", 1, false);
	make();
	picture_is("plan-two-sockets.txt", true);
}

static void picture_of_a_laptop_in_ascii(void **state)
{
	machine("package:1 [numa] l3:1 core:2 pu:2");
	sources("pcap:wlan0", 1, -1, false);
	sources("dpdk:net_tap0", 6, 1, true);
	output("/home/j\xc3\xb6rg/\033[31mtrace", 2, true);
	make();
	picture_is("plan-laptop.txt", false);
}

static void no_line_of_a_picture_is_longer_than_80_columns(void **state)
{
	for (uint32_t seed = 0; seed < 300; seed++) {
		char list[1024], *text = NULL, *line, *save = NULL;
		size_t len;
		FILE *f;

		rnd_state = seed * 2654435761U;
		random_machine();
		random_request(list, sizeof(list));
		memset(req.source[0].name, 'n', sizeof(req.source[0].name) - 1);
		memset(req.output[0].name, 'n', sizeof(req.output[0].name) - 1);
		if (bc_plan_make(&topo, &req, &plan, &err))
			continue;
		f = open_memstream(&text, &len);
		bc_plan_print(f, &topo, &req, &plan, false);
		fclose(f);
		for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			assert_true(strlen(line) <= 80);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_core_does_everything),
		cmocka_unit_test(two_cores_poll_and_merge_on_one_and_write_on_the_other),
		cmocka_unit_test(two_cores_split_light_sources_from_compression_too),
		cmocka_unit_test(two_cores_leave_one_alone_when_nothing_is_heavy),
		cmocka_unit_test(two_cores_split_light_work_when_two_writers_are_wanted),
		cmocka_unit_test(two_cores_are_both_used_for_light_work_when_they_are_named),
		cmocka_unit_test(lcores_0_of_two_puts_everything_there),
		cmocka_unit_test(both_threads_of_the_only_core_are_used),
		cmocka_unit_test(three_cores_without_compression_are_a_stage_each),
		cmocka_unit_test(three_cores_with_compression_give_two_to_the_writers),
		cmocka_unit_test(more_than_two_cores_leave_one_to_the_system),
		cmocka_unit_test(the_core_left_is_not_one_that_a_small_nic_node_needs),
		cmocka_unit_test(siblings_stay_idle_while_the_plan_chooses),
		cmocka_unit_test(listed_siblings_come_after_whole_cores),
		cmocka_unit_test(control_stays_off_the_lcores_cores),
		cmocka_unit_test(control_takes_siblings_when_no_core_is_free),
		cmocka_unit_test(control_shares_named_cpus_when_there_are_no_others),
		cmocka_unit_test(busy_polling_on_every_cpu_is_warned_of),
		cmocka_unit_test(rx_runs_on_the_nic_s_node),
		cmocka_unit_test(merge_is_near_most_of_the_sources),
		cmocka_unit_test(rx_leaves_the_merge_a_core_of_its_node),
		cmocka_unit_test(rx_lcores_go_where_the_most_queues_wait),
		cmocka_unit_test(merge_shares_the_l3_of_its_sources),
		cmocka_unit_test(lanes_fill_the_merge_s_node_first),
		cmocka_unit_test(lanes_prefer_the_merge_s_package_to_another),
		cmocka_unit_test(lanes_on_a_far_node_are_noted),
		cmocka_unit_test(nic_on_a_node_without_our_cpus_is_warned_of),
		cmocka_unit_test(lcores_away_from_the_nic_are_warned_of),
		cmocka_unit_test(sources_near_no_node_warn_of_nothing),
		cmocka_unit_test(writers_take_the_cores_that_remain),
		cmocka_unit_test(writers_stop_at_sixteen),
		cmocka_unit_test(writers_that_only_pack_stop_at_four),
		cmocka_unit_test(of_two_cpus_both_compress_what_files_bring),
		cmocka_unit_test(one_source_that_cannot_wait_has_no_lane_beside_it),
		cmocka_unit_test(one_writer_packs_what_light_sources_bring),
		cmocka_unit_test(listed_cpus_all_become_writers),
		cmocka_unit_test(compressing_outputs_get_the_free_cores_first),
		cmocka_unit_test(busy_queues_get_a_core_each),
		cmocka_unit_test(queues_beyond_half_of_the_cores_share),
		cmocka_unit_test(cores_that_writers_do_not_want_go_to_queues),
		cmocka_unit_test(four_light_sources_share_an_lcore),
		cmocka_unit_test(light_sources_stay_off_a_busy_queue_s_lcore),
		cmocka_unit_test(sources_share_when_there_are_more_than_cores),
		cmocka_unit_test(writers_share_lcores_before_they_burden_a_source_s),
		cmocka_unit_test(at_most_128_lcores_are_made),
		cmocka_unit_test(only_allowed_cpus_are_used),
		cmocka_unit_test(an_isolated_cpu_is_used_only_by_name),
		cmocka_unit_test(listed_cpus_and_no_others_are_used),
		cmocka_unit_test(cpu_that_does_not_exist_is_refused),
		cmocka_unit_test(cpu_that_is_not_ours_is_refused),
		cmocka_unit_test(malformed_and_empty_lists_are_refused),
		cmocka_unit_test(more_than_128_listed_cpus_are_refused),
		cmocka_unit_test(no_cpu_at_all_is_refused),
		cmocka_unit_test(more_writers_than_cpus_are_refused),
		cmocka_unit_test(requests_past_the_limits_are_refused),
		cmocka_unit_test(any_request_is_planned_whole_or_refused_in_words),
		cmocka_unit_test(picture_of_two_sockets),
		cmocka_unit_test(picture_of_a_laptop_in_ascii),
		cmocka_unit_test(no_line_of_a_picture_is_longer_than_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
