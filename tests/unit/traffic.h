/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mixed packets, made at random: those of bc_synthetic.h, and inside of tunnels (GRE, VXLAN, GTP-U, IP in IP, MPLS,
 * PPPoE), fragments, IPv6 with extension headers, and what is no IP; some are truncated. The same seed gives the same
 * ones.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <string.h>

#include "bc_synthetic.h"
#include "random.h"

#define TRAFFIC_MAX 512

static inline uint8_t *traffic_put(uint8_t *p, uint64_t v, unsigned bytes)
{
	while (bytes--)
		*p++ = (uint8_t)(v >> 8 * bytes);
	return p;
}

static inline uint8_t *traffic_ether(struct random *r, uint8_t *p, uint16_t type)
{
	p = traffic_put(p, 0x020000000000 + random_below(r, 4), 6);
	p = traffic_put(p, 0x020000000000 + random_below(r, 4), 6);
	if (random_below(r, 5) == 0) {
		p = traffic_put(p, 0x8100, 2);
		p = traffic_put(p, 99 + random_below(r, 3), 2);
	}
	return traffic_put(p, type, 2);
}

static inline uint8_t *traffic_ip(struct random *r, uint8_t *p, uint8_t protocol, uint16_t fragment)
{
	p = traffic_put(p, 0x4500, 2);
	p = traffic_put(p, 100 + random_below(r, 1000), 2);
	p = traffic_put(p, random_u64(r), 2);
	p = traffic_put(p, fragment, 2);
	p = traffic_put(p, 64, 1);
	p = traffic_put(p, protocol, 1);
	p = traffic_put(p, 0, 2);
	p = traffic_put(p, 0x0a010200 + random_below(r, 5), 4);
	return traffic_put(p, random_below(r, 2) ? 0xc0a80001 : 0x0a010200 + random_below(r, 5), 4);
}

static inline uint8_t *traffic_udp(struct random *r, uint8_t *p, uint16_t port)
{
	static const uint16_t ports[] = { 53, 443, 8080, 22, 12345 };

	p = traffic_put(p, ports[random_below(r, 5)], 2);
	p = traffic_put(p, port ? port : ports[random_below(r, 5)], 2);
	p = traffic_put(p, 8 + random_below(r, 60), 2);
	return traffic_put(p, 0, 2);
}

static inline uint8_t *traffic_ip6(struct random *r, uint8_t *p)
{
	static const uint8_t next[] = { 0, 43, 44, 60, 17, 6, 58 };
	uint8_t type = next[random_below(r, 7)];

	p = traffic_put(p, 0x60000000, 4);
	p = traffic_put(p, 48, 2);
	p = traffic_put(p, type, 1);
	p = traffic_put(p, 64, 1);
	for (int i = 0; i < 2; i++) {
		p = traffic_put(p, 0x20010db800000000, 8);
		p = traffic_put(p, random_below(r, 3), 8);
	}
	while (type == 0 || type == 43 || type == 44 || type == 60) {
		type = next[random_below(r, 7)];
		p = traffic_put(p, type, 1);
		p = traffic_put(p, 0, 1);
		p = traffic_put(p, random_below(r, 2) ? 0 : 0x0008, 2);
		p = traffic_put(p, 0, 4);
	}
	return traffic_udp(r, p, 0);
}

static inline uint8_t *traffic_tunnel(struct random *r, uint8_t *p)
{
	switch (random_below(r, 6)) {
	case 0:
		p = traffic_ip(r, traffic_ether(r, p, 0x0800), 47, 0);
		return traffic_ip(r, traffic_put(p, 0x00000800, 4), 17, 0);
	case 1:
		p = traffic_udp(r, traffic_ip(r, traffic_ether(r, p, 0x0800), 17, 0), 4789);
		p = traffic_put(p, 0x0800000000000500 + ((uint64_t)random_below(r, 3) << 8), 8);
		return traffic_ip(r, traffic_ether(r, p, 0x0800), 17, 0);
	case 2:
		p = traffic_udp(r, traffic_ip(r, traffic_ether(r, p, 0x0800), 17, 0), 2152);
		p = traffic_put(p, 0x30ff0040, 4);
		return traffic_ip(r, traffic_put(p, random_below(r, 3), 4), 17, 0);
	case 3:
		return traffic_ip(r, traffic_ip(r, traffic_ether(r, p, 0x0800), 4, 0), 17, 0);
	case 4:
		p = traffic_ether(r, p, 0x8847);
		if (random_below(r, 2))
			p = traffic_put(p, random_below(r, 8) << 12 | 64, 4);
		return traffic_ip(r, traffic_put(p, random_below(r, 8) << 12 | 0x100 | 64, 4), 17, 0);
	default:
		p = traffic_put(traffic_ether(r, p, 0x8864), 0x11000005, 4);
		return traffic_ip(r, traffic_put(p, 0x00420021, 4), 17, 0);
	}
}

/* One packet: its captured length. *ret_wirelen is that on the wire. */
static inline uint32_t traffic_packet(struct random *r, uint64_t *seed, uint8_t packet[TRAFFIC_MAX], uint32_t *ret_wirelen)
{
	uint8_t *p = packet;
	uint32_t caplen;

	memset(packet, 0, TRAFFIC_MAX);
	switch (random_below(r, 5)) {
	case 0:
		p = traffic_udp(r, traffic_tunnel(r, p), 0);
		break;
	case 1:
		p = traffic_ip(r, traffic_ether(r, p, 0x0800), 17, (uint16_t)(random_below(r, 3) ? 0x2000 : 0x00b9));
		p = traffic_udp(r, p, 0);
		break;
	case 2:
		p = traffic_ip6(r, traffic_ether(r, p, 0x86dd));
		break;
	default:
		p += bc_synthetic_packet(seed, packet);
	}
	caplen = (uint32_t)(p - packet) + random_below(r, 60);
	*ret_wirelen = caplen + (random_below(r, 6) ? 0 : random_below(r, 500));
	return random_below(r, 8) ? caplen : random_below(r, caplen + 1);
}

#endif
