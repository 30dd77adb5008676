/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An index in a file of its own, FILE.bcidx beside FILE: for captures of any origin, format and codec, which stay as they are. It is
 * the index that FILE, decompressed, would have at its end; so both together are read as if they were one. It is bound to FILE by
 * its size, the time of its last change, and checksums of its begin and end; where both are objects, by its size and its ETag:
 * docs/formats.md.
 */
#ifndef BC_INDEX_BESIDE_H
#define BC_INDEX_BESIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_err.h"
#include "bc_index_subject.h"

struct bc_depot;

/*
 * file is that of path, borrowed by *ret. *ret reads what file has before compression, and behind it the index, as of a file
 * that is not compressed: bc_index_footer_find() and all that follows. 0; -ENODATA: there is no such index (of an object: none
 * that depot has listed), or the file has one of its own; -EBADMSG with a line in err: it is damaged, or of another file or of
 * this one as it was before; else what reading met. depot: NULL where path is a local one.
 */
int bc_index_beside_open(struct bc_depot *depot, const char *path, struct bc_blob *file, struct bc_blob **ret, struct bc_err *err);

/* The same, and *blob becomes that, which then also closes the file; after an error it is as it was. */
int bc_index_beside_wrap(struct bc_depot *depot, const char *path, struct bc_blob **blob, struct bc_err *err);

/*
 * Is index of file as it is now, which has none of its own? Then its first bytes as they are beside an object with this ETag
 * that has the file's bytes. 0; -ENODATA: the file has one of its own; -EBADMSG or what reading met, with a line in err.
 */
int bc_index_beside_bind(struct bc_blob *file, struct bc_blob *index, const char *etag, uint8_t ret[BC_SUBJECT_SIZE], struct bc_err *err);

/* Bytes of the file itself that were read through *ret of bc_index_beside_open(). */
uint64_t bc_index_beside_taken(const struct bc_blob *b);
/* About how much of the file has to be read for so many of its bytes before compression. */
uint64_t bc_index_beside_cost(const struct bc_blob *b, uint64_t plain_bytes);

/* Has the file an index at its end, as bc_index_footer_find() has it, and tells it of flows if that is asked for? */
bool bc_index_has(struct bc_blob *b, bool flows);

struct bc_index_beside_config {
	bool flows;			/* not only times */
	size_t memory;			/* for the flows of a part */
	const _Atomic bool *cancel;	/* set by any thread: end soon; may be NULL */
};

struct bc_index_beside_result {
	uint64_t packets, skipped;	/* in the file; of these, that the index does not tell of */
	uint64_t index_bytes;
};

/*
 * Make one in folder, NAME.bcidx, of what is in fd, which has that name there or will get it; one of before is replaced. 0; or a
 * negative errno with a line in err, and what was there is as it was: -ENOTSUP: it is no capture file, or one that cannot have an
 * index; -EBADMSG: it is damaged; -EBUSY: it is being written; -EEXIST: another file has that name; -ECANCELED.
 */
int bc_index_beside_make(int folder, const char *name, int fd, const struct bc_index_beside_config *cfg,
			 struct bc_index_beside_result *ret, struct bc_err *err);

/* The index beside NAME in folder goes, if there is one. */
void bc_index_beside_remove(int folder, const char *name);
/* What it takes on the disk; 0: there is none. */
uint64_t bc_index_beside_bytes(int folder, const char *name);

#endif
