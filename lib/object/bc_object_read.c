/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES (8U << 20)	/* of a page's XML: 1000 keys of 1024 bytes, each encoded, and what is beside them */
#define QUERY_MAX (3 * (BC_ENCODED_KEY_MAX + BC_OBJECT_TOKEN_MAX))
#define EMPTY_PAGES 16U		/* in a row, that go on none the less */

int bc_object_head(struct bc_object_client *c, const char *bucket, const char *key, bc_object_done done, void *ctx)
{
	const struct bc_object_request r = { .method = "HEAD", .bucket = bucket, .key = key, .done = done, .ctx = ctx };

	return bc_object_submit(c, &r);
}

int bc_object_get(struct bc_object_client *c, const char *bucket, const char *key, uint64_t from, size_t len, const char *if_match,
		  void *into, bc_object_done done, void *ctx)
{
	const struct bc_object_request r = {
		.method = "GET", .bucket = bucket, .key = key, .from = from, .len = len, .if_match = if_match, .into = into, .into_len = len,
		.done = done, .ctx = ctx,
	};

	return bc_object_submit(c, &r);
}

int bc_object_get_tail(struct bc_object_client *c, const char *bucket, const char *key, size_t len, void *into, bc_object_done done, void *ctx)
{
	const struct bc_object_request r = {
		.method = "GET", .bucket = bucket, .key = key, .len = len, .suffix = true, .into = into, .into_len = len,
		.done = done, .ctx = ctx,
	};

	return bc_object_submit(c, &r);
}

/* "&name=value", encoded; the names come in their order. */
static int add(char *query, const char *name, const char *value)
{
	size_t n = strlen(query);
	int r;

	r = snprintf(query + n, QUERY_MAX - n, "%s%s=", n ? "&" : "", name);
	if (r < 0 || (size_t)r >= QUERY_MAX - n)
		return -ENAMETOOLONG;
	n += (size_t)r;
	r = bc_uri_encode(value, false, query + n, QUERY_MAX - n);
	return r < 0 ? r : 0;
}

static int list_query(const struct bc_object_list *l, const char *token, const char *max_keys, char query[QUERY_MAX])
{
	int r = 0;

	query[0] = '\0';
	if (token[0])
		r = add(query, "continuation-token", token);
	if (!r && l->delimiter)
		r = add(query, "delimiter", l->delimiter);
	r = r ? r : add(query, "encoding-type", "url");
	r = r ? r : add(query, "list-type", "2");
	r = r ? r : add(query, "max-keys", max_keys);
	r = r ? r : add(query, "prefix", l->prefix);
	if (!r && l->after && !token[0])
		r = add(query, "start-after", l->after);
	return r;
}

/* One page; XML and query are room for it. */
static int list_page(struct bc_object_client *c, const struct bc_object_list *l, const char *max_keys, char *xml, char *query,
		     const struct bc_object_list_ops *ops, void *ctx, struct bc_object_page *page, struct bc_err *err)
{
	struct bc_object_request r = { .method = "GET", .bucket = l->bucket, .into = xml, .into_len = PAGE_BYTES };
	struct bc_object_answer a;
	struct bc_err none;
	int ret = list_query(l, page->next, max_keys, query);

	if (ret)
		return bc_err_set(err, ret, "s3://%s/%s: the prefix is too long", l->bucket, l->prefix);
	r.query = query;
	ret = bc_object_do(c, &r, &a, NULL, &none);
	if (ret)
		return bc_err_set(err, ret, "%s", none.msg);
	ret = bc_object_xml_list(xml, a.bytes, l->prefix, ops, ctx, page);
	if (ret == -EBADMSG)
		bc_err_set(err, ret, "s3://%s/%s at %s: what came is no list of objects", l->bucket, l->prefix, bc_object_where(c));
	return ret;
}

/* Entries are counted, pages must lead on. */
static int all_pages(struct bc_object_client *c, const struct bc_object_list *l, char *xml, char *query, const struct bc_object_list_ops *ops,
		     void *ctx, struct bc_err *err)
{
	struct bc_object_page page = { .truncated = true };
	char last[BC_OBJECT_TOKEN_MAX] = "";
	unsigned empty = 0;
	uint64_t n = 0;
	int r = 0;

	while (!r && page.truncated) {
		r = list_page(c, l, "1000", xml, query, ops, ctx, &page, err);
		if (r)
			return r;
		n += page.entries;
		empty = page.entries ? 0 : empty + 1;
		if (page.truncated && (empty > EMPTY_PAGES || strcmp(page.next, last) == 0))
			r = bc_err_set(err, -EBADMSG, "s3://%s/%s at %s: the list does not go on", l->bucket, l->prefix, bc_object_where(c));
		else if (l->most && n > l->most)
			r = bc_err_set(err, -E2BIG, "s3://%s/%s: there are more than %llu objects", l->bucket, l->prefix,
				       (unsigned long long)l->most);
		memcpy(last, page.next, sizeof(last));
	}
	return r;
}

int bc_object_list(struct bc_object_client *c, const struct bc_object_list *l, const struct bc_object_list_ops *ops, void *ctx,
		   struct bc_err *err)
{
	char *xml = malloc(PAGE_BYTES), *query = malloc(QUERY_MAX);
	int r = xml && query ? all_pages(c, l, xml, query, ops, ctx, err) : bc_err_set(err, -ENOMEM, "no memory for a list of objects");

	free(xml);
	free(query);
	return r;
}

int bc_object_check(struct bc_object_client *c, const char *bucket, struct bc_err *err)
{
	char xml[65536];
	const struct bc_object_request r = {
		.method = "GET", .bucket = bucket, .query = "list-type=2&max-keys=0", .into = xml, .into_len = sizeof(xml),
	};

	return bc_object_do(c, &r, NULL, NULL, err);
}
