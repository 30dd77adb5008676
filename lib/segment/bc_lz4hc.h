/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compresses a capture file with LZ4 HC in such a way that it can be read in part: blocks of at most 64 KiB without need, which are
 * independent and begin with an item, and in pcapng an index of their flows. One thread.
 */
#ifndef BC_LZ4HC_H
#define BC_LZ4HC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bc_err.h"

#define BC_LZ4HC_LEVEL_MIN 3
#define BC_LZ4HC_LEVEL_MAX 12
#define BC_LZ4HC_LEVEL_DEFAULT 9

/* Was the file made by bc_lz4hc()? Its header says so: bc_lz4_header_sized(). 1, 0 or a negative errno. */
int bc_lz4hc_is(int fd);

/*
 * What is in from, of any codec, into the empty file to. An index that is in it is not taken over; pcapng gets a new one. erf: by
 * its name it is that. 0, or a negative errno with a line in err: -ECANCELED: *cancel was set (may be NULL); -EBADMSG: it is
 * damaged; -ENOTSUP: it is no capture file, or has items that are too long for a block.
 */
int bc_lz4hc(int from, int to, bool erf, int level, const _Atomic bool *cancel, struct bc_err *err);

/* Do both have the same items, an index aside? 1, 0, or a negative errno: one of them cannot be read to its end. */
int bc_lz4hc_same(int a, int b, bool erf, const _Atomic bool *cancel);

#endif
