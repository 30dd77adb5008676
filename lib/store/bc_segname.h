/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of segments: pure functions of their arguments and of the time zone. Any thread. See docs/segments.md. */
#ifndef BC_SEGNAME_H
#define BC_SEGNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_SEGNAME_MAX 256	/* a file name of 255 bytes, and its end */
#define BC_SEGNAME_TMP "tmp-"
#define BC_SEQ_DIGITS 8
#define BC_SEQ_END 100000000U	/* numbers in names restart at 0 here */

/*
 * Each writes a name without a folder, and returns 0, or -ENAMETOOLONG when it has over 255 bytes (dst is then
 * undefined). again is 0 at first, and counts up as long as the name is taken: from 1 on it stands as "-N" before ext, but
 * in a segment's final name, whose form scripts rely on, it is added to SEQ.
 */

/* YYYYMMDD-HHMMSS-SEQ8EXT by begin_ns, in local time or UTC. -ERANGE: local time is before 1970, or has no such year. */
int bc_segname_final(char dst[BC_SEGNAME_MAX], uint64_t begin_ns, bool utc, uint64_t seq, unsigned again,
		     const char *ext);

/*
 * trace-SERIES-YYYYMMDD_HHMMSSEXT by begin_ns, as osmo-pcap names the files of a client; _AGAIN before EXT where again is not 0.
 * -ERANGE as above.
 */
int bc_segname_series(char dst[BC_SEGNAME_MAX], const char *series, uint64_t begin_ns, bool utc, unsigned again,
		      const char *ext);

/* name itself; -N goes before ext if name ends with it, else at the end. */
int bc_segname_again(char dst[BC_SEGNAME_MAX], const char *name, unsigned again, const char *ext);

/*
 * tmp-PID-SEQ8EXT, what a folder's unfinished segment is called; tmp-PID-SEQ8~SERIESEXT with a series, which may be NULL and has
 * no '~'.
 */
int bc_segname_tmp(char dst[BC_SEGNAME_MAX], uint32_t pid, uint64_t seq, unsigned again, const char *series, const char *ext);

/* The series in such a temporary name that ends with ext; "" where there is none. -ENAMETOOLONG. */
int bc_segname_tmp_series(char dst[BC_SEGNAME_MAX], const char *name, const char *ext);

/* tmp-PID-NAME, what a single output file is called until it is published. */
int bc_segname_tmp_file(char dst[BC_SEGNAME_MAX], uint32_t pid, const char *name, unsigned again, const char *ext);

/* Is name (without a folder) one that the two above make? Then true, and *ret_seq is SEQ, or 0 where it has none. */
bool bc_segname_is_tmp(const char *name, uint64_t *ret_seq);

/* The extension of such a name: what stands behind SEQ (and -N), or else from the last dot on; "" for none. */
const char *bc_segname_tmp_ext(const char *name);

/* .hold-NAME, the mark beside a segment that retention is to leave alone. 0, or -ENAMETOOLONG. */
int bc_segname_hold(char dst[BC_SEGNAME_MAX], const char *name);

#endif
