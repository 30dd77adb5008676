/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bc_ctl_watch.h"
#include "bc_field.h"
#include "bc_time.h"
#include "bc_top_errand.h"
#include "bc_top_model.h"
#include "bc_top_page.h"
#include "bc_top_screen.h"
#include "bc_top_store.h"

/* Nothing that is drawn is waited for: what takes time is asked by errands. */
struct program {
	const struct bc_top_config *cfg;
	struct bc_top top;
	struct bc_top_grid grid;
	struct bc_top_screen *screen;
	struct bc_ctl_watch *watch;
	struct bc_top_errand *counters, *store, *rotate;
	uint64_t next_mono_ns;		/* of the next look */
	int bell;			/* rung by errands */
	int signals;			/* those that end it */
};

static json_t *ask_counters(void *watch, const char *prefix, const json_t *last)
{
	return bc_ctl_watch_get(watch);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void destroy(struct program *p)
{
	bc_top_screen_close(p->screen);
	bc_top_errand_free(p->counters);
	bc_top_errand_free(p->store);
	bc_top_errand_free(p->rotate);
	bc_ctl_watch_free(p->watch);
	bc_top_clear(&p->top);
	close_fd(p->bell);
	close_fd(p->signals);
	free(p);
}

static int build(struct program *p, struct bc_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->signals < 0 || p->bell < 0)
		return bc_err_set(err, -errno, "no descriptors (%s)", strerror(errno));
	p->watch = bc_ctl_watch_new(p->cfg->prefix, p->cfg->n_prefixes, true);
	p->counters = bc_top_errand_new(ask_counters, p->bell);
	p->store = bc_top_errand_new(bc_top_store, p->bell);
	p->rotate = bc_top_errand_new(bc_top_rotate, p->bell);
	if (!p->watch || !p->counters || !p->store || !p->rotate)
		return bc_err_set(err, -ENOMEM, "no memory");
	return bc_top_screen_open(&p->screen, err);
}

static void ask_store(struct program *p)
{
	const struct bc_top_capture *c = bc_top_chosen(&p->top);

	if (c && c->state == BC_TOP_ANSWERS)
		bc_top_errand_start(p->store, p->top.view == BC_TOP_FLOWS ? p : NULL, c->prefix, json_incref(p->top.store));
}

/* How many ms until the next look is due; it is begun if it is. */
static int look(struct program *p)
{
	uint64_t now_ns = bc_mono_ns();

	if (now_ns >= p->next_mono_ns) {
		p->next_mono_ns = now_ns + p->cfg->delay_ns;
		bc_top_errand_start(p->counters, p->watch, "", NULL);
		ask_store(p);
	}
	return (int)((p->next_mono_ns - now_ns) / BC_NS_PER_MS) + 1;
}

static void take_answers(struct program *p)
{
	char prefix[BC_TOP_PREFIX_MAX];
	eventfd_t rung;
	json_t *answer;

	eventfd_read(p->bell, &rung);
	if (bc_top_errand_take(p->counters, prefix, &answer)) {
		bool first = !p->top.now_ns;

		if (answer && !p->top.paused)
			bc_top_take(&p->top, answer, bc_utc_ns());
		json_decref(answer);
		if (first)
			ask_store(p);
	}
	if (bc_top_errand_take(p->store, prefix, &answer)) {
		if (!p->top.paused)
			bc_top_take_store(&p->top, prefix, answer);
		else
			json_decref(answer);
	}
	if (bc_top_errand_take(p->rotate, prefix, &answer)) {
		snprintf(p->top.message, sizeof(p->top.message), "%s: %s", prefix, bc_field_text(answer, "message"));
		json_decref(answer);
	}
}

static void rotate(struct program *p)
{
	const struct bc_top_capture *c = bc_top_chosen(&p->top);

	if (c && !bc_top_errand_start(p->rotate, NULL, c->prefix, NULL))
		snprintf(p->top.message, sizeof(p->top.message), "the last request is still under way");
}

/* false: the user quits. */
static bool take_keys(struct program *p)
{
	int key;

	while ((key = bc_top_screen_key(p->screen)) != BC_TOP_NO_KEY) {
		const struct bc_top_capture *chosen = bc_top_chosen(&p->top);
		enum bc_top_view view = p->top.view;
		enum bc_top_wish wish = key == BC_TOP_RESIZED ? BC_TOP_NOTHING : bc_top_press(&p->top, key);

		if (wish == BC_TOP_QUIT)
			return false;
		if (wish == BC_TOP_ROTATE)
			rotate(p);
		if (bc_top_chosen(&p->top) != chosen || p->top.view != view)
			ask_store(p);
	}
	return true;
}

static void draw(struct program *p)
{
	uint32_t rows, columns;

	bc_top_screen_size(p->screen, &rows, &columns);
	bc_top_grid_clear(&p->grid, rows, columns);
	bc_top_page(&p->top, &p->grid);
	bc_top_screen_draw(p->screen, &p->grid);
}

static void run(struct program *p)
{
	struct pollfd fd[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = p->bell, .events = POLLIN },
		{ .fd = p->signals, .events = POLLIN },
	};
	bool goes_on = true;

	while (goes_on) {
		int ms = look(p);

		draw(p);
		/* A change of the terminal's size interrupts it. */
		if (poll(fd, 3, ms) < 0)
			fd[0].revents = fd[1].revents = fd[2].revents = 0;
		take_answers(p);
		goes_on = take_keys(p) && !fd[2].revents && !(fd[0].revents & (POLLHUP | POLLERR | POLLNVAL));
	}
}

int bc_top_run(const struct bc_top_config *cfg, struct bc_err *err)
{
	struct program *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory");
	p->cfg = cfg;
	p->bell = p->signals = -1;
	r = build(p, err);
	if (!r)
		run(p);
	destroy(p);
	return r;
}
