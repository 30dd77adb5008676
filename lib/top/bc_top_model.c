/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_field.h"

#define PAGE 10U

struct bc_top_capture *bc_top_chosen(const struct bc_top *t)
{
	return t->chosen < t->n ? t->capture[t->chosen] : NULL;
}

static void drop_store(struct bc_top *t)
{
	json_decref(t->store);
	t->store = NULL;
}

static void choose(struct bc_top *t, uint32_t i)
{
	if (i >= t->n || i == t->chosen)
		return;
	t->chosen = i;
	t->scroll = 0;
	drop_store(t);
}

static void forget(struct bc_top_capture *c)
{
	bc_top_figures_free(&c->figures);
	json_decref(c->now);
	free(c);
}

static void take_out(struct bc_top *t, uint32_t i)
{
	forget(t->capture[i]);
	t->n--;
	memmove(&t->capture[i], &t->capture[i + 1], (t->n - i) * sizeof(t->capture[0]));
	if (i == t->chosen)
		drop_store(t);
	if (t->chosen > i || (t->chosen && t->chosen == t->n))
		t->chosen--;
}

static bool is_over(const struct bc_top_capture *c)
{
	return c->state == BC_TOP_ENDED || c->state == BC_TOP_KILLED;
}

/* Is there room for one more? The capture that ended first gives way. */
static bool make_room(struct bc_top *t)
{
	uint32_t first = t->n;

	if (t->n < BC_TOP_CAPTURES_MAX)
		return true;
	for (uint32_t i = 0; i < t->n; i++)
		if (is_over(t->capture[i]) && (first == t->n || t->capture[i]->since_ns < t->capture[first]->since_ns))
			first = i;
	if (first == t->n)
		return false;
	take_out(t, first);
	return true;
}

/* The capture of that name, a new one if need be; NULL: there is no room. */
static struct bc_top_capture *find(struct bc_top *t, const char *prefix)
{
	struct bc_top_capture *c;
	uint32_t i = 0;

	while (i < t->n && strncmp(t->capture[i]->prefix, prefix, BC_TOP_PREFIX_MAX - 1) < 0)
		i++;
	if (i < t->n && !strncmp(t->capture[i]->prefix, prefix, BC_TOP_PREFIX_MAX - 1))
		return t->capture[i];
	c = calloc(1, sizeof(*c));
	if (!c || !make_room(t)) {
		free(c);
		return NULL;
	}
	snprintf(c->prefix, sizeof(c->prefix), "%s", prefix);
	c->state = BC_TOP_ENDED;
	while (i && (i > t->n || strcmp(t->capture[i - 1]->prefix, c->prefix) > 0))
		i--;
	memmove(&t->capture[i + 1], &t->capture[i], (t->n - i) * sizeof(t->capture[0]));
	t->capture[i] = c;
	if (t->n++ && i <= t->chosen)
		t->chosen++;
	return c;
}

static void set_state(struct bc_top_capture *c, enum bc_top_state state, uint64_t utc_ns)
{
	if (c->state == state && c->since_ns)
		return;
	c->state = state;
	c->since_ns = utc_ns;
	if (state != BC_TOP_ANSWERS)
		bc_top_figures_still(&c->figures);
}

static uint64_t told_ns(const json_t *answer)
{
	return bc_field_u64(json_object_get(answer, "info"), "now_ns");
}

static void take_answer(struct bc_top_capture *c, const json_t *answer)
{
	const bool first = is_over(c);
	struct bc_top_figures figures;

	/* It is slow: this is what we have. */
	if (c->now && !first && told_ns(c->now) == told_ns(answer))
		return;
	if (bc_top_figures(first ? NULL : c->now, answer, first ? NULL : &c->figures, &figures))
		return;
	bc_top_figures_free(&c->figures);
	json_decref(c->now);
	c->figures = figures;
	c->now = json_incref((json_t *)answer);
}

static bool is_in(const json_t *captures, const char *prefix)
{
	json_t *c;
	size_t i;

	json_array_foreach((json_t *)captures, i, c)
		if (!strncmp(bc_field_text(c, "prefix"), prefix, BC_TOP_PREFIX_MAX - 1))
			return true;
	return false;
}

void bc_top_take(struct bc_top *t, const json_t *captures, uint64_t utc_ns)
{
	json_t *answer;
	size_t i;

	t->now_ns = utc_ns;
	for (uint32_t k = 0; k < t->n; k++)
		if (!is_in(captures, t->capture[k]->prefix) && !is_over(t->capture[k]))
			set_state(t->capture[k], BC_TOP_ENDED, utc_ns);
	json_array_foreach((json_t *)captures, i, answer) {
		struct bc_top_capture *c = find(t, bc_field_text(answer, "prefix"));
		const json_t *info = json_object_get(answer, "info");

		if (!c)
			continue;
		if (json_is_object(info))
			take_answer(c, answer);
		set_state(c, json_is_object(info) ? BC_TOP_ANSWERS : info ? BC_TOP_SILENT :
			     json_is_true(json_object_get(answer, "killed")) ? BC_TOP_KILLED : BC_TOP_ENDED, utc_ns);
	}
}

void bc_top_take_store(struct bc_top *t, const char *prefix, json_t *store)
{
	const struct bc_top_capture *c = bc_top_chosen(t);

	if (!c || strcmp(c->prefix, prefix)) {
		json_decref(store);
		return;
	}
	drop_store(t);
	t->store = store;
}

static void turn(struct bc_top *t, uint32_t views)
{
	t->view = (enum bc_top_view)(((uint32_t)t->view + views) % BC_TOP_VIEWS);
	t->scroll = 0;
}

static enum bc_top_wish confirm(struct bc_top *t, int key)
{
	t->confirms = false;
	return key == 'y' || key == 'Y' ? BC_TOP_ROTATE : BC_TOP_NOTHING;
}

static void ask_to_rotate(struct bc_top *t)
{
	const struct bc_top_capture *c = bc_top_chosen(t);

	t->confirms = c && c->state == BC_TOP_ANSWERS;
}

static void move(struct bc_top *t, int key)
{
	switch (key) {
	case BC_TOP_UP:
	case 'k':
		choose(t, t->chosen ? t->chosen - 1 : 0);
		break;
	case BC_TOP_DOWN:
	case 'j':
		choose(t, t->chosen + 1);
		break;
	case BC_TOP_NEXT:
		turn(t, 1);
		break;
	case BC_TOP_PREVIOUS:
		turn(t, BC_TOP_VIEWS - 1);
		break;
	case BC_TOP_PAGE_UP:
		t->scroll -= t->scroll < PAGE ? t->scroll : PAGE;
		break;
	case BC_TOP_PAGE_DOWN:
		t->scroll += PAGE;
		break;
	case BC_TOP_HOME:
		t->scroll = 0;
		break;
	default:
		if (key >= '1' && key < '1' + BC_TOP_VIEWS)
			turn(t, (uint32_t)(key - '1') + BC_TOP_VIEWS - t->view);
	}
}

static void press_in_help(struct bc_top *t, int key)
{
	if (key == BC_TOP_DOWN || key == 'j' || key == BC_TOP_PAGE_DOWN)
		t->help_scroll += key == BC_TOP_PAGE_DOWN ? PAGE : 1;
	else if (key == BC_TOP_UP || key == 'k')
		t->help_scroll -= t->help_scroll > 0;
	else if (key == BC_TOP_PAGE_UP || key == BC_TOP_HOME)
		t->help_scroll = 0;
	else
		t->help = false;
}

enum bc_top_wish bc_top_press(struct bc_top *t, int key)
{
	t->message[0] = '\0';
	if (t->confirms)
		return confirm(t, key);
	if (t->help && key != 'q') {
		press_in_help(t, key);
		return BC_TOP_NOTHING;
	}
	switch (key) {
	case 'q':
	case 'Q':
		return BC_TOP_QUIT;
	case 's':
		t->sort = (t->sort + 1) % BC_TOP_SORTS;
		break;
	case 'p':
	case ' ':
		t->paused = !t->paused;
		break;
	case 'h':
	case '?':
		t->help = true;
		t->help_scroll = 0;
		break;
	case 'r':
		ask_to_rotate(t);
		break;
	default:
		move(t, key);
	}
	return BC_TOP_NOTHING;
}

void bc_top_clear(struct bc_top *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		forget(t->capture[i]);
	drop_store(t);
	*t = (struct bc_top){ 0 };
}
