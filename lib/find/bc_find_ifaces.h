/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all segments say of their interfaces, and the filter for each one's packets. The segments of a capture describe
 * the same ones anew: what is described alike is one, but two that are alike in one file are two. Any thread.
 */
#ifndef BC_FIND_IFACES_H
#define BC_FIND_IFACES_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_filter.h"
#include "bc_iface.h"

struct bc_find_iface {
	struct bc_iface desc;
	uint32_t nth;			/* of those that are alike in a file, from 0 */
	uint32_t number;		/* by when it became known */
	const struct bc_filter *filter;	/* NULL: every packet is wanted */
	bool unfit;			/* its link type is none that the expression can be asked of: no packet is wanted */
};

struct bc_find_ifaces;

/* expression is copied; NULL or "": all packets. 0 and *ret, or -ENOMEM. free takes NULL. */
int bc_find_ifaces_new(const char *expression, struct bc_find_ifaces **ret, struct bc_err *err);
void bc_find_ifaces_free(struct bc_find_ifaces *t);

/*
 * The interface of this description. 0 and *ret, which lives as long as the table; or a negative errno with a line in
 * err: -ENOSPC, too many of them; -ENOMEM. An expression that libpcap refuses for the link type makes it unfit.
 */
int bc_find_ifaces_add(struct bc_find_ifaces *t, const struct bc_iface *desc, uint32_t nth, const struct bc_find_iface **ret,
		       struct bc_err *err);

/*
 * What the expression is for packets of a link type: 0, and *ret_filter (NULL: every packet is wanted) or *ret_unfit;
 * or a negative errno. The filter lives as long as the table.
 */
int bc_find_ifaces_ask(struct bc_find_ifaces *t, uint16_t linktype, const struct bc_filter **ret_filter, bool *ret_unfit);

/* -EINVAL, with libpcap's words on the first link type that it was unfit for. */
int bc_find_ifaces_refusal(struct bc_find_ifaces *t, struct bc_err *err);

#endif
