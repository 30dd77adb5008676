/* SPDX-License-Identifier: BSD-3-Clause */
/* The capture files under paths, in the order of their first packets. One thread. */
#ifndef BC_FIND_LIST_H
#define BC_FIND_LIST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bc_err.h"
#include "bc_log.h"

struct bc_depot;

/* One of them. Plain data. */
struct bc_find_segment {
	char *path;
	uint64_t bytes;		/* of the file */
	uint64_t first_ns;	/* time of the first packet that is in it */
	uint32_t rank;		/* by where it was named: of packets of one time, the one of the lower rank goes first */
	bool named;		/* by itself, not as one of a folder's */
	bool object;		/* on a store: without dev and ino */
	dev_t dev;
	ino_t ino;
};

struct bc_find_list {
	struct bc_find_segment *at;
	uint32_t n, cap;
	uint32_t left_out;	/* files in folders that are no capture files */
	uint32_t bad;		/* files and folders that could not be read */
	const struct bc_log *log;
	struct bc_depot *depot;	/* NULL: only paths */
	bool no_index;		/* also of files with an index the first packet is read */
	uint64_t from_ns, to_ns;	/* of objects, those that can have packets in that time */
};

/*
 * The file, or all files under the folder (the object, or all with that prefix) but those that are hidden or being written (a capture's temporary names).
 * Symbolic links to files are followed, to folders only if path is one. 0, or a negative errno with a line in err: path
 * cannot be read, or -ENOMEM.
 */
int bc_find_list_add(struct bc_find_list *l, const char *path, struct bc_err *err);

/*
 * Look into each file: what is no capture file or has no packet is left out, and so is what was there already by
 * another name. What is damaged before its first packet goes to the log. looked counts the files that were looked at.
 * 0, or -ECANCELED as soon as stop is set.
 */
int bc_find_list_look(struct bc_find_list *l, _Atomic uint32_t *looked, const _Atomic bool *stop);

/* Where the segment is that was recompressed since it was listed; NULL: nowhere. The caller frees it. */
char *bc_find_recompressed(const char *path);

/* Empties it. */
void bc_find_list_free(struct bc_find_list *l);

#endif
