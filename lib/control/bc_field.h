/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of JSON objects that are not to be trusted: what is missing or of another type counts as 0 or "". */
#ifndef BC_FIELD_H
#define BC_FIELD_H

#include <stdint.h>

#include <jansson.h>

static inline uint64_t bc_field_u64(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v < 0 ? 0 : (uint64_t)v;
}

static inline const char *bc_field_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

#endif
