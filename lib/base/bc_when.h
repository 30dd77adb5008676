/* SPDX-License-Identifier: BSD-3-Clause */
/* Moments out of text that a person gave. Pure functions of their arguments and of the time zone. Any thread. */
#ifndef BC_WHEN_H
#define BC_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"

/*
 * "2026-11-29T04:30:00.5+01:00" (RFC 3339; a space for the T, seconds, fraction and offset may be left out),
 * "2026-11-29" (its begin), "04:30" (of today), in local time, or UTC if utc, where no offset is given; "1764390600.5"
 * or "@1764390600.5" (since 1970); "-5m", "3h" (before now_ns), "now". Nanoseconds UTC. -EINVAL with a line in err that
 * begins with what; *ret is then untouched.
 */
int bc_when_parse(const char *what, const char *text, bool utc, uint64_t now_ns, uint64_t *ret_ns, struct bc_err *err);

/*
 * From and before when, of which each may be NULL (the beginning and the end of time), or else the last span before
 * now. -EINVAL too if nothing is between them; the line then begins with the option's name.
 */
int bc_when_parse_range(const char *from, const char *to, const char *last, bool utc, uint64_t now_ns, uint64_t *ret_from_ns,
			uint64_t *ret_to_ns, struct bc_err *err);

/* "90s", "5m", "1.5h", "7d", "4w". Nanoseconds. Errors as above. */
int bc_when_parse_span(const char *what, const char *text, uint64_t *ret_ns, struct bc_err *err);

#endif
