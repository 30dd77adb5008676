/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tuple.h"

#include <stddef.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_linktype.h"

/* More headers in one packet than any network stacks; also ends a chain that does not advance. */
#define HEADERS_MAX 32
#define EPHEMERAL 32768

/* What comes next, and where. */
enum header { END, ETHER, ETHERTYPE, IP, IP4, IP6, PROTO, MPLS };

struct walk {
	struct bc_tuple *t;
	const uint8_t *p;
	uint32_t len;
	uint32_t at;		/* of the header that is next */
	uint16_t type;		/* its EtherType, or IP protocol */
	bool cut;
};

/* n bytes of the header are the flow's. They are there. */
static inline void know(struct walk *w, uint32_t off, uint32_t n)
{
	uint32_t end = w->at + off + n;

	memset(w->t->mask + w->at + off, 0xff, n);
	if (end > w->t->len)
		w->t->len = (uint8_t)end;
}

/* Some bits of a byte are. */
static inline void know_bits(struct walk *w, uint32_t off, uint8_t bits)
{
	know(w, off, 1);
	w->t->mask[w->at + off] = bits;
}

/* n bytes of the header are at hand. */
static inline bool have(struct walk *w, uint32_t n)
{
	if (w->len >= n && w->at <= w->len - n)
		return true;
	w->t->opaque |= w->cut;
	return false;
}

/* Two more addresses, inside of those that were the innermost. */
static void addresses(struct walk *w, uint32_t len, uint32_t from, uint32_t to)
{
	struct bc_tuple *t = w->t;

	for (uint32_t i = 0; t->addr_len && i < 2; i++) {
		memset(t->mask + t->addr_at[i], 0xff, t->addr_len);
		if (t->n_outer == BC_TUPLE_OUTER) {
			t->opaque = true;
			continue;
		}
		t->outer_at[t->n_outer] = t->addr_at[i];
		t->outer_len[t->n_outer++] = t->addr_len;
	}
	know(w, from, len);
	know(w, to, len);
	memset(t->mask + w->at + from, 0, len);
	memset(t->mask + w->at + to, 0, len);
	t->addr_len = (uint8_t)len;
	t->addr_at[0] = (uint8_t)(w->at + from);
	t->addr_at[1] = (uint8_t)(w->at + to);
}

static enum header ether(struct walk *w)
{
	if (!have(w, 14))
		return END;
	know(w, 0, 14);
	w->type = bc_get_be16(w->p + w->at + 12);
	w->at += 14;
	return ETHERTYPE;
}

static enum header vlan(struct walk *w)
{
	if (!have(w, 4))
		return END;
	know_bits(w, 0, 0x0f);
	know(w, 1, 3);
	w->type = bc_get_be16(w->p + w->at + 2);
	w->at += 4;
	return ETHERTYPE;
}

static enum header mpls(struct walk *w)
{
	bool bottom;

	if (!have(w, 4))
		return END;
	know(w, 0, 2);
	know_bits(w, 2, 0xf1);
	bottom = w->p[w->at + 2] & 1;
	w->at += 4;
	return bottom ? IP : MPLS;
}

static enum header of_ppp(uint16_t protocol)
{
	return protocol == 0x0021 ? IP4 : protocol == 0x0057 ? IP6 : END;
}

static enum header pppoe(struct walk *w)
{
	uint16_t ppp;

	if (!have(w, 8))
		return END;
	know(w, 0, 4);
	know(w, 6, 2);
	ppp = bc_get_be16(w->p + w->at + 6);
	w->at += 8;
	return of_ppp(ppp);
}

/* Address, control and protocol: HDLC, with PPP inside, or with an EtherType as Cisco has it. */
static enum header hdlc(struct walk *w)
{
	if (!have(w, 4))
		return END;
	know(w, 0, 4);
	w->at = 4;
	w->type = bc_get_be16(w->p + 2);
	return bc_get_be16(w->p) == 0xff03 ? of_ppp(w->type) : w->p[0] == 0x0f || w->p[0] == 0x8f ? ETHERTYPE : END;
}

/* And RARP. */
static enum header arp(struct walk *w)
{
	if (!have(w, 28)) {
		w->t->opaque = true;
		return END;
	}
	know(w, 0, 8);
	addresses(w, 4, 14, 24);
	return END;
}

/* 802.3: a length, and what LLC says. */
static enum header llc(struct walk *w)
{
	if (!have(w, 3))
		return END;
	know(w, 0, 3);
	if (!memcmp(w->p + w->at, "\xaa\xaa\x03", 3) && have(w, 8))
		know(w, 3, 5);
	return END;
}

static enum header ethertype(struct walk *w)
{
	switch (w->type) {
	case 0x0800:
		return IP4;
	case 0x86dd:
		return IP6;
	case 0x0806:
	case 0x8035:
		return arp(w);
	case 0x8100:
	case 0x88a8:
	case 0x9100:
		return vlan(w);
	case 0x8847:
	case 0x8848:
		return MPLS;
	case 0x8864:
		return pppoe(w);
	case 0x6558:
		return ETHER;
	default:
		return w->type < 0x600 ? llc(w) : END;
	}
}

static enum header ip4(struct walk *w)
{
	const uint8_t *p = w->p + w->at;
	uint32_t hlen;

	if (!have(w, 20)) {
		w->t->opaque = true;
		return END;
	}
	know(w, 0, 1);
	/* More fragments, and the offset; not "don't fragment", which changes within a flow. */
	know_bits(w, 6, 0x3f);
	know(w, 7, 1);
	know(w, 9, 1);
	addresses(w, 4, 12, 16);
	w->t->proto = p[9];
	w->type = p[9];
	hlen = (p[0] & 15U) * 4;
	w->at += hlen;
	return p[0] >> 4 == 4 && hlen >= 20 && !(bc_get_be16(p + 6) & 0x1fff) ? PROTO : END;
}

/* An extension header of IPv6 whose first byte names what follows. False: there is nothing more to know. */
static bool ip6_extension(struct walk *w)
{
	const uint8_t *p = w->p + w->at;
	bool first = true;

	if (!have(w, 8))
		return false;
	know(w, 0, 1);
	if (w->type == 44) {
		know(w, 2, 1);
		know_bits(w, 3, 0xf9);
		first = !(bc_get_be16(p + 2) & 0xfff8);
		w->at += 8;
	} else {
		know(w, 1, 1);
		w->at += w->type == 51 ? (p[1] + 2U) * 4 : (p[1] + 1U) * 8;
	}
	w->type = p[0];
	return first;
}

static bool is_extension(uint16_t proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60 || proto == 135 || proto == 139 || proto == 140;
}

static enum header ip6(struct walk *w)
{
	const uint8_t *p = w->p + w->at;

	if (!have(w, 40)) {
		w->t->opaque = true;
		return END;
	}
	know_bits(w, 0, 0xf0);
	know(w, 6, 1);
	addresses(w, 16, 8, 24);
	w->type = p[6];
	w->at += 40;
	if (p[0] >> 4 != 6)
		return END;
	for (int i = 0; is_extension(w->type); i++)
		if (i == HEADERS_MAX || !ip6_extension(w))
			return END;
	w->t->proto = (uint8_t)w->type;
	return PROTO;
}

/* Of a tunnel: a random source port is known to be one, no more, since there would be as many as flows inside. */
static void tunnel_ports(struct walk *w)
{
	if (bc_get_be16(w->p + w->at) >= EPHEMERAL)
		know_bits(w, 0, 0x80);
	else
		know(w, 0, 2);
	know(w, 2, 2);
}

static enum header vxlan(struct walk *w)
{
	tunnel_ports(w);
	w->at += 8;
	know(w, 0, 1);
	know(w, 4, 3);
	w->at += 8;
	return ETHER;
}

static enum header geneve(struct walk *w)
{
	uint32_t n;

	tunnel_ports(w);
	w->at += 8;
	n = 8 + (w->p[w->at] & 0x3fU) * 4;
	know(w, 0, 1);
	know(w, 2, 5);
	w->type = bc_get_be16(w->p + w->at + 2);
	w->at += n;
	return ETHERTYPE;
}

/* The extension headers of GTP-U: each tells its length, and at its end the type of the next. */
static bool gtp_extensions(struct walk *w, uint8_t next)
{
	for (int i = 0; next; i++) {
		uint32_t n;

		if (i == HEADERS_MAX || !have(w, 4))
			return false;
		n = w->p[w->at] * 4U;
		if (!n || !have(w, n))
			return false;
		know(w, 0, 1);
		know(w, n - 1, 1);
		next = w->p[w->at + n - 1];
		w->at += n;
	}
	return true;
}

static enum header gtp(struct walk *w)
{
	const uint8_t *p = w->p + w->at + 8;

	tunnel_ports(w);
	w->at += 8;
	/* Not the tunnel's number, of which each user has two. */
	know(w, 0, 2);
	w->at += 8;
	if (!(p[0] & 7))
		return IP;
	if (!have(w, 4))
		return END;
	know(w, 3, 1);
	w->at += 4;
	return !(p[0] & 4) || gtp_extensions(w, p[11]) ? IP : END;
}

static bool is_gtp(const uint8_t *p, uint16_t from, uint16_t to)
{
	return (from == 2152 || to == 2152) && (p[0] & 0xf0) == 0x30 && p[1] == 255;
}

static enum header udp_ports(struct walk *w);

static enum header udp(struct walk *w)
{
	const uint8_t *p = w->p + w->at;
	uint16_t from, to;

	if (w->len < 16 || w->at > w->len - 16)
		return udp_ports(w);
	from = bc_get_be16(p);
	to = bc_get_be16(p + 2);
	if ((to == 4789 || to == 8472) && p[8] & 8)
		return vxlan(w);
	if (to == 6081 && p[8] >> 6 == 0)
		return geneve(w);
	return is_gtp(p + 8, from, to) ? gtp(w) : udp_ports(w);
}

static enum header udp_ports(struct walk *w)
{
	if (!have(w, 4))
		return END;
	know(w, 0, 4);
	memset(w->t->mask + w->at, 0, 4);
	w->t->port_at = (uint8_t)w->at;
	return END;
}

static enum header tcp(struct walk *w)
{
	udp_ports(w);
	if (!w->t->port_at || !have(w, 14))
		return END;
	know_bits(w, 13, 0);
	w->t->flags_at = (uint8_t)(w->at + 13);
	return END;
}

static enum header icmp(struct walk *w)
{
	if (have(w, 2))
		know(w, 0, 2);
	return END;
}

static enum header gre(struct walk *w)
{
	uint16_t flags;
	uint32_t n = 4;

	if (!have(w, 4))
		return END;
	know(w, 0, 4);
	flags = bc_get_be16(w->p + w->at);
	w->type = bc_get_be16(w->p + w->at + 2);
	/* Other versions, and source routes. */
	if (flags & 0x4007)
		return END;
	n += flags & 0x8000 ? 4 : 0;
	if (flags & 0x2000) {
		if (!have(w, n + 4))
			return END;
		know(w, n, 4);
		n += 4;
	}
	n += flags & 0x1000 ? 4 : 0;
	w->at += n;
	return ETHERTYPE;
}

static enum header proto(struct walk *w)
{
	switch (w->type) {
	case 1:
	case 58:
		return icmp(w);
	case 4:
		return IP4;
	case 6:
		return tcp(w);
	case 17:
		return udp(w);
	case 33:
	case 132:
	case 136:
		return udp_ports(w);
	case 41:
		return IP6;
	case 47:
		return gre(w);
	case 137:
		return MPLS;
	default:
		return END;
	}
}

/* Of either version, as its first bits say. */
static enum header ip(struct walk *w)
{
	uint8_t version;

	if (!have(w, 1))
		return END;
	version = w->p[w->at] >> 4;
	if (version == 4)
		return IP4;
	if (version == 6)
		return IP6;
	know_bits(w, 0, 0xf0);
	return END;
}

static enum header cooked(struct walk *w, uint32_t n, uint32_t type_at)
{
	if (!have(w, n))
		return END;
	know(w, 0, n);
	w->type = bc_get_be16(w->p + type_at);
	w->at = n;
	return ETHERTYPE;
}

/* The families of NULL, in the byte order of whoever captured it, and of LOOP. */
static enum header family(struct walk *w)
{
	uint32_t af;

	if (!have(w, 4))
		return END;
	know(w, 0, 4);
	af = bc_get_be32(w->p);
	if (af > 0xffff && w->t->linktype == LINKTYPE_NULL)
		af = bc_get_le32(w->p);
	w->at = 4;
	return af == 2 ? IP4 : af == 10 || af == 24 || af == 28 || af == 30 ? IP6 : END;
}

static enum header link_layer(struct walk *w)
{
	switch (w->t->linktype) {
	case LINKTYPE_ETHERNET:
		return ETHER;
	case LINKTYPE_LINUX_SLL:
		return cooked(w, 16, 14);
	case LINKTYPE_LINUX_SLL2:
		return cooked(w, 20, 0);
	case LINKTYPE_PPP:
	case LINKTYPE_PPP_HDLC:
	case LINKTYPE_C_HDLC:
	case LINKTYPE_PPP_ETHER:
		/* Hosts are in the rows, but bc_find_hosts.c knows nothing of where they are. */
		w->t->opaque = true;
		return w->t->linktype == LINKTYPE_PPP_ETHER ? pppoe(w) : hdlc(w);
	case LINKTYPE_RAW:
		return IP;
	case LINKTYPE_IPV4:
		return IP4;
	case LINKTYPE_IPV6:
		return IP6;
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return family(w);
	default:
		w->t->opaque = true;
		return END;
	}
}

static enum header step(struct walk *w, enum header h)
{
	switch (h) {
	case ETHER:
		return ether(w);
	case ETHERTYPE:
		return ethertype(w);
	case IP:
		return ip(w);
	case IP4:
		return ip4(w);
	case IP6:
		return ip6(w);
	case PROTO:
		return proto(w);
	case MPLS:
		return mpls(w);
	case END:
		break;
	}
	return END;
}

void bc_tuple_of(uint16_t linktype, const uint8_t *data, uint32_t len, bool cut, struct bc_tuple *ret)
{
	struct walk w = {
		.t = ret, .p = data, .len = len > BC_TUPLE_MAX ? BC_TUPLE_MAX : len, .cut = cut || len > BC_TUPLE_MAX,
	};
	enum header h;

	memset(ret, 0, sizeof(*ret));
	ret->linktype = linktype;
	h = link_layer(&w);
	for (int i = 0; h != END; i++) {
		if (i == HEADERS_MAX) {
			ret->opaque = true;
			break;
		}
		h = step(&w, h);
	}
}

/* Is the header behind this EtherType one that is looked into? */
static bool is_walked(uint16_t type)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8035, 0x8100, 0x88a8, 0x9100, 0x8847, 0x8848, 0x8864, 0x6558 };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type == types[i])
			return true;
	return false;
}

enum bc_tuple_shape bc_tuple_rare_shape(const uint8_t *data, uint32_t len)
{
	uint16_t type = bc_get_be16(data + 12);

	if (type == 0x0800)
		return len >= 88 && bc_tuple_plain_gtp(data + 14) ? BC_TUPLE_GTP : BC_TUPLE_ANY;
	if (type == 0x86dd)
		return len >= 72 && bc_tuple_plain_ip6(data + 14) ? BC_TUPLE_IP6 : BC_TUPLE_ANY;
	if (type == 0x8100) {
		type = bc_get_be16(data + 16);
		if (type == 0x0800 && bc_tuple_plain_ip4(data + 18))
			return BC_TUPLE_IP4_TAGGED;
		return type == 0x86dd && len >= 76 && bc_tuple_plain_ip6(data + 18) ? BC_TUPLE_IP6_TAGGED : BC_TUPLE_ANY;
	}
	if (type < 0x600)
		return BC_TUPLE_LLC;
	return is_walked(type) ? BC_TUPLE_ANY : BC_TUPLE_OTHER;
}

uint32_t bc_tuple_bytes(uint16_t linktype, const uint8_t *data, uint32_t len)
{
	enum bc_tuple_shape shape = bc_tuple_shape_of(linktype, data, len);

	if (shape)
		return bc_tuple_shapes[shape].len;
	/* ICMP, and later fragments. */
	if (linktype == LINKTYPE_ETHERNET && len >= 56 && bc_get_be16(data + 12) == 0x0800 && data[14] == 0x45 &&
	    (data[23] == 1 || (data[20] & 0x1f) | data[21]))
		return 48;
	return len < BC_TUPLE_MAX ? len : BC_TUPLE_MAX;
}
