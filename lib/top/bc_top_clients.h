/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who sends to a collector, and who reads by --pcap-over-ip, from two answers of a capture. Pure. Any field of an answer may be missing
 * or of a wrong type: it counts as 0 then.
 */
#ifndef BC_TOP_CLIENTS_H
#define BC_TOP_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct bc_top_client {
	const json_t *view;		/* as "clients", or "pcap_over_ip", has it; of the answer */
	const char *name;		/* of the answer; a reader's address */
	bool reads;
	uint64_t packets, missed;	/* sent by it, or to it; missed: because it read too slowly */
	double rate, missed_rate;	/* of these, per second */
};

/* seconds: between the answers; 0: they cannot be compared. 0 and *ret, to be freed, or -ENOMEM. */
int bc_top_clients(const json_t *before, const json_t *now, double seconds, struct bc_top_client **ret, uint32_t *ret_n);

#endif
