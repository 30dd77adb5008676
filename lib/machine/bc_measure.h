/* SPDX-License-Identifier: BSD-3-Clause */
/* What this machine does with packets: a short capture of synthetic ones, by this very program, on the CPUs that it would choose. */
#ifndef BC_MEASURE_H
#define BC_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_measure_request {
	const char *folder;	/* to write into: a folder of our own in it, removed at the end; NULL: nowhere */
	uint32_t packet;	/* bytes of each, with text in them */
	bool lz4;		/* otherwise uncompressed */
	uint32_t queues;	/* that packets come by */
	double pps;		/* of packets, by all queues; 0: as fast as they are taken */
	double seconds;
	uint64_t max_bytes;	/* before compression; after so much it ends sooner */
};

struct bc_measured {
	double packets_per_s;
	double lost;		/* share of those that came */
	double ratio;		/* of LZ4, otherwise 1 */
	double file_bytes_per_s;
};

/*
 * Takes seconds, and half a minute more at the most. SIGINT and SIGTERM wait until the folder is removed. 0 and *ret, or a negative errno
 * with a line in err: what the capture said, or what it was started with.
 */
int bc_measure(const struct bc_measure_request *req, struct bc_measured *ret, struct bc_err *err);

/* Of a capture's JSON report; -EBADMSG: it is none, or nothing was written. */
int bc_measured_parse(const char *report, size_t len, struct bc_measured *ret);

#endif
