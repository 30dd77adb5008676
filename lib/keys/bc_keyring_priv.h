/* SPDX-License-Identifier: BSD-3-Clause */
/* What the keyring is asked, and its side of it; nobody else includes this. */
#ifndef BC_KEYRING_PRIV_H
#define BC_KEYRING_PRIV_H

#include "bc_apart.h"
#include "bc_keyring.h"

enum { BC_KEYRING_READ, BC_KEYRING_CERTIFICATES, BC_KEYRING_SIGN, BC_KEYRING_FORGET };

/* What is to be signed follows. */
struct bc_keyring_ask {
	int32_t what;
	uint32_t key;		/* READ, CERTIFICATES: which of those that it was told of. Otherwise what READ returned */
	int32_t md, padding;	/* SIGN: of struct bc_how */
};

/* Behind result, or a descriptor of CERTIFICATES: READ, its public half in DER, or why not, as text; SIGN, the signature. */
struct bc_keyring_answer {
	int32_t result;		/* of READ: a number; otherwise 0; or a negative errno */
};

_Static_assert(BC_KEYRING_TEXT_MAX + sizeof(struct bc_keyring_ask) <= BC_APART_BYTES, "what is signed fits");
_Static_assert(BC_KEYRING_SIGNATURE_MAX + sizeof(struct bc_keyring_answer) <= BC_APART_BYTES, "a signature fits");

#define BC_KEYRING_KEYS 64U	/* that it holds at a time */

struct bc_keyring_server {
	const struct bc_keyring_config *cfg;
	struct bc_keyring_held {
		EVP_PKEY *key;
		unsigned of;		/* the one of those that it was told of */
		unsigned readers;	/* 0: free */
	} held[BC_KEYRING_KEYS];
};

/* What bc_keyring_certificates() returns; path and fd as in bc_keyring_pem(). A descriptor, or a negative errno. */
int bc_keyring_copy_certificates(const char *path, int fd);

/* Of bc_apart_config; ctx is the server. */
int bc_keyring_begin(void *ctx, struct bc_err *err);
void bc_keyring_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer);

#endif
