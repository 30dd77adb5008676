/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that keeps private keys and signs with them, for a program that reads what others send: they are not in its memory, so
 * who takes it over has things signed while he is there, and cannot carry a key away. It reads the files that it was told of at its begin, and
 * no others.
 */
#ifndef BC_KEYRING_H
#define BC_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "bc_err.h"

#define BC_KEYRING_SIGNATURE_MAX 2048U	/* RSA of 16384 bits */
#define BC_KEYRING_TEXT_MAX 8000U	/* what Ed25519 and Ed448 sign, which is not hashed before */

#define BC_KEYRING_ENDED "the process that keeps the private keys has ended: start again when it suits"

struct bc_keyring;
struct bc_kept;

/* What a key is for. Both are called in the process apart. */
struct bc_key_purpose {
	/*
	 * What is in the file. fd: where path names a descriptor of the program's, this is it, and open; otherwise -1. owner: who asks, for
	 * messages. 0 and *ret, or a negative errno with a line in err.
	 */
	int (*read)(const char *path, const char *owner, int fd, EVP_PKEY **ret, struct bc_err *err);
	/* Is this what such a key signs? NULL: whatever it is. */
	bool (*may_sign)(const uint8_t *data, size_t len);
};

struct bc_keyring_key {
	const char *path, *owner;
	const struct bc_key_purpose *purpose;
};

struct bc_keyring_config {
	const struct bc_keyring_key *key;	/* it and its strings: borrowed until bc_keyring_free() */
	unsigned n;
	bool no_sandbox;
	/* In the new process, before it gives up rights. May be NULL. */
	void (*begin)(void *ctx);
	void *ctx;
};

/*
 * Before other threads. It keeps the user and of the capabilities the one to read any file, so that a key may be hidden from the user
 * that the program goes on as. Nothing is read yet. 0 and *ret, or a negative errno with a line in err.
 */
int bc_keyring_new(const struct bc_keyring_config *cfg, struct bc_keyring **ret, struct bc_err *err);

/* Any thread: it has ended before its time, and signs nothing any more. One that has not answered for ten seconds counts as ended. */
bool bc_keyring_has_ended(struct bc_keyring *k);

/* Its process; 0: it has ended. */
int bc_keyring_pid(struct bc_keyring *k);

/* After all that was made with it. Takes NULL. */
void bc_keyring_free(struct bc_keyring *k);

/*
 * Read a file, now; what was read of it before stays as it was. Any thread. 0 and *ret; -EPIPE: the keyring has ended; or another negative
 * errno; with a line in err.
 */
int bc_keyring_read(struct bc_keyring *k, const char *path, struct bc_kept **ret, struct bc_err *err);

/*
 * The certificates in such a file, where they stand beside the key, in PEM: a descriptor of memory, or a negative errno. -EPIPE: the keyring
 * has ended. Any thread.
 */
int bc_keyring_certificates(struct bc_keyring *k, const char *path);

/* Its public half, borrowed. */
EVP_PKEY *bc_kept_public(const struct bc_kept *key);

enum bc_padding { BC_PADDING_NONE, BC_PADDING_PKCS1, BC_PADDING_PSS };

struct bc_how {
	int md;			/* NID of the hash that data is; Ed25519 and Ed448: 0 */
	enum bc_padding padding;	/* of RSA. PSS has a salt of the hash's length */
};

/*
 * Any thread. *ret_len: from the room to the signature's length. 0, -EPIPE: the keyring has ended; -E2BIG: too long; -EACCES: this key does
 * not sign such a thing; or another negative errno.
 */
int bc_kept_sign(struct bc_kept *key, const struct bc_how *how, const uint8_t *data, size_t len, uint8_t *ret, size_t *ret_len);

/* The keyring forgets it. Takes NULL. */
void bc_kept_free(struct bc_kept *key);

/*
 * A file's key, read now, as a key of OpenSSL that has the keyring sign as TLS does (EVP_DigestSign(3) in one call): RSA, EC, Ed25519,
 * Ed448. Errors of bc_keyring_read(). EVP_PKEY_free() is the caller's.
 */
int bc_keyring_pkey(struct bc_keyring *k, const char *path, EVP_PKEY **ret, struct bc_err *err);

/* With this library context, and these properties, OpenSSL uses such keys. NULL without a keyring. */
OSSL_LIB_CTX *bc_keyring_library(const struct bc_keyring *k);
#define BC_KEYRING_PROPERTIES "?provider!=braidcap"

/*
 * The private key in PEM, without passphrase, read so that nothing of it stays behind: from fd or, if that is -1, from path. NULL:
 * OpenSSL's errors say why, PEM_R_BAD_PASSWORD_READ that it has a passphrase.
 */
EVP_PKEY *bc_keyring_pem(const char *path, int fd);

#endif
