/* SPDX-License-Identifier: BSD-3-Clause */
/* The account of a capture for people: what came, what became of it, what to do about what was lost. */
#ifndef BC_SUMMARY_H
#define BC_SUMMARY_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

/*
 * ledger has the report's form; what /braidcap/sources and /braidcap/outputs tell beyond it is shown where it stands there. What is
 * missing or of another type counts as 0 or "".
 */
void bc_summary_print(FILE *f, const json_t *ledger);

/* Only the sentences that say whether every packet is accounted for, one for each output. */
void bc_summary_balance(FILE *f, const json_t *ledger);

void bc_summary_sources(FILE *f, const json_t *sources);
void bc_summary_outputs(FILE *f, const json_t *outputs);

/* What is the matter with outputs now, a line each. */
void bc_summary_trouble(FILE *f, const json_t *outputs);

/* What the named losses are and what helps, a line for each that there was. */
void bc_summary_hints(FILE *f, const json_t *ledger);

/* PCAP-over-IP: what its clients were sent, and missed. NULL: nothing is printed. */
void bc_summary_tap(FILE *f, const json_t *tap);

#endif
