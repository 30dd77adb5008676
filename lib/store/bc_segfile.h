/* SPDX-License-Identifier: BSD-3-Clause */
/* One segment's file, from its temporary name to its final one. No threads here: the owner of a file calls. */
#ifndef BC_SEGFILE_H
#define BC_SEGFILE_H

#include "bc_command.h"
#include "bc_folder.h"
#include "bc_seqfile.h"

/* Belongs to the caller's thread from open to finish, then to the closer's; sync_err is the closer's from the start. */
struct bc_segfile {
	struct bc_segfile *next;	/* in a list of finished ones */
	int fd;
	uint64_t limit;		/* it may not become longer: RLIMIT_FSIZE */
	uint64_t allocated;	/* disk space is taken up to here */
	uint64_t size;		/* set at finish, as is tail_err */
	int tail_err;		/* why the closing bytes are missing, or 0 */
	struct bc_command *command;	/* that it goes through; NULL if none could be started */
	int sync_err;		/* a failed fdatasync: the kernel says it once only */
	int fsync_err;		/* of the fsync before it is published */
	int err;		/* why it is not published, or not surely on disk; 0 */
	struct bc_segment_info info;
	struct bc_folder_file file;
	char name[BC_SEGNAME_MAX];	/* the final one; "" until it has it */
};

/* bc_folder_follow(), and say so. */
int bc_segfile_follow_folder(const struct bc_folder *folder);

/* A new empty file under a temporary name, locked (flock) for as long as it is open. Negative errno. */
int bc_segfile_open(const struct bc_folder *folder, uint64_t seq, struct bc_segfile **ret);

/* Has it a name yet? A file without one is gone when it is closed. */
bool bc_segfile_is_there(const struct bc_segfile *f);

/* Is it what has its temporary name in the folder as it is now? */
bool bc_segfile_lies_in(const struct bc_folder *folder, const struct bc_segfile *f);

/*
 * Take disk space up to end and the reserve behind it. -EFBIG: the file may not become so long. 0, also where the file
 * system cannot, or a negative errno. A direct file's size grows with it: file systems write side by side only what lies
 * within. While a file is tiny, and the disk has plenty, _reserve() takes none yet: most such files are soon over, and
 * giving space back costs more than all that is written to them.
 */
int bc_segfile_reserve(const struct bc_folder *folder, struct bc_segfile *f, uint64_t end);
int bc_segfile_reserve_now(const struct bc_folder *folder, struct bc_segfile *f, uint64_t end);

/* One pwrite(2); negative errno, never -EINTR. */
ptrdiff_t bc_segfile_write(struct bc_segfile *f, uint64_t off, const uint8_t *data, size_t len);

/* O_DIRECT from now on, or no more. False where the file system does not know it. */
bool bc_segfile_set_direct(struct bc_segfile *f, bool direct);

/* Truncate to size and preallocate the reserve again. A failure is logged: the next write overwrites what is there. */
void bc_segfile_cut(const struct bc_folder *folder, struct bc_segfile *f, uint64_t size);

/* Permanently release what was preallocated beyond size. Logs a failure and returns it. */
int bc_segfile_trim(const struct bc_folder *folder, struct bc_segfile *f, uint64_t size);

/* fdatasync; an error is logged and kept in sync_err. */
void bc_segfile_sync(const struct bc_folder *folder, struct bc_segfile *f);

/*
 * Publish those of a list whose err is 0: cut off preallocated space, fsync, say that they are on disk, give each its
 * final name without ever replacing another, and fsync the folder once for all. A name that is refused for want of rights or space is
 * asked for again for a second. err is then 0 or a negative errno, which was logged.
 * give_up: begin no more of that; err is then -ECANCELED.
 */
void bc_segfile_publish(const struct bc_folder *folder, struct bc_segfile *list, const _Atomic bool *give_up);

/*
 * Of a file behind a command: wait for the command's end; f->size is then the file's. 0, or a negative errno, which was logged: the
 * segment is not to be published.
 */
int bc_segfile_await(const struct bc_folder *folder, struct bc_segfile *f);

/*
 * Records in the sequence file, if there is one, that numbers up to seq are used. A failure is logged. The closer's
 * thread.
 */
void bc_segfile_count(const struct bc_folder *folder, uint64_t seq);

/* The path that messages and callbacks show. */
void bc_segfile_path(const struct bc_folder *folder, const char *name, char path[BC_STORE_PATH_MAX]);

/* Remove the temporary name of a file that is empty or has another name by now. A failure is logged. */
void bc_segfile_remove(const struct bc_folder *folder, const struct bc_segfile *f);

/* Closes and frees, and kills a command that was not waited for; takes NULL. */
void bc_segfile_free(struct bc_segfile *f);

#endif
