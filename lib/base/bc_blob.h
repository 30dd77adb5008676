/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes of a stored file, read by ranges, wherever it lies. One thread at a time. */
#ifndef BC_BLOB_H
#define BC_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_blob_range {
	uint64_t at;
	uint32_t len;
};

struct bc_blob;

struct bc_blob_ops {
	ptrdiff_t (*read)(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err);
	void (*want)(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n);	/* may be NULL */
	void (*doubt)(struct bc_blob *b);	/* may be NULL */
	void (*close)(struct bc_blob *b);
};

/* What kind it is hangs behind it. */
struct bc_blob {
	const struct bc_blob_ops *ops;
	uint64_t bytes;		/* of all of it, when it was opened */
	uint64_t mtime_ns;	/* when it was last written, as a local file has it; 0: not known */
	const char *etag;	/* of an object, while that is open; NULL: it is none, or the store tells none */
	uint32_t gap;		/* so much that is not wanted, between two ranges, takes about as long as another request */
	uint32_t run;		/* a request is not longer than this without need */
	bool hurried;		/* set by the reader: see bc_blob_read() */
};

/* A local file. 0 and *ret, or a negative errno with a line in err: as open(2); -EINVAL: no regular file; -ENOMEM. */
int bc_blob_open_file(const char *path, struct bc_blob **ret, struct bc_err *err);

/* The same of one that is open for reading, which is taken over in any case. name is for err. */
int bc_blob_open_fd(int fd, const char *name, struct bc_blob **ret, struct bc_err *err);

/* Takes NULL. */
void bc_blob_close(struct bc_blob *b);

/*
 * The len bytes from `at` on. Their number, which is smaller only where the file ends, or a negative errno with a line
 * in err. hurried: what is not at hand yet is asked for, and fewer bytes come, or -EAGAIN: read them again, later.
 */
ptrdiff_t bc_blob_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err);

/*
 * What will be read next, in this order, in place of what was said before: it may be fetched ahead. Each range is then
 * read at once, or in pieces that follow each other.
 */
void bc_blob_want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n);

/* What is at hand of it by hearsay, from elsewhere than the file itself, is not believed any more: it is read anew. */
void bc_blob_doubt(struct bc_blob *b);

#endif
