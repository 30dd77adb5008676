/* SPDX-License-Identifier: BSD-3-Clause */
/* The names that an output's files have in its folder: given, changed, taken away. Silent: negative errno, a quota counts as a full disk. */
#ifndef BC_FOLDER_H
#define BC_FOLDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_segname.h"
#include "bc_store.h"

struct bc_keeper;
struct bc_seqfile;

/* Where files are created and how they are named. Constant once open; read by the store's caller and the closer. */
struct bc_folder {
	int fd;
	char *path;		/* absolute, to find it again */
	char *prefix;		/* before a name in messages: "folder/", or "" */
	char *name;		/* the final name of the one file; NULL: rotated segments */
	char *ext;
	char *series;		/* NULL: none */
	uint32_t mode;		/* 0: 0640 less the umask */
	bool utc;
	bool name_first;	/* by the time of the first packet */
	uint32_t pid;
	uint32_t reserve;
	uint32_t step;
	bool step_by_size;	/* less while a file is small: what is taken ahead is given back at its end, which costs */
	bool direct;		/* files are opened past the page cache: O_DIRECT */
	bool keep_empty;	/* publish a file of no bytes, do not remove it */
	const struct bc_log *log;
	struct bc_seqfile *seqfile;	/* the closer's; NULL: none */
	char *pipe;		/* the command that segments go through; NULL: none */
	struct bc_spawner *spawner;	/* that starts it */
	const _Atomic bool *cancelled;	/* stop waiting for it */
	bc_store_publishing publishing;	/* may be NULL */
	void *publishing_ctx;
	struct bc_keeper *keeper;	/* who has the rights to it; NULL: this process */
	uint32_t place;			/* which it is there */
	bool write_only;		/* files are not opened for reading, too */
};

/* A file that has a temporary name. */
struct bc_folder_file {
	uint64_t seq;
	unsigned again;		/* so many such names were taken */
	int mode_err;		/* why its permissions are not those that were wanted; 0 */
	char tmp[BC_SEGNAME_MAX];
};

/* A new empty file under a temporary name of this seq, locked (flock) for as long as it is open: its descriptor, and the rest of *ret. */
int bc_folder_create(const struct bc_folder *folder, uint64_t seq, struct bc_folder_file *ret);

/* Take its temporary name away. */
int bc_folder_remove(const struct bc_folder *folder, const struct bc_folder_file *f);

/*
 * Give it its final name, by this time, without ever replacing another: *ret_again were taken. 0; or a positive errno: it has both names,
 * since the temporary one could not be removed.
 */
int bc_folder_publish(const struct bc_folder *folder, const struct bc_folder_file *f, uint64_t ns, char name[BC_SEGNAME_MAX],
		      unsigned *ret_again);

/* The folder that is at its path now: its descriptor. */
int bc_folder_open(const struct bc_folder *folder);

/*
 * Is it still the folder of that path? If another one has taken its place, go on there. 1: so it is. 0, or -ENOENT if
 * there is none at the moment. Any thread, also while the closer works with the folder.
 */
int bc_folder_follow(const struct bc_folder *folder);

/* Replace the file beside the segments that says which packets are in them: see bc_ack_file_write(). */
int bc_folder_acknowledge(const struct bc_folder *folder, const uint8_t *block, size_t len);

#endif
