/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_display.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bc_colour.h"
#include "bc_display_line.h"
#include "bc_summary.h"
#include "bc_time.h"
#include "bc_view.h"

#define TERMINAL_NS BC_NS_PER_S
#define PLAIN_NS (10 * BC_NS_PER_S)
#define WIDTH_DEFAULT 80
#define WIDTH_MAX 512

struct bc_display {
	FILE *f;
	const struct bc_pipeline *p;
	bool terminal;
	bool colour;
	bool shown;		/* a progress line is on the screen; protected by the lock of f */
	uint64_t every_ns;	/* 0: never */
	uint64_t began_mono_ns, ending_mono_ns;
	uint64_t most[BC_MAX_OUTPUTS];	/* that was left to write since the ending began */
	struct bc_display_sample last;
};

struct bc_display *bc_display_new_on(FILE *f, bool terminal, const struct bc_pipeline *p, bool quiet, bool verbose)
{
	struct bc_display *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->f = f;
	d->p = p;
	d->terminal = terminal;
	d->colour = terminal && fileno(f) >= 0 && bc_colour_wanted(fileno(f));
	if (!quiet && terminal)
		d->every_ns = TERMINAL_NS;
	else if (!quiet && verbose)
		d->every_ns = PLAIN_NS;
	return d;
}

struct bc_display *bc_display_new(const struct bc_pipeline *p, bool quiet, bool verbose)
{
	return bc_display_new_on(stderr, isatty(STDERR_FILENO), p, quiet, verbose);
}

static size_t width(const struct bc_display *d)
{
	struct winsize ws;

	if (!d->terminal)
		return WIDTH_MAX - 1;
	if (fileno(d->f) < 0 || ioctl(fileno(d->f), TIOCGWINSZ, &ws) || !ws.ws_col)
		return WIDTH_DEFAULT - 1;
	/* Not the last column: some terminals then begin a new line. */
	return ws.ws_col < WIDTH_MAX ? ws.ws_col - 1U : WIDTH_MAX - 1U;
}

/* The line, with what is lost in colour. */
static void print_line(const struct bc_display *d, const char *line, bool lost)
{
	const char *at = d->colour && lost ? strstr(line, "dropped ") : NULL, *end = at ? strchr(at, ')') : NULL;

	if (!end)
		fprintf(d->f, d->terminal ? "\r%s\033[K" : "%s\n", line);
	else
		fprintf(d->f, "\r%.*s" BC_COLOUR_ALARM "%.*s" BC_COLOUR_END "%s\033[K", (int)(at - line), line, (int)(end + 1 - at), at, end + 1);
}

/* The output that is furthest behind tells how far all is. */
static void follow_ending(struct bc_display *d, struct bc_display_sample *now)
{
	if (!now->ending)
		return;
	if (!d->ending_mono_ns)
		d->ending_mono_ns = now->mono_ns;
	now->elapsed_ns = now->mono_ns - d->ending_mono_ns;
	for (uint32_t o = 0; o < now->n_outputs; o++) {
		double done;

		if (now->left[o] > d->most[o])
			d->most[o] = now->left[o];
		if (!d->most[o])
			continue;
		done = 1 - (double)now->left[o] / (double)d->most[o];
		if (now->drained < 0 || done < now->drained)
			now->drained = done;
	}
}

/* What is left when the ending begins is what shares are of. */
static bool is_due(const struct bc_display *d, uint64_t mono_ns)
{
	const bool begins_to_end = !d->ending_mono_ns && (d->p->stopping || d->p->ended);

	return d->every_ns && (!d->last.mono_ns || begins_to_end || mono_ns - d->last.mono_ns >= d->every_ns);
}

void bc_display_tick(struct bc_display *d, uint64_t mono_ns)
{
	struct bc_display_sample now;
	char line[WIDTH_MAX];

	if (!d || !is_due(d, mono_ns))
		return;
	if (!d->began_mono_ns)
		d->began_mono_ns = mono_ns;
	bc_display_sample(d->p, mono_ns, &now);
	now.elapsed_ns = mono_ns - d->began_mono_ns;
	follow_ending(d, &now);
	/* The first reading has nothing to be compared with. */
	if (d->last.mono_ns) {
		bc_display_line(&d->last, &now, width(d), line, sizeof(line));
		flockfile(d->f);
		print_line(d, line, now.dropped > 0);
		fflush(d->f);
		d->shown = d->terminal;
		funlockfile(d->f);
	}
	d->last = now;
}

void bc_display_erase(struct bc_display *d)
{
	if (!d)
		return;
	flockfile(d->f);
	if (d->shown) {
		fputs("\r\033[K", d->f);
		fflush(d->f);
		d->shown = false;
	}
	funlockfile(d->f);
}

void bc_display_free(struct bc_display *d)
{
	bc_display_erase(d);
	free(d);
}

void bc_display_summary(FILE *f, const struct bc_group *g)
{
	json_t *ledger = bc_view_ledger(g);
	char *text = NULL;
	size_t size = 0;
	FILE *whole = open_memstream(&text, &size);

	json_object_set_new(ledger, "outputs", bc_view_outputs(g));
	/* In one write: a console's stream keeps nothing back. */
	bc_summary_print(whole ? whole : f, ledger);
	json_decref(ledger);
	if (whole && fclose(whole) == 0)
		fwrite(text, 1, size, f);
	free(text);
	fflush(f);
}
