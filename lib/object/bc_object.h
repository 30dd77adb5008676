/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests to object storage that speaks S3: many in flight over a few connections, signed, retried. A client belongs to one
 * thread at a time; several threads make a client each. Nothing here starts a thread (libcurl may, to resolve names) or prints.
 *
 * TLS is always verified. Redirects are not followed. Answers are bounded by what was asked for. A request that fails for a
 * reason that may pass (no connection, cut off, stalled, 429, 5xx, SlowDown) is made again, after a time that doubles and has
 * jitter, until its attempts are used up.
 *
 * bc_object_read.h and bc_object_write.h say what can be asked.
 */
#ifndef BC_OBJECT_H
#define BC_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_object_place.h"
#include "bc_object_xml.h"
#include "bc_rate.h"

#define BC_OBJECT_CONNECTIONS 16U
#define BC_OBJECT_ATTEMPTS 6U
#define BC_OBJECT_STALL_SECONDS 30U

struct bc_object_config {
	struct bc_object_settings settings;
	uint32_t connections;		/* 0: BC_OBJECT_CONNECTIONS; as many requests are in flight, further ones wait */
	uint32_t attempts;		/* of one request; 0: BC_OBJECT_ATTEMPTS */
	uint32_t stall_seconds;		/* without a byte, and the request has failed; 0: BC_OBJECT_STALL_SECONDS */
	struct bc_rate *send_rate;	/* for bodies that are sent; may be shared; NULL: no limit */
	const _Atomic bool *stop;	/* set by any thread, before bc_object_wake(): what waits for an answer ends with -ECANCELED; NULL: never */
};

/*
 * What a request can fail with, beside -ENOMEM. The line in words names the object and what to do.
 *
 *   -ENOENT        no such object, or no such multipart upload
 *   -ENODEV        no such bucket
 *   -EACCES        the key has no right to do this
 *   -EKEYREJECTED  the store does not know the key, or the secret is wrong
 *   -EKEYEXPIRED   the session's token has expired
 *   -ETIME         the clocks of this machine and of the store differ too much
 *   -EXDEV         the bucket is in another region, or at another endpoint
 *   -EEXIST        the object is there, and if_none_match was asked for
 *   -ESTALE        the object is not the one of if_match any more
 *   -ERANGE        the range lies behind the object's end (or the object is empty)
 *   -EPROTO        TLS: not the certificate that the CA file vouches for, or no TLS at all
 *   -EBADMSG       what came is no answer to this
 *   -EAGAIN        the store is overloaded or has a fault of its own (429, 5xx, SlowDown)
 *   -EHOSTUNREACH -ECONNREFUSED -ECONNRESET -ETIMEDOUT    no name, no connection, cut off, stalled
 *   -ECANCELED     bc_object_cancel(), or stop
 *   -EIO           the store refuses it for another reason, which the line has
 */

/* Could the same request succeed later without anybody's doing? */
bool bc_object_passes(int code);

/* What came of a request. Strings live until the callback returns. */
struct bc_object_answer {
	int code;			/* 0, or a negative errno of the above */
	const char *error;		/* a line; "" */
	uint64_t size;			/* of the whole object, where the answer tells */
	uint64_t from;			/* get: the first byte's place in the object */
	size_t bytes;			/* of the body */
	uint64_t modified_ns;		/* UTC; 0: not told */
	const char *etag;		/* without quotes; "" */
	bool encrypted;			/* with a key of the store's or of the user's: the ETag is then no MD5 */
	unsigned attempts;
};

typedef void (*bc_object_done)(void *ctx, const struct bc_object_answer *a);

struct bc_object_client;

/*
 * Finds endpoint, region, CA and credentials; does not connect. Strings are copied. 0 and *ret, or a negative errno and a line
 * in err. free: takes NULL; requests in flight are dropped without their callback, see bc_object_cancel().
 */
int bc_object_client_new(const struct bc_object_config *cfg, struct bc_object_client **ret, struct bc_err *err);
void bc_object_client_free(struct bc_object_client *c);

/* As a request. Everything that the caller names stays its own; what is sent or filled must stay until done was called. */
struct bc_object_request {
	const char *method;		/* constant text */
	const char *bucket;		/* copied, as are key and query */
	const char *key;		/* NULL: the bucket itself */
	const char *query;		/* encoded, by name; NULL: none */
	uint64_t from, len;		/* get: bytes from there; len 0: no range */
	bool suffix;			/* get: the last len bytes, or all if there are fewer */
	const char *if_match;		/* an ETag, copied; NULL */
	bool bare_match;		/* it is sent without quotes, as Ceph 16 wants it to put */
	bool if_none_match;		/* the object must not be there */
	const void *body;		/* sent */
	size_t body_len;
	bool md5;			/* with Content-MD5, which Object Lock wants */
	char *ret_md5;			/* 33 bytes for the body's MD5 in hex; NULL. Implies md5 */
	void *into;			/* the answer's body */
	size_t into_len;		/* what fits; more is -EBADMSG */
	bool slow;			/* the store may think for minutes before it answers */
	bc_object_done done;		/* called once from bc_object_run(); may submit more; NULL is none */
	void *ctx;
};

/* 0, or -ENOMEM, -EIO, -ENAMETOOLONG: done is not called. Sends nothing before bc_object_run(). */
int bc_object_submit(struct bc_object_client *c, const struct bc_object_request *r);

/*
 * Drives all requests: returns when at least one is done, or after wait_ms, or after bc_object_wake(). The number that are not
 * done yet, or a negative errno.
 */
int bc_object_run(struct bc_object_client *c, int wait_ms);

/* Any thread, also a signal's handler: a bc_object_run() that waits returns, or the next one. */
void bc_object_wake(struct bc_object_client *c);

/* Ends what is in flight and what waits: each done is called with -ECANCELED. */
void bc_object_cancel(struct bc_object_client *c);

/* One request to its end, not from a callback; others go on meanwhile. Its done is not called; 0, or the code of the answer with its line in err. ret may be NULL: no strings are in it. */
int bc_object_do(struct bc_object_client *c, const struct bc_object_request *r, struct bc_object_answer *ret,
		 char ret_etag[BC_ETAG_MAX], struct bc_err *err);

struct bc_object_stats {
	uint64_t requests;	/* sent, with those made again */
	uint64_t retries;
	uint64_t sent_bytes;	/* of bodies */
	uint64_t got_bytes;
};

/* Any thread. */
void bc_object_stats(const struct bc_object_client *c, struct bc_object_stats *ret);

/* "https://HOST": for people. */
const char *bc_object_where(const struct bc_object_client *c);

#endif
