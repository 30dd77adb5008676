/* SPDX-License-Identifier: BSD-3-Clause */
/* ICMP of both versions, with what it quotes and what neighbours tell each other; IGMP. */
#include "bc_rewrite.h"

enum { UNREACHABLE = 3, QUENCH = 4, REDIRECT = 5, ECHO = 8, TIME_EXCEEDED = 11, PARAMETER = 12, TIMESTAMP = 13, TIMESTAMP_REPLY = 14 };
enum { ECHO6 = 128, ECHO6_REPLY, MLD_QUERY, MLD_REPORT, MLD_DONE, SOLICIT_ROUTER, ROUTER, SOLICIT_NEIGHBOUR, NEIGHBOUR, REDIRECT6 };
enum { LINK_SOURCE = 1, LINK_TARGET = 2, PREFIX = 3, MTU = 5, NONCE = 14 };

/* Of the header only its first n bytes, as far as they are there, have no addresses. */
static enum bc_header only(struct bc_rewrite *w, uint32_t n)
{
	w->at = bc_have(w, n) ? w->at + n : w->end;
	return BC_UNKNOWN;
}

static enum bc_header quote(struct bc_rewrite *w, enum bc_header version)
{
	w->quoted = true;
	w->at += 8;
	return version;
}

enum bc_header bc_rewrite_icmp4(struct bc_rewrite *w)
{
	bc_open_checksum(w, 2, 0, false);
	if (!bc_have(w, 8))
		return only(w, 4);
	switch (bc_here(w)[0]) {
	case 0:
	case ECHO:
	case TIMESTAMP:
	case TIMESTAMP_REPLY:
		w->at += 8;
		return BC_PAYLOAD;
	case REDIRECT:
		bc_replace_ip4(w, w->at + 4);
		return quote(w, BC_IP4);
	case UNREACHABLE:
	case QUENCH:
	case TIME_EXCEEDED:
	case PARAMETER:
		return quote(w, BC_IP4);
	default:
		return only(w, 4);
	}
}

static void neighbour_option(struct bc_rewrite *w, uint32_t n)
{
	uint8_t kind = bc_here(w)[0];

	if ((kind == LINK_SOURCE || kind == LINK_TARGET) && n == 8)
		bc_replace_mac(w, w->at + 2);
	else if (kind == PREFIX && n == 32)
		bc_replace_ip6(w, w->at + 16);
	else if (kind != MTU && kind != NONCE)
		bc_blank(w, w->at + 2, w->at + n);
}

/* Neighbour discovery: behind 8 bytes some addresses, and from `options` on what else there is. */
static enum bc_header neighbours(struct bc_rewrite *w, uint32_t addresses, uint32_t options)
{
	if (!bc_have(w, options))
		return only(w, 8);
	for (uint32_t i = 0; i < addresses; i++)
		bc_replace_ip6(w, w->at + 8 + 16 * i);
	w->at += options;
	while (bc_have(w, 8)) {
		uint32_t n = bc_here(w)[1] * 8U;

		if (!n || !bc_have(w, n))
			break;
		neighbour_option(w, n);
		w->at += n;
	}
	return BC_UNKNOWN;
}

/* Multicast listeners: of the older version one group. */
static enum bc_header listeners(struct bc_rewrite *w)
{
	if (!bc_have(w, 24))
		return only(w, 8);
	bc_replace_ip6(w, w->at + 8);
	return only(w, 24);
}

enum bc_header bc_rewrite_icmp6(struct bc_rewrite *w)
{
	bc_open_checksum(w, 2, w->source + w->destination, false);
	if (!bc_have(w, 8))
		return only(w, 4);
	switch (bc_here(w)[0]) {
	case 1:
	case 2:
	case 3:
	case 4:
		return quote(w, BC_IP6);
	case ECHO6:
	case ECHO6_REPLY:
		w->at += 8;
		return BC_PAYLOAD;
	case MLD_QUERY:
	case MLD_REPORT:
	case MLD_DONE:
		return listeners(w);
	case SOLICIT_ROUTER:
		return neighbours(w, 0, 8);
	case ROUTER:
		return neighbours(w, 0, 16);
	case SOLICIT_NEIGHBOUR:
	case NEIGHBOUR:
		return neighbours(w, 1, 24);
	case REDIRECT6:
		return neighbours(w, 2, 40);
	default:
		return only(w, 4);
	}
}

/* Of queries and of the older reports the group. */
enum bc_header bc_rewrite_igmp(struct bc_rewrite *w)
{
	uint8_t kind = bc_have(w, 8) ? bc_here(w)[0] : 0;

	bc_open_checksum(w, 2, 0, false);
	if (kind != 0x11 && kind != 0x12 && kind != 0x16 && kind != 0x17)
		return only(w, 4);
	bc_replace_ip4(w, w->at + 4);
	return only(w, 8);
}
