/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A spool's folder: the files of bc_spool_file.h in which messages for one peer wait, those of this run and those that
 * earlier runs left. Each run is an epoch of its own; the node's identity, in the file node.id, stays. One process uses
 * the folder, and one thread.
 */
#ifndef BC_SPOOL_DISK_H
#define BC_SPOOL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_spool_file.h"

struct bc_spool_disk;

/*
 * Takes the folder, which is made if it is not there, and finds what was left in it; what is no file of this node is
 * left alone, with a line in the log. At most limit bytes are to lie there. 0 and *ret; or a negative errno with a line
 * in err: -EBUSY, another uses it. close leaves the files; it takes NULL.
 */
int bc_spool_disk_open(const char *path, uint64_t limit, const struct bc_log *log, struct bc_spool_disk **ret, struct bc_err *err);
void bc_spool_disk_close(struct bc_spool_disk *d);

const uint8_t *bc_spool_disk_node(const struct bc_spool_disk *d);
uint64_t bc_spool_disk_epoch(const struct bc_spool_disk *d);	/* of this run */
uint64_t bc_spool_disk_bytes(const struct bc_spool_disk *d);	/* that lie there */

/*
 * The oldest epoch but this run's, its first place with the link header in force, valid until the next call, and where
 * its messages end; NULL: there is none.
 */
const struct bc_spool_file_head *bc_spool_disk_oldest(struct bc_spool_disk *d, uint64_t *ret_end);

/*
 * Append a record of this run's epoch, with the link header in force before it, link_len bytes. 0; -ENOBUFS: there
 * would be more than limit; or another negative errno. Nothing has changed after a failure.
 */
int bc_spool_disk_put(struct bc_spool_disk *d, uint64_t pos, uint64_t number, const void *link, uint32_t link_len,
		      const void *messages, uint32_t len);

/* What was put is on disk, and what was dropped is gone from it. 0 or a negative errno. */
int bc_spool_disk_sync(struct bc_spool_disk *d);

/*
 * The record of the epoch that has the message at pos; valid until the next call. NULL: there is none that can be read,
 * and err says why. next: the first place of the file behind the one that should have it, valid as long; NULL: there is none.
 */
const struct bc_spool_record *bc_spool_disk_get(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos, struct bc_err *err);
const struct bc_spool_file_head *bc_spool_disk_next(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos);

/* The epoch's messages before pos are not needed any more; of this run's, those from end on are not there. */
void bc_spool_disk_drop(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos, uint64_t end);

#endif
