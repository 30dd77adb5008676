/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tel_data.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bc_view_value.h"

/* What DPDK's writer needs around the answer: {"COMMAND":...} and a terminating NUL. */
#define REPLY_FRAME 8U
/* Deeper than any view, and no deeper than a telemetry thread's stack bears: DPDK takes 16 KiB of it for each level. */
#define DEPTH_MAX 8

static json_t *prepare_string(const char *s)
{
	const size_t head = BC_TEL_STRING_MAX / 2, tail = BC_TEL_STRING_MAX - head - 1;
	size_t len = strlen(s);
	char end[4 * BC_TEL_STRING_MAX + 1];
	char text[BC_TEL_STRING_MAX + 1];

	/* The last bytes are enough: escaped they are as many characters or more. */
	bc_view_escape(end, sizeof(end), len > BC_TEL_STRING_MAX ? s + len - BC_TEL_STRING_MAX : s);
	if (len <= BC_TEL_STRING_MAX && strlen(end) <= BC_TEL_STRING_MAX)
		return json_string(end);
	bc_view_escape(text, head + 1, s);
	strcat(text, "~");
	strcat(text, end + strlen(end) - tail);
	return json_string(text);
}

static bool key_is_good(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/");

	return len > 0 && len <= BC_TEL_STRING_MAX && !key[len];
}

static json_t *prepare(const json_t *json, unsigned depth);

static json_t *prepare_object(json_t *json, unsigned depth)
{
	json_t *ret = json_object(), *value;
	const char *key;

	json_object_foreach(json, key, value)
		if (!key_is_good(key) || json_object_set_new(ret, key, prepare(value, depth + 1))) {
			json_decref(ret);
			return NULL;
		}
	return ret;
}

static json_t *prepare_array(const json_t *json, unsigned depth)
{
	json_t *ret = json_array_size(json) ? json_object() : json_array();
	json_t *value;
	size_t i;

	json_array_foreach(json, i, value) {
		char key[24];

		snprintf(key, sizeof(key), "%zu", i);
		if (json_object_set_new(ret, key, prepare(value, depth + 1))) {
			json_decref(ret);
			return NULL;
		}
	}
	return ret;
}

static json_t *prepare_integer(json_int_t v)
{
	char text[24];

	if (v >= INT_MIN)
		return json_integer(v);
	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, v);
	return json_string(text);
}

static json_t *prepare(const json_t *json, unsigned depth)
{
	if (!json || depth > DEPTH_MAX)
		return NULL;
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return prepare_object((json_t *)json, depth);
	case JSON_ARRAY:
		return prepare_array(json, depth);
	case JSON_STRING:
		return prepare_string(json_string_value(json));
	case JSON_INTEGER:
		return prepare_integer(json_integer_value(json));
	case JSON_TRUE:
	case JSON_FALSE:
		return json_integer(json_is_true(json));
	case JSON_REAL:
	case JSON_NULL:
		break;
	}
	return NULL;
}

json_t *bc_tel_data_prepare(const json_t *json)
{
	return json_is_object(json) || json_is_array(json) ? prepare(json, 0) : NULL;
}

static int fill(struct rte_tel_data *d, const json_t *json);

static int fill_container(struct rte_tel_data *d, const char *key, const json_t *value)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();
	int r;

	if (!inner)
		return -ENOMEM;
	r = fill(inner, value);
	if (!r)
		r = rte_tel_data_add_dict_container(d, key, inner, 0);
	/* Once added it belongs to DPDK, which frees it after sending. */
	if (r)
		rte_tel_data_free(inner);
	return r;
}

static int fill_entry(struct rte_tel_data *d, const char *key, const json_t *value)
{
	if (json_is_string(value))
		return rte_tel_data_add_dict_string(d, key, json_string_value(value));
	if (!json_is_integer(value))
		return fill_container(d, key, value);
	if (json_integer_value(value) < 0)
		return rte_tel_data_add_dict_int(d, key, (int)json_integer_value(value));
	return rte_tel_data_add_dict_uint(d, key, (uint64_t)json_integer_value(value));
}

static int fill(struct rte_tel_data *d, const json_t *json)
{
	json_t *value;
	const char *key;

	if (json_is_array(json))
		return rte_tel_data_start_array(d, RTE_TEL_UINT_VAL);
	rte_tel_data_start_dict(d);
	json_object_foreach((json_t *)json, key, value) {
		int r = fill_entry(d, key, value);

		if (r)
			return r;
	}
	return 0;
}

/* No object may have more entries than DPDK has room for. */
static bool has_room(const json_t *json)
{
	json_t *value;
	const char *key;

	if (json_object_size(json) > RTE_TEL_MAX_DICT_ENTRIES)
		return false;
	json_object_foreach((json_t *)json, key, value)
		if (!has_room(value))
			return false;
	return true;
}

bool bc_tel_data_fits(const json_t *prepared, const char *cmd)
{
	size_t bytes = json_dumpb(prepared, NULL, 0, JSON_COMPACT);

	/* Known before anything is filled in: DPDK would silently leave out what does not fit. */
	return strlen(cmd) + bytes + REPLY_FRAME <= BC_TEL_REPLY_MAX && has_room(prepared);
}

int bc_tel_data_fill(struct rte_tel_data *d, const json_t *prepared)
{
	return fill(d, prepared) ? -ENOMEM : 0;
}
