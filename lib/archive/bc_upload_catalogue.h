/* SPDX-License-Identifier: BSD-3-Clause */
/* Catalogues of hours (bc_hour.h) made from what is on the store alone: ends of objects are read there, and written beside them. */
#ifndef BC_UPLOAD_CATALOGUE_H
#define BC_UPLOAD_CATALOGUE_H

#include <stdint.h>

#include "bc_log.h"
#include "bc_object_place.h"

struct bc_upload_catalogue_sums {
	uint32_t objects;	/* segments below the prefix */
	uint32_t told_of;	/* segments and indexes beside them that are in a catalogue now */
	uint32_t catalogues;
	uint32_t failed;	/* that could not be written; each is told */
};

/*
 * Of all below url, "s3://BUCKET/PREFIX/". What a catalogue there tells of these objects is not believed but compared. 0 and *ret; or
 * with a line in err: -EINVAL: what store says cannot be used; another negative errno of bc_object.h.
 */
int bc_upload_catalogue(const struct bc_object_settings *store, const char *url, const struct bc_log *log, struct bc_upload_catalogue_sums *ret,
			struct bc_err *err);

#endif
