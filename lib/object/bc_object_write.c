/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX 65536U
#define PAGE_BYTES (8U << 20)
#define PART_XML 256U		/* "<Part>...</Part>" */
#define QUERY_MAX (2 * 3 * (BC_OBJECT_TOKEN_MAX + BC_KEY_MAX))

int bc_object_put(struct bc_object_client *c, const char *bucket, const char *key, const void *data, size_t len, bool if_none_match,
		  char ret_md5[33], bc_object_done done, void *ctx)
{
	const struct bc_object_request r = {
		.method = "PUT", .bucket = bucket, .key = key, .body = data, .body_len = len, .if_none_match = if_none_match, .ret_md5 = ret_md5,
		.done = done, .ctx = ctx,
	};

	return bc_object_submit(c, &r);
}

/* "before uploadId=...", encoded. */
static int with_id(char *query, const char *before, const char *upload_id)
{
	int n = snprintf(query, QUERY_MAX, "%suploadId=", before);

	n = n < QUERY_MAX ? bc_uri_encode(upload_id, false, query + n, (size_t)(QUERY_MAX - n)) : -ENAMETOOLONG;
	return n < 0 ? n : 0;
}

int bc_object_put_part(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id, unsigned number,
		       const void *data, size_t len, char ret_md5[33], bc_object_done done, void *ctx)
{
	char query[QUERY_MAX], before[32];
	const struct bc_object_request r = {
		.method = "PUT", .bucket = bucket, .key = key, .query = query, .body = data, .body_len = len, .md5 = true, .ret_md5 = ret_md5,
		.done = done, .ctx = ctx,
	};
	int ret;

	snprintf(before, sizeof(before), "partNumber=%u&", number);
	ret = with_id(query, before, upload_id);
	return ret ? ret : bc_object_submit(c, &r);
}

static int bad_answer(struct bc_object_client *c, const char *bucket, const char *key, struct bc_err *err)
{
	return bc_err_set(err, -EBADMSG, "s3://%s/%s at %s: what came is not what was asked for", bucket, key, bc_object_where(c));
}

int bc_object_begin(struct bc_object_client *c, const char *bucket, const char *key, char ret_id[BC_OBJECT_TOKEN_MAX], struct bc_err *err)
{
	char xml[ANSWER_MAX];
	const struct bc_object_request r = {
		.method = "POST", .bucket = bucket, .key = key, .query = "uploads=", .into = xml, .into_len = sizeof(xml),
	};
	struct bc_object_answer a;
	int ret = bc_object_do(c, &r, &a, NULL, err);

	if (ret)
		return ret;
	return bc_object_xml_upload_id(xml, a.bytes, ret_id) ? bad_answer(c, bucket, key, err) : 0;
}

/* The list of parts; to be freed. An ETag has none of XML's own characters: see bc_object_xml.c. */
static char *parts_xml(const struct bc_object_part *parts, unsigned n, size_t *ret_len)
{
	const size_t cap = 64 + (size_t)n * PART_XML;
	char *xml = malloc(cap);
	size_t len;

	if (!xml)
		return NULL;
	len = (size_t)sprintf(xml, "<CompleteMultipartUpload>");
	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(xml + len, "<Part><PartNumber>%u</PartNumber><ETag>&quot;%.127s&quot;</ETag></Part>", parts[i].number,
				       parts[i].etag);
	*ret_len = len + (size_t)sprintf(xml + len, "</CompleteMultipartUpload>");
	return xml;
}

/* A store that has said 200 OK can find a fault later, in the body. */
static int completed(struct bc_object_client *c, const struct bc_object_request *r, const char *xml, size_t len, char ret_etag[BC_ETAG_MAX],
		     struct bc_err *err)
{
	struct bc_object_error e;

	if (bc_object_xml_completed(xml, len, ret_etag) == 0)
		return 0;
	if (bc_object_xml_error(xml, len, &e))
		return bad_answer(c, r->bucket, r->key, err);
	return bc_err_set(err, strcmp(e.code, "PreconditionFailed") == 0 ? -EEXIST : -EAGAIN, "s3://%s/%s at %s: %s: %s", r->bucket, r->key,
			  bc_object_where(c), e.code, e.message);
}

int bc_object_complete(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id,
		       const struct bc_object_part *parts, unsigned n, bool if_none_match, char ret_etag[BC_ETAG_MAX], struct bc_err *err)
{
	char query[QUERY_MAX], answer[ANSWER_MAX];
	struct bc_object_request r = {
		.method = "POST", .bucket = bucket, .key = key, .query = query, .into = answer, .into_len = sizeof(answer),
		.if_none_match = if_none_match, .slow = true,
	};
	char *xml = parts_xml(parts, n, &r.body_len);
	struct bc_object_answer a;
	int ret = xml ? with_id(query, "", upload_id) : -ENOMEM;

	if (ret) {
		free(xml);
		return bc_err_set(err, ret, "s3://%s/%s: %s", bucket, key, strerror(-ret));
	}
	r.body = xml;
	ret = bc_object_do(c, &r, &a, NULL, err);
	free(xml);
	return ret ? ret : completed(c, &r, answer, a.bytes, ret_etag, err);
}

int bc_object_abort(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id, struct bc_err *err)
{
	char query[QUERY_MAX], answer[ANSWER_MAX];
	const struct bc_object_request r = {
		.method = "DELETE", .bucket = bucket, .key = key, .query = query, .into = answer, .into_len = sizeof(answer),
	};
	int ret = with_id(query, "", upload_id);

	return ret ? bc_err_set(err, ret, "s3://%s/%s: %s", bucket, key, strerror(-ret)) : bc_object_do(c, &r, NULL, NULL, err);
}

static bool leads_on(const struct bc_object_more *now, const struct bc_object_more *before)
{
	return now->entries && (strcmp(now->marker, before->marker) || strcmp(now->key, before->key));
}

int bc_object_parts(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id,
		    int (*part)(void *ctx, const struct bc_object_part *p), void *ctx, struct bc_err *err)
{
	char query[QUERY_MAX], before[64 + BC_OBJECT_TOKEN_MAX], *xml = malloc(PAGE_BYTES);
	struct bc_object_request r = { .method = "GET", .bucket = bucket, .key = key, .query = query, .into = xml, .into_len = PAGE_BYTES };
	struct bc_object_more more = { .truncated = true }, last = more;
	struct bc_object_answer a;
	int ret = xml ? 0 : bc_err_set(err, -ENOMEM, "no memory for a list of parts");

	while (!ret && more.truncated) {
		last = more;
		snprintf(before, sizeof(before), "max-parts=1000&part-number-marker=%u&", (unsigned)strtoul(more.marker, NULL, 10));
		ret = with_id(query, before, upload_id);
		ret = ret ? bc_err_set(err, ret, "s3://%s/%s: %s", bucket, key, strerror(-ret)) : bc_object_do(c, &r, &a, NULL, err);
		if (ret)
			break;
		ret = bc_object_xml_parts(xml, a.bytes, part, ctx, &more);
		if (ret == -EBADMSG || (!ret && more.truncated && !leads_on(&more, &last)))
			ret = bad_answer(c, bucket, key, err);
	}
	free(xml);
	return ret;
}

static int uploads_query(char *query, const struct bc_object_more *more, const char *prefix)
{
	char key[BC_ENCODED_KEY_MAX], start[BC_ENCODED_KEY_MAX], marker[3 * BC_OBJECT_TOKEN_MAX];
	int r = bc_uri_encode(more->key, false, key, sizeof(key));

	r = r < 0 ? r : bc_uri_encode(prefix, false, start, sizeof(start));
	r = r < 0 ? r : bc_uri_encode(more->marker, false, marker, sizeof(marker));
	if (r < 0)
		return r;
	r = snprintf(query, QUERY_MAX, "encoding-type=url&key-marker=%s&max-uploads=1000&prefix=%s&upload-id-marker=%s&uploads=", key, start, marker);
	return r < QUERY_MAX ? 0 : -ENAMETOOLONG;
}

int bc_object_uploads(struct bc_object_client *c, const char *bucket, const char *prefix,
		      int (*upload)(void *ctx, const struct bc_object_upload *u), void *ctx, struct bc_err *err)
{
	char query[QUERY_MAX], *xml = malloc(PAGE_BYTES);
	struct bc_object_request r = { .method = "GET", .bucket = bucket, .query = query, .into = xml, .into_len = PAGE_BYTES };
	struct bc_object_more more = { .truncated = true }, last = more;
	struct bc_object_answer a;
	int ret = xml ? 0 : bc_err_set(err, -ENOMEM, "no memory for a list of uploads");

	while (!ret && more.truncated) {
		last = more;
		ret = uploads_query(query, &more, prefix);
		ret = ret ? bc_err_set(err, ret, "s3://%s/%s: %s", bucket, prefix, strerror(-ret)) : bc_object_do(c, &r, &a, NULL, err);
		if (ret)
			break;
		ret = bc_object_xml_uploads(xml, a.bytes, prefix, upload, ctx, &more);
		if (ret == -EBADMSG || (!ret && more.truncated && !leads_on(&more, &last)))
			ret = bad_answer(c, bucket, prefix, err);
	}
	free(xml);
	return ret;
}

int bc_object_remove(struct bc_object_client *c, const char *bucket, const char *key, struct bc_err *err)
{
	char answer[ANSWER_MAX];
	const struct bc_object_request r = { .method = "DELETE", .bucket = bucket, .key = key, .into = answer, .into_len = sizeof(answer) };

	return bc_object_do(c, &r, NULL, NULL, err);
}
