/* SPDX-License-Identifier: BSD-3-Clause */
/* Under which key a segment stands on object storage: PREFIX/NODE/YYYY/MM/DD/HH/SEGMENT, the hour in UTC. Pure. */
#ifndef BC_UPLOAD_KEY_H
#define BC_UPLOAD_KEY_H

#include <stdbool.h>

#include "bc_object_name.h"
#include "bc_series.h"

/*
 * file: the name of a segment, or of an index beside one, without a folder; its time is local time, or with utc UTC. node: whose it is; a file of osmo-pcap's form
 * ("trace-NAME-...") says so itself. prefix may end with "/", or be "". 0; -EINVAL: it is no segment's name; -ENAMETOOLONG.
 */
int bc_upload_key(const char *prefix, const char *node, const char *file, bool utc, char ret[BC_KEY_MAX]);

/* The segment that an index lies beside; any other name as it is. False: it is too long. */
bool bc_upload_segment_of(const char *file, char ret[BC_SERIES_MAX]);

/* Is a node's name fit to stand between two slashes? */
bool bc_upload_node_ok(const char *node);

#endif
