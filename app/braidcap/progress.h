/* SPDX-License-Identifier: BSD-3-Clause */
/* How far a long command is: one line on a terminal, renewed twice a second, with the share and the time left. One thread. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool terminal;		/* stderr is one, and something is to be shown */
	bool shown;
	uint64_t began_mono_ns, shown_mono_ns;
};

void progress_begin(struct progress *p, bool quiet);

/* Show done of all, if it is time to; all may be 0: unknown. what is put behind the share, such as "3 of 5 files". */
void progress_show(struct progress *p, uint64_t done, uint64_t all, const char *what);

/* Take the line away, before something else is printed. */
void progress_erase(struct progress *p);

#endif
