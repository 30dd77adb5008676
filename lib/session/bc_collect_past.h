/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a folder knows from before of the packets in it: by its file of acknowledgements, and by looking into leftovers. With a
 * keeper, a process that may only read does it.
 */
#ifndef BC_COLLECT_PAST_H
#define BC_COLLECT_PAST_H

#include <dirent.h>
#include <stdbool.h>

#include "bc_ack_table.h"
#include "bc_apart.h"
#include "bc_err.h"
#include "bc_log.h"
#include "bc_store.h"

struct bc_collect_past_config {
	const struct bc_log *log;
	const char *file;	/* that is read again while it runs; NULL: none */
	/* In the new process: give up what it is not to have. 0, or a negative errno with a line in err. */
	int (*begin)(void *ctx, struct bc_err *err);
	void *ctx;
};

/* Temporary files that were found in a folder. */
struct bc_collect_past {
	struct bc_collect_past_config cfg;
	struct bc_apart *reader;	/* NULL: this process looks itself */
	char folder[BC_STORE_PATH_MAX];	/* whose leftovers these are; "": none were looked for */
	struct dirent **entry;
	int n;
};

/* Zeroed but for cfg. Before other threads: from now on it is the other process that reads. 0, or a negative errno with a line in err. */
int bc_collect_past_apart(struct bc_collect_past *p, struct bc_err *err);

/*
 * Of a series (NULL: of all) in folder. 0 and *ret, for bc_ack_table_fini(), and whether it knows more than the file does, which is to
 * be written then; -ENOENT: there is no such folder; or another negative errno.
 */
int bc_collect_past_look(struct bc_collect_past *p, const char *folder, const char *series, struct bc_ack_table *ret, bool *ret_more);

/* No other series is asked for at the moment: the list of leftovers is of no more use. */
void bc_collect_past_forget(struct bc_collect_past *p);

/* The file, open for reading. 0 and *ret, which is -1 with no other process: it is to be opened here; or a negative errno. */
int bc_collect_past_file(struct bc_collect_past *p, int *ret);

void bc_collect_past_fini(struct bc_collect_past *p);

#endif
