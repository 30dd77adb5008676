/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets with headers of every kind that the index looks into, put together layer by layer. */
#ifndef INDEX_PACKET_H
#define INDEX_PACKET_H

#include <stdint.h>
#include <string.h>

#include "random.h"

struct packet {
	uint8_t data[512];
	uint32_t len;
};

static inline void packet_add(struct packet *p, const void *bytes, uint32_t n)
{
	memcpy(p->data + p->len, bytes, n);
	p->len += n;
}

static inline void packet_be16(struct packet *p, uint16_t v)
{
	packet_add(p, (uint8_t[]){ (uint8_t)(v >> 8), (uint8_t)v }, 2);
}

static inline void packet_ether(struct packet *p, uint8_t from, uint8_t to, uint16_t type)
{
	packet_add(p, (uint8_t[]){ 2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from }, 12);
	packet_be16(p, type);
}

/* 10.0.FROM and 10.0.TO; frag: the field with flags and offset. */
static inline void packet_ip4_options(struct packet *p, uint16_t from, uint16_t to, uint8_t proto, uint16_t frag, uint8_t words,
				      struct random *r)
{
	uint64_t noise = random_u64(r);
	uint8_t h[60] = {
		(uint8_t)(0x40 | words), (uint8_t)noise, (uint8_t)(noise >> 8), (uint8_t)(noise >> 16), (uint8_t)(noise >> 24),
		(uint8_t)(noise >> 32), (uint8_t)(frag >> 8), (uint8_t)frag, (uint8_t)(noise >> 40), proto, 0, 0,
		10, 0, (uint8_t)(from >> 8), (uint8_t)from, 10, 0, (uint8_t)(to >> 8), (uint8_t)to,
	};

	packet_add(p, h, words * 4U);
}

static inline void packet_ip4(struct packet *p, uint16_t from, uint16_t to, uint8_t proto, struct random *r)
{
	packet_ip4_options(p, from, to, proto, random_below(r, 2) ? 0x4000 : 0, 5, r);
}

static inline void packet_ip6(struct packet *p, uint16_t from, uint16_t to, uint8_t next, struct random *r)
{
	uint64_t noise = random_u64(r);
	uint8_t h[40] = {
		(uint8_t)(0x60 | (noise & 15)), (uint8_t)(noise >> 8), (uint8_t)(noise >> 16), (uint8_t)(noise >> 24), 0,
		(uint8_t)(noise >> 32), next, (uint8_t)(noise >> 40),
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(from >> 8), (uint8_t)from,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (uint8_t)(to >> 8), (uint8_t)to,
	};

	packet_add(p, h, 40);
}

static inline void packet_tcp(struct packet *p, uint16_t from, uint16_t to, uint8_t flags, struct random *r)
{
	uint64_t noise = random_u64(r);

	packet_be16(p, from);
	packet_be16(p, to);
	packet_add(p, &noise, 8);
	packet_add(p, (uint8_t[]){ 0x50, flags, 1, 2, 3, 4, 0, 0 }, 8);
}

static inline void packet_udp(struct packet *p, uint16_t from, uint16_t to)
{
	packet_be16(p, from);
	packet_be16(p, to);
	packet_be16(p, 100);
	packet_be16(p, 0);
}

static inline void packet_payload(struct packet *p, uint32_t n, struct random *r)
{
	for (uint32_t i = 0; i < n; i++)
		p->data[p->len++] = (uint8_t)random_u64(r);
}

static inline void packet_transport(struct packet *p, uint8_t proto, uint16_t from, uint16_t to, struct random *r)
{
	if (proto == 6)
		packet_tcp(p, from, to, (uint8_t)(random_below(r, 2) ? 0x10 : 0x02), r);
	else if (proto == 17)
		packet_udp(p, from, to);
	else
		packet_add(p, (uint8_t[]){ 8, 0, 1, 2, 3, 4, 5, 6 }, 8);
}

/* What is inside of a tunnel: IP of either version. */
static inline void packet_inner(struct packet *p, struct random *r)
{
	static const uint8_t protos[] = { 6, 17, 1 };
	uint8_t proto = protos[random_below(r, 3)];
	uint16_t from = (uint16_t)random_below(r, 40), to = (uint16_t)random_below(r, 40);

	if (random_below(r, 2))
		packet_ip4(p, from, to, proto, r);
	else
		packet_ip6(p, from, to, proto, r);
	packet_transport(p, proto, (uint16_t)(1000 + random_below(r, 8)), (uint16_t)(1000 + random_below(r, 8)), r);
}

static inline uint16_t packet_inner_type(const struct packet *p, uint32_t at)
{
	return p->data[at] >> 4 == 4 ? 0x0800 : 0x86dd;
}

/* An EtherType, and what it promises. */
static inline void packet_network(struct packet *p, uint32_t type_at, struct random *r)
{
	uint32_t at = p->len;
	uint16_t type;

	packet_inner(p, r);
	type = packet_inner_type(p, at);
	p->data[type_at] = (uint8_t)(type >> 8);
	p->data[type_at + 1] = (uint8_t)type;
}

/* A user's packet as most of them are. */
static inline void packet_gtp(struct packet *p, struct random *r)
{
	uint8_t proto = random_below(r, 2) ? 6 : 17;

	p->len = 0;
	packet_ether(p, 1, 2, 0x0800);
	packet_ip4(p, 1, (uint16_t)random_below(r, 4), 17, r);
	packet_udp(p, random_below(r, 2) ? 2152 : (uint16_t)random_u64(r), 2152);
	packet_add(p, (uint8_t[]){ 0x30, 255, 0, (uint8_t)random_u64(r), 0, 0, 0, (uint8_t)random_below(r, 4) }, 8);
	packet_ip4(p, (uint16_t)random_below(r, 9), 7, proto, r);
	packet_transport(p, proto, (uint16_t)(1000 + random_below(r, 8)), 443, r);
	packet_payload(p, 20, r);
}

/* One of many kinds, of Ethernet; cut short now and then. */
static inline void packet_any(struct packet *p, struct random *r)
{
	uint16_t from = (uint16_t)(300 + random_below(r, 5)), to = (uint16_t)(300 + random_below(r, 5));
	uint32_t kind = random_below(r, 14), inner;

	p->len = 0;
	packet_ether(p, (uint8_t)random_below(r, 3), (uint8_t)random_below(r, 3), 0x0800);
	switch (kind) {
	case 0:
		p->len -= 2;
		packet_be16(p, 0x8100);
		packet_be16(p, (uint16_t)(random_below(r, 2) << 13 | random_below(r, 4)));
		packet_be16(p, 0);
		packet_network(p, p->len - 2, r);
		break;
	case 1:
		p->len -= 2;
		packet_be16(p, 0x88a8);
		packet_be16(p, 5);
		packet_be16(p, 0x8100);
		packet_be16(p, 6);
		packet_be16(p, 0);
		packet_network(p, p->len - 2, r);
		break;
	case 2:
		p->len -= 2;
		packet_be16(p, 0x8847);
		packet_add(p, (uint8_t[]){ 0, 1, 0x20, (uint8_t)random_u64(r), 0, 2, 0x31, 7 }, 8);
		packet_inner(p, r);
		break;
	case 3:
		packet_ip4(p, from, to, 47, r);
		packet_add(p, (uint8_t[]){ 0x30, 0, 8, 0, 0, 0, 0, 9, 1, 2, 3, (uint8_t)random_u64(r) }, 12);
		inner = p->len;
		packet_inner(p, r);
		p->data[inner - 10] = (uint8_t)(packet_inner_type(p, inner) >> 8);
		p->data[inner - 9] = (uint8_t)packet_inner_type(p, inner);
		break;
	case 4:
		packet_ip4(p, from, to, 17, r);
		packet_udp(p, (uint16_t)(49152 + random_below(r, 1000)), 4789);
		packet_add(p, (uint8_t[]){ 8, 0, 0, 0, 0, 0, 7, 0 }, 8);
		packet_ether(p, 9, 8, 0);
		packet_network(p, p->len - 2, r);
		break;
	case 5:
		packet_ip4(p, from, to, 17, r);
		packet_udp(p, 2152, 2152);
		packet_add(p, (uint8_t[]){ 0x34, 255, 0, (uint8_t)random_u64(r), 0, 0, 0, (uint8_t)random_below(r, 4), 0, 0, 0, 0x85 }, 12);
		packet_add(p, (uint8_t[]){ 1, 0x10, 5, 0 }, 4);
		packet_inner(p, r);
		break;
	case 6:
		packet_ip4_options(p, from, to, 17, random_below(r, 2) ? 0x2000 : 185, 5, r);
		packet_payload(p, 40, r);
		break;
	case 7:
		p->len -= 2;
		packet_be16(p, 0x86dd);
		packet_ip6(p, from, to, 0, r);
		packet_add(p, (uint8_t[]){ 44, 0, 1, 4, 0, 0, 0, 0 }, 8);
		packet_add(p, (uint8_t[]){ 17, 0, 0, (uint8_t)(random_below(r, 2) ? 1 : 0xb8), 1, 2, 3, (uint8_t)random_u64(r) }, 8);
		packet_udp(p, 53, 54);
		break;
	case 8:
		p->len -= 2;
		packet_be16(p, 0x0806);
		packet_add(p, (uint8_t[]){ 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 1, (uint8_t)from, 0, 0, 0, 0, 0, 0, 10, 0, 1,
					   (uint8_t)to }, 28);
		break;
	case 9:
		p->len -= 2;
		packet_be16(p, 38);
		packet_add(p, (uint8_t[]){ 0x42, 0x42, 3, 0, 0, 0, 0 }, 7);
		packet_payload(p, 31, r);
		break;
	case 10:
		packet_ip4_options(p, from, to, 6, 0, (uint8_t)(5 + random_below(r, 4)), r);
		packet_tcp(p, 80, 1025, 0x12, r);
		break;
	case 11:
		p->len -= 2;
		packet_be16(p, 0x88cc);
		packet_payload(p, 30, r);
		break;
	default:
		packet_network(p, p->len - 2, r);
	}
	packet_payload(p, random_below(r, 100), r);
	if (!random_below(r, 12))
		p->len = random_below(r, p->len + 1);
}

#endif
