/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan for programs. */
#ifndef BC_PLAN_JSON_H
#define BC_PLAN_JSON_H

#include <jansson.h>

#include "bc_plan.h"

/*
 * {"version":1, "lcores":[{"cpu", "stages":[{"kind":"rx|merge|lane", ...}]}], "control":[CPU...], "notes":[...], "warnings":[...]}. A stage
 * "rx" has "source" and "queue" (null: none), "lane" has "output" and "lane". A new reference; NULL without memory.
 */
json_t *bc_plan_json(const struct bc_plan_request *req, const struct bc_plan *plan);

#endif
