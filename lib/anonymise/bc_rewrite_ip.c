/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 and IPv6, with their options and extension headers. */
#include "bc_rewrite.h"

/* Headers are not longer: what begins so far into a fragmented packet is payload. */
#define HEADERS_BYTES 256U

#define SHORTEST_FRAME 60U	/* of Ethernet */
#define CHECK_SEQUENCE 4U

#define IP4_NOP 1
#define IP4_ROUTER_ALERT 148
#define IP4_ROUTER_ALERT_LEN 4
#define IP4_LOOSE_ROUTE 131
#define IP4_STRICT_ROUTE 137

enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, DESTINATION = 60 };

static void step_over(struct bc_rewrite *w, uint32_t n)
{
	w->at = w->end - w->at < n ? w->end : w->at + n;
}

/* A fragment that is not the first. */
static enum bc_header later_fragment(const struct bc_rewrite *w, uint32_t offset)
{
	static const uint8_t payload[] = { 1, 4, 6, 17, 41, 47, 58, 136 };

	for (size_t i = 0; offset >= HEADERS_BYTES && i < sizeof(payload); i++)
		if (w->type == payload[i])
			return BC_PAYLOAD;
	return BC_UNKNOWN;
}

/* Options up to limit may hold addresses, and become ones that do nothing. False: the packet has a route from its sender to follow. */
static bool ip4_options(struct bc_rewrite *w, uint32_t limit)
{
	uint32_t o = w->at + 20, n;
	bool routed = false;

	for (; o < limit && w->p[o]; o += n) {
		uint8_t kind = w->p[o];

		n = kind == IP4_NOP ? 1 : limit - o > 1 ? w->p[o + 1] : 0;
		if (!n || (n < 2 && kind != IP4_NOP) || n > limit - o)
			n = limit - o;
		else if (kind == IP4_ROUTER_ALERT && n == IP4_ROUTER_ALERT_LEN)
			continue;
		routed |= kind == IP4_LOOSE_ROUTE || kind == IP4_STRICT_ROUTE;
		bc_fill(w, o, o + n, IP4_NOP);
	}
	bc_fill(w, o, limit, 0);
	return !routed;
}

enum bc_header bc_rewrite_ip4(struct bc_rewrite *w)
{
	uint32_t hlen = bc_have(w, 20) && bc_here(w)[0] >> 4 == 4 ? (bc_here(w)[0] & 15U) * 4 : 0, total, offset;
	int64_t before;
	bool plain = true;

	if (hlen < 20)
		return BC_UNKNOWN;
	total = bc_get_be16(bc_here(w) + 2);
	/* 0: its length was left to the network card. */
	if (total)
		bc_narrow(w, w->at + (total < hlen ? hlen : total));
	before = w->changed;
	w->source = bc_replace_ip4(w, w->at + 12);
	w->destination = bc_replace_ip4(w, w->at + 16);
	if (hlen > 20)
		plain = ip4_options(w, bc_have(w, hlen) ? w->at + hlen : w->end);
	bc_mend(w, w->at + 10, w->changed - before, false);
	w->type = bc_here(w)[9];
	offset = (bc_get_be16(bc_here(w) + 6) & 0x1fffU) * 8;
	step_over(w, hlen);
	return !plain ? BC_UNKNOWN : offset ? later_fragment(w, offset) : BC_PROTO;
}

/* What is in an option of n bytes may stay: router alert, the limit of tunnels, a jumbogram's length. Padding is zeros. */
static bool keeps_option(uint8_t kind, uint32_t n)
{
	return (kind == 5 && n == 4) || (kind == 4 && n == 3) || (kind == 0xc2 && n == 6);
}

/* A mobile host's own address (RFC 6275) takes the place of the source in checksums. */
static void ip6_option(struct bc_rewrite *w, uint32_t at, uint32_t n)
{
	if (w->p[at] == 0xc9 && n == 18)
		w->source = bc_replace_ip6(w, at + 2);
	else if (!keeps_option(w->p[at], n))
		bc_blank(w, at + 2, at + n);
}

static void ip6_options(struct bc_rewrite *w, uint32_t limit)
{
	uint32_t o = w->at + 2, n;

	for (; o < limit; o += n) {
		n = !w->p[o] ? 1 : limit - o > 1 ? 2U + w->p[o + 1] : 0;
		if (!n || n > limit - o) {
			bc_blank(w, o, limit);
			return;
		}
		if (n > 1)
			ip6_option(w, o, n);
	}
}

/*
 * A list of addresses (RFC 2460, 6275, 8754), of which one takes the place of the destination in checksums while the packet is on its way.
 * False: that is not known.
 */
static bool routing(struct bc_rewrite *w, uint32_t limit)
{
	const uint8_t *p = bc_here(w);
	uint32_t n = p[2] == 0 || p[2] == 2 ? p[1] / 2U : p[2] == 4 ? p[4] + 1U : 0, last = p[2] == 4 ? 0 : n - 1, at = w->at + 8;
	bool on_its_way = p[3] != 0, found = false;

	if (!n)
		at = w->at + 4;
	for (uint32_t i = 0; i < n && limit - at >= 16; i++, at += 16) {
		int64_t change = bc_replace_ip6(w, at);

		if (i == last && on_its_way) {
			w->destination = change;
			found = true;
		}
	}
	bc_blank(w, at, limit);
	return !on_its_way || found;
}

/* PROTO: there is another header. */
static enum bc_header ip6_extension(struct bc_rewrite *w)
{
	const uint8_t *p = bc_here(w);
	uint16_t kind = w->type;
	uint32_t n, limit, offset = 0;
	bool known = true;

	if (!bc_have(w, 8))
		return BC_UNKNOWN;
	n = kind == FRAGMENT ? 8 : kind == AUTHENTICATION ? (p[1] + 2U) * 4 : (p[1] + 1U) * 8;
	limit = bc_have(w, n) ? w->at + n : w->end;
	if (kind == HOP_BY_HOP || kind == DESTINATION)
		ip6_options(w, limit);
	else if (kind == ROUTING)
		known = routing(w, limit);
	else if (kind == FRAGMENT)
		offset = bc_get_be16(p + 2) & 0xfff8;
	w->type = p[0];
	step_over(w, n);
	return !known ? BC_UNKNOWN : offset ? later_fragment(w, offset) : BC_PROTO;
}

static bool is_extension(uint16_t type)
{
	return type == HOP_BY_HOP || type == ROUTING || type == FRAGMENT || type == AUTHENTICATION || type == DESTINATION;
}

enum bc_header bc_rewrite_ip6(struct bc_rewrite *w)
{
	enum bc_header h = BC_PROTO;
	uint32_t len;

	if (!bc_have(w, 40) || bc_here(w)[0] >> 4 != 6)
		return BC_UNKNOWN;
	len = bc_get_be16(bc_here(w) + 4);
	/* 0: a jumbogram, or its length was left to the network card. */
	if (len)
		bc_narrow(w, w->at + 40 + len);
	w->source = bc_replace_ip6(w, w->at + 8);
	w->destination = bc_replace_ip6(w, w->at + 24);
	w->type = bc_here(w)[6];
	w->at += 40;
	for (int i = 0; h == BC_PROTO && is_extension(w->type); i++)
		h = i < BC_HEADERS_MAX ? ip6_extension(w) : BC_UNKNOWN;
	return h;
}

/* Of either version, as its first bits say. */
enum bc_header bc_rewrite_ip(struct bc_rewrite *w)
{
	uint8_t version = bc_have(w, 1) ? bc_here(w)[0] >> 4 : 0;

	return version == 4 ? BC_IP4 : version == 6 ? BC_IP6 : BC_UNKNOWN;
}

/* How many bytes there are behind one that ends there: none, or a check sequence, or what pads a short Ethernet frame. */
static bool ends_well(const struct bc_rewrite *w, uint64_t end)
{
	return end == w->wire_end || end + CHECK_SEQUENCE == w->wire_end || (end < w->wire_end && w->wire_end <= SHORTEST_FRAME + CHECK_SEQUENCE);
}

static bool looks_like_ip4(const struct bc_rewrite *w)
{
	const uint8_t *p = bc_here(w);
	uint32_t hlen = bc_have(w, 20) ? (p[0] & 15U) * 4 : 0, total, sum = 0;

	if (hlen < 20 || !bc_have(w, hlen))
		return false;
	total = bc_get_be16(p + 2);
	for (uint32_t i = 0; i < hlen; i += 2)
		sum += bc_get_be16(p + i);
	return total >= hlen && w->at + total <= w->wire_end && ((sum & 0xffff) + (sum >> 16) == 0xffff || ends_well(w, w->at + total));
}

/* What has no checksum has to have the right length, and a protocol that there is. */
static bool looks_like_ip6(const struct bc_rewrite *w)
{
	static const uint8_t known[] = { HOP_BY_HOP, 4, 6, 17, 41, ROUTING, FRAGMENT, 47, 50, AUTHENTICATION, 58, 59, DESTINATION, 132, 136 };
	const uint8_t *p = bc_here(w);

	return bc_have(w, 40) && ends_well(w, (uint64_t)w->at + 40 + bc_get_be16(p + 4)) && memchr(known, p[6], sizeof(known));
}

/* Nothing tells whether it is IP or Ethernet, whose first bits may be the same. */
enum bc_header bc_rewrite_maybe_ip(struct bc_rewrite *w)
{
	enum bc_header h = bc_rewrite_ip(w);

	return (h == BC_IP4 && !looks_like_ip4(w)) || (h == BC_IP6 && !looks_like_ip6(w)) ? BC_UNKNOWN : h;
}

enum bc_header bc_rewrite_proto(struct bc_rewrite *w)
{
	switch (w->type) {
	case 1:
		return bc_rewrite_icmp4(w);
	case 2:
		return bc_rewrite_igmp(w);
	case 4:
		return BC_IP4;
	case 6:
		return bc_rewrite_tcp(w);
	case 17:
	case 136:
		return bc_rewrite_udp(w);
	case 41:
		return BC_IP6;
	case 47:
		return bc_rewrite_gre(w);
	case 50:
	case 132:
		/* ESP, which need not be encrypted, and SCTP: what tells a connection, without what may hold addresses. */
		step_over(w, 8);
		return BC_UNKNOWN;
	case 58:
		return bc_rewrite_icmp6(w);
	case 137:
		return BC_MPLS;
	default:
		return BC_UNKNOWN;
	}
}
