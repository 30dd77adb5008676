/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows for people and for programs. */
#ifndef BC_FLOWS_PRINT_H
#define BC_FLOWS_PRINT_H

#include <stdint.h>
#include <stdio.h>

#include "bc_find_flows.h"
#include "bc_flows.h"

enum bc_flows_form { BC_FLOWS_TABLE, BC_FLOWS_JSON, BC_FLOWS_CSV, BC_FLOWS_FORMS };

/* How they are shown. */
struct bc_flows_look {
	enum bc_flows_by by;
	enum bc_flows_form form;
	bool utc;		/* times of the table are UTC, otherwise local; those of JSON and CSV are ns since 1970 */
};

#define BC_FLOWS_TEXT_MAX 256
/* What the flow, host, port or network is called: "tcp 192.0.2.1.40000 192.0.2.7.443". */
void bc_flows_text(const struct bc_flow_key *k, enum bc_flows_by by, char buf[BC_FLOWS_TEXT_MAX]);

/* What stands above them. */
void bc_flows_print_head(FILE *f, const struct bc_flows_look *look);

/* n of them; JSON is one object a line. segment: the path of the one that they are of, in JSON and CSV; NULL: of many. */
void bc_flows_print(FILE *f, const struct bc_flow *flow, uint32_t n, const struct bc_flows_look *look, const char *segment);

/* How far it goes back. now_ns: UTC. */
void bc_flows_print_extent(FILE *f, const struct bc_find_extent *e, uint64_t now_ns, enum bc_flows_form form, bool utc);

#endif
