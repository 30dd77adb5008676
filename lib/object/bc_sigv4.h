/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AWS Signature Version 4: the Authorization header of a request. Pure. Source: "Signature Version 4 signing process", AWS
 * documentation; the vectors of its test suite and of the S3 reference are in tests/unit/test_sigv4.c.
 */
#ifndef BC_SIGV4_H
#define BC_SIGV4_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "bc_credentials.h"

#define BC_SHA256_HEX 65	/* with the final zero */
#define BC_SIGV4_DATE 17	/* "20130524T000000Z" and the final zero */
#define BC_SIGV4_MAX 1024	/* of an Authorization header's value */
#define BC_SIGV4_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"	/* SHA-256 of no bytes */

struct bc_sigv4_header {
	const char *name;	/* in lower case */
	const char *value;	/* without spaces around it */
};

struct bc_sigv4_request {
	const char *method;
	const char *path;	/* encoded; "/" at least */
	const char *query;	/* encoded, by name, "a=b&uploads="; "" for none */
	const struct bc_sigv4_header *headers;	/* all that are signed, by name; host among them */
	size_t n_headers;
	const char *payload;	/* SHA-256 of the body in hex, or UNSIGNED-PAYLOAD */
};

/* The time as x-amz-date has it. */
void bc_sigv4_date(time_t when, char ret[BC_SIGV4_DATE]);

/* SHA-256 of bytes, in hex. 0, or -EIO: OpenSSL has none. */
int bc_sha256_hex(const void *data, size_t len, char ret[BC_SHA256_HEX]);

/* The value of Authorization. 0; -EIO: OpenSSL fails; -ENAMETOOLONG: it does not fit. */
int bc_sigv4_sign(const struct bc_credentials *key, const char *region, const char *service, const char *date,
		  const struct bc_sigv4_request *req, char ret[BC_SIGV4_MAX]);

#endif
