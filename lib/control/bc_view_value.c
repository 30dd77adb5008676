/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_view_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_err.h"

json_t *bc_view_u64(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

void bc_view_escape(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src; src++) {
		unsigned char c = (unsigned char)*src;
		size_t len = c >= 0x20 && c < 0x7f ? 1 : 4;

		if (n + len >= size)
			break;
		if (len == 1)
			dst[n] = (char)c;
		else
			snprintf(dst + n, size - n, "\\x%02x", c);
		n += len;
	}
	dst[n] = '\0';
}

json_t *bc_view_string(const char *s)
{
	json_t *j = json_string(s);
	size_t size = strlen(s) * 4 + 1;
	char *escaped;

	if (j)
		return j;
	escaped = malloc(size);
	if (!escaped)
		return NULL;
	bc_view_escape(escaped, size, s);
	j = json_string(escaped);
	free(escaped);
	return j;
}

json_t *bc_view_error(const char *fmt, ...)
{
	struct bc_err err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	return json_pack("{s:s, s:o}", "status", "error", "error", bc_view_string(err.msg));
}
