/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which files in a folder are our published segments, and which series each belongs to. docs/retention.md states the
 * rules.
 */
#ifndef BC_SERIES_H
#define BC_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_codec.h"
#include "bc_format.h"

#define BC_SERIES_MAX 256

/* What a name says. Plain data. */
struct bc_series {
	char name[BC_SERIES_MAX];	/* of the series: "" for YYYYMMDD-HHMMSS-SEQ, NAME for trace-NAME-YYYYMMDD_HHMMSS */
	enum bc_format format;		/* PCAP_NS for either kind of pcap */
	enum bc_codec codec;
	size_t stem;			/* bytes of the file's name without the compression's extension */
};

/*
 * Is it the name (without a folder) of a published segment? YYYYMMDD-HHMMSS-SEQ[-N].EXT or trace-NAME-YYYYMMDD_HHMMSS[_N][-N].EXT; EXT is
 * pcapng, pcap or erf, with the extension of a compression or without.
 */
bool bc_series_parse(const char *file, struct bc_series *ret);

/* The same, also of one that is encrypted: with .age behind it. */
bool bc_series_parse_any(const char *file, struct bc_series *ret, bool *ret_encrypted);

enum bc_origin {
	BC_ORIGIN_OURS,		/* it says that braidcap wrote it */
	BC_ORIGIN_UNMARKED,	/* it is what its name says, and cannot say who wrote it: pcap, ERF */
	BC_ORIGIN_FOREIGN,	/* it says otherwise, or is not what its name says */
};

/*
 * Reads the beginning of fd, from where it stands; fd stays open. ret_first_ns may be NULL: the UTC of the first packet, 0: there is
 * none in the first MiB, or the file is foreign. Negative errno: it cannot be read.
 */
int bc_series_origin(int fd, const struct bc_series *s, uint64_t *ret_first_ns);

#endif
