/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/peer share of TLS; nobody else includes this. */
#ifndef BC_TLS_PRIV_H
#define BC_TLS_PRIV_H

#include <openssl/ssl.h>

#include "bc_tls.h"

/* A session with the files as they were read last; NULL without memory. SSL_free() is the caller's. */
SSL *bc_tls_session(struct bc_tls *t);

enum bc_tls_side bc_tls_side_of(const struct bc_tls *t);

#endif
