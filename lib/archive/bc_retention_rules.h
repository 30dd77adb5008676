/* SPDX-License-Identifier: BSD-3-Clause */
/* Which published segments are kept, and how. Plain data; all zero: everything, as it is. */
#ifndef BC_RETENTION_RULES_H
#define BC_RETENTION_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_codec.h"

struct bc_retention_rules {
	uint64_t age_ns;		/* remove what is older; 0: no limit, as in all of these */
	uint64_t number;		/* of each series, this many of the newest */
	uint64_t bytes;			/* of all together, on disk */
	uint64_t free_bytes;		/* of the file system, for others */
	uint64_t uploaded_age_ns;	/* remove what is older and safely on object storage (bc_upload_log.h) */
	bool recompress;
	enum bc_codec codec;		/* a stream codec, or LZ4: LZ4 HC, of what is LZ4 or not compressed */
	int level;
	uint64_t recompress_after_ns;
	bool unmarked;			/* also files that have a segment's name, and cannot say who made them: pcap, ERF */
};

/* Is anything to be done? */
static inline bool bc_retention_wanted(const struct bc_retention_rules *k)
{
	return k->age_ns || k->number || k->bytes || k->free_bytes || k->uploaded_age_ns || k->recompress;
}

#endif
