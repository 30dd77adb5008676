/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "

struct bc_table {
	size_t n_columns;
	size_t n_cells;
	size_t cap;
	char **cell;
	int *width;		/* of each column: its widest cell's */
	char columns[];
};

struct bc_table *bc_table_new(const char *columns)
{
	struct bc_table *t = calloc(1, sizeof(*t) + strlen(columns) + 1);

	if (!t)
		return NULL;
	t->n_columns = strlen(columns);
	t->width = calloc(t->n_columns, sizeof(*t->width));
	if (!t->width) {
		free(t);
		return NULL;
	}
	strcpy(t->columns, columns);
	return t;
}

void bc_table_free(struct bc_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cell[i]);
	free(t->cell);
	free(t->width);
	free(t);
}

void bc_table_clean(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		/* U+0080 to U+009F are control characters, too. */
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
}

/* Count characters: UTF-8 continuation bytes do not count. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

void bc_table_cell(struct bc_table *t, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int r;

	if (!t)
		return;
	if (t->n_cells == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		char **cell = realloc(t->cell, cap * sizeof(*cell));

		if (!cell)
			return;
		t->cell = cell;
		t->cap = cap;
	}
	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0)
		return;
	bc_table_clean(text);
	if (width(text) > t->width[t->n_cells % t->n_columns])
		t->width[t->n_cells % t->n_columns] = width(text);
	t->cell[t->n_cells++] = text;
}

void bc_table_print(const struct bc_table *t, FILE *f)
{
	if (!t || t->n_cells <= t->n_columns)
		return;
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;
		bool last = column + 1 == t->n_columns || i + 1 == t->n_cells;
		int pad = t->width[column] - width(t->cell[i]);

		if (t->columns[column] == 'r')
			fprintf(f, "%*s%s", pad, "", t->cell[i]);
		else
			fprintf(f, "%s%*s", t->cell[i], last ? 0 : pad, "");
		fputs(last ? "\n" : GAP, f);
	}
}

const char *bc_units(char buf[BC_UNITS_MAX], double v)
{
	static const char prefix[] = " kMGTPE";
	size_t i = 0;

	for (; v >= 999.5 && i + 2 < sizeof(prefix); i++)
		v /= 1000;
	if (i == 0)
		snprintf(buf, BC_UNITS_MAX, "%.0f ", v);
	else
		snprintf(buf, BC_UNITS_MAX, "%.*f %c", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, prefix[i]);
	return buf;
}

const char *bc_percent(char buf[BC_UNITS_MAX], uint64_t part, uint64_t whole)
{
	double share = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part == 0)
		snprintf(buf, BC_UNITS_MAX, "0 %%");
	else if (share < 0.001)
		snprintf(buf, BC_UNITS_MAX, "<0.001 %%");
	else if (part < whole && share > 99.9)
		snprintf(buf, BC_UNITS_MAX, ">99.9 %%");
	else
		snprintf(buf, BC_UNITS_MAX, "%.*f %%", share < 1 ? 3 : share < 99.95 ? 1 : 0, share);
	return buf;
}
