/* SPDX-License-Identifier: BSD-3-Clause */
/* The library's own: what the user should know about a finished plan. */
#ifndef BC_PLAN_REMARKS_H
#define BC_PLAN_REMARKS_H

#include "bc_plan.h"

/* Fill plan->notes and plan->warnings from the rest of it. */
void bc_plan_remark(const struct bc_topology *topo, const struct bc_plan_request *req, struct bc_plan *plan);

#endif
