/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <string.h>

#include "bc_plural.h"

#include "bc_plan.h"

#define COLUMNS 80U
#define CORE_WIDTH 18U	/* four beside each other fit into a node's box */
#define CORES_IN_ROW 4U
#define CORE_LINES 10U	/* RX, merge, one for each output's lanes: 9, and room */
#define JOIN 60U	/* the column in which the sources come together */
#define SPLIT 20U	/* the one in which the outputs part */

/* Lines are cells above ASCII, so that text and lines have one width each. */
enum glyph { G_H = 128, G_V, G_TL, G_TR, G_BL, G_BR, G_LEFT, G_DOWN, G_RIGHT, G_END };

static const char *const glyph_utf8[] = { "─", "│", "┌", "┐", "└", "┘", "┤", "┬", "├" };
static const char glyph_ascii[] = "-|+++++++";

_Static_assert(sizeof(glyph_utf8) / sizeof(glyph_utf8[0]) == G_END - G_H, "a word for each glyph");
_Static_assert(sizeof(glyph_ascii) - 1 == G_END - G_H, "a character for each glyph");

struct row {
	unsigned char cell[COLUMNS];
};

struct picture {
	FILE *out;
	const struct bc_topology *topo;
	const struct bc_plan_request *req;
	const struct bc_plan *plan;
	bool utf8;
};

static struct row blank(void)
{
	struct row r;

	memset(r.cell, ' ', sizeof(r.cell));
	return r;
}

static void put(struct row *r, unsigned col, unsigned glyph)
{
	if (col < COLUMNS)
		r->cell[col] = (unsigned char)glyph;
}

static void fill(struct row *r, unsigned from, unsigned to, unsigned glyph)
{
	for (unsigned c = from; c <= to; c++)
		put(r, c, glyph);
}

/* Text of at most width columns; a name may contain anything. Returns the column after it. */
static unsigned text(struct row *r, unsigned col, unsigned width, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static unsigned text(struct row *r, unsigned col, unsigned width, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	unsigned i;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	for (i = 0; buf[i] && i < width; i++)
		put(r, col + i, buf[i] >= ' ' && buf[i] < 0x7f ? (unsigned char)buf[i] : '?');
	return col + i;
}

static void emit(const struct picture *p, const struct row *r)
{
	unsigned n = COLUMNS;

	while (n && r->cell[n - 1] == ' ')
		n--;
	for (unsigned c = 0; c < n; c++) {
		if (r->cell[c] < G_H)
			fputc(r->cell[c], p->out);
		else if (p->utf8)
			fputs(glyph_utf8[r->cell[c] - G_H], p->out);
		else
			fputc(glyph_ascii[r->cell[c] - G_H], p->out);
	}
	fputc('\n', p->out);
}

/* A long line of words or of a list, broken at blanks and commas; `boxed` draws a node's sides around it. */
static void wrapped(const struct picture *p, bool boxed, const char *first, const char *words)
{
	unsigned indent = boxed ? 2 : 0, width = COLUMNS - 2 * indent, hang = (unsigned)strlen(first);
	const char *label = first;

	do {
		size_t room = width - hang, n = strlen(words);
		struct row r = blank();

		if (n > room) {
			for (n = room; n > 1 && words[n - 1] != ',' && words[n] != ' ';)
				n--;
			n = n > 1 ? n : room;
		}
		text(&r, indent, hang, "%s", label);
		text(&r, indent + hang, (unsigned)n, "%s", words);
		if (boxed) {
			put(&r, 0, G_V);
			put(&r, COLUMNS - 1, G_V);
		}
		emit(p, &r);
		words += n;
		words += *words == ' ';
		label = "";
	} while (*words);
}

static void draw_border(const struct picture *p, bool top, const char *title)
{
	struct row r = blank();

	fill(&r, 1, COLUMNS - 2, G_H);
	put(&r, 0, top ? G_TL : G_BL);
	put(&r, COLUMNS - 1, top ? G_TR : G_BR);
	if (title)
		text(&r, 2, COLUMNS - 4, " %s ", title);
	emit(p, &r);
}

static const struct bc_plan_lcore *lcore_on(const struct bc_plan *plan, unsigned cpu)
{
	for (uint32_t i = 0; i < plan->n_lcores; i++)
		if (plan->lcore[i].cpu == cpu)
			return &plan->lcore[i];
	return NULL;
}

/* The words in a CPU's cell, one line for each kind of stage. */
struct cell {
	unsigned n;
	char line[CORE_LINES][CORE_WIDTH - 7];
};

static void cell_line(struct cell *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void cell_line(struct cell *c, const char *fmt, ...)
{
	char buf[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (c->n < CORE_LINES)
		snprintf(c->line[c->n++], sizeof(c->line[0]), "%.*s", (int)sizeof(c->line[0]) - 1, buf);
}

static void cell_of_lcore(const struct picture *p, const struct bc_plan_lcore *l, struct cell *c)
{
	uint32_t rx = 0, lanes[BC_MAX_OUTPUTS] = { 0 };
	const struct bc_plan_stage *first_lane[BC_MAX_OUTPUTS], *first_rx = NULL;
	bool merge = false;

	for (uint32_t i = l->first; i < l->first + l->n; i++) {
		const struct bc_plan_stage *s = &p->plan->stage[i];

		if (s->kind == BC_STAGE_MERGE)
			merge = true;
		else if (s->kind == BC_STAGE_RX && !rx++)
			first_rx = s;
		else if (s->kind == BC_STAGE_LANE && !lanes[s->output]++)
			first_lane[s->output] = s;
	}
	if (rx == 1)
		cell_line(c, "source %u", first_rx->source);
	else if (rx)
		cell_line(c, "%u sources", rx);
	if (merge)
		cell_line(c, "merge");
	for (uint32_t o = 0; o < p->req->n_outputs; o++) {
		bool many = p->req->n_outputs > 1;

		if (lanes[o] == 1 && many)
			cell_line(c, "lane %u/%u", o, first_lane[o]->lane);
		else if (lanes[o] == 1)
			cell_line(c, "lane %u", first_lane[o]->lane);
		else if (lanes[o] && many)
			cell_line(c, "%u lanes/%u", lanes[o], o);
		else if (lanes[o])
			cell_line(c, "%u lanes", lanes[o]);
	}
}

static struct cell cell_of(const struct picture *p, const struct bc_cpu *cpu)
{
	const struct bc_plan_lcore *l = lcore_on(p->plan, cpu->os);
	struct cell c = { 0 };

	if (l)
		cell_of_lcore(p, l, &c);
	else if (CPU_ISSET(cpu->os, &p->plan->control))
		cell_line(&c, "control");
	else
		cell_line(&c, cpu->allowed ? "-" : "not ours");
	return c;
}

/* A core's box, drawn into the rows of its line of boxes. */
#define BOX_ROWS 64U

static unsigned draw_core(const struct picture *p, const struct bc_cpu *first, struct row *rows, unsigned col)
{
	unsigned n = 1, right = col + CORE_WIDTH - 1;

	fill(&rows[0], col + 1, right - 1, G_H);
	put(&rows[0], col, G_TL);
	put(&rows[0], right, G_TR);
	text(&rows[0], col + 2, CORE_WIDTH - 4, " core %u ", first->core);
	for (uint32_t i = 0; i < p->topo->n_cpus; i++) {
		const struct bc_cpu *cpu = &p->topo->cpu[i];
		struct cell c;

		if (cpu->core != first->core)
			continue;
		c = cell_of(p, cpu);
		for (unsigned k = 0; k < c.n && n < BOX_ROWS - 1; k++, n++) {
			if (!k)
				text(&rows[n], col + 2, 4, "%-4u", cpu->os);
			text(&rows[n], col + 6, CORE_WIDTH - 7, "%s", c.line[k]);
		}
	}
	return n;
}

/* Up to four cores beside each other, boxes of one height. */
static void draw_cores(const struct picture *p, const struct bc_cpu *const *core, unsigned n)
{
	struct row rows[BOX_ROWS];
	unsigned height = 0;

	for (unsigned i = 0; i < BOX_ROWS; i++)
		rows[i] = blank();
	for (unsigned i = 0; i < n; i++) {
		unsigned h = draw_core(p, core[i], rows, 2 + i * (CORE_WIDTH + 1));

		height = h > height ? h : height;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned left = 2 + i * (CORE_WIDTH + 1), right = left + CORE_WIDTH - 1;

		for (unsigned y = 1; y < height; y++) {
			put(&rows[y], left, G_V);
			put(&rows[y], right, G_V);
		}
		fill(&rows[height], left + 1, right - 1, G_H);
		put(&rows[height], left, G_BL);
		put(&rows[height], right, G_BR);
	}
	for (unsigned y = 0; y <= height; y++) {
		put(&rows[y], 0, G_V);
		put(&rows[y], COLUMNS - 1, G_V);
		emit(p, &rows[y]);
	}
}

static bool same_box(const struct bc_cpu *a, const struct bc_cpu *b)
{
	return a->package == b->package && a->numa == b->numa;
}

static bool core_works(const struct picture *p, uint32_t core)
{
	for (uint32_t i = 0; i < p->plan->n_lcores; i++)
		if (bc_topology_cpu(p->topo, p->plan->lcore[i].cpu)->core == core)
			return true;
	return false;
}

static void draw_list(const struct picture *p, const char *label, const cpu_set_t *set)
{
	char list[4096];

	if (CPU_COUNT(set))
		wrapped(p, true, label, bc_cpulist_format(set, list, sizeof(list)));
}

/* The cores of a box without an lcore, in three lines at most. */
static void draw_idle_cores(const struct picture *p, const struct bc_cpu *first)
{
	cpu_set_t control, spare, foreign;

	CPU_ZERO(&control);
	CPU_ZERO(&spare);
	CPU_ZERO(&foreign);
	for (uint32_t i = 0; i < p->topo->n_cpus; i++) {
		const struct bc_cpu *cpu = &p->topo->cpu[i];

		if (!same_box(cpu, first) || core_works(p, cpu->core))
			continue;
		CPU_SET(cpu->os, CPU_ISSET(cpu->os, &p->plan->control) ? &control : cpu->allowed ? &spare : &foreign);
	}
	draw_list(p, "control (main and I/O threads): ", &control);
	draw_list(p, "idle: ", &spare);
	draw_list(p, "not ours: ", &foreign);
}

/* Which of the request's sources are near this node. */
static void draw_near_sources(const struct picture *p, int numa)
{
	cpu_set_t near;

	CPU_ZERO(&near);
	for (uint32_t i = 0; i < p->req->n_sources; i++)
		if (numa >= 0 && p->req->source[i].numa == numa)
			CPU_SET(i, &near);
	draw_list(p, CPU_COUNT(&near) == 1 ? "near this node: source " : "near this node: sources ", &near);
}

static void draw_box(const struct picture *p, const struct bc_cpu *first)
{
	const struct bc_cpu *core[CORES_IN_ROW];
	unsigned n = 0, used = 0;
	char title[COLUMNS];

	if (first->package >= 0)
		used += (unsigned)snprintf(title, sizeof(title), "package %d, ", first->package);
	if (first->numa >= 0)
		snprintf(title + used, sizeof(title) - used, "NUMA node %d", first->numa);
	else
		snprintf(title + used, sizeof(title) - used, "no NUMA node");
	draw_border(p, true, title);
	draw_near_sources(p, first->numa);
	for (uint32_t i = 0; i < p->topo->n_cpus; i++) {
		const struct bc_cpu *cpu = &p->topo->cpu[i];

		if (cpu->smt || !same_box(cpu, first) || !core_works(p, cpu->core))
			continue;
		core[n++] = cpu;
		if (n == CORES_IN_ROW) {
			draw_cores(p, core, n);
			n = 0;
		}
	}
	if (n)
		draw_cores(p, core, n);
	draw_idle_cores(p, first);
	draw_border(p, false, NULL);
}

static void draw_machine(const struct picture *p)
{
	for (uint32_t i = 0; i < p->topo->n_cpus; i++) {
		bool first = true;

		for (uint32_t j = 0; j < i; j++)
			first = first && !same_box(&p->topo->cpu[j], &p->topo->cpu[i]);
		if (first)
			draw_box(p, &p->topo->cpu[i]);
	}
}

static unsigned cpu_of_source(const struct picture *p, uint32_t source)
{
	for (uint32_t l = 0; l < p->plan->n_lcores; l++)
		for (uint32_t s = p->plan->lcore[l].first; s < p->plan->lcore[l].first + p->plan->lcore[l].n; s++)
			if (p->plan->stage[s].kind == BC_STAGE_RX && p->plan->stage[s].source == source)
				return p->plan->lcore[l].cpu;
	return 0;
}

/* How many sources from `first` on are queues of one port on one CPU, which share a line. */
static uint32_t run_of_queues(const struct picture *p, uint32_t first)
{
	const struct bc_plan_source *s = &p->req->source[first];
	uint32_t n = 1;

	while (s->queue >= 0 && first + n < p->req->n_sources && s[n].queue == s->queue + (int)n &&
	       !strcmp(s[n].name, s->name) && cpu_of_source(p, first + n) == cpu_of_source(p, first))
		n++;
	return n;
}

static void draw_sources(const struct picture *p)
{
	for (uint32_t i = 0, n; i < p->req->n_sources; i += n) {
		const struct bc_plan_source *s = &p->req->source[i];
		struct row r = blank();
		unsigned col;

		n = run_of_queues(p, i);
		if (n > 1) {
			text(&r, 1, 16, "sources %u-%u", i, i + n - 1);
			col = text(&r, 17, 20, "%s", s->name);
			text(&r, col, 50 - col, " queues %d-%d", s->queue, s->queue + (int)n - 1);
		} else {
			text(&r, 1, 16, "source %u", i);
			col = text(&r, 17, s->queue >= 0 ? 22 : 33, "%s", s->name);
			if (s->queue >= 0)
				text(&r, col, 50 - col, " queue %d", s->queue);
		}
		text(&r, 51, 8, "CPU %u", cpu_of_source(p, i));
		put(&r, JOIN - 1, G_H);
		put(&r, JOIN, i ? G_LEFT : G_TR);
		emit(p, &r);
	}
}

static unsigned merge_cpu(const struct bc_plan *plan)
{
	for (uint32_t l = 0; l < plan->n_lcores; l++)
		for (uint32_t s = plan->lcore[l].first; s < plan->lcore[l].first + plan->lcore[l].n; s++)
			if (plan->stage[s].kind == BC_STAGE_MERGE)
				return plan->lcore[l].cpu;
	return 0;
}

static void lane_cpus(const struct bc_plan *plan, uint32_t output, cpu_set_t *ret)
{
	CPU_ZERO(ret);
	for (uint32_t l = 0; l < plan->n_lcores; l++)
		for (uint32_t s = plan->lcore[l].first; s < plan->lcore[l].first + plan->lcore[l].n; s++)
			if (plan->stage[s].kind == BC_STAGE_LANE && plan->stage[s].output == output)
				CPU_SET(plan->lcore[l].cpu, ret);
}

/* The merge and the first output's lanes on one line; under each line of lanes its output. */
static void draw_output(const struct picture *p, uint32_t o)
{
	const struct bc_plan_output *out = &p->req->output[o];
	bool last = o + 1 == p->req->n_outputs;
	uint32_t n = p->plan->writers[o];
	struct row lanes = blank(), name = blank();
	cpu_set_t cpus;
	char list[32];

	if (!o) {
		put(&lanes, 1, G_BL);
		put(&lanes, 2, G_H);
		fill(&lanes, text(&lanes, 3, SPLIT - 4, "> merge, CPU %u ", merge_cpu(p->plan)), SPLIT, G_H);
	}
	if (!o && !last)
		put(&lanes, SPLIT, G_DOWN);
	else if (o)
		put(&lanes, SPLIT, last ? G_BL : G_RIGHT);
	if (!last)
		put(&name, SPLIT, G_V);
	lane_cpus(p->plan, o, &cpus);
	bc_cpulist_format(&cpus, list, sizeof(list));
	put(&lanes, SPLIT + 1, G_H);
	text(&lanes, SPLIT + 2, COLUMNS, "> %u lane%s%s, CPU%s %s", n, bc_plural(n, "", "s"),
	     out->compressing ? " compressing" : "", bc_plural((uint64_t)CPU_COUNT(&cpus), "", "s"), list);
	put(&name, SPLIT + 4, G_BL);
	put(&name, SPLIT + 5, G_H);
	text(&name, SPLIT + 6, COLUMNS, "> output %u  %s", o, out->name);
	emit(p, &lanes);
	emit(p, &name);
}

static void draw_pipeline(const struct picture *p)
{
	struct row r = blank();

	draw_sources(p);
	put(&r, 1, G_TL);
	fill(&r, 2, JOIN - 1, G_H);
	put(&r, JOIN, G_BR);
	emit(p, &r);
	for (uint32_t o = 0; o < p->req->n_outputs; o++)
		draw_output(p, o);
}

static void draw_lines(const struct picture *p, const char *label, const struct bc_plan_lines *lines)
{
	for (uint32_t i = 0; i < lines->n && i < BC_PLAN_MAX_LINES; i++)
		wrapped(p, false, label, lines->line[i]);
	if (lines->n > BC_PLAN_MAX_LINES)
		fprintf(p->out, "%sand %u more\n", label, lines->n - BC_PLAN_MAX_LINES);
}

void bc_plan_print(FILE *out, const struct bc_topology *topo, const struct bc_plan_request *req,
		   const struct bc_plan *plan, bool utf8)
{
	const struct picture p = { .out = out, .topo = topo, .req = req, .plan = plan, .utf8 = utf8 };
	char list[4096];

	draw_machine(&p);
	fputc('\n', out);
	draw_pipeline(&p);
	fputc('\n', out);
	wrapped(&p, false, CPU_COUNT(&plan->control) > 1 ? "main and I/O threads: CPUs " : "main and I/O threads: CPU ",
		bc_cpulist_format(&plan->control, list, sizeof(list)));
	draw_lines(&p, "note: ", &plan->notes);
	draw_lines(&p, "warning: ", &plan->warnings);
}
