/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to lib/anonymise: a packet on its way through its headers, and changes of its bytes, all of which are made here, as their effect
 * on the checksums around them is summed up. Those are mended once the innermost header is done, from the inside out.
 */
#ifndef BC_REWRITE_H
#define BC_REWRITE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_cryptopan.h"

/* More headers in one packet than any network stacks; also ends a chain that does not advance. */
#define BC_HEADERS_MAX 32

/* What comes next, at w->at. PAYLOAD may stay, unless it is in a quoted packet; UNKNOWN may not. */
enum bc_header { BC_DONE, BC_PAYLOAD, BC_UNKNOWN, BC_ETHER, BC_ETHERTYPE, BC_MPLS, BC_IP, BC_MAYBE_IP, BC_IP4, BC_IP6, BC_PROTO };

struct bc_checksum {
	uint32_t at;
	int64_t before;		/* the packet's changes when it was come to */
	int64_t pseudo;		/* changes outside of the bytes that it covers */
	bool optional;		/* UDP's: 0 says that there is none */
};

struct bc_rewrite {
	struct bc_cryptopan *map;
	uint8_t *p;
	uint32_t at;		/* of the header that is next */
	uint32_t end;		/* of the innermost packet, as far as it is at hand */
	uint32_t wire_end;	/* where it ended before it was cut */
	uint16_t type;		/* the next header's EtherType, or IP protocol */
	bool quoted;		/* in a message of ICMP */
	bool unparsed;
	int64_t changed;	/* by how much the sum of the packet's 16-bit words has grown */
	int64_t source, destination;	/* and that of the innermost IP header's pseudo-header */
	uint32_t n_checksums;
	struct bc_checksum checksum[BC_HEADERS_MAX];
};

/* n bytes of the header are at hand. */
static inline bool bc_have(const struct bc_rewrite *w, uint32_t n)
{
	return w->end >= n && w->at <= w->end - n;
}

static inline const uint8_t *bc_here(const struct bc_rewrite *w)
{
	return w->p + w->at;
}

/* What n bytes contribute to a sum of 16-bit words. All headers begin at even places. */
static inline int64_t bc_weigh(const struct bc_rewrite *w, uint32_t at, uint32_t n)
{
	int64_t sum[2] = { 0, 0 };

	for (uint32_t i = 0; i < n; i++)
		sum[i & 1] += w->p[at + i];
	return at & 1 ? sum[0] + 256 * sum[1] : 256 * sum[0] + sum[1];
}

/* Each replaces the address at a place, which is at hand, and returns by how much that changed sums. */
static inline int64_t bc_replace_ip4(struct bc_rewrite *w, uint32_t at)
{
	int64_t before = bc_weigh(w, at, 4), change;

	bc_cryptopan_ip4(w->map, w->p + at);
	change = bc_weigh(w, at, 4) - before;
	w->changed += change;
	return change;
}

static inline int64_t bc_replace_ip6(struct bc_rewrite *w, uint32_t at)
{
	int64_t before = bc_weigh(w, at, 16), change;

	bc_cryptopan_ip6(w->map, w->p + at);
	change = bc_weigh(w, at, 16) - before;
	w->changed += change;
	return change;
}

static inline void bc_replace_mac(struct bc_rewrite *w, uint32_t at)
{
	int64_t before = bc_weigh(w, at, 6);

	bc_cryptopan_mac(w->map, w->p + at);
	w->changed += bc_weigh(w, at, 6) - before;
}

/* Overwrite [from, to) with a byte. */
void bc_fill(struct bc_rewrite *w, uint32_t from, uint32_t to, uint8_t with);

/* With zeros, which is told unless they are there already. */
void bc_blank(struct bc_rewrite *w, uint32_t from, uint32_t to);

/* The innermost packet ends here, as its header says: what is behind it, as far as it is at hand, becomes zeros. */
void bc_narrow(struct bc_rewrite *w, uint32_t end);

/* The header's checksum lies off bytes from w->at, and covers all from there to the packet's end. */
void bc_open_checksum(struct bc_rewrite *w, uint32_t off, int64_t pseudo, bool optional);

/* One at hand is to follow such a change of what it covers. */
void bc_mend(struct bc_rewrite *w, uint32_t at, int64_t change, bool optional);

/* Of all that are open. */
void bc_mend_all(struct bc_rewrite *w);

/* Headers: what they say of the next one. */
enum bc_header bc_rewrite_link(struct bc_rewrite *w, uint16_t linktype);
enum bc_header bc_rewrite_ether(struct bc_rewrite *w);
enum bc_header bc_rewrite_ethertype(struct bc_rewrite *w);
enum bc_header bc_rewrite_mpls(struct bc_rewrite *w);
enum bc_header bc_rewrite_ip(struct bc_rewrite *w);
enum bc_header bc_rewrite_maybe_ip(struct bc_rewrite *w);
enum bc_header bc_rewrite_ip4(struct bc_rewrite *w);
enum bc_header bc_rewrite_ip6(struct bc_rewrite *w);
enum bc_header bc_rewrite_proto(struct bc_rewrite *w);
enum bc_header bc_rewrite_tcp(struct bc_rewrite *w);
enum bc_header bc_rewrite_udp(struct bc_rewrite *w);
enum bc_header bc_rewrite_gre(struct bc_rewrite *w);
enum bc_header bc_rewrite_icmp4(struct bc_rewrite *w);
enum bc_header bc_rewrite_icmp6(struct bc_rewrite *w);
enum bc_header bc_rewrite_igmp(struct bc_rewrite *w);

#endif
