/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The XML that a store answers with. Hostile input: no document type, no entities of its own, depth, lengths and numbers of
 * entries bounded; what is not asked for is skipped. Pure. Source: Amazon S3 API reference.
 */
#ifndef BC_OBJECT_XML_H
#define BC_OBJECT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_object_name.h"

#define BC_OBJECT_TOKEN_MAX 2048	/* continuation tokens, upload ids; with the final zero */
#define BC_ETAG_MAX 128			/* without quotes */
#define BC_OBJECT_PAGE 1000		/* entries of a page, at most */
#define BC_OBJECT_PARTS_MAX 10000

/* <Error>. What is absent is "". */
struct bc_object_error {
	char code[64];
	char message[256];
	char region[64];
};

/* An object of a list. Strings live until the callback returns. */
struct bc_object_entry {
	const char *key;
	uint64_t size;
	uint64_t modified_ns;	/* UTC; 0: not told */
	const char *etag;
};

/* ListObjectsV2 with encoding-type=url. Either may be NULL. A negative return ends it, and is returned. */
struct bc_object_list_ops {
	int (*object)(void *ctx, const struct bc_object_entry *e);
	int (*prefix)(void *ctx, const char *prefix);	/* CommonPrefixes, with a delimiter */
};

struct bc_object_page {
	bool truncated;
	unsigned entries;	/* objects and prefixes */
	char next[BC_OBJECT_TOKEN_MAX];
};

/* ListParts. */
struct bc_object_part {
	unsigned number;	/* from 1 */
	uint64_t size;
	char etag[BC_ETAG_MAX];
};

/* ListMultipartUploads. Strings live until the callback returns. */
struct bc_object_upload {
	const char *key;
	const char *id;
	uint64_t begun_ns;	/* UTC; 0: not told */
};

/* Where the next page begins: of uploads, or of parts (marker only). */
struct bc_object_more {
	bool truncated;
	unsigned entries;
	char key[BC_KEY_MAX];
	char marker[BC_OBJECT_TOKEN_MAX];
};

/*
 * Each: 0, or -EBADMSG: it is not that; or what a callback returned. Entries that were called back before that are none the
 * less true. want_prefix: each key must begin with it.
 */
int bc_object_xml_error(const char *xml, size_t len, struct bc_object_error *ret);
int bc_object_xml_list(const char *xml, size_t len, const char *want_prefix, const struct bc_object_list_ops *ops, void *ctx,
		       struct bc_object_page *ret);
int bc_object_xml_upload_id(const char *xml, size_t len, char ret[BC_OBJECT_TOKEN_MAX]);
/* "": the store does not tell, as Ceph 16 the first time. */
int bc_object_xml_completed(const char *xml, size_t len, char ret_etag[BC_ETAG_MAX]);
int bc_object_xml_parts(const char *xml, size_t len, int (*part)(void *ctx, const struct bc_object_part *p), void *ctx,
			struct bc_object_more *ret);
int bc_object_xml_uploads(const char *xml, size_t len, const char *want_prefix,
			  int (*upload)(void *ctx, const struct bc_object_upload *u), void *ctx, struct bc_object_more *ret);

/* "2026-11-29T07:36:22.123Z" as UTC ns; 0: it is no such time. */
uint64_t bc_object_time(const char *text);

#endif
