/* SPDX-License-Identifier: BSD-3-Clause */
/* The formats of an output, and what surrounds a segment's packets in each. */
#ifndef BC_FORMAT_H
#define BC_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "bc_iface.h"

enum bc_format { BC_FORMAT_PCAPNG, BC_FORMAT_PCAP_NS, BC_FORMAT_PCAP_US, BC_FORMAT_ERF, BC_FORMAT_COUNT };

/* What is around each record: nothing, as in a file; or a message, towards a remote peer. */
enum bc_framing {
	BC_FRAMING_FILE,
	BC_FRAMING_OSMO,	/* osmo-pcap's messages, see bc_wire.h */
	BC_FRAMING_IPIP,	/* of each packet its IP packet alone, in a message of the same form; no headers of files at all */
};

/* "pcapng", "pcap", "pcap-us", "erf" as on the command line; -EINVAL for another word. */
int bc_format_from_name(const char *name, enum bc_format *ret);
const char *bc_format_name(enum bc_format f);
/* ".pcapng", ".pcap" or ".erf". */
const char *bc_format_ext(enum bc_format f);

/* Bytes that a record takes beside its data, at the most and without options. */
uint32_t bc_format_overhead(enum bc_format f);

#endif
