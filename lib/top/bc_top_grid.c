/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A flexible column has at least so many. */
#define FLEX_MIN 8U

void bc_top_grid_clear(struct bc_top_grid *g, uint32_t rows, uint32_t columns)
{
	g->rows = rows < BC_TOP_ROWS_MAX ? rows : BC_TOP_ROWS_MAX;
	g->columns = columns < BC_TOP_COLUMNS_MAX ? columns : BC_TOP_COLUMNS_MAX;
	for (uint32_t r = 0; r < g->rows; r++)
		bc_top_blank(g, r);
}

void bc_top_blank(struct bc_top_grid *g, uint32_t row)
{
	if (row >= g->rows)
		return;
	memset(g->text[row], ' ', g->columns);
	g->text[row][g->columns] = '\0';
	memset(g->style[row], BC_TOP_PLAIN, g->columns);
}

/* Make it printable ASCII, a character for a character. Returns its length. */
static uint32_t make_plain(char *text)
{
	char *to = text;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p & 0xc0) != 0x80)
			*to++ = *p >= 0x20 && *p < 0x7f ? (char)*p : '?';
	*to = '\0';
	return (uint32_t)(to - text);
}

static void put_plain(struct bc_top_grid *g, uint32_t row, uint32_t column, enum bc_top_style style, const char *text, uint32_t len)
{
	if (row >= g->rows || column >= g->columns)
		return;
	len = len < g->columns - column ? len : g->columns - column;
	memcpy(&g->text[row][column], text, len);
	memset(&g->style[row][column], style, len);
}

uint32_t bc_top_put(struct bc_top_grid *g, uint32_t row, uint32_t column, enum bc_top_style style, const char *fmt, ...)
{
	char text[BC_TOP_COLUMNS_MAX + 1];
	uint32_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = make_plain(text);
	put_plain(g, row, column, style, text, len);
	return column + len;
}

void bc_top_paint(struct bc_top_grid *g, uint32_t row, enum bc_top_style style)
{
	if (row < g->rows)
		memset(g->style[row], style, g->columns);
}

/* At most width characters of it: its middle is left out, since names differ at their ends. */
static uint32_t shorten(char *text, uint32_t len, uint32_t width)
{
	uint32_t head = width / 2, tail;

	if (len <= width)
		return len;
	if (!width)
		return 0;
	tail = width - head - 1;
	text[head] = '~';
	memmove(text + head + 1, text + len - tail, tail);
	return width;
}

/* Where each column of a table lies. width 0: it is not shown. */
struct layout {
	uint32_t at[BC_TOP_TABLE_COLUMNS], width[BC_TOP_TABLE_COLUMNS];
};

static void lay_out(const struct bc_top_grid *g, const struct bc_top_table *t, struct layout *l)
{
	uint32_t fixed = 0, at = 0;

	for (uint32_t i = 0; i < t->n_columns; i++) {
		l->width[i] = g->columns >= t->column[i].from ? t->column[i].width : 0;
		fixed += l->width[i] ? l->width[i] + 1 : 0;
	}
	for (uint32_t i = 0; i < t->n_columns; i++) {
		if (!t->column[i].width)
			l->width[i] = g->columns >= fixed + FLEX_MIN ? g->columns - fixed : FLEX_MIN;
		l->at[i] = at;
		at += l->width[i] ? l->width[i] + 1 : 0;
	}
}

static void put_cell(struct bc_top_grid *g, uint32_t row, const struct layout *l, uint32_t i, bool right, struct bc_top_cell *cell)
{
	uint32_t len = shorten(cell->text, make_plain(cell->text), l->width[i]);

	if (l->width[i])
		put_plain(g, row, l->at[i] + (right ? l->width[i] - len : 0), cell->style, cell->text, len);
}

static void put_heading(struct bc_top_grid *g, uint32_t row, const struct layout *l, const struct bc_top_table *t, uint32_t shown)
{
	struct bc_top_cell cell;

	for (uint32_t i = 0; i < t->n_columns; i++) {
		cell.style = BC_TOP_HEAD;
		if (!t->column[i].width && shown < t->n)
			snprintf(cell.text, sizeof(cell.text), "%s (%u of %u)", t->column[i].head, shown, t->n);
		else
			snprintf(cell.text, sizeof(cell.text), "%s", t->column[i].head);
		put_cell(g, row, l, i, t->column[i].right, &cell);
	}
}

uint32_t bc_top_table(struct bc_top_grid *g, uint32_t row, uint32_t rows, const struct bc_top_table *t, uint32_t first)
{
	struct bc_top_cell cell[BC_TOP_TABLE_COLUMNS];
	struct layout l;
	uint32_t left, shown;

	if (!rows)
		return row;
	left = first < t->n ? t->n - first : 0;
	shown = left < rows - 1 ? left : rows - 1;
	lay_out(g, t, &l);
	put_heading(g, row++, &l, t, shown);
	for (uint32_t i = 0; i < shown; i++, row++) {
		for (uint32_t c = 0; c < t->n_columns; c++) {
			cell[c].text[0] = '\0';
			cell[c].style = BC_TOP_PLAIN;
		}
		t->fill(t->ctx, t->order ? t->order[first + i] : first + i, cell);
		for (uint32_t c = 0; c < t->n_columns; c++)
			put_cell(g, row, &l, c, t->column[c].right, &cell[c]);
	}
	return row;
}
