/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ed25519 key (RFC 8032) that signs records of a chain, or its public half that checks them; by OpenSSL. Any thread. */
#ifndef BC_CHAIN_KEY_H
#define BC_CHAIN_KEY_H

#include <stdbool.h>

#include "bc_chain_record.h"
#include "bc_err.h"
#include "bc_keyring.h"

struct bc_chain_key;

/* What a keyring is to be told (bc_keyring.h) of such a key, so that it signs records and nothing else. path outlives it. */
struct bc_keyring_key bc_chain_key_kept(const char *path);
/*
 * From a file in PEM, as `openssl genpkey -algorithm ed25519` makes it, which the keyring reads and signs with; it outlives *ret. 0 and
 * *ret, or a negative errno with a line in err: also where others than its owner may read it.
 */
int bc_chain_key_private(const char *path, struct bc_keyring *keyring, struct bc_chain_key **ret, struct bc_err *err);
/* From its public half (`openssl pkey -pubout`). Errors alike. */
int bc_chain_key_public(const char *path, struct bc_chain_key **ret, struct bc_err *err);
/* Takes NULL. */
void bc_chain_key_free(struct bc_chain_key *k);

/* Fills key and signature. 0, or -EIO: OpenSSL does not. */
int bc_chain_sign(const struct bc_chain_key *k, struct bc_chain_record *r);

/* Is it signed by this key? */
bool bc_chain_signed_by(const struct bc_chain_key *k, const struct bc_chain_record *r);

/* SHA-256. 0, or -EIO: OpenSSL has none. */
int bc_chain_hash(const void *data, size_t len, uint8_t ret[BC_CHAIN_HASH]);

#endif
