/* SPDX-License-Identifier: BSD-3-Clause */
/* What `braidcap find` was asked to do: the command line, checked, in one struct. */
#ifndef BC_CONFIG_FIND_H
#define BC_CONFIG_FIND_H

#include <stdbool.h>

#include "bc_age_key.h"
#include "bc_find.h"
#include "bc_object_place.h"
#include "bc_output_config.h"

struct bc_config_find {
	struct bc_find_config find;	/* without what only a run has: log, written, ctx */
	struct bc_output_config out;	/* find.dest points into it */
	struct bc_object_settings store;
	struct bc_age_files identity;	/* with the keys for what is encrypted */
	const char *cache;		/* folder for ends of objects; NULL: the usual one */
	bool no_cache;
	bool explain;			/* what would be read, instead of the search */
	bool json;
	bool quiet;
	bool verbose;
	bool no_sandbox;		/* keep the right to all files and system calls */
	bool normal_priority;		/* neither the lowest CPU nor the idle I/O priority */
};

/*
 * argv[0] is the command's name. stdout_is_terminal: without -w, packets go to stdout if it is none. 0; 1 for --help;
 * -EINVAL with a line in err. *ret, which points into argv, is for bc_config_find_free() on every return.
 */
int bc_config_find_parse(int argc, char **argv, bool stdout_is_terminal, struct bc_config_find *ret, struct bc_err *err);
void bc_config_find_free(struct bc_config_find *c);

/* The text of --help. */
extern const char bc_config_find_help[];

#endif
