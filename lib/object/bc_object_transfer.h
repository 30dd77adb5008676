/* SPDX-License-Identifier: BSD-3-Clause */
/* One request on its way: what libcurl is told, signed, and what of the answer is kept. */
#ifndef BC_OBJECT_TRANSFER_H
#define BC_OBJECT_TRANSFER_H

#include "bc_credentials.h"
#include "bc_curl.h"
#include "bc_object.h"
#include "bc_sigv4.h"

#define BC_OBJECT_ERROR_MAX 16384	/* of an answer that is no success, this much is looked at */
#define BC_OBJECT_BUFFER 262144		/* what libcurl takes at a time */
#define BC_OBJECT_HEADERS_MAX 65536	/* longer ones are no answer */

/* What a transfer needs to know of its client. The client's. */
struct bc_object_link {
	struct bc_object_place place;
	struct bc_credentials key;
	char where[BC_ENDPOINT_MAX + 16];
	uint32_t stall_seconds, connections;
	struct bc_rate *send_rate;
};

struct bc_object_transfer {
	struct bc_object_transfer *next;
	struct bc_object_request req;	/* with strings of its own */
	char sha256[BC_SHA256_HEX];
	char md5[33], md5_base64[32];
	unsigned attempts;
	uint64_t due_ns;		/* bc_mono_ns(): not before that */
	bool rekeyed;			/* other credentials have been tried */

	const struct bc_object_link *link;
	CURL *easy;			/* while it is under way */
	struct curl_slist *headers;
	char curl_text[CURL_ERROR_SIZE];
	size_t sent;			/* of the body */
	uint64_t paused_ns;		/* bc_mono_ns() since when the rate says wait; 0: it does not */

	/* The answer. */
	size_t header_bytes;
	size_t got;
	char *error_body;
	size_t error_len;
	char etag[BC_ETAG_MAX];
	char region[BC_REGION_MAX];
	char content_range[80];
	uint64_t content_length;
	uint64_t modified_ns;
	time_t date;
	unsigned retry_after_s;
	bool encrypted;
};

/* 0 and *ret; -ENOMEM; -EIO: no digest. Strings are copied. free takes NULL. */
int bc_object_transfer_new(const struct bc_object_request *req, struct bc_object_transfer **ret);
void bc_object_transfer_free(struct bc_object_transfer *t);

/* Set up and sign another attempt on easy, which the transfer then holds. 0, or -ENOMEM, -EIO, -ENAMETOOLONG. */
int bc_object_transfer_start(struct bc_object_transfer *t, const struct bc_object_link *link, CURL *easy);

/* The attempt has ended: the answer, with its line in err, which must live as long. */
void bc_object_transfer_end(struct bc_object_transfer *t, CURLcode code, struct bc_object_answer *ret, struct bc_err *err);

#endif
