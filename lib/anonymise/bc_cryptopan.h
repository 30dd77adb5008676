/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Addresses to others, one to one under a key, so that two of them have as many first bits in common as before: Crypto-PAn (Xu, Fan,
 * Ammar, Moon: Prefix-Preserving IP Address Anonymization, 2002), whose bit i depends on the i bits before it, by OpenSSL's AES-128. For
 * IPv6 the same over 128 bits, as other implementations have it; for MAC addresses over 48, with a padding of their own.
 */
#ifndef BC_CRYPTOPAN_H
#define BC_CRYPTOPAN_H

#include <stdint.h>

#include "bc_anonymise_key.h"

struct bc_cryptopan;

/* It remembers what it met last; one thread at a time uses it. NULL without memory, or without AES. free takes NULL. */
struct bc_cryptopan *bc_cryptopan_new(const struct bc_anonymise_key *key);
void bc_cryptopan_free(struct bc_cryptopan *c);

/* Each in place, in network byte order. */
void bc_cryptopan_ip4(struct bc_cryptopan *c, uint8_t addr[4]);
void bc_cryptopan_ip6(struct bc_cryptopan *c, uint8_t addr[16]);
/* The two bits that say whether it is of a group, and local, stay; so do an address of zeros and broadcast's. */
void bc_cryptopan_mac(struct bc_cryptopan *c, uint8_t addr[6]);

#endif
