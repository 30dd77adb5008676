/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_gprs.h"

#include <stddef.h>

#include "bc_bytes.h"
#include "bc_linktype.h"

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86DD
#define TYPE_VLAN 0x8100
#define TYPE_QINQ 0x88A8
#define TYPE_QINQ_OLD 0x9100
#define TAGS_MAX 4

#define PROTO_HOP_BY_HOP 0
#define PROTO_UDP 17
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_DESTINATION 60
#define EXTENSIONS_MAX 8
#define UDP_HEADER 8

/* TS 48.016, 9.2.10 and 10.3.7: PDU type, SDU control bits, BVCI. BVCIs 0 and 1 are not of a cell (48.018, 5.4.1). */
#define NS_UNITDATA 0x00
#define NS_HEADER 4
#define NS_CONTROL_SPARE 0xFC
#define BVCI_PTP 2

/* TS 48.018, 11.3.26 and table 11.3. */
#define BSSGP_DL_UNITDATA 0x00
#define BSSGP_UL_UNITDATA 0x01
#define BSSGP_FLOW_CONTROL_BVC 0x26
#define BSSGP_FLOW_CONTROL_BVC_ACK 0x27
#define IE_BMAX_DEFAULT_MS 0x01
#define IE_BUCKET_LEAK_RATE 0x03
#define IE_BVC_BUCKET_SIZE 0x05
#define IE_CELL_IDENTIFIER 0x08
#define IE_LLC_PDU 0x0E
#define IE_PDU_LIFETIME 0x16
#define IE_R_DEFAULT_MS 0x1C
#define IE_TAG 0x1E
/* Far more than a PDU has, so that no packet can make this slow. */
#define IES_MAX 32

/* TS 44.064, 6.2: PD and two spare bits, 0 all; SAPI. The shortest frame: address, control, FCS (5.1). */
#define LLC_NO_SAPI 0xB0
#define LLC_SAPI 0x0F
#define LLC_MIN 5
#define LLC_USER_SAPIS (1U << 3 | 1U << 5 | 1U << 9 | 1U << 11)

/* What is left of a packet. wire bytes of it went over the wire, as the headers so far say; len of them are at p. */
struct rest {
	const uint8_t *p;
	uint32_t len;
	uint32_t wire;
};

struct ie {
	uint8_t id;
	uint16_t len;
	const uint8_t *value;	/* as far as it was captured */
	uint32_t captured;
};

/* An IE that a PDU of its type must have. */
struct mandatory {
	uint8_t id;
	uint8_t len;
};

#define MANDATORY_MAX 5

struct pdu {
	uint8_t type;
	uint8_t fixed;		/* octets before the IEs, the type among them */
	bool llc;		/* it has to have an LLC PDU, of user data */
	uint8_t n;
	struct mandatory mandatory[MANDATORY_MAX];
};

/* TS 48.018, 10.2.1, 10.2.2, 10.4.4 and 10.4.5. */
static const struct pdu pdus[] = {
	{ BSSGP_DL_UNITDATA, 8, true, 1, { { IE_PDU_LIFETIME, 2 } } },
	{ BSSGP_UL_UNITDATA, 8, true, 1, { { IE_CELL_IDENTIFIER, 8 } } },
	{ BSSGP_FLOW_CONTROL_BVC, 1, false, 5,
	  { { IE_TAG, 1 }, { IE_BVC_BUCKET_SIZE, 2 }, { IE_BUCKET_LEAK_RATE, 2 }, { IE_BMAX_DEFAULT_MS, 2 },
	    { IE_R_DEFAULT_MS, 2 } } },
	{ BSSGP_FLOW_CONTROL_BVC_ACK, 1, false, 1, { { IE_TAG, 1 } } },
};

static inline bool skip(struct rest *r, uint32_t n)
{
	if (n > r->len)
		return false;
	r->p += n;
	r->len -= n;
	r->wire -= n;
	return true;
}

/* What follows does not belong to it. */
static inline void end_at(struct rest *r, uint32_t wire)
{
	r->wire = wire;
	if (r->len > wire)
		r->len = wire;
}

/* A header of a constant length with an EtherType at a place in it, then VLAN tags. */
static inline bool typed(struct rest *r, uint32_t header, uint32_t at, uint16_t *ret_type)
{
	uint16_t type;

	if (r->len < header)
		return false;
	type = bc_get_be16(r->p + at);
	skip(r, header);
	for (unsigned i = 0; type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD; i++) {
		if (i == TAGS_MAX || r->len < 4)
			return false;
		type = bc_get_be16(r->p + 2);
		skip(r, 4);
	}
	*ret_type = type;
	return true;
}

static inline bool link_layer(struct rest *r, uint16_t linktype, uint16_t *ret_type)
{
	switch (linktype) {
	case LINKTYPE_ETHERNET:
		return typed(r, 14, 12, ret_type);
	case LINKTYPE_LINUX_SLL:
		return typed(r, 16, 14, ret_type);
	case LINKTYPE_LINUX_SLL2:
		return typed(r, 20, 0, ret_type);
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		/* The version in the header itself decides. */
		*ret_type = r->len && r->p[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4;
		return true;
	default:
		return false;
	}
}

/* A whole datagram, no fragment, of UDP. */
static inline bool ipv4(struct rest *r)
{
	uint32_t header, total;

	if (r->len < 20 || r->p[0] >> 4 != 4 || r->p[9] != PROTO_UDP)
		return false;
	header = (r->p[0] & 0x0FU) * 4;
	total = bc_get_be16(r->p + 2);
	if (header < 20 || total < header || total > r->wire || (bc_get_be16(r->p + 6) & 0x3FFF))
		return false;
	end_at(r, total);
	return skip(r, header);
}

/* The same for IPv6, whose extensions are passed over as long as they change nothing in what follows. */
static inline bool ipv6(struct rest *r)
{
	uint8_t next;
	uint32_t total;

	if (r->len < 40 || r->p[0] >> 4 != 6)
		return false;
	total = 40U + bc_get_be16(r->p + 4);
	next = r->p[6];
	if (total > r->wire)
		return false;
	end_at(r, total);
	skip(r, 40);
	for (unsigned i = 0; next != PROTO_UDP; i++) {
		bool fragment = next == PROTO_FRAGMENT;

		if (i == EXTENSIONS_MAX || r->len < 8)
			return false;
		if (next != PROTO_HOP_BY_HOP && next != PROTO_ROUTING && next != PROTO_DESTINATION && !fragment)
			return false;
		/* A fragment that is the whole is none (RFC 6946). */
		if (fragment && (bc_get_be16(r->p + 2) & 0xFFF9))
			return false;
		next = r->p[0];
		if (!skip(r, fragment ? 8 : (r->p[1] + 1U) * 8))
			return false;
	}
	return true;
}

static inline bool port_asked(const struct bc_gprs *g, uint16_t port)
{
	for (uint32_t i = 0; i < g->n_ports; i++)
		if (g->port[i] == port)
			return true;
	return false;
}

/* UDP that fills its datagram, up to its payload. */
static inline bool udp(struct rest *r, const struct bc_gprs *g)
{
	if (r->len < UDP_HEADER || bc_get_be16(r->p + 4) != r->wire)
		return false;
	if (g->n_ports && !port_asked(g, bc_get_be16(r->p)) && !port_asked(g, bc_get_be16(r->p + 2)))
		return false;
	return skip(r, UDP_HEADER);
}

/* An NS-UNITDATA of a cell; *ret is the table's line for the BSSGP PDU in it, up to whose IEs it goes. */
static bool ns_unitdata(struct rest *r, const struct pdu **ret)
{
	if (r->len <= NS_HEADER || r->p[0] != NS_UNITDATA || (r->p[1] & NS_CONTROL_SPARE) || bc_get_be16(r->p + 2) < BVCI_PTP)
		return false;
	skip(r, NS_HEADER);
	for (size_t i = 0; i < sizeof(pdus) / sizeof(pdus[0]); i++)
		if (pdus[i].type == r->p[0]) {
			*ret = &pdus[i];
			return skip(r, pdus[i].fixed);
		}
	return false;
}

/* The next IE, of which identifier and length were captured. The length has one octet or two (TS 48.018, 11.1). */
static bool next_ie(struct rest *r, struct ie *ret)
{
	uint32_t head;

	if (r->len < 2)
		return false;
	ret->id = r->p[0];
	head = r->p[1] & 0x80 ? 2 : 3;
	if (r->len < head)
		return false;
	ret->len = head == 2 ? r->p[1] & 0x7F : bc_get_be16(r->p + 1);
	skip(r, head);
	if (ret->len > r->wire)
		return false;
	ret->value = r->p;
	ret->captured = ret->len < r->len ? ret->len : r->len;
	r->p += ret->captured;
	r->len -= ret->captured;
	r->wire -= ret->len;
	return true;
}

static bool llc_of_user(const struct ie *ie)
{
	if (ie->len < LLC_MIN || !ie->captured || (ie->value[0] & LLC_NO_SAPI))
		return false;
	return LLC_USER_SAPIS >> (ie->value[0] & LLC_SAPI) & 1;
}

/* Does the IE go together with those seen so far? *seen: bit i for the mandatory one i, the bit above them for the LLC PDU. */
static bool fits(const struct pdu *pdu, const struct ie *ie, unsigned *seen)
{
	unsigned bit = 0;

	if (ie->id == IE_LLC_PDU) {
		if (!pdu->llc || !llc_of_user(ie))
			return false;
		bit = 1U << pdu->n;
	}
	for (unsigned i = 0; i < pdu->n; i++)
		if (pdu->mandatory[i].id == ie->id) {
			if (pdu->mandatory[i].len != ie->len)
				return false;
			bit = 1U << i;
		}
	if (*seen & bit)
		return false;
	*seen |= bit;
	return true;
}

/* Do IEs fill the PDU to its last octet, including all mandatory ones? */
static bool of_user(const struct pdu *pdu, struct rest *r)
{
	unsigned all = (1U << (pdu->n + pdu->llc)) - 1, seen = 0;
	struct ie ie;

	for (unsigned i = 0; r->wire; i++)
		if (i == IES_MAX || !next_ie(r, &ie) || !fits(pdu, &ie, &seen))
			return false;
	return seen == all;
}

bool bc_gprs_user_data(const struct bc_gprs *g, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t wire_len)
{
	struct rest r = { .p = data, .len = len < wire_len ? len : wire_len, .wire = wire_len };
	const struct pdu *pdu;
	uint16_t type;

	if (!link_layer(&r, linktype, &type))
		return false;
	if (type == TYPE_IPV4 ? !ipv4(&r) : type != TYPE_IPV6 || !ipv6(&r))
		return false;
	return udp(&r, g) && ns_unitdata(&r, &pdu) && of_user(pdu, &r);
}
