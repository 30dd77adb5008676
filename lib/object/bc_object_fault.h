/* SPDX-License-Identifier: BSD-3-Clause */
/* What went wrong with a request: of what libcurl and the store say, a code of bc_object.h and a line for people. Pure. */
#ifndef BC_OBJECT_FAULT_H
#define BC_OBJECT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_object_outcome {
	int curl;		/* CURLcode */
	const char *curl_text;	/* what libcurl adds; "" */
	long status;		/* of HTTP; 0: none came */
	const char *body;	/* of an answer that is no success; may be cut off, need not be XML */
	size_t body_len;
	const char *region;	/* x-amz-bucket-region; "" */
	int64_t clock_ahead_s;	/* of this machine's, by the answer's Date; 0: not known */
	bool if_match;		/* 412 means that the object has changed */
	bool range;
	const char *where;	/* "https://HOST" */
	const char *bucket;
	const char *key;	/* NULL: none */
};

/* 0 for a success; or a code, and its line in err. */
int bc_object_fault(const struct bc_object_outcome *o, struct bc_err *err);

#endif
