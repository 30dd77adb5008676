/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts that several views have in common. As bc_view.h's. */
#ifndef BC_VIEW_PART_H
#define BC_VIEW_PART_H

#include "bc_group.h"
#include "bc_ledger.h"
#include "bc_output.h"

/* One source or output as the ledger shows it. */
json_t *bc_view_source(const struct bc_pipeline *p, uint32_t i);
json_t *bc_view_output(const struct bc_pipeline *p, uint32_t i);

/* How the source's stamps come about, as the files say it. */
json_t *bc_view_source_clock(const struct bc_pipeline *p, uint32_t i);

/* PCAP-over-IP: packets sent and missed; and the clients. NULL: there is none. */
json_t *bc_view_tap(const struct bc_pipeline *p, bool with_clients);

/* An array: the last max segments. */
json_t *bc_view_segment_list(const struct bc_output *o, uint32_t max);

/* The losses that there were; dropped has BC_LOSS_COUNT numbers. */
json_t *bc_view_losses(const uint64_t *dropped);

/* While packets move the difference is in flight; final: nothing can be any more, and it is a bug of ours. */
json_t *bc_view_balance(const struct bc_balance *b, bool final);
json_t *bc_view_total(const struct bc_group *g);

/* How long packets waited from their stamps until a writer had them. */
json_t *bc_view_merge_delay(const struct bc_pipeline *p);

#endif
