/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bc_time.h"

#define EVERY_NS (500 * BC_NS_PER_MS)
/* Before that a guess is worth little. */
#define GUESS_S 2

void progress_begin(struct progress *p, bool quiet)
{
	*p = (struct progress){ .terminal = !quiet && isatty(STDERR_FILENO), .began_mono_ns = bc_mono_ns() };
}

void progress_show(struct progress *p, uint64_t done, uint64_t all, const char *what)
{
	uint64_t now_ns, s;

	if (!p->terminal)
		return;
	now_ns = bc_mono_ns();
	if (p->shown && now_ns - p->shown_mono_ns < EVERY_NS)
		return;
	p->shown_mono_ns = now_ns;
	p->shown = true;
	fputs("\r\033[K", stderr);
	if (all)
		fprintf(stderr, "%3.0f %%, ", 100.0 * (double)done / (double)all);
	fputs(what, stderr);
	s = (now_ns - p->began_mono_ns) / BC_NS_PER_S;
	if (done && done <= all && s >= GUESS_S) {
		s = (uint64_t)((double)s * ((double)all / (double)done - 1));
		fprintf(stderr, ", %" PRIu64 ":%02" PRIu64 " left", s / 60, s % 60);
	}
}

void progress_erase(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
