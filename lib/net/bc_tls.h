/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What TLS connections are made with: X.509 certificates and whom to trust, read from PEM files. TLS 1.2 at least; there is no
 * anonymous mode. The application ignores SIGPIPE.
 */
#ifndef BC_TLS_H
#define BC_TLS_H

#include <stdbool.h>

#include "bc_err.h"

enum bc_tls_side { BC_TLS_CLIENT, BC_TLS_SERVER };

/* Each may be NULL but where it says otherwise. */
struct bc_tls_files {
	const char *cert;	/* the certificate and behind it what leads to the CA; a server must have one */
	const char *key;	/* the certificate's private key; NULL: it stands in cert */
	/*
	 * A file, or a folder that openssl-rehash(1) prepared: who signs the other side's certificates. NULL at a client: the
	 * system's CAs. NULL at a server: clients are not asked for certificates; otherwise each must show one.
	 */
	const char *ca;
	const char *crl;	/* revocation lists of all CAs that a chain can contain */
};

struct bc_keyring;
struct bc_keyring_key;
struct bc_tls;

/* What a keyring is to be told for these files (bc_keyring.h), which outlive it; false: they name no key. */
bool bc_tls_key(const struct bc_tls_files *files, struct bc_keyring_key *ret);

/*
 * Reads the files; the strings are copied. keyring: has the key, and outlives connections; NULL: without a certificate. 0 and *ret; or a
 * negative errno, and a line in err that names the file. free takes NULL; connections live on.
 */
int bc_tls_new(enum bc_tls_side side, const struct bc_tls_files *files, struct bc_keyring *keyring, struct bc_tls **ret, struct bc_err *err);
void bc_tls_free(struct bc_tls *t);

/*
 * Read the files again, for the connections that are made from now on; those that are up are not touched. 0; or a negative errno
 * and a line in err, and all is as it was. Any thread.
 */
int bc_tls_reload(struct bc_tls *t, struct bc_err *err);

#endif
