/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of the Gb interface, made octet by octet: link layer, IP, UDP and NS first, then IEs, then gp_finish. */
#ifndef GPRS_PACKET_H
#define GPRS_PACKET_H

#include <stdint.h>
#include <string.h>

#define GP_ETHERNET 1
#define GP_RAW 101
#define GP_SLL 113
#define GP_IPV4 228
#define GP_IPV6 229
#define GP_SLL2 276

#define GP_DL_UNITDATA 0x00
#define GP_UL_UNITDATA 0x01

struct gp {
	uint8_t b[4096];
	uint32_t len;
	uint32_t ip_at;
	uint32_t udp_at;
	uint32_t ns_at;
	uint32_t llc_at;	/* the LLC PDU's first octet */
};

#define GP_PUT(p, ...) gp_bytes(p, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline void gp_bytes(struct gp *p, const uint8_t *b, size_t n)
{
	memcpy(p->b + p->len, b, n);
	p->len += (uint32_t)n;
}

static inline void gp_put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

/* A header of the link layer up to the EtherType, if it has one, tags before it. */
static inline void gp_link(struct gp *p, uint16_t linktype, uint16_t type, unsigned tags)
{
	uint8_t first[2], vlan[4];

	memset(p, 0, sizeof(*p));
	gp_put16(first, tags > 1 ? 0x88A8 : tags ? 0x8100 : type);
	if (linktype == GP_ETHERNET) {
		GP_PUT(p, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, first[0], first[1]);
	} else if (linktype == GP_SLL) {
		GP_PUT(p, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, first[0], first[1]);
	} else if (linktype == GP_SLL2) {
		GP_PUT(p, first[0], first[1], 0, 0, 0, 0, 0, 7, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0);
	}
	for (unsigned i = 0; i < tags; i++) {
		gp_put16(vlan, 100 + i);
		gp_put16(vlan + 2, i + 1 < tags ? 0x8100 : type);
		gp_bytes(p, vlan, 4);
	}
}

static inline void gp_ip4(struct gp *p)
{
	p->ip_at = p->len;
	GP_PUT(p, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2);
}

static inline void gp_ip6(struct gp *p, uint8_t next)
{
	p->ip_at = p->len;
	GP_PUT(p, 0x60, 0, 0, 0, 0, 0, next, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	       0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

/* UDP from 2157 to 23000, NS-UNITDATA for BVCI 2. */
static inline void gp_ns(struct gp *p)
{
	p->udp_at = p->len;
	GP_PUT(p, 2157 >> 8, 2157 & 0xff, 23000 >> 8, 23000 & 0xff, 0, 0, 0, 0);
	p->ns_at = p->len;
	GP_PUT(p, 0, 0, 0, 2);
}

static inline void gp_type(struct gp *p, uint8_t type)
{
	GP_PUT(p, type);
	if (type <= GP_UL_UNITDATA)
		GP_PUT(p, 0xc0, 0x11, 0x22, 0x33, 0, 0x50, 0x20);
}

/* An IE with n octets and a length of one octet, of two if wide. */
static inline void gp_ie(struct gp *p, uint8_t id, uint32_t n, int wide)
{
	if (wide)
		GP_PUT(p, id, (uint8_t)(n >> 8), (uint8_t)n);
	else
		GP_PUT(p, id, (uint8_t)(0x80 | n));
	memset(p->b + p->len, 0x5a, n);
	p->len += n;
}

static inline void gp_llc(struct gp *p, uint8_t address, uint32_t n, int wide)
{
	gp_ie(p, 0x0e, n, wide);
	p->llc_at = p->len - n;
	if (n)
		p->b[p->llc_at] = address;
}

/* The IE that a UNITDATA of the type cannot be without: the cell, or the lifetime. */
static inline void gp_mandatory(struct gp *p, uint8_t type)
{
	if (type == GP_UL_UNITDATA)
		gp_ie(p, 0x08, 8, 0);
	else
		gp_ie(p, 0x16, 2, 0);
}

static inline void gp_finish(struct gp *p)
{
	uint32_t ip = p->len - p->ip_at;

	if (p->b[p->ip_at] >> 4 == 4)
		gp_put16(p->b + p->ip_at + 2, ip);
	else
		gp_put16(p->b + p->ip_at + 4, ip - 40);
	gp_put16(p->b + p->udp_at + 4, p->len - p->udp_at);
}

/* Ethernet, IPv4, UDP, NS. */
static inline void gp_begin(struct gp *p)
{
	gp_link(p, GP_ETHERNET, 0x0800, 0);
	gp_ip4(p);
	gp_ns(p);
}

/* A whole UNITDATA of n octets for a SAPI. */
static inline void gp_unitdata(struct gp *p, uint8_t type, uint8_t sapi, uint32_t n)
{
	gp_begin(p);
	gp_type(p, type);
	gp_mandatory(p, type);
	gp_llc(p, sapi, n, n > 127);
	gp_finish(p);
}

#endif
