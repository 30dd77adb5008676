/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_synthetic.h"

#include <string.h>

/* splitmix64 */
uint32_t bc_synthetic_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (uint32_t)((z ^ z >> 31) >> 32);
}

static int one_in(uint64_t *seed, uint32_t n)
{
	return bc_synthetic_random(seed) % n == 0;
}

static uint8_t *put(uint8_t *p, uint32_t v, unsigned bytes)
{
	while (bytes--)
		*p++ = (uint8_t)(v >> 8 * bytes);
	return p;
}

static uint8_t *put_transport(uint64_t *seed, uint8_t *p, uint8_t protocol)
{
	static const uint16_t ports[] = { 22, 53, 80, 443, 1024, 8080, 65535, 0 };

	p = put(p, ports[bc_synthetic_random(seed) % 8], 2);
	p = put(p, ports[bc_synthetic_random(seed) % 8], 2);
	if (protocol != 6)
		return put(p, 8u << 16, 4);
	p = put(p, bc_synthetic_random(seed), 4);
	p = put(p, bc_synthetic_random(seed), 4);
	p = put(p, 5u << 4 | (one_in(seed, 4) ? 3u << 4 : 0), 1);
	p = put(p, bc_synthetic_random(seed) & 0x3f, 1);
	return put(p, bc_synthetic_random(seed), 4);
}

static uint8_t *put_ipv4(uint64_t *seed, uint8_t *p)
{
	static const uint8_t protocols[] = { 6, 6, 17, 17, 1, 2, 47, 132 };
	unsigned words = one_in(seed, 4) ? 5 + bc_synthetic_random(seed) % 11 : 5;
	uint8_t protocol = protocols[bc_synthetic_random(seed) % 8];

	p = put(p, 4u << 4 | words, 1);
	p = put(p, bc_synthetic_random(seed), 1);
	p = put(p, 20 + bc_synthetic_random(seed) % 1480, 2);
	p = put(p, bc_synthetic_random(seed), 2);
	p = put(p, one_in(seed, 4) ? bc_synthetic_random(seed) : 0x4000, 2);
	p = put(p, 64, 1);
	p = put(p, protocol, 1);
	p = put(p, bc_synthetic_random(seed), 2);
	p = put(p, 0x0a010200 + bc_synthetic_random(seed) % 5, 4);
	p = put(p, one_in(seed, 2) ? 0xc0a80001 : 0x0a010200 + bc_synthetic_random(seed) % 5, 4);
	for (unsigned i = 5; i < words; i++)
		p = put(p, 0x01010101, 4);
	return put_transport(seed, p, protocol);
}

static uint8_t *put_ipv6(uint64_t *seed, uint8_t *p)
{
	static const uint8_t protocols[] = { 6, 17, 58, 44 };
	uint8_t protocol = protocols[bc_synthetic_random(seed) % 4];

	p = put(p, 6u << 28 | (bc_synthetic_random(seed) & 0xfffff), 4);
	p = put(p, bc_synthetic_random(seed) % 1500, 2);
	p = put(p, protocol, 1);
	p = put(p, 64, 1);
	for (int i = 0; i < 2; i++) {
		p = put(p, 0x20010db8, 4);
		p = put(p, 0, 4);
		p = put(p, 0, 4);
		p = put(p, bc_synthetic_random(seed) % 3, 4);
	}
	return put_transport(seed, p, protocol);
}

static uint8_t *put_arp(uint64_t *seed, uint8_t *p)
{
	p = put(p, 0x00010800, 4);
	p = put(p, 0x06040000 | (1 + bc_synthetic_random(seed) % 2), 4);
	p = put(p, 0x02000000, 4);
	p = put(p, 1, 2);
	p = put(p, 0x0a010200 + bc_synthetic_random(seed) % 5, 4);
	p = put(p, 0, 4);
	p = put(p, 0, 2);
	return put(p, 0x0a010200 + bc_synthetic_random(seed) % 5, 4);
}

static uint8_t *put_mac(uint64_t *seed, uint8_t *p)
{
	static const uint16_t first[] = { 0x0200, 0x0200, 0xffff, 0x0100 };
	uint16_t v = first[bc_synthetic_random(seed) % 4];

	p = put(p, v, 2);
	return put(p, v == 0xffff ? 0xffffffff : bc_synthetic_random(seed) % 4, 4);
}

static uint8_t *put_frame(uint64_t *seed, uint8_t *p)
{
	p = put_mac(seed, p);
	p = put_mac(seed, p);
	for (unsigned tags = one_in(seed, 4) ? 1 + bc_synthetic_random(seed) % 2 : 0; tags; tags--) {
		p = put(p, tags == 2 ? 0x88a8 : 0x8100, 2);
		p = put(p, bc_synthetic_random(seed) << 12 | (bc_synthetic_random(seed) % 3 + 99), 2);
	}
	switch (bc_synthetic_random(seed) % 8) {
	case 0:
		return put_arp(seed, put(p, 0x0806, 2));
	case 1:
	case 2:
		return put_ipv6(seed, put(p, 0x86dd, 2));
	case 3:
		return put(p, bc_synthetic_random(seed), 2);
	default:
		return put_ipv4(seed, put(p, 0x0800, 2));
	}
}

size_t bc_synthetic_packet(uint64_t *seed, uint8_t packet[BC_SYNTHETIC_MAX])
{
	size_t len = BC_SYNTHETIC_MAX;

	for (size_t i = 0; i < BC_SYNTHETIC_MAX; i += 4)
		put(packet + i, bc_synthetic_random(seed), 4);
	if (!one_in(seed, 16))
		len = (size_t)(put_frame(seed, packet) - packet) + bc_synthetic_random(seed) % 64;
	return one_in(seed, 4) ? bc_synthetic_random(seed) % (len + 1) : len;
}
