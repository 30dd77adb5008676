/* SPDX-License-Identifier: BSD-3-Clause */
/* What is below IP: the link's own header, tags, labels, ARP. */
#include "bc_linktype.h"
#include "bc_rewrite.h"

#define COOKED_ADDRESS 8U

enum bc_header bc_rewrite_ether(struct bc_rewrite *w)
{
	if (!bc_have(w, 14))
		return BC_UNKNOWN;
	bc_replace_mac(w, w->at);
	bc_replace_mac(w, w->at + 6);
	w->type = bc_get_be16(bc_here(w) + 12);
	w->at += 14;
	return BC_ETHERTYPE;
}

static enum bc_header vlan(struct bc_rewrite *w)
{
	if (!bc_have(w, 4))
		return BC_UNKNOWN;
	w->type = bc_get_be16(bc_here(w) + 2);
	w->at += 4;
	return BC_ETHERTYPE;
}

static enum bc_header of_ppp(uint16_t protocol)
{
	return protocol == 0x0021 ? BC_IP4 : protocol == 0x0057 ? BC_IP6 : BC_UNKNOWN;
}

static enum bc_header pppoe(struct bc_rewrite *w)
{
	uint16_t ppp;

	if (!bc_have(w, 8))
		return BC_UNKNOWN;
	ppp = bc_get_be16(bc_here(w) + 6);
	bc_narrow(w, w->at + 6 + bc_get_be16(bc_here(w) + 4));
	w->at += 8;
	return w->at <= w->end ? of_ppp(ppp) : BC_DONE;
}

/* And RARP: of Ethernet and IPv4. */
static enum bc_header arp(struct bc_rewrite *w)
{
	static const uint8_t kind[] = { 0x08, 0x00, 6, 4 };

	if (!bc_have(w, 28) || memcmp(bc_here(w) + 2, kind, sizeof(kind)) != 0)
		return BC_UNKNOWN;
	bc_replace_mac(w, w->at + 8);
	bc_replace_ip4(w, w->at + 14);
	bc_replace_mac(w, w->at + 18);
	bc_replace_ip4(w, w->at + 24);
	bc_narrow(w, w->at + 28);
	return BC_DONE;
}

enum bc_header bc_rewrite_ethertype(struct bc_rewrite *w)
{
	switch (w->type) {
	case 0x0800:
		return BC_IP4;
	case 0x86dd:
		return BC_IP6;
	case 0x0806:
	case 0x8035:
		return arp(w);
	case 0x8100:
	case 0x88a8:
	case 0x9100:
		return vlan(w);
	case 0x8847:
	case 0x8848:
		return BC_MPLS;
	case 0x8864:
		return pppoe(w);
	case 0x6558:
		return BC_ETHER;
	default:
		return BC_UNKNOWN;
	}
}

/* Nothing tells what is below the last label. */
enum bc_header bc_rewrite_mpls(struct bc_rewrite *w)
{
	bool bottom;

	if (!bc_have(w, 4))
		return BC_UNKNOWN;
	bottom = bc_here(w)[2] & 1;
	w->at += 4;
	if (!bottom)
		return BC_MPLS;
	return BC_MAYBE_IP;
}

/* Linux's cooked header of n bytes, with an address in it. */
static enum bc_header cooked(struct bc_rewrite *w, uint32_t n, uint32_t type_at, uint32_t address_at, uint32_t address_len)
{
	uint32_t known = address_len == 6 ? 6 : 0;

	if (known)
		bc_replace_mac(w, address_at);
	bc_fill(w, address_at + known, address_at + COOKED_ADDRESS, 0);
	w->type = bc_get_be16(w->p + type_at);
	w->at = n;
	return BC_ETHERTYPE;
}

static enum bc_header sll(struct bc_rewrite *w)
{
	return bc_have(w, 16) ? cooked(w, 16, 14, 6, bc_get_be16(w->p + 4)) : BC_UNKNOWN;
}

static enum bc_header sll2(struct bc_rewrite *w)
{
	return bc_have(w, 20) ? cooked(w, 20, 0, 12, w->p[11]) : BC_UNKNOWN;
}

/* Address, control and protocol: HDLC, with PPP inside, or with an EtherType as Cisco has it. */
static enum bc_header hdlc(struct bc_rewrite *w)
{
	if (!bc_have(w, 4))
		return BC_UNKNOWN;
	w->type = bc_get_be16(w->p + 2);
	w->at = 4;
	if (bc_get_be16(w->p) == 0xff03)
		return of_ppp(w->type);
	return w->p[0] == 0x0f || w->p[0] == 0x8f ? BC_ETHERTYPE : BC_UNKNOWN;
}

/* The families of NULL, in the byte order of whoever captured it, and of LOOP. */
static enum bc_header family(struct bc_rewrite *w, uint16_t linktype)
{
	uint32_t af;

	if (!bc_have(w, 4))
		return BC_UNKNOWN;
	af = bc_get_be32(w->p);
	if (af > 0xffff && linktype == LINKTYPE_NULL)
		af = bc_get_le32(w->p);
	w->at = 4;
	return af == 2 ? BC_IP4 : af == 10 || af == 24 || af == 28 || af == 30 ? BC_IP6 : BC_UNKNOWN;
}

enum bc_header bc_rewrite_link(struct bc_rewrite *w, uint16_t linktype)
{
	switch (linktype) {
	case LINKTYPE_ETHERNET:
		return BC_ETHER;
	case LINKTYPE_LINUX_SLL:
		return sll(w);
	case LINKTYPE_LINUX_SLL2:
		return sll2(w);
	case LINKTYPE_PPP:
	case LINKTYPE_PPP_HDLC:
	case LINKTYPE_C_HDLC:
		return hdlc(w);
	case LINKTYPE_PPP_ETHER:
		return pppoe(w);
	case LINKTYPE_RAW:
		return BC_IP;
	case LINKTYPE_IPV4:
		return BC_IP4;
	case LINKTYPE_IPV6:
		return BC_IP6;
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return family(w, linktype);
	default:
		return BC_UNKNOWN;
	}
}
