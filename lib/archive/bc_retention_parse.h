/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parses what the user says about retention. Each returns 0, or -EINVAL with a line that begins with what; *ret is then
 * untouched.
 */
#ifndef BC_RETENTION_PARSE_H
#define BC_RETENTION_PARSE_H

#include "bc_err.h"
#include "bc_retention_rules.h"

/* "90s", "15m", "12h", "7d", "4w"; 0 is no limit. */
int bc_parse_age(const char *what, const char *text, uint64_t *ret_ns, struct bc_err *err);

/* "500M", "20G", "1.5T", in powers of 1000; 0 is no limit. */
int bc_parse_size(const char *what, const char *text, uint64_t *ret_bytes, struct bc_err *err);

#define BC_RECOMPRESS_LZ4HC "lz4hc"

/* "zstd:19,after=1d", "lz4hc"; the default is the codec's level, and at once. "never": not. */
int bc_parse_recompress(const char *what, const char *text, struct bc_retention_rules *ret, struct bc_err *err);

#endif
