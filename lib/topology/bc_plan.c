/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_plan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bc_plan_remarks.h"
#include "bc_plural.h"

#define ANY_NODE INT_MIN
#define LIGHT_PER_LCORE 4U

/* Lanes when the request leaves it open: LZ4 takes most of a core's time, packing a small part of it. */
#define LANES_LISTED BC_PLAN_MAX_LANES	/* the user named the CPUs: all are for use */
#define LANES_COMPRESSING 16U
#define LANES_PACKING 4U
#define LANES_IDLE 1U			/* packing what light sources bring */

/* A plan in the making. */
struct maker {
	const struct bc_topology *topo;
	const struct bc_plan_request *req;
	struct bc_plan plan;
	uint32_t n_slots;	/* CPUs that may become lcores */
	const struct bc_cpu *slot[BC_MAX_CPUS];
	const struct bc_cpu *lcore_cpu[BC_PLAN_MAX_LCORES];
	int home;		/* the node of most sources */
	bool merge_apart;	/* an lcore of its own, not the first RX lcore's */
	uint32_t merge_lcore;
	uint16_t stage_lcore[BC_PLAN_MAX_STAGES];
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static int check_request(const struct bc_plan_request *req, struct bc_err *err)
{
	if (req->n_sources < 1 || req->n_sources > BC_MAX_SOURCES)
		return bc_err_set(err, -EINVAL, "%u sources: a capture has 1 to %d; each queue of a port counts as one",
				  req->n_sources, BC_MAX_SOURCES);
	if (req->n_outputs < 1 || req->n_outputs > BC_MAX_OUTPUTS)
		return bc_err_set(err, -EINVAL, "%u outputs: a capture has 1 to %d", req->n_outputs, BC_MAX_OUTPUTS);
	for (uint32_t o = 0; o < req->n_outputs; o++)
		if (req->output[o].writers > BC_PLAN_MAX_LANES)
			return bc_err_set(err, -EINVAL, "%u writers for '%s': an output has at most %d",
					  req->output[o].writers, req->output[o].name, BC_PLAN_MAX_LANES);
	return 0;
}

/* The CPUs of the machine that may be named, or those that exist. */
static const char *list_cpus(const struct bc_topology *t, bool only_allowed, char *buf, size_t size)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (uint32_t i = 0; i < t->n_cpus; i++)
		if (!only_allowed || t->cpu[i].allowed)
			CPU_SET(t->cpu[i].os, &set);
	bc_cpulist_format(&set, buf, size);
	return *buf ? buf : "none";
}

static int collect_listed(struct maker *m, struct bc_err *err)
{
	char buf[256];
	cpu_set_t set;
	int r = bc_cpulist_parse("--lcores", m->req->lcores, &set, err);

	if (r)
		return r;
	if (CPU_COUNT(&set) > BC_PLAN_MAX_LCORES)
		return bc_err_set(err, -EINVAL, "--lcores: %d CPUs, but at most %d can be used", CPU_COUNT(&set),
				  BC_PLAN_MAX_LCORES);
	for (unsigned c = 0; c < BC_MAX_CPUS; c++) {
		const struct bc_cpu *cpu = bc_topology_cpu(m->topo, c);

		if (!CPU_ISSET(c, &set))
			continue;
		if (!cpu)
			return bc_err_set(err, -EINVAL, "--lcores: there is no CPU %u; this machine has %s", c,
					  list_cpus(m->topo, false, buf, sizeof(buf)));
		if (!cpu->allowed)
			return bc_err_set(err, -EINVAL, "--lcores: CPU %u is not available to this process, which may "
					  "use %s (limited by taskset, systemd's CPUAffinity= or the cgroup)", c,
					  list_cpus(m->topo, true, buf, sizeof(buf)));
		m->slot[m->n_slots++] = cpu;
	}
	return 0;
}

static uint32_t slots_on(const struct maker *m, int numa)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n_slots; i++)
		n += m->slot[i]->numa == numa;
	return n;
}

/* What the sources of a node need: 4 light ones are as much as a busy one. */
static uint32_t load_on(const struct bc_plan_request *req, int numa)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < req->n_sources; i++)
		if (req->source[i].numa == numa)
			n += req->source[i].busy ? LIGHT_PER_LCORE : 1;
	return n;
}

/* Leave the first core that is not needed beside a NIC to the system: a NIC's node keeps at least two. */
static void leave_one_core(struct maker *m)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < m->n_slots; i++)
		if (!load_on(m->req, m->slot[i]->numa) || slots_on(m, m->slot[i]->numa) > 2) {
			left = i;
			break;
		}
	m->n_slots--;
	memmove(&m->slot[left], &m->slot[left + 1], (m->n_slots - left) * sizeof(m->slot[0]));
}

static bool has_slot_on_core(const struct maker *m, uint32_t core)
{
	for (uint32_t i = 0; i < m->n_slots; i++)
		if (m->slot[i]->core == core)
			return true;
	return false;
}

/* One thread of every core; both of the only core. */
static int collect_automatic(struct maker *m, struct bc_err *err)
{
	const struct bc_topology *t = m->topo;

	for (uint32_t i = 0; i < t->n_cpus; i++)
		if (t->cpu[i].automatic && !has_slot_on_core(m, t->cpu[i].core))
			m->slot[m->n_slots++] = &t->cpu[i];
	if (!m->n_slots)
		return bc_err_set(err, -EINVAL, "no CPU is free for the data path: name some of the %u with --lcores",
				  t->n_cpus);
	if (m->n_slots > 2)
		leave_one_core(m);
	for (uint32_t i = 0; i < t->n_cpus && m->n_slots == 1; i++)
		if (t->cpu[i].automatic && t->cpu[i].core == m->slot[0]->core && &t->cpu[i] != m->slot[0])
			m->slot[m->n_slots++] = &t->cpu[i];
	return 0;
}

static int home_node(const struct maker *m)
{
	uint32_t best_load = 0, best_slots = 0;
	int home = -1;

	for (uint32_t i = 0; i < m->n_slots; i++) {
		int numa = m->slot[i]->numa;
		uint32_t load = numa >= 0 ? load_on(m->req, numa) : 0, slots = slots_on(m, numa);

		if (load > best_load || (load == best_load && slots > best_slots)) {
			best_load = load;
			best_slots = slots;
			home = numa;
		}
	}
	return home;
}

static bool any_busy(const struct bc_plan_request *req)
{
	for (uint32_t i = 0; i < req->n_sources; i++)
		if (req->source[i].busy)
			return true;
	return false;
}

static uint32_t lanes_most(const struct maker *m, uint32_t o)
{
	const struct bc_plan_output *out = &m->req->output[o];

	if (out->writers)
		return out->writers;
	if (m->req->lcores)
		return LANES_LISTED;
	if (out->compressing)
		return LANES_COMPRESSING;
	return any_busy(m->req) ? LANES_PACKING : LANES_IDLE;
}

/* The least number of lcores that the lanes should have. */
static uint32_t lanes_least(const struct maker *m)
{
	uint32_t n = 0;

	for (uint32_t o = 0; o < m->req->n_outputs; o++) {
		const struct bc_plan_output *out = &m->req->output[o];

		n += out->writers ? out->writers : out->compressing ? 2 : 1;
	}
	return n;
}

static uint32_t total_lcores(const struct maker *m)
{
	return min_u32(m->n_slots, BC_PLAN_MAX_LCORES);
}

/* With two CPUs and no --lcores, light work leaves one to the rest of the machine. */
static bool one_does_all(const struct maker *m)
{
	if (total_lcores(m) > 2 || (total_lcores(m) == 2 && (m->req->lcores || any_busy(m->req))))
		return false;
	for (uint32_t o = 0; o < m->req->n_outputs && total_lcores(m) == 2; o++)
		if (m->req->output[o].compressing || m->req->output[o].writers > 1)
			return false;
	return true;
}

/*
 * Of two lcores both compress, where the one that reads has time for it: files wait. Chunks go to all lanes in turn, so of three lanes
 * it has one.
 */
static bool both_compress(const struct maker *m)
{
	bool wanted = false;

	for (uint32_t i = 0; i < m->req->n_sources; i++)
		if (!m->req->source[i].waits)
			return false;
	for (uint32_t o = 0; o < m->req->n_outputs; o++)
		wanted |= m->req->output[o].compressing;
	return wanted && total_lcores(m) == 2;
}

static bool core_taken(const struct maker *m, uint32_t core)
{
	for (uint32_t i = 0; i < m->plan.n_lcores; i++)
		if (m->lcore_cpu[i]->core == core)
			return true;
	return false;
}

static bool cpu_taken(const struct maker *m, const struct bc_cpu *cpu)
{
	for (uint32_t i = 0; i < m->plan.n_lcores; i++)
		if (m->lcore_cpu[i] == cpu)
			return true;
	return false;
}

/* near NULL: the home node is meant. */
static unsigned distance(const struct maker *m, const struct bc_cpu *cpu, const struct bc_cpu *near)
{
	if (!near)
		return cpu->numa == m->home ? 0 : 3;
	if (cpu->numa == near->numa)
		return cpu->l3 == near->l3 ? 0 : 1;
	return cpu->package == near->package ? 2 : 3;
}

/*
 * Make the nearest free slot an lcore; a whole core, however far, comes before the sibling of a taken one. There
 * is a free slot: who calls has counted.
 */
static uint32_t take_lcore(struct maker *m, int only_numa, const struct bc_cpu *near)
{
	const struct bc_cpu *best = NULL;
	unsigned best_cost = UINT_MAX;
	uint32_t l = m->plan.n_lcores;

	for (uint32_t i = 0; i < m->n_slots; i++) {
		const struct bc_cpu *cpu = m->slot[i];
		unsigned cost = distance(m, cpu, near) + (core_taken(m, cpu->core) ? 4 : 0);

		if (cost >= best_cost || cpu_taken(m, cpu) || (only_numa != ANY_NODE && cpu->numa != only_numa))
			continue;
		best = cpu;
		best_cost = cost;
	}
	m->lcore_cpu[l] = best;
	m->plan.lcore[l].cpu = best->os;
	m->plan.n_lcores++;
	return l;
}

static void add_stage(struct maker *m, uint32_t lcore, struct bc_plan_stage stage)
{
	m->stage_lcore[m->plan.n_stages] = (uint16_t)lcore;
	m->plan.stage[m->plan.n_stages++] = stage;
}

/* The RX lcores of one node. */
struct rx_node {
	int numa;
	uint32_t busy;
	uint32_t light;
	uint32_t cores;		/* whole cores there are */
	uint32_t lcores;	/* those it gets */
};

struct rx {
	uint32_t n_nodes;
	struct rx_node node[BC_MAX_SOURCES + 1];	/* home first */
	uint16_t node_of[BC_MAX_SOURCES];		/* source: index in node */
	uint32_t load[BC_PLAN_MAX_LCORES];		/* of the lcores so far */
	uint16_t lcore_node[BC_PLAN_MAX_LCORES];
};

static uint32_t rx_units(const struct rx_node *n)
{
	return n->busy + (n->light + LIGHT_PER_LCORE - 1) / LIGHT_PER_LCORE;
}

static uint32_t whole_cores_on(const struct maker *m, int numa)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n_slots; i++) {
		bool first = m->slot[i]->numa == numa;

		for (uint32_t j = 0; first && j < i; j++)
			first = m->slot[j]->core != m->slot[i]->core;
		n += first;
	}
	return n;
}

static uint32_t rx_node_index(const struct maker *m, struct rx *rx, int numa)
{
	for (uint32_t i = 0; i < rx->n_nodes; i++)
		if (rx->node[i].numa == numa)
			return i;
	rx->node[rx->n_nodes] = (struct rx_node){ .numa = numa, .cores = whole_cores_on(m, numa) };
	return rx->n_nodes++;
}

/* A source whose node has no CPU for us, or which is near none, is polled at home. */
static void rx_gather(const struct maker *m, struct rx *rx)
{
	rx_node_index(m, rx, m->home);
	for (uint32_t i = 0; i < m->req->n_sources; i++) {
		const struct bc_plan_source *s = &m->req->source[i];
		bool there = s->numa >= 0 && slots_on(m, s->numa) > 0;
		uint32_t n = rx_node_index(m, rx, there ? s->numa : m->home);

		rx->node_of[i] = (uint16_t)n;
		if (s->busy)
			rx->node[n].busy++;
		else
			rx->node[n].light++;
	}
	if (m->merge_apart && rx->node[0].cores > 1)
		rx->node[0].cores--;
}

/* The node with the most work for each lcore that it has so far; NULL when none has use for another. */
static struct rx_node *rx_neediest(struct rx *rx)
{
	struct rx_node *best = NULL;

	for (uint32_t i = 0; i < rx->n_nodes; i++) {
		struct rx_node *n = &rx->node[i];

		if (n->lcores >= min_u32(rx_units(n), n->cores))
			continue;
		if (!best || rx_units(n) * best->lcores > rx_units(best) * n->lcores)
			best = n;
	}
	return best;
}

static uint32_t rx_least_loaded(const struct maker *m, const struct rx *rx, uint32_t node)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t l = 0; l < m->plan.n_lcores; l++)
		if (rx->lcore_node[l] == node && (best == UINT32_MAX || rx->load[l] < rx->load[best]))
			best = l;
	return best;
}

static void rx_assign(struct maker *m, struct rx *rx, bool busy)
{
	for (uint32_t i = 0; i < m->req->n_sources; i++) {
		uint32_t node = rx->node_of[i], l;

		if (m->req->source[i].busy != busy)
			continue;
		l = rx_least_loaded(m, rx, rx->node[node].lcores ? node : 0);
		rx->load[l] += busy ? LIGHT_PER_LCORE : 1;
		add_stage(m, l, (struct bc_plan_stage){ .kind = BC_STAGE_RX, .source = (uint16_t)i });
	}
}

/*
 * How many lcores poll, if there is work for them: half of what the merge leaves, and what the lanes have no use
 * for.
 */
static uint32_t rx_budget(const struct maker *m)
{
	uint32_t rest = total_lcores(m) - 1, most = 0;

	if (!m->merge_apart)
		return 1;
	for (uint32_t o = 0; o < m->req->n_outputs; o++)
		most += lanes_most(m, o);
	return max_u32(rest / 2, rest > most ? rest - most : 1);
}

static void place_rx(struct maker *m)
{
	struct rx rx = { 0 };
	struct rx_node *n;

	rx_gather(m, &rx);
	for (uint32_t left = rx_budget(m); left && (n = rx_neediest(&rx)); left--)
		n->lcores++;
	for (uint32_t i = 0; i < rx.n_nodes; i++) {
		const struct bc_cpu *near = NULL;

		for (uint32_t k = 0; k < rx.node[i].lcores; k++) {
			uint32_t l = take_lcore(m, rx.node[i].numa, near);

			rx.lcore_node[l] = (uint16_t)i;
			near = m->lcore_cpu[l];
		}
	}
	rx_assign(m, &rx, true);
	rx_assign(m, &rx, false);
}

static void place_merge(struct maker *m)
{
	m->merge_lcore = m->merge_apart ? take_lcore(m, ANY_NODE, m->lcore_cpu[0]) : 0;
	add_stage(m, m->merge_lcore, (struct bc_plan_stage){ .kind = BC_STAGE_MERGE });
}

/*
 * One lane for each output, or as many as are wanted; then what is free of `lcores` in turn, those that compress
 * first.
 */
static void deal_writers(struct maker *m, uint32_t lcores)
{
	const struct bc_plan_request *req = m->req;
	uint32_t used = 0;

	for (uint32_t o = 0; o < req->n_outputs; o++) {
		m->plan.writers[o] = req->output[o].writers ? req->output[o].writers : 1;
		used += m->plan.writers[o];
	}
	for (int compressing = 1; compressing >= 0; compressing--)
		for (bool more = true; more;) {
			more = false;
			for (uint32_t o = 0; o < req->n_outputs && used < lcores; o++) {
				if (req->output[o].compressing != compressing || m->plan.writers[o] >= lanes_most(m, o))
					continue;
				m->plan.writers[o]++;
				used++;
				more = true;
			}
		}
}

/*
 * Lane i of all goes to lane lcore i mod their number, so that an output's lanes meet only where there is no
 * other way.
 */
static void place_lanes(struct maker *m)
{
	uint32_t first = m->plan.n_lcores, lcores = total_lcores(m) - first, total = 0, i = 0;
	bool both = both_compress(m);

	deal_writers(m, both ? 3 : lcores);
	for (uint32_t o = 0; o < m->req->n_outputs; o++)
		total += m->plan.writers[o];
	lcores = min_u32(lcores, total);
	for (uint32_t k = 0; k < lcores; k++)
		take_lcore(m, ANY_NODE, m->lcore_cpu[m->merge_lcore]);
	for (uint32_t o = 0; o < m->req->n_outputs; o++)
		for (uint32_t lane = 0; lane < m->plan.writers[o]; lane++, i++)
			add_stage(m, !lcores || (both && i % 3 == 1) ? 0 : first + i % lcores, (struct bc_plan_stage){
				.kind = BC_STAGE_LANE, .output = (uint8_t)o, .lane = (uint8_t)lane });
}

static int check_writers(const struct maker *m, struct bc_err *err)
{
	for (uint32_t o = 0; o < m->req->n_outputs; o++) {
		const struct bc_plan_output *out = &m->req->output[o];

		if (out->writers > total_lcores(m))
			return bc_err_set(err, -EINVAL, "%u writers for '%s', but the data path has %u CPU%s: ask for at "
					  "most %u%s", out->writers, out->name, total_lcores(m),
					  bc_plural(total_lcores(m), "", "s"), total_lcores(m),
					  m->req->lcores ? ", or name more with --lcores" :
					  ", or name the CPUs with --lcores");
	}
	return 0;
}

static void place_all_on_one(struct maker *m)
{
	take_lcore(m, ANY_NODE, NULL);
	for (uint32_t i = 0; i < m->req->n_sources; i++)
		add_stage(m, 0, (struct bc_plan_stage){ .kind = BC_STAGE_RX, .source = (uint16_t)i });
	m->n_slots = 1;
}

static void place(struct maker *m)
{
	m->home = home_node(m);
	m->merge_apart = total_lcores(m) > 3 || (total_lcores(m) == 3 && lanes_least(m) == 1);
	if (one_does_all(m))
		place_all_on_one(m);
	else
		place_rx(m);
	place_merge(m);
	place_lanes(m);
}

/* Stages were added source to output; each lcore's come together, in that order. */
static void sort_stages(struct maker *m)
{
	struct bc_plan_stage sorted[BC_PLAN_MAX_STAGES];
	uint16_t n = 0;

	for (uint32_t l = 0; l < m->plan.n_lcores; l++) {
		m->plan.lcore[l].first = n;
		for (uint32_t s = 0; s < m->plan.n_stages; s++)
			if (m->stage_lcore[s] == l)
				sorted[n++] = m->plan.stage[s];
		m->plan.lcore[l].n = (uint16_t)(n - m->plan.lcore[l].first);
	}
	memcpy(m->plan.stage, sorted, n * sizeof(sorted[0]));
}

static bool any_cpu(const struct maker *m, const struct bc_cpu *cpu)
{
	return true;
}

static bool off_the_lcores(const struct maker *m, const struct bc_cpu *cpu)
{
	return !cpu_taken(m, cpu);
}

static bool off_their_cores(const struct maker *m, const struct bc_cpu *cpu)
{
	return !core_taken(m, cpu->core);
}

/* The widest distance from the lcores that leaves a CPU; with two CPUs or one the kernel balances best. */
static void choose_control(struct maker *m)
{
	static bool (*const wanted[])(const struct maker *, const struct bc_cpu *) = {
		off_their_cores, off_the_lcores, any_cpu };
	uint32_t automatic = 0;

	for (uint32_t i = 0; i < m->topo->n_cpus; i++)
		automatic += m->topo->cpu[i].automatic;
	CPU_ZERO(&m->plan.control);
	for (size_t w = automatic <= 2 ? 2 : 0; w < 3 && !CPU_COUNT(&m->plan.control); w++)
		for (uint32_t i = 0; i < m->topo->n_cpus; i++)
			if (m->topo->cpu[i].automatic && wanted[w](m, &m->topo->cpu[i]))
				CPU_SET(m->topo->cpu[i].os, &m->plan.control);
	for (uint32_t l = 0; !automatic && l < m->plan.n_lcores; l++)
		CPU_SET(m->plan.lcore[l].cpu, &m->plan.control);
}

int bc_plan_make(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *ret,
		 struct bc_err *err)
{
	struct maker m = { .topo = topo, .req = req };
	int r = check_request(req, err);

	if (!r)
		r = req->lcores ? collect_listed(&m, err) : collect_automatic(&m, err);
	if (!r)
		r = check_writers(&m, err);
	if (r)
		return r;
	place(&m);
	sort_stages(&m);
	choose_control(&m);
	bc_plan_remark(topo, req, &m.plan);
	*ret = m.plan;
	return 0;
}
