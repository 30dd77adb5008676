/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segments under some paths, as they were a little while ago: a thread looks again and again while somebody asks. Any thread.
 */
#ifndef BC_CATALOGUE_H
#define BC_CATALOGUE_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_find_flows.h"
#include "bc_log.h"

/* Plain data, as are the next two. */
struct bc_catalogue_segment {
	char *path;
	uint64_t bytes;			/* of the file */
	uint64_t first_ns;		/* of its first packet */
	uint64_t min_ns, max_ns;	/* of all its packets; 0 without an index */
	uint64_t packets, plain_bytes;	/* plain_bytes: before compression; both 0 without an index */
	ino_t ino;			/* 0: an object */
	bool indexed;
};

struct bc_catalogue_state {
	struct bc_catalogue_segment *segment;	/* by time */
	uint32_t n;
	struct bc_find_extent extent;
	uint64_t looked_ns;		/* when, UTC */
	uint32_t references;		/* the catalogue's own */
};

struct bc_catalogue;

struct bc_object_settings;

/* paths, store (as bc_depot_config has it) and log outlive it. 0 and *ret, or a negative errno with a line in err. stop takes NULL. */
int bc_catalogue_start(char *const *paths, uint32_t n_paths, const struct bc_object_settings *store, const struct bc_log *log, struct bc_catalogue **ret, struct bc_err *err);
void bc_catalogue_stop(struct bc_catalogue *c);

/* NULL: it is not known yet. To be given back. */
const struct bc_catalogue_state *bc_catalogue_get(struct bc_catalogue *c);
void bc_catalogue_put(struct bc_catalogue *c, const struct bc_catalogue_state *s);

#endif
