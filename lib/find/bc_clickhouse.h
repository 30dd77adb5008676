/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rows of flows into a table of ClickHouse, over HTTP, in batches of lines of JSON. The table is that of docs/analytics.md, where a row
 * that is inserted again replaces itself; so what failed can be done again as a whole. One thread.
 */
#ifndef BC_CLICKHOUSE_H
#define BC_CLICKHOUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bc_err.h"

#define BC_CLICKHOUSE_BATCH (8U << 20)	/* bytes of rows, or a little more */

/* Strings are the caller's, and outlive it. User and password come from CLICKHOUSE_USER and CLICKHOUSE_PASSWORD. */
struct bc_clickhouse_config {
	const char *url;	/* "https://HOST[:PORT]" */
	const char *table;	/* "TABLE" or "DATABASE.TABLE" */
	const char *ca;		/* who signs the server's certificate; NULL: the system's */
	bool plain;		/* http:// is allowed to other machines, too */
};

struct bc_clickhouse;

/* Does not connect. 0 and *ret; -EINVAL: a setting makes no sense; or another negative errno; with a line in err. free takes NULL. */
int bc_clickhouse_new(const struct bc_clickhouse_config *cfg, struct bc_clickhouse **ret, struct bc_err *err);
void bc_clickhouse_free(struct bc_clickhouse *c);

/* Make the table, unless it is there. 0, or a negative errno with a line in err. */
int bc_clickhouse_create(struct bc_clickhouse *c, struct bc_err *err);

/* Where rows are printed to, a line each. */
FILE *bc_clickhouse_rows(struct bc_clickhouse *c);

/* What was printed is sent if it is a batch, or with all in any case. 0, or a negative errno with a line in err. */
int bc_clickhouse_send(struct bc_clickhouse *c, bool all, struct bc_err *err);

#endif
