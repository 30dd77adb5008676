/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_config_draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
	for (uint32_t i = 0; i < d->n_outputs; i++)
		free_texts(d->outputs[i].v, BC_OUT_N);
	free_texts(d->all.v, BC_OUT_N);
	free_texts(d->sources, d->n_sources);
	free(d->sources);
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
