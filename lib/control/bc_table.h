/* SPDX-License-Identifier: BSD-3-Clause */
/* Columns of text for a terminal, and numbers as people read them. */
#ifndef BC_TABLE_H
#define BC_TABLE_H

#include <stdint.h>
#include <stdio.h>

struct bc_table;

/* One column for each letter: 'l' or 'r', to which side it is aligned. NULL without memory; everything below takes NULL. */
struct bc_table *bc_table_new(const char *columns);
void bc_table_free(struct bc_table *t);

/* The next cell, row by row. Control characters become '?'. */
void bc_table_cell(struct bc_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Nothing when there is no row but the first, the headings. */
void bc_table_print(const struct bc_table *t, FILE *f);

/* Replace what would steer a terminal by '?', in place. */
void bc_table_clean(char *text);

#define BC_UNITS_MAX 16
/* 999, 1.23 k, 45.6 M, 789 G: three digits and the prefix of a unit that is to follow; buf is returned. */
const char *bc_units(char buf[BC_UNITS_MAX], double v);

/* part of whole in percent; "0 %" only for none, "100 %" only for all; buf is returned. */
const char *bc_percent(char buf[BC_UNITS_MAX], uint64_t part, uint64_t whole);

#endif
