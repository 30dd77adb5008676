/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was measured on a machine (`scripts/bench written model` writes it): how many packets one core takes, how far they shrink,
 * how fast a disk is. A JSON file:
 *   {"version":1, "date":"YYYY-MM-DD", "machine":"...", "disk_bytes_per_s":N,
 *    "packets":[{"bytes":64, "none_pps":N, "lz4_pps":N, "lz4_ratio":N}, ...]}      by size, the smallest first
 */
#ifndef BC_FIGURES_H
#define BC_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

#define BC_FIGURES_MAX 16

/* Packets of one size: per second, on one core that runs every stage, to a null output. */
struct bc_figure {
	double bytes;
	double none_pps, lz4_pps;
	double lz4_ratio;		/* bytes before compression / after */
};

struct bc_figures {
	char date[32];
	char machine[128];
	double disk_bytes_per_s;	/* 0: not measured */
	uint32_t n;			/* at least 2 in a file; where there is one, it stands for every size */
	struct bc_figure at[BC_FIGURES_MAX];
};

/* Where this user's are: in $XDG_DATA_HOME or ~/.local/share, root's in /var/lib. -ENAMETOOLONG, or -ENOENT without a home. */
int bc_figures_path(char *buf, size_t size, struct bc_err *err);

/* 0 and *ret; or a negative errno with a line in err: -EINVAL, the file is not of this form. */
int bc_figures_read(const char *path, struct bc_figures *ret, struct bc_err *err);

#endif
