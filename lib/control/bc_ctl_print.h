/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture's answers for people. Every field may be missing or of a wrong type. */
#ifndef BC_CTL_PRINT_H
#define BC_CTL_PRINT_H

#include <stdio.h>

#include <jansson.h>

void bc_ctl_print_info(FILE *f, const json_t *info);
void bc_ctl_print_clients(FILE *f, const json_t *clients);
void bc_ctl_print_outputs(FILE *f, const json_t *outputs);
void bc_ctl_print_lcores(FILE *f, const json_t *lcores);
void bc_ctl_print_clock(FILE *f, const json_t *clock);
void bc_ctl_print_segments(FILE *f, const json_t *segments);
void bc_ctl_print_filter(FILE *f, const json_t *answer);	/* the filters, or what one was replaced by */

/* One line for what an action did. */
void bc_ctl_print_rotated(FILE *f, const json_t *reply);
void bc_ctl_print_state(FILE *f, const json_t *reply);

#endif
