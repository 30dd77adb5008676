/* SPDX-License-Identifier: BSD-3-Clause */
/* Kept keys as keys of OpenSSL: a provider of it that has the keyring sign. */
#ifndef BC_KEY_PROVIDER_H
#define BC_KEY_PROVIDER_H

#include <openssl/evp.h>

#include "bc_err.h"
#include "bc_keyring.h"

struct bc_key_provider;

/* 0 and *ret, or a negative errno with a line in err. */
int bc_key_provider_new(struct bc_key_provider **ret, struct bc_err *err);
/* After all that was made with its library context. Takes NULL. */
void bc_key_provider_free(struct bc_key_provider *p);

/* A library context (OSSL_LIB_CTX(3)) with the system's settings, where kept keys work. */
OSSL_LIB_CTX *bc_key_provider_library(const struct bc_key_provider *p);

/* See bc_keyring_pkey(). Takes key, unless it returns NULL: it is of another kind, or there is no memory. */
EVP_PKEY *bc_key_provider_wrap(const struct bc_key_provider *p, struct bc_kept *key);

#endif
