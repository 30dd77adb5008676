/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file ".chain" of a folder, to be added to: each record is signed, and has the hash of the one before. It is locked for as
 * long as it is open. One thread at a time.
 */
#ifndef BC_CHAIN_H
#define BC_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bc_chain_key.h"
#include "bc_log.h"

struct bc_chain;

/*
 * folder is there. What a crash left of a last line is taken off; what is no chain is renamed, with a line in the log (which may be
 * NULL), and another begun. 0 and *ret; -EBUSY: another process has it; or another negative errno; with a line in err.
 */
int bc_chain_open(const char *folder, const struct bc_log *log, struct bc_chain **ret, struct bc_err *err);
/* Takes NULL. */
void bc_chain_close(struct bc_chain *c);

/*
 * Once, before anything is added: published segments in the folder without a record, in the order of their names. A negative return of
 * each ends it, and is returned.
 */
int bc_chain_unrecorded(struct bc_chain *c, int (*each)(void *ctx, const char *name), void *ctx, struct bc_err *err);

/*
 * Record the segment as it is: all of it is read. On disk when 0 is returned. -ENOENT: it is gone, or can have none: it is no
 * file, or may not be read; -ECANCELED: *cancel was set meanwhile;
 * or another negative errno; with a line in err, and the chain as it was.
 */
int bc_chain_add(struct bc_chain *c, const struct bc_chain_key *k, const char *name, enum bc_chain_kind kind,
		 const _Atomic bool *cancel, struct bc_err *err);

/* How many records there are, and the hash of the last, zeros without one. */
uint64_t bc_chain_head(const struct bc_chain *c, uint8_t ret[BC_CHAIN_HASH]);

/* SHA-256 and size of what fd has, from its beginning on. cancel may be NULL. 0, -ECANCELED, or another negative errno. */
int bc_chain_hash_file(int fd, const _Atomic bool *cancel, uint64_t *ret_bytes, uint8_t ret[BC_CHAIN_HASH]);

#endif
