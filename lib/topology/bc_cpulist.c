/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One CPU number at *text, which is advanced past it; -1 if there is none. */
static int parse_cpu(const char **text)
{
	char *end;
	unsigned long v;

	if (!isdigit((unsigned char)**text))
		return -1;
	v = strtoul(*text, &end, 10);
	if (v >= BC_MAX_CPUS)
		return -1;
	*text = end;
	return (int)v;
}

int bc_cpulist_parse(const char *what, const char *text, cpu_set_t *ret, struct bc_err *err)
{
	const char *p = text;
	cpu_set_t set;

	CPU_ZERO(&set);
	for (;; p++) {
		int first = parse_cpu(&p), last = first;

		if (first >= 0 && *p == '-') {
			p++;
			last = parse_cpu(&p);
		}
		if (first < 0 || last < first || (*p && *p != ','))
			return bc_err_set(err, -EINVAL, "%s: '%s' is not a list of CPUs: write numbers and ranges such as "
					  "2-5,8, none above %d", what, text, BC_MAX_CPUS - 1);
		for (int c = first; c <= last; c++)
			CPU_SET(c, &set);
		if (!*p)
			break;
	}
	*ret = set;
	return 0;
}

char *bc_cpulist_format(const cpu_set_t *set, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (int c = 0; c < BC_MAX_CPUS; c++) {
		int first = c;
		char item[16];
		size_t len;

		if (!CPU_ISSET(c, set))
			continue;
		while (c + 1 < BC_MAX_CPUS && CPU_ISSET(c + 1, set))
			c++;
		if (c == first)
			snprintf(item, sizeof(item), "%s%d", n ? "," : "", first);
		else
			snprintf(item, sizeof(item), "%s%d-%d", n ? "," : "", first, c);
		len = strlen(item);
		if (n + len + 4 > size) {
			/* Room for the dots is kept by each item before. */
			strcpy(buf + n, "...");
			return buf;
		}
		memcpy(buf + n, item, len + 1);
		n += len;
	}
	return buf;
}
