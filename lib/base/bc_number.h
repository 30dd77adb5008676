/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers out of text that a person or a file gave. */
#ifndef BC_NUMBER_H
#define BC_NUMBER_H

#include <stdint.h>

#include "bc_err.h"

/*
 * Parse the whole of text as a decimal integer within [min, max]. 0, or -EINVAL with a line in err that begins with
 * what (for instance "--snaplen") and names the range; *ret is then untouched.
 */
int bc_parse_u64(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct bc_err *err);

/* The same for a decimal fraction such as 0.5. NaN and infinity are refused. */
int bc_parse_double(const char *what, const char *text, double min, double max, double *ret, struct bc_err *err);

/* Bits per second, from 1k to 1000T, with the prefixes k, M, G and T: "2.5G". As above. */
int bc_parse_rate(const char *what, const char *text, double *ret, struct bc_err *err);

#endif
