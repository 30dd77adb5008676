/* SPDX-License-Identifier: BSD-3-Clause */
/* Gives a file that is complete an index, as a capture would have: a copy with it takes the file's name. */
#ifndef BC_INDEX_FILE_H
#define BC_INDEX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_index_file_config {
	bool flows;		/* not only times */
	bool anew;		/* also where there is one */
	size_t memory;		/* for the flows of a part */
};

struct bc_index_file_result {
	bool had;		/* one that fits the file, and tells of flows if that is asked for: nothing was done */
	uint64_t packets;
	uint64_t skipped;	/* that the index does not tell of */
	uint64_t index_bytes;
};

/*
 * 0 and *ret, or a negative errno, a line in err, and the file as it was:
 *   -ENOTSUP  it is not pcapng, not LZ4 as braidcap writes it or uncompressed, or its blocks do not begin with those of pcapng;
 *   -EBADMSG  it is damaged;  -EBUSY  another process is at it;  else what reading or writing met.
 */
int bc_index_file(const char *path, const struct bc_index_file_config *cfg, struct bc_index_file_result *ret, struct bc_err *err);

#endif
