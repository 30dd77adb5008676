/* SPDX-License-Identifier: BSD-3-Clause */
/* An index beside a segment, made ready to lie beside the segment's object: bound to that by its ETag (bc_index_beside.h). */
#ifndef BC_UPLOAD_BESIDE_H
#define BC_UPLOAD_BESIDE_H

#include <sys/stat.h>

#include "bc_blob.h"
#include "bc_index_subject.h"
#include "bc_series.h"
#include "bc_upload_log.h"

/*
 * index: the name of one in folder, open as fd, which is borrowed. 0, and its first bytes as the object has them; -ENODATA: its
 * segment has gone, or is not uploaded; -EBADMSG, with a line in err: it is not of the segment as that is now, so that nothing of
 * it is to be uploaded; or another negative errno with a line in err. Any thread.
 */
int bc_upload_beside(struct bc_upload_log *log, int folder, const char *index, int fd, uint8_t ret[BC_SUBJECT_SIZE], struct bc_err *err);

#define BC_UPLOAD_INDEX_MAX (BC_SERIES_MAX + sizeof(BC_INDEX_BESIDE_EXT))

/*
 * Is there an index beside that segment in folder of which the log does not know that it is uploaded, or that nothing of it is to be?
 * Then its name, and what it is.
 */
bool bc_upload_index_waits(struct bc_upload_log *log, int folder, const char *segment, char ret[BC_UPLOAD_INDEX_MAX], struct stat *ret_stat);

/* A descriptor of the segment's file in folder, and what it is; or a negative errno. */
int bc_upload_open(int folder, const char *name, struct bc_upload_file *ret);

#endif
