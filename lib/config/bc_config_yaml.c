/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A YAML file into a draft. libcyaml knows which keys there may be and which are lists; the values stay text, because
 * libcyaml takes "4x", "010" and "maybe" for a 4, an 8 and a yes, and so that a value is checked in one place, wherever
 * it was given.
 */
#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_similar.h"

#define FILE_MAX (1024 * 1024)

/* What libcyaml says while it loads. */
struct said {
	uint32_t events;	/* of the parser, so far: the last one is at fault */
	char first[256];	/* error */
};

static void hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct said *said = ctx;

	if (!strncmp(fmt, "Load: Event: ", 13))
		said->events++;
	if (level >= CYAML_LOG_ERROR && !said->first[0])
		vsnprintf(said->first, sizeof(said->first), fmt, args);
}

/* Returns the field after them. */
static cyaml_schema_field_t *fill_fields(cyaml_schema_field_t *f, const struct bc_setting *s, unsigned n, size_t offset,
					 enum bc_command what)
{
	for (unsigned i = 0; i < n; i++) {
		if (s[i].capture_only && what != BC_COMMAND_CAPTURE)
			continue;
		*f++ = (cyaml_schema_field_t){
			.key = s[i].key,
			.data_offset = (uint32_t)(offset + i * sizeof(char *)),
			.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0, FILE_MAX) },
		};
	}
	return f;
}

static cyaml_schema_field_t list_field(const char *key, size_t at, size_t count_at, const cyaml_schema_value_t *entry,
				       uint32_t max)
{
	return (cyaml_schema_field_t){
		.key = key,
		.data_offset = (uint32_t)at,
		.count_offset = (uint32_t)count_at,
		.count_size = sizeof(uint32_t),
		.value = {
			.type = CYAML_SEQUENCE,
			.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
			.data_size = entry->flags & CYAML_FLAG_POINTER ? sizeof(char *) : entry->data_size,
			.sequence = { .entry = entry, .min = 0, .max = max },
		},
	};
}

/* The key must be there. */
static void require(cyaml_schema_field_t *f, const char *key)
{
	while (strcmp(f->key, key))
		f++;
	f->value.flags = CYAML_FLAG_POINTER;
}

/* The schema is made from the tables of settings, so that no option lacks its key. */
static cyaml_err_t load(const char *text, size_t len, enum bc_command what, struct said *said, struct bc_draft **ret)
{
	const cyaml_config_t config = {
		.log_fn = hear, .log_ctx = said, .log_level = CYAML_LOG_DEBUG, .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_schema_field_t output[BC_OUT_N + 1] = { CYAML_FIELD_END }, all[BC_CAP_N + BC_COL_N + 4] = { CYAML_FIELD_END };
	const cyaml_schema_value_t spec = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, FILE_MAX) };
	const cyaml_schema_value_t one = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct bc_output_draft, output) };
	const cyaml_schema_value_t top = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct bc_draft, all) };
	cyaml_schema_field_t *f = all;
	void *data = NULL;
	cyaml_err_t e;

	fill_fields(output, bc_output_settings, BC_OUT_N, offsetof(struct bc_output_draft, v), what);
	require(output, bc_output_settings[BC_OUT_DEST].key);
	f = fill_fields(f, bc_capture_settings, BC_CAP_N, offsetof(struct bc_draft, v), what);
	if (what == BC_COMMAND_CAPTURE) {
		*f++ = list_field("sources", offsetof(struct bc_draft, sources), offsetof(struct bc_draft, n_sources), &spec,
				  BC_MAX_SOURCES);
	} else {
		f = fill_fields(f, bc_collect_settings, BC_COL_N, offsetof(struct bc_draft, collect), what);
		*f++ = list_field("listen", offsetof(struct bc_draft, listen), offsetof(struct bc_draft, n_listen), &spec,
				  BC_MAX_LISTEN);
		*f++ = list_field("allow", offsetof(struct bc_draft, allow), offsetof(struct bc_draft, n_allow), &spec, BC_MAX_ALLOW);
	}
	*f = list_field("outputs", offsetof(struct bc_draft, outputs), offsetof(struct bc_draft, n_outputs), &one, BC_MAX_OUTPUTS);
	e = cyaml_load_data((const uint8_t *)text, len, &config, &top, &data, NULL);
	*ret = data;
	return e;
}

/* libcyaml's line for a value of the wrong form is "Load: Expecting SEQUENCE, got event: SCALAR". */
static const char *expected(const char *line)
{
	if (strstr(line, "Expecting SEQUENCE"))
		return "a list is expected here: lines that begin with '- '";
	if (strstr(line, "Expecting MAPPING"))
		return "'key: value' is expected here";
	return "one plain value is expected here; what ends with ':' needs quotes";
}

static void offer_keys(struct bc_similar *similar, const struct bc_setting *s, unsigned n, enum bc_command what)
{
	for (unsigned i = 0; i < n; i++)
		if (!s[i].capture_only || what == BC_COMMAND_CAPTURE)
			bc_similar_offer(similar, s[i].key);
}

static bool is_among(const char *key, const struct bc_setting *s, unsigned n, enum bc_command what)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(key, s[i].key) && (!s[i].capture_only || what == BC_COMMAND_CAPTURE))
			return true;
	return false;
}

static bool is_output_key(const char *key)
{
	return is_among(key, bc_output_settings, BC_OUT_N, BC_COMMAND_CAPTURE);
}

static bool is_top_key(const char *key, enum bc_command what)
{
	return is_among(key, bc_capture_settings, BC_CAP_N, what) ||
		(what == BC_COMMAND_COLLECT && is_among(key, bc_collect_settings, BC_COL_N, what));
}

/* "rotate: {seconds: 5}": is what was meant the key of an output "rotate_seconds"? The events behind at are the mapping's and its first key's. */
static bool is_split(const struct bc_yaml_map *map, const struct bc_yaml_event *at, char ret[BC_PATH_MAX])
{
	const struct bc_yaml_event *child = at + 2;
	const char *dot = strchr(at->path, '.'), *key = dot ? dot + 1 : at->path;
	const size_t n = strlen(at->path);

	if (child >= map->event + map->n || strncmp(child->path, at->path, n) || child->path[n] != '.')
		return false;
	snprintf(ret, BC_PATH_MAX, "%s", child->path + (key - at->path));
	ret[strlen(key)] = '_';
	return is_output_key(ret);
}

/* path is that of a key which is not legal there. */
static int refuse_key(const char *file, const struct bc_yaml_map *map, const struct bc_yaml_event *at, enum bc_command what, struct bc_err *err)
{
	char split[BC_PATH_MAX];
	const char *dot = strchr(at->path, '.');
	struct bc_similar s;
	char text[BC_SIMILAR_MAX];

	if (is_output_key(at->path))
		return bc_err_set(err, -EINVAL, "%s:%u: %s: belongs to an output, under 'outputs:'", file, at->line, at->path);
	if (dot && is_top_key(dot + 1, what))
		return bc_err_set(err, -EINVAL, "%s:%u: %s: belongs beside 'outputs:', not under it", file, at->line, at->path);
	if (is_split(map, at, split))
		return bc_err_set(err, -EINVAL, "%s:%u: %s: there is no such key; did you mean '%s', of an output?", file, at->line, at->path, split);
	bc_similar_begin(&s, dot ? dot + 1 : at->path);
	if (dot) {
		offer_keys(&s, bc_output_settings, BC_OUT_N, what);
	} else {
		offer_keys(&s, bc_capture_settings, BC_CAP_N, what);
		bc_similar_offer(&s, "outputs");
	}
	if (!dot && what == BC_COMMAND_CAPTURE) {
		bc_similar_offer(&s, "sources");
	} else if (!dot) {
		offer_keys(&s, bc_collect_settings, BC_COL_N, what);
		bc_similar_offer(&s, "listen");
		bc_similar_offer(&s, "allow");
	}
	return bc_err_set(err, -EINVAL, "%s:%u: %s: there is no such key%s", file, at->line, at->path, bc_similar_text(&s, "", text));
}

static const char *explain(cyaml_err_t e, const struct said *said)
{
	switch (e) {
	case CYAML_ERR_UNEXPECTED_EVENT:
		return "is given twice";
	case CYAML_ERR_MAPPING_FIELD_MISSING:
		return "'dest' is missing";
	case CYAML_ERR_SEQUENCE_ENTRIES_MAX:
		return "the list is too long";
	case CYAML_ERR_INVALID_VALUE:
		return expected(said->first);
	default:
		return cyaml_strerror(e);
	}
}

static int refuse(const char *file, const struct bc_yaml_map *map, cyaml_err_t e, const struct said *said,
		  enum bc_command what, struct bc_err *err)
{
	const struct bc_yaml_event *at;

	if (said->events == 0 || said->events > map->n)
		return bc_err_set(err, -EINVAL, "%s: %s", file, explain(e, said));
	at = &map->event[said->events - 1];
	if (e == CYAML_ERR_INVALID_KEY)
		return refuse_key(file, map, at, what, err);
	return bc_err_set(err, -EINVAL, "%s:%u: %s%s%s", file, at->line, at->path, at->path[0] ? ": " : "",
			  explain(e, said));
}

static int make_draft(const char *file, const char *text, size_t len, enum bc_command what, struct bc_yaml_map *map,
		      struct bc_draft **ret, struct bc_err *err)
{
	struct said said = { .events = 0 };
	struct bc_draft *d;
	cyaml_err_t e = load(text, len, what, &said, &d);

	if (e != CYAML_OK)
		return e == CYAML_ERR_OOM ? bc_err_set(err, -ENOMEM, "%s: no memory", file) : refuse(file, map, e, &said, what, err);
	/* A file with nothing but comments loads as nothing. */
	if (!d)
		d = calloc(1, sizeof(*d));
	if (d)
		d->file = strdup(file);
	if (!d || !d->file) {
		bc_draft_free(d);
		free(d);
		return bc_err_set(err, -ENOMEM, "%s: no memory", file);
	}
	d->map = map;
	*ret = d;
	return 0;
}

int bc_config_yaml(const char *file, int fd, enum bc_command what, struct bc_draft **ret, struct bc_err *err)
{
	struct bc_yaml_map *map = NULL;
	char *text = NULL;
	size_t len = 0;
	int rc = bc_draft_read_file(file, fd, FILE_MAX, &text, &len, err);

	if (!rc)
		rc = bc_yaml_map_read(file, text, len, &map, err);
	if (!rc)
		rc = make_draft(file, text, len, what, map, ret, err);
	if (rc)
		bc_yaml_map_free(map);
	free(text);
	return rc;
}
