/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The places of values in a YAML text. libcyaml does not tell them: the line in its error may be that of the value before,
 * and of a value that it takes it tells none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "bc_config_draft.h"

#define EVENTS_MAX 4096
#define DEPTH_MAX 8	/* deeper than any setting, so that who nests one is told which */

/* A mapping or a list that is open. */
struct frame {
	bool list;
	bool value_next;	/* a mapping, of which a key was read */
	uint32_t n;		/* entries of a list so far */
	uint32_t line;
	char path[BC_PATH_MAX];
	char child[BC_PATH_MAX];	/* path of the value that was read last */
};

struct walk {
	const char *name;
	struct bc_yaml_map *map;
	struct frame frame[DEPTH_MAX + 1];	/* the first is the document */
	unsigned depth;
	unsigned documents;
	struct bc_err *err;
};

static const char no_path[BC_PATH_MAX];

static uint32_t line_of(const yaml_event_t *e)
{
	return (uint32_t)e->start_mark.line + 1;
}

static int refuse(const struct walk *w, uint32_t line, const char *what)
{
	return bc_err_set(w->err, -EINVAL, "%s:%u: %s", w->name, line, what);
}

static int record(struct walk *w, uint32_t line, const char *path)
{
	struct bc_yaml_event *e;

	if (w->map->n == EVENTS_MAX)
		return refuse(w, line, "too many values for a configuration");
	e = &w->map->event[w->map->n++];
	e->line = line;
	memcpy(e->path, path, BC_PATH_MAX);
	return 0;
}

/* Cuts what is too long. */
static void join(char dst[BC_PATH_MAX], const char *path, const char *key)
{
	size_t n = strlen(path);

	memmove(dst, path, n + 1);
	if (n)
		strncat(dst, ".", BC_PATH_MAX - 1 - n);
	n = strlen(dst);
	strncat(dst, key, BC_PATH_MAX - 1 - n);
}

static bool is_key(const struct walk *w)
{
	const struct frame *f = &w->frame[w->depth];

	return w->depth && !f->list && !f->value_next;
}

/* The path of the value that begins here. */
static const char *value_path(struct walk *w)
{
	struct frame *f = &w->frame[w->depth];
	char number[16];

	if (f->list) {
		snprintf(number, sizeof(number), "[%u]", f->n++);
		memcpy(f->child, f->path, sizeof(f->child));
		strncat(f->child, number, sizeof(f->child) - 1 - strlen(f->child));
	}
	f->value_next = false;
	return f->child;
}

static int on_scalar(struct walk *w, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	struct frame *f = &w->frame[w->depth];

	if (strlen(text) != e->data.scalar.length)
		return refuse(w, line_of(e), "a value with a NUL in it");
	if (e->data.scalar.anchor)
		return refuse(w, line_of(e), "anchors and aliases are not supported");
	if (!is_key(w))
		return record(w, line_of(e), value_path(w));
	join(f->child, f->path, text);
	f->value_next = true;
	return record(w, line_of(e), f->child);
}

static int on_open(struct walk *w, const yaml_event_t *e, bool list, const yaml_char_t *anchor)
{
	struct frame *f = &w->frame[w->depth + 1];
	const char *path;

	if (anchor)
		return refuse(w, line_of(e), "anchors and aliases are not supported");
	if (w->depth == DEPTH_MAX)
		return refuse(w, line_of(e), "nested too deeply: no setting is");
	if (is_key(w))
		return refuse(w, line_of(e), "a key must be a word");
	path = value_path(w);
	*f = (struct frame){ .list = list, .line = line_of(e) };
	memcpy(f->path, path, sizeof(f->path));
	w->depth++;
	return record(w, f->line, f->path);
}

/* A mapping in which a key is missing is at fault where it begins. */
static int on_close(struct walk *w)
{
	const struct frame *f = &w->frame[w->depth--];

	return record(w, f->line, f->path);
}

static int on_event(struct walk *w, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(w, e);
	case YAML_MAPPING_START_EVENT:
		return on_open(w, e, false, e->data.mapping_start.anchor);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(w, e, true, e->data.sequence_start.anchor);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return on_close(w);
	case YAML_ALIAS_EVENT:
		return refuse(w, line_of(e), "anchors and aliases are not supported");
	case YAML_DOCUMENT_START_EVENT:
		if (w->documents++)
			return refuse(w, line_of(e), "a second document; a file may hold only one");
		return record(w, line_of(e), no_path);
	default:
		return record(w, line_of(e), no_path);
	}
}

/* What went wrong in libyaml's words, or in ours where these do not say what to do. */
static const char *problem(const yaml_parser_t *p)
{
	if (!p->problem)
		return "no memory";
	return strcmp(p->problem, "found character that cannot start any token") ? p->problem :
		"indent with spaces, not with tabs; what begins with %, @ or ` needs quotes";
}

static int parse(struct walk *w, yaml_parser_t *p)
{
	bool done = false;
	yaml_event_t e;
	int rc = 0;

	while (!rc && !done) {
		if (!yaml_parser_parse(p, &e))
			return refuse(w, (uint32_t)p->problem_mark.line + 1, problem(p));
		done = e.type == YAML_STREAM_END_EVENT;
		rc = on_event(w, &e);
		yaml_event_delete(&e);
	}
	return rc;
}

int bc_yaml_map_read(const char *name, const char *text, size_t len, struct bc_yaml_map **ret, struct bc_err *err)
{
	struct walk w = { .name = name, .err = err };
	yaml_parser_t p;
	int rc;

	w.map = calloc(1, sizeof(*w.map) + EVENTS_MAX * sizeof(w.map->event[0]));
	if (!w.map || !yaml_parser_initialize(&p)) {
		free(w.map);
		return bc_err_set(err, -ENOMEM, "%s: no memory", name);
	}
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	rc = parse(&w, &p);
	yaml_parser_delete(&p);
	if (rc)
		free(w.map);
	else
		*ret = w.map;
	return rc;
}

uint32_t bc_yaml_line(const struct bc_yaml_map *map, const char *path)
{
	for (uint32_t i = 0; i < map->n; i++)
		if (!strcmp(map->event[i].path, path))
			return map->event[i].line;
	return 0;
}

void bc_yaml_map_free(struct bc_yaml_map *map)
{
	free(map);
}
