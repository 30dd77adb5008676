/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A screen of printable ASCII, each character with a style, and tables on it. Pure. Whatever text is put there, nothing else comes
 * out: a character that is not ASCII, or that would steer a terminal, becomes '?'.
 */
#ifndef BC_TOP_GRID_H
#define BC_TOP_GRID_H

#include <stdbool.h>
#include <stdint.h>

/* A larger terminal is not used beyond it. */
#define BC_TOP_ROWS_MAX 300U
#define BC_TOP_COLUMNS_MAX 400U

enum bc_top_style { BC_TOP_PLAIN, BC_TOP_BAR, BC_TOP_HEAD, BC_TOP_GOOD, BC_TOP_WARN, BC_TOP_BAD, BC_TOP_DIM, BC_TOP_STYLES };

struct bc_top_grid {
	uint32_t rows, columns;
	char text[BC_TOP_ROWS_MAX][BC_TOP_COLUMNS_MAX + 1];	/* each row ends with a zero */
	uint8_t style[BC_TOP_ROWS_MAX][BC_TOP_COLUMNS_MAX];
};

/* Make it empty. More than the most is cut. */
void bc_top_grid_clear(struct bc_top_grid *g, uint32_t rows, uint32_t columns);

/* Put text there; what does not fit is left out. Returns the column behind it. */
uint32_t bc_top_put(struct bc_top_grid *g, uint32_t row, uint32_t column, enum bc_top_style style, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Nothing is in that row any more. */
void bc_top_blank(struct bc_top_grid *g, uint32_t row);

/* The whole row has this style. */
void bc_top_paint(struct bc_top_grid *g, uint32_t row, enum bc_top_style style);

#define BC_TOP_TABLE_COLUMNS 14
#define BC_TOP_CELL_MAX 400

struct bc_top_column {
	const char *head;
	uint8_t width;		/* 0: what the others leave; one of a table's */
	bool right;		/* aligned */
	uint16_t from;		/* only where the screen has so many columns */
};

struct bc_top_cell {
	char text[BC_TOP_CELL_MAX];	/* "" at first */
	enum bc_top_style style;
};

struct bc_top_table {
	const struct bc_top_column *column;
	uint32_t n_columns;
	/* Fill the cells of row i, one for each column. */
	void (*fill)(const void *ctx, uint32_t i, struct bc_top_cell *cell);
	const void *ctx;
	const uint32_t *order;	/* the n rows, in the order in which they are shown; NULL: as they are */
	uint32_t n;
};

/*
 * The table with its heading in the rows from row on, rows of them at the most: the heading says how many there are where that is not
 * all of them. first: the row of the table that is shown first. Returns the row behind it.
 */
uint32_t bc_top_table(struct bc_top_grid *g, uint32_t row, uint32_t rows, const struct bc_top_table *t, uint32_t first);

#endif
