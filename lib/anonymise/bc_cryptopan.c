/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_cryptopan.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16U
#define BITS_MAX 128U

/* What is remembered: one address for each of so many hashes. */
#define IP4_BITS 14
#define IP6_BITS 12
#define MAC_BITS 10

#define MAC_KEPT 0x03	/* of the first byte: local, of a group */
#define MAC_BROADCAST 0xffffffffffffULL

struct bc_cryptopan {
	EVP_CIPHER_CTX *aes;
	uint8_t pad[BLOCK], mac_pad[BLOCK];
	struct { uint32_t from, to; } ip4[1 << IP4_BITS];
	struct { uint64_t from[2], to[2]; } ip6[1 << IP6_BITS];
	struct { uint64_t from, to; } mac[1 << MAC_BITS];
};

/* False: OpenSSL does not. */
static bool encrypt(struct bc_cryptopan *c, const uint8_t *in, uint8_t *out, uint32_t blocks)
{
	int n;

	return EVP_EncryptUpdate(c->aes, out, &n, in, (int)(blocks * BLOCK)) == 1;
}

/*
 * Bit i is flipped by the first bit of AES(the i bits before it, then the padding). kept: bits of the first byte that stay. Where there is no AES nothing is left of the address.
 */
static void map(struct bc_cryptopan *c, const uint8_t pad[BLOCK], uint8_t *addr, uint32_t bits, uint8_t kept)
{
	uint8_t in[BITS_MAX][BLOCK], out[BITS_MAX][BLOCK], block[BLOCK];

	memcpy(block, pad, BLOCK);
	for (uint32_t i = 0; i < bits; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		memcpy(in[i], block, BLOCK);
		block[i / 8] = (uint8_t)((block[i / 8] & ~bit) | (addr[i / 8] & bit));
	}
	if (!encrypt(c, in[0], out[0], bits)) {
		memset(addr, 0, bits / 8);
		return;
	}
	for (uint32_t i = 0; i < bits; i++)
		if (i >= 8 || !(kept & 0x80 >> i))
			addr[i / 8] ^= (uint8_t)((out[i][0] & 0x80) >> i % 8);
}

struct bc_cryptopan *bc_cryptopan_new(const struct bc_anonymise_key *key)
{
	struct bc_cryptopan *c = calloc(1, sizeof(*c));
	const uint8_t *second = key->bytes + BLOCK;
	uint8_t inverse[BLOCK], zero[16] = { 0 };

	if (!c)
		return NULL;
	for (uint32_t i = 0; i < BLOCK; i++)
		inverse[i] = (uint8_t)~second[i];
	c->aes = EVP_CIPHER_CTX_new();
	if (!c->aes || EVP_EncryptInit_ex(c->aes, EVP_aes_128_ecb(), NULL, key->bytes, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(c->aes, 0) != 1 || !encrypt(c, second, c->pad, 1) || !encrypt(c, inverse, c->mac_pad, 1)) {
		bc_cryptopan_free(c);
		return NULL;
	}
	/* Where nothing is remembered yet there seem to be zeros, which are looked for in the first place only. */
	map(c, c->pad, zero, 32, 0);
	memcpy(&c->ip4[0].to, zero, 4);
	memset(zero, 0, sizeof(zero));
	map(c, c->pad, zero, 128, 0);
	memcpy(c->ip6[0].to, zero, sizeof(zero));
	return c;
}

void bc_cryptopan_free(struct bc_cryptopan *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->aes);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

void bc_cryptopan_ip4(struct bc_cryptopan *c, uint8_t addr[4])
{
	uint32_t from, i;

	memcpy(&from, addr, sizeof(from));
	i = from * 0x9E3779B1U >> (32 - IP4_BITS);
	if (__builtin_expect(c->ip4[i].from != from, 0)) {
		map(c, c->pad, addr, 32, 0);
		c->ip4[i].from = from;
		memcpy(&c->ip4[i].to, addr, sizeof(from));
		return;
	}
	memcpy(addr, &c->ip4[i].to, sizeof(from));
}

void bc_cryptopan_ip6(struct bc_cryptopan *c, uint8_t addr[16])
{
	uint64_t from[2], i;

	memcpy(from, addr, sizeof(from));
	i = (from[0] * 0x9E3779B97F4A7C15ULL ^ from[1] * 0xC2B2AE3D27D4EB4FULL) * 0xD6E8FEB86659FD93ULL >> (64 - IP6_BITS);
	if (__builtin_expect(c->ip6[i].from[0] != from[0] || c->ip6[i].from[1] != from[1], 0)) {
		map(c, c->pad, addr, 128, 0);
		memcpy(c->ip6[i].from, from, sizeof(from));
		memcpy(c->ip6[i].to, addr, sizeof(from));
		return;
	}
	memcpy(addr, c->ip6[i].to, sizeof(from));
}

void bc_cryptopan_mac(struct bc_cryptopan *c, uint8_t addr[6])
{
	uint64_t from = 0, i;

	memcpy(&from, addr, 6);
	if (!from || from == MAC_BROADCAST)
		return;
	i = from * 0x9E3779B97F4A7C15ULL >> (64 - MAC_BITS);
	if (__builtin_expect(c->mac[i].from != from, 0)) {
		map(c, c->mac_pad, addr, 48, MAC_KEPT);
		c->mac[i].from = from;
		memcpy(&c->mac[i].to, addr, 6);
		return;
	}
	memcpy(addr, &c->mac[i].to, 6);
}
