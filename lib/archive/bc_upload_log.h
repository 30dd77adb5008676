/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file ".uploads" in a folder: which of its segments are safely on object storage, and which multipart uploads were begun.
 * Its form is in docs/objects.md. A record that a crash takes costs a question to the store, never a segment. Any thread;
 * what only asks never waits for the disk.
 */
#ifndef BC_UPLOAD_LOG_H
#define BC_UPLOAD_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_object_xml.h"

#define BC_UPLOAD_LOG ".uploads"

/* The very file, as stat(2) has it: another that takes its name is not meant. */
struct bc_upload_file {
	const char *name;	/* without the folder */
	uint64_t size;
	uint64_t mtime_ns;
};

struct bc_upload_log;

/*
 * To be read only, however often it changes. folder is a descriptor, borrowed. 0 and *ret, or -ENOMEM.
 */
int bc_upload_log_new(int folder, struct bc_upload_log **ret);
/* Take in what was added since. No file is an empty one. 0, or a negative errno: what was known is known still. */
int bc_upload_log_refresh(struct bc_upload_log *l);

/*
 * To be written, by one process at a time. where: "https://HOST/BUCKET/PREFIX"; what was noted for another place is forgotten.
 * Records of files that are gone, also in encrypted form, are dropped. 0 and *ret; -EBUSY: another process uploads from this folder; or another negative
 * errno, with a line in err.
 */
int bc_upload_log_open(int folder, const char *folder_name, const char *where, struct bc_upload_log **ret, struct bc_err *err);

/* Takes NULL. */
void bc_upload_log_free(struct bc_upload_log *l);

/* Is it safely there? */
bool bc_upload_log_has(struct bc_upload_log *l, const struct bc_upload_file *f);
/* Is a file of this name, whatever it was? Also if it is gone, as long as it is here encrypted (NAME.age). */
bool bc_upload_log_knows(struct bc_upload_log *l, const char *name);
/* Its ETag there; false: it is not there, or there was nothing to bring there. */
bool bc_upload_log_etag(struct bc_upload_log *l, const struct bc_upload_file *f, char ret[BC_ETAG_MAX]);
/*
 * It is; etag "": nothing of it is to be brought there. 0, or a negative errno: it counts as there none the less, until the process
 * ends.
 */
int bc_upload_log_done(struct bc_upload_log *l, const struct bc_upload_file *f, const char *etag);

/* All that are safely there, as it is known, by name; each must not call this module. */
void bc_upload_log_each(struct bc_upload_log *l, void (*each)(void *ctx, const struct bc_upload_file *f, const char *etag), void *ctx);

/* The multipart upload that was begun for it: false, there is none. */
bool bc_upload_log_begun(struct bc_upload_log *l, const struct bc_upload_file *f, char ret_id[BC_OBJECT_TOKEN_MAX]);
/* It is begun, "": it is so no more. On disk when this returns. */
int bc_upload_log_begin(struct bc_upload_log *l, const struct bc_upload_file *f, const char *id);

/*
 * Those begun for files that are gone now: to be aborted. gone gets the file's name and the upload's id; it may wait, and call this
 * module.
 */
void bc_upload_log_orphans(struct bc_upload_log *l, void (*gone)(void *ctx, const char *name, const char *id), void *ctx);

#endif
