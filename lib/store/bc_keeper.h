/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that changes an output's folders for a program that has given up the right to: it makes the files of segments, hands
 * their descriptors over, and gives them their names. It makes up each name itself; what has its final name it never touches again.
 */
#ifndef BC_KEEPER_H
#define BC_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_folder.h"

/* What it knows from the beginning: there is nothing else that it may be asked for. Strings are borrowed until bc_keeper_free(). */
struct bc_keeper_config {
	const char *dest;	/* a folder, or a file's path */
	bool file;		/* it is the latter */
	enum bc_keeper_clients {
		BC_KEEPER_ONE,		/* one place for all */
		BC_KEEPER_FOLDERS,	/* each client has a folder of its own in it */
		BC_KEEPER_SERIES,	/* each client has a series of names in it */
	} clients;
	const char *ext;
	bool utc;
	uint32_t mode;		/* as bc_store_config's */
	uint32_t pid;		/* of the program, in temporary names */
	bool readable;		/* files are handed over for reading, too: direct writing wants that */
	const char *seqfile;	/* NULL: none */
	const char *report;	/* a file's path; NULL: none */
	/* In the new process: give up what it is not to have. 0, or a negative errno with a line in err. May be NULL. */
	int (*begin)(void *ctx, struct bc_err *err);
	void *ctx;
};

struct bc_keeper;

/* Before other threads. 0 and *ret, or a negative errno with a line in err. */
int bc_keeper_new(const struct bc_keeper_config *cfg, struct bc_keeper **ret, struct bc_err *err);

/* Any thread: it has ended before its time, and no segment gets a name any more. */
bool bc_keeper_has_ended(struct bc_keeper *k);

/* Its process; 0: it has ended. */
int bc_keeper_pid(struct bc_keeper *k);

/* As clients are called, who may have folders and series: nothing that leads out of a folder, nor begins as our own files beside segments do. */
bool bc_keeper_is_client(const char *name);

/* strerror(), and what it does not know. */
const char *bc_keeper_error(int err);

/* Takes NULL. */
void bc_keeper_free(struct bc_keeper *k);

/*
 * Any thread, as all that follow. A negative errno is what the system said there, or -EOWNERDEAD: it has ended.
 *
 * Where a client's segments go, or with NULL all of them; made if it is not there, but not the folder that it was told of. The same
 * number each time.
 */
int bc_keeper_place(struct bc_keeper *k, const char *client, uint32_t *ret_place);

/* The folder that is there now, open: to sync it, and to look at its disk. To be closed; the place goes on there. */
int bc_keeper_folder(struct bc_keeper *k, uint32_t place);

/* The sequence file, see bc_seqfile_make(). */
int bc_keeper_seqfile(struct bc_keeper *k);

/* As bc_folder's, but that ret->tmp is the caller's to fill. The number of the place has to be right; a file is one that this process made and nobody named or removed since. */
int bc_keeper_create(struct bc_keeper *k, uint32_t place, uint64_t seq, struct bc_folder_file *ret);
int bc_keeper_remove(struct bc_keeper *k, uint32_t place, const struct bc_folder_file *f);
int bc_keeper_publish(struct bc_keeper *k, uint32_t place, const struct bc_folder_file *f, uint64_t ns, char name[BC_SEGNAME_MAX],
		      unsigned *ret_again);

/* As bc_ack_file_begin() and _end(). */
int bc_keeper_acks_begin(struct bc_keeper *k, uint32_t place);
int bc_keeper_acks_end(struct bc_keeper *k, uint32_t place, bool good);

/* The report's new file, to be closed; then it takes the place of what was there or, if it is not good, is removed. */
int bc_keeper_report_begin(struct bc_keeper *k);
int bc_keeper_report_end(struct bc_keeper *k, bool good);

#endif
