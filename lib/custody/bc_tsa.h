/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks a time stamping authority over HTTP (RFC 3161, 3.4), by libcurl. One thread. */
#ifndef BC_TSA_H
#define BC_TSA_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bc_stamp.h"

/* Can it be asked there: http[s]://HOST[:PORT][/PATH], with no user in it? 0, or -EINVAL with a line in err. */
int bc_tsa_url_check(const char *url, struct bc_err *err);

struct bc_tsa;

/* A checked URL, which is copied. *cancel ends what is asked, within about a second; it outlives it. 0 and *ret, or -ENOENT, -ENOMEM with a line in err. */
int bc_tsa_new(const char *url, const _Atomic bool *cancel, struct bc_tsa **ret, struct bc_err *err);
/* Takes NULL. */
void bc_tsa_free(struct bc_tsa *t);

/*
 * Send it, and wait for what comes, 30 seconds at the most. 0, and in answer the *ret_len bytes, of which nothing was looked at;
 * -ECANCELED; or -EIO with a line in err: nobody answers, an HTTP error, or too much.
 */
int bc_tsa_ask(struct bc_tsa *t, const struct bc_stamp_request *r, uint8_t answer[BC_STAMP_ANSWER_MAX], size_t *ret_len, struct bc_err *err);

#endif
