/* SPDX-License-Identifier: BSD-3-Clause */
/* Which last bytes of a segment, or of an index beside one, are worth a place in the catalogue of its hour (bc_hour.h). */
#ifndef BC_UPLOAD_END_H
#define BC_UPLOAD_END_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_hour.h"

/*
 * b has all bytes of the object of e->name. Of an index beside a segment, subject: its first bytes as the object has them. True, and
 * the caller frees e->tail; false: there is no index, or it cannot be read.
 */
bool bc_upload_end(struct bc_blob *b, const uint8_t *subject, struct bc_hour_entry *e);

#endif
