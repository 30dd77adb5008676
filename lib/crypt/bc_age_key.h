/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of age (age-encryption.org/v1): recipients ("age1..."), for whom something is encrypted, and identities ("AGE-SECRET-KEY-1..."),
 * with which it is read. X25519 (RFC 7748), by OpenSSL. Any thread.
 */
#ifndef BC_AGE_KEY_H
#define BC_AGE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_bech32.h"
#include "bc_err.h"

#define BC_AGE_KEY 32	/* bytes */
#define BC_AGE_KEYS_MAX 64	/* so many recipients, or identities, at once */
#define BC_AGE_RECIPIENT_SIZE BC_BECH32_SIZE(3, BC_AGE_KEY)
#define BC_AGE_IDENTITY_SIZE BC_BECH32_SIZE(15, BC_AGE_KEY)

struct bc_age_recipients {
	size_t n;
	uint8_t key[BC_AGE_KEYS_MAX][BC_AGE_KEY];
};

struct bc_age_identity {
	uint8_t secret[BC_AGE_KEY], public[BC_AGE_KEY];
};

struct bc_age_identities {
	size_t n;
	struct bc_age_identity key[BC_AGE_KEYS_MAX];
};

/* Files with keys that a command line names, until they can be read. Borrowed. */
struct bc_age_files {
	size_t n;
	const char *path[BC_AGE_KEYS_MAX];
};

/* One more. 0, or -E2BIG with a line in err. */
int bc_age_files_add(struct bc_age_files *f, const char *path, struct bc_err *err);

/* One more, of text. 0; -EINVAL: it is none, or -E2BIG: there are too many, with a line in err, which never quotes a secret key. */
int bc_age_recipient_add(struct bc_age_recipients *r, const char *text, struct bc_err *err);
/* Those of a file: one a line; lines with # and empty ones are passed over. Errors alike, and of open(2). */
int bc_age_recipients_read(struct bc_age_recipients *r, const char *path, struct bc_err *err);

/* Those of a file, as age-keygen and bc_age_identity_text() write them. Errors alike; -EACCES: others than its owner may read it. */
int bc_age_identities_read(struct bc_age_identities *i, const char *path, struct bc_err *err);
/* Their secrets are forgotten. */
void bc_age_identities_wipe(struct bc_age_identities *i);

/* A new one. 0, or -EIO: there is no randomness. */
int bc_age_identity_make(struct bc_age_identity *ret);
void bc_age_recipient_text(const uint8_t public[BC_AGE_KEY], char ret[BC_AGE_RECIPIENT_SIZE]);
void bc_age_identity_text(const struct bc_age_identity *i, char ret[BC_AGE_IDENTITY_SIZE]);

/* X25519 of a secret and a public key; public: NULL: of the base point. 0, or -EINVAL: all that comes out is zero. */
int bc_age_x25519(const uint8_t secret[BC_AGE_KEY], const uint8_t *public, uint8_t ret[BC_AGE_KEY]);

#endif
