/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Periods of the wall clock: the hours, the minutes that are multiples of 21, ... of local time or UTC. Pure functions of their
 * arguments and of the time zone. Any thread.
 *
 * A period of `every` units begins where the unit's field, counted from 0, is a multiple of `every`, and so again where the next
 * larger field changes: minute/21 begins at :00, :21 and :42. Days and months of the calendar count from 1, so that day/10 begins on the
 * 1st, 11th, 21st and 31st. Where clocks are put forward a period ends early or is left out; where they are put back it ends if
 * the hour that comes twice begins one, and is longer otherwise. Periods never overlap and leave no gap.
 */
#ifndef BC_CALENDAR_H
#define BC_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"

enum bc_calendar_unit { BC_CALENDAR_NEVER, BC_CALENDAR_SECOND, BC_CALENDAR_MINUTE, BC_CALENDAR_HOUR, BC_CALENDAR_DAY, BC_CALENDAR_MONTH };

struct bc_calendar {
	enum bc_calendar_unit unit;	/* NEVER: there are no periods, and the two functions below are not called */
	uint32_t every;			/* 1 to as many units as the next larger one has */
	bool utc;
};

/* "hour", "minute/21", "never": sets unit and every. -EINVAL with a line that begins with what; *ret is then untouched. */
int bc_calendar_parse(const char *what, const char *text, struct bc_calendar *ret, struct bc_err *err);

/*
 * The period's begin that is at ns or last before it, and the one that comes first behind it; UTC in nanoseconds, 0 and UINT64_MAX at the ends of
 * time.
 */
uint64_t bc_calendar_begin(const struct bc_calendar *c, uint64_t ns);
uint64_t bc_calendar_next(const struct bc_calendar *c, uint64_t ns);

#endif
