/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP, UDP, and the tunnels in UDP and GRE. */
#include "bc_rewrite.h"

#define TCP_NOP 1
#define TCP_PLAIN_TIMESTAMP 0x0101080aU	/* two times nothing, then a timestamp: what most segments have */

/* Ports of UDP that other packets, or addresses given to hosts, are behind, in forms that are not looked into. */
static const uint16_t carriers[] = {
	67, 68, 546, 547,	/* DHCP */
	1701,			/* L2TP */
	2123, 8805,		/* GTP-C, PFCP */
	3544,			/* Teredo */
	4500,			/* ESP */
	4754, 4755,		/* GRE */
	4790,			/* VXLAN-GPE */
	5246, 5247,		/* CAPWAP */
	6635,			/* MPLS */
};

/* An option of n bytes that has no addresses in it: not what load balancers tell of clients, nor MPTCP's ADD_ADDR. */
static bool keeps_option(const uint8_t *p, uint32_t n)
{
	switch (p[0]) {
	case 2:
		return n == 4;
	case 3:
		return n == 3;
	case 4:
		return n == 2;
	case 5:
		return n % 8 == 2;
	case 8:
		return n == 10;
	case 19:
		return n == 18;
	case 29:
	case 34:
		return true;
	case 30:
		return n > 2 && p[2] >> 4 != 3;
	default:
		return false;
	}
}

static void tcp_options(struct bc_rewrite *w, uint32_t o, uint32_t limit)
{
	uint32_t n;

	for (; o < limit && w->p[o]; o += n) {
		n = w->p[o] == TCP_NOP ? 1 : limit - o > 1 ? w->p[o + 1] : 0;
		if (n == 1 && w->p[o] == TCP_NOP)
			continue;
		if (n < 2 || n > limit - o)
			n = limit - o;
		else if (keeps_option(w->p + o, n))
			continue;
		bc_fill(w, o, o + n, TCP_NOP);
	}
	bc_fill(w, o, limit, 0);
}

enum bc_header bc_rewrite_tcp(struct bc_rewrite *w)
{
	uint32_t hlen, limit;

	bc_open_checksum(w, 16, w->source + w->destination, false);
	if (!bc_have(w, 20))
		return BC_DONE;
	hlen = (bc_here(w)[12] >> 4) * 4U;
	if (hlen < 20)
		hlen = 20;
	limit = bc_have(w, hlen) ? w->at + hlen : w->end;
	if (hlen > 20 && !(hlen == 32 && limit == w->at + hlen && bc_get_be32(bc_here(w) + 20) == TCP_PLAIN_TIMESTAMP))
		tcp_options(w, w->at + 20, limit);
	w->at = limit;
	return BC_PAYLOAD;
}

static enum bc_header vxlan(struct bc_rewrite *w)
{
	if (!bc_have(w, 8) || !(bc_here(w)[0] & 8))
		return BC_UNKNOWN;
	w->at += 8;
	return BC_ETHER;
}

static enum bc_header geneve(struct bc_rewrite *w)
{
	uint32_t n = bc_have(w, 8) ? 8 + (bc_here(w)[0] & 0x3fU) * 4 : 0;

	if (!n || bc_here(w)[0] >> 6 != 0 || !bc_have(w, n))
		return BC_UNKNOWN;
	w->type = bc_get_be16(bc_here(w) + 2);
	bc_blank(w, w->at + 8, w->at + n);
	w->at += n;
	return BC_ETHERTYPE;
}

/* The extension headers of GTP-U: each tells its length, and at its end the type of the next. */
static bool gtp_extensions(struct bc_rewrite *w, uint8_t next)
{
	for (int i = 0; next; i++) {
		uint32_t n = i < BC_HEADERS_MAX && bc_have(w, 4) ? bc_here(w)[0] * 4U : 0;

		if (!n || !bc_have(w, n))
			return false;
		next = bc_here(w)[n - 1];
		w->at += n;
	}
	return true;
}

/* A user's packet in GTP-U; the tunnel's own messages tell addresses. */
static enum bc_header gtp(struct bc_rewrite *w)
{
	const uint8_t *p = bc_here(w);

	if (!bc_have(w, 8))
		return BC_UNKNOWN;
	bc_narrow(w, w->at + 8 + bc_get_be16(p + 2));
	w->at += 8;
	if ((p[0] & 0xf0) != 0x30 || p[1] != 255)
		return BC_UNKNOWN;
	if (!(p[0] & 7))
		return BC_MAYBE_IP;
	if (!bc_have(w, 4))
		return BC_UNKNOWN;
	w->at += 4;
	return !(p[0] & 4) || gtp_extensions(w, p[11]) ? BC_MAYBE_IP : BC_UNKNOWN;
}

static bool is_carrier(uint16_t port)
{
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++)
		if (port == carriers[i])
			return true;
	return false;
}

/* And UDP-Lite, whose length is none. What is behind the length is not in the checksum. */
enum bc_header bc_rewrite_udp(struct bc_rewrite *w)
{
	const uint8_t *p = bc_here(w);
	const uint16_t len = w->type == 17 && bc_have(w, 8) ? bc_get_be16(p + 4) : 0;
	uint16_t from, to;

	if (len >= 8)
		bc_narrow(w, w->at + len);
	bc_open_checksum(w, 6, w->source + w->destination, w->type == 17);
	if (!bc_have(w, 8))
		return BC_DONE;
	from = bc_get_be16(p);
	to = bc_get_be16(p + 2);
	w->at += 8;
	if (to == 4789 || to == 8472)
		return vxlan(w);
	if (to == 6081)
		return geneve(w);
	if (from == 2152 || to == 2152)
		return gtp(w);
	return is_carrier(from) || is_carrier(to) ? BC_UNKNOWN : BC_PAYLOAD;
}

enum bc_header bc_rewrite_gre(struct bc_rewrite *w)
{
	const uint8_t *p = bc_here(w);
	uint16_t flags = bc_have(w, 4) ? bc_get_be16(p) : 0x4000;
	uint32_t n = 4U + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);

	/* Other versions, and source routes. */
	if (flags & 0x4007 || !bc_have(w, n))
		return BC_UNKNOWN;
	if (flags & 0x8000)
		bc_open_checksum(w, 4, 0, false);
	w->type = bc_get_be16(p + 2);
	w->at += n;
	return BC_ETHERTYPE;
}
