/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time stamps of RFC 3161 over a SHA-256: requests made, answers taken and checked, by OpenSSL. Answers are hostile input. Any thread, with
 * an object of its own.
 */
#ifndef BC_STAMP_H
#define BC_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_chain_record.h"
#include "bc_err.h"

#define BC_STAMP_ANSWER_MAX 32768U	/* bytes; authorities send 1 to 8 KiB, most of it certificates */
#define BC_STAMP_AUTHORITY_MAX 256

struct bc_stamp_request;

/* A request for that hash, with a nonce of its own. 0 and *ret, or -ENOMEM. free takes NULL. */
int bc_stamp_request_new(const uint8_t hash[BC_CHAIN_HASH], struct bc_stamp_request **ret);
void bc_stamp_request_free(struct bc_stamp_request *r);

/* What is sent, in DER; the request's own. */
const uint8_t *bc_stamp_request_der(const struct bc_stamp_request *r, size_t *ret_len);

/*
 * Is it the answer to r: granted, for its hash and nonce, and signed by the certificate in it? Whether that one is to be trusted
 * bc_stamp_check() finds. 0, or -EBADMSG with a line in err.
 */
int bc_stamp_accept(const struct bc_stamp_request *r, const uint8_t *answer, size_t len, struct bc_err *err);

/* Whose stamps are believed. */
struct bc_stamp_trust;

/* path: certificates in PEM; NULL: nobody's are. 0 and *ret, or -EINVAL, -ENOMEM with a line in err. free takes NULL. */
int bc_stamp_trust_new(const char *path, struct bc_stamp_trust **ret, struct bc_err *err);
void bc_stamp_trust_free(struct bc_stamp_trust *t);

struct bc_stamp_said {
	uint64_t time_s;	/* UTC: what was stamped was there by then; with the authority's own inaccuracy, rounded up */
	bool expired;		/* the certificate was valid then, and no longer is */
	char authority[BC_STAMP_AUTHORITY_MAX];	/* its subject, as RFC 2253 has it; printable */
};

/*
 * Is it a stamp of that hash, by an authority that was to be trusted at the time that it says? now_s: UTC. 0 and *ret, or -EBADMSG
 * with a line in err.
 */
int bc_stamp_check(struct bc_stamp_trust *t, const uint8_t hash[BC_CHAIN_HASH], const uint8_t *answer, size_t len, uint64_t now_s,
		   struct bc_stamp_said *ret, struct bc_err *err);

#endif
