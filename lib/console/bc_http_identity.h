/* SPDX-License-Identifier: BSD-3-Clause */
/* What a server of HTTPS shows, and what signs for it: its certificates for GnuTLS, with a key that a keyring has. */
#ifndef BC_HTTP_IDENTITY_H
#define BC_HTTP_IDENTITY_H

#include "bc_err.h"
#include "bc_keyring.h"
#include "bc_mhd.h"

struct bc_http_identity;

/* What the keyring is to be told (bc_keyring.h). cert and key are files and outlive it; key may be NULL: it stands in cert. */
struct bc_keyring_key bc_http_identity_key(const char *cert, const char *key);

/*
 * cert: PEM; key: of the keyring, which outlives it. After bc_mhd_load(). One at a time in a process: GnuTLS does not say whose it wants. 0 and *ret,
 * or a negative errno with a line in err.
 */
int bc_http_identity_new(const char *cert, const char *key, struct bc_keyring *keyring, struct bc_http_identity **ret, struct bc_err *err);
/* After the server. Takes NULL. */
void bc_http_identity_free(struct bc_http_identity *i);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
int bc_http_identity_show(gnutls_session_t session, const gnutls_datum_t *names, int n_names, const gnutls_pk_algorithm_t *kinds, int n_kinds,
			  gnutls_pcert_st **ret, unsigned *ret_n, gnutls_privkey_t *ret_key);

#endif
