/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_config_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_texts(char **v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(v[i]);
}

void bc_draft_free(struct bc_draft *d)
{
	if (!d)
		return;
	free_texts(d->v, BC_CAP_N);
	free_texts(d->collect, BC_COL_N);
	for (uint32_t i = 0; i < d->n_outputs; i++)
		free_texts(d->outputs[i].v, BC_OUT_N);
	free_texts(d->all.v, BC_OUT_N);
	free_texts(d->sources, d->n_sources);
	free(d->sources);
	free_texts(d->listen, d->n_listen);
	free(d->listen);
	free_texts(d->allow, d->n_allow);
	free(d->allow);
	free(d->outputs);
	free(d->file);
	bc_yaml_map_free(d->map);
	*d = (struct bc_draft){ .file = NULL };
}

void bc_draft_label(char label[BC_LABEL_MAX], const struct bc_draft *d, const char *option, const char *fmt, ...)
{
	char path[BC_PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	if (d->map)
		snprintf(label, BC_LABEL_MAX, "%s:%u: %s", d->file, bc_yaml_line(d->map, path), path);
	else
		snprintf(label, BC_LABEL_MAX, "%s", option);
}

void bc_draft_setting_label(char label[BC_LABEL_MAX], const struct bc_draft *d, const struct bc_setting *s, const char *path)
{
	const char *name = d->dialect ? d->dialect->option(s) : s->option;
	char option[64] = "-w";

	if (!name && d->dialect)
		snprintf(option, sizeof(option), "%s", d->dialect->dest);
	if (name)
		snprintf(option, sizeof(option), "--%s", name);
	bc_draft_label(label, d, option, "%s", path ? path : s->key);
}

int bc_draft_replace(char **at, const char *text, struct bc_err *err)
{
	char *copy = strdup(text);

	if (!copy)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	free(*at);
	*at = copy;
	return 0;
}

int bc_draft_append(char **at, const char *text, struct bc_err *err)
{
	char *both;
	int rc;

	if (!*at)
		return bc_draft_replace(at, text, err);
	if (asprintf(&both, "%s %s", *at, text) < 0)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	rc = bc_draft_replace(at, both, err);
	free(both);
	return rc;
}

int bc_draft_add_source(struct bc_draft *d, const char *spec, struct bc_err *err)
{
	if (d->n_sources == BC_MAX_SOURCES)
		return bc_err_set(err, -EINVAL, "%s: more than %d sources", d->dialect ? d->dialect->source : "-i",
				  BC_MAX_SOURCES);
	if (!d->sources)
		d->sources = calloc(BC_MAX_SOURCES, sizeof(*d->sources));
	if (!d->sources)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	return bc_draft_replace(&d->sources[d->n_sources++], spec, err);
}

int bc_draft_add_output(struct bc_draft *d, const char *dest, struct bc_err *err)
{
	if (d->n_outputs == BC_MAX_OUTPUTS)
		return bc_err_set(err, -EINVAL, "-w: more than %d outputs", BC_MAX_OUTPUTS);
	if (!d->outputs)
		d->outputs = calloc(BC_MAX_OUTPUTS, sizeof(*d->outputs));
	if (!d->outputs)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	return bc_draft_replace(&d->outputs[d->n_outputs++].v[BC_OUT_DEST], dest, err);
}

int bc_draft_add_verbose(struct bc_draft *d, struct bc_err *err)
{
	char n[2] = "1";

	if (d->v[BC_CAP_VERBOSE])
		n[0] = d->v[BC_CAP_VERBOSE][0] < '9' ? (char)(d->v[BC_CAP_VERBOSE][0] + 1) : '9';
	return bc_draft_replace(&d->v[BC_CAP_VERBOSE], n, err);
}

int bc_draft_read_file(const char *file, int open_fd, size_t max, char **ret, size_t *ret_len, struct bc_err *err)
{
	int fd = open_fd >= 0 ? open_fd : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = 0;
	char *text = fd < 0 ? NULL : malloc(max + 1);
	size_t len = 0;
	ssize_t n = 1;

	if (fd >= 0 && !text)
		rc = -ENOMEM;
	while (text && n > 0 && len <= max) {
		n = read(fd, text + len, max - len + 1);
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0)
		rc = -errno;
	else if (len > max)
		rc = -EFBIG;
	if (fd >= 0 && fd != open_fd)
		close(fd);
	if (rc) {
		free(text);
		if (rc == -EFBIG)
			return bc_err_set(err, -EINVAL, "%s: is larger than %zu bytes", file, max);
		return bc_err_set(err, rc == -ENOMEM ? rc : -EINVAL, "%s: %s", file, strerror(-rc));
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}
