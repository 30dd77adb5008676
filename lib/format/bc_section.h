/* SPDX-License-Identifier: BSD-3-Clause */
/* The bytes before, between and after the packets of a segment, in its format and before compression. */
#ifndef BC_SECTION_H
#define BC_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_carry.h"
#include "bc_format.h"
#include "bc_iface.h"
#include "bc_ledger.h"

struct bc_section {
	enum bc_format format;
	enum bc_framing framing;
	uint32_t snaplen;		/* 0: that of each interface; classic pcap: no limit */
	uint32_t output;		/* whose numbers the statistics tell */
	int32_t linktype;		/* classic pcap: that of the segment; -1: of interface 0 */
	uint64_t start_ns;		/* of the capture */
	const struct bc_iface_table *ifaces;
	const struct bc_ledger *ledger;
	bool anonymised;		/* of interfaces only what is of this machine's own making is told, and no filters */
	const char *comment;		/* the user's, for the section header; NULL: none */
	const struct bc_carry *carry;	/* what the inputs say beside their packets; NULL: nothing, or the output has no place for it */
	uint32_t n_carried;		/* entries that its header may tell */
};

/*
 * Each writes at dst and returns the length, at most cap; with a cap of 0 it returns the most that it could be.
 * Where the format has no such thing the length is 0.
 */
/* Section header and the interfaces [0, n_ifaces); filter may be NULL. */
size_t bc_section_begin(const struct bc_section *s, uint32_t n_ifaces, const char *filter, uint8_t *dst, size_t cap);
/* The interfaces [from, to) that appeared since; towards a peer a new beginning, with all up to to. */
size_t bc_section_more(const struct bc_section *s, uint32_t from, uint32_t to, const char *filter, uint8_t *dst, size_t cap);
/* Of the entries [from, to) of carry the blocks that each segment has, and from the entry here on those of a place too. */
size_t bc_section_carried(const struct bc_section *s, uint32_t from, uint32_t to, uint32_t here, uint8_t *dst, size_t cap);
/* Statistics of n_ifaces interfaces as the ledger stands, with the named losses; note is put before them and may be NULL. */
size_t bc_section_stats(const struct bc_section *s, uint32_t n_ifaces, uint64_t ts_ns, const char *note, uint8_t *dst,
			size_t cap);

#endif
