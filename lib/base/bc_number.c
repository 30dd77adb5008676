/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int bc_parse_u64(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct bc_err *err)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
	if (!isdigit((unsigned char)text[0]) || *end || errno || v < min || v > max)
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, what, text,
				  min, max);
	*ret = v;
	return 0;
}

int bc_parse_double(const char *what, const char *text, double min, double max, double *ret, struct bc_err *err)
{
	char *end;
	double v;

	errno = 0;
	v = isdigit((unsigned char)text[0]) || text[0] == '.' ? strtod(text, &end) : NAN;
	if (!isfinite(v) || *end || errno || v < min || v > max)
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a number from %g to %g", what, text, min, max);
	*ret = v;
	return 0;
}

int bc_parse_rate(const char *what, const char *text, double *ret, struct bc_err *err)
{
	static const char units[] = "kMGT";
	const char *unit;
	char *end;
	double v = strtod(text, &end);

	unit = *end ? strchr(units, *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		v *= 1000;
	if (end == text || (*end && (!unit || end[1])) || !(v >= 1e3 && v <= 1e15))
		return bc_err_set(err, -EINVAL, "%s %.40s: not a rate from 1k to 1000T bits per second, such as 100G", what, text);
	*ret = v;
	return 0;
}
