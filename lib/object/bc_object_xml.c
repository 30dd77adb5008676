/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_time.h"

#define DEPTH_MAX 8
#define TEXT_MAX 4096
#define PATH_BYTES (DEPTH_MAX * 64)

/* One document: the path of the element that is open, and its text. */
struct parse {
	XML_Parser xml;
	char path[PATH_BYTES];	/* "ListBucketResult/Contents/Key" */
	unsigned depth;
	char text[TEXT_MAX];
	size_t n;
	int r;
	int (*leaf)(struct parse *p, const char *path, char *text);	/* an element ends */
	void *ctx;
};

static void fail(struct parse *p, int r)
{
	if (!p->r)
		p->r = r;
	XML_StopParser(p->xml, XML_FALSE);
}

static void on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct parse *p = data;
	size_t n = strlen(p->path), len = strlen(name);

	if (p->r)
		return;
	if (++p->depth > DEPTH_MAX || n + len + 2 > sizeof(p->path)) {
		fail(p, -EBADMSG);
		return;
	}
	if (n)
		p->path[n++] = '/';
	memcpy(p->path + n, name, len + 1);
	p->n = 0;
}

static void on_end(void *data, const XML_Char *name)
{
	struct parse *p = data;
	char *slash;
	int r;

	if (p->r)
		return;
	p->text[p->n] = '\0';
	r = p->leaf(p, p->path, p->text);
	if (r)
		fail(p, r);
	slash = strrchr(p->path, '/');
	*(slash ? slash : p->path) = '\0';
	p->depth--;
	p->n = 0;
}

static void on_text(void *data, const XML_Char *s, int len)
{
	struct parse *p = data;

	if (p->r)
		return;
	if (p->n + (size_t)len >= sizeof(p->text)) {
		fail(p, -EBADMSG);
		return;
	}
	memcpy(p->text + p->n, s, (size_t)len);
	p->n += (size_t)len;
}

/* Without a document type there are no entities but XML's own five. */
static void on_doctype(void *data, const XML_Char *name, const XML_Char *system, const XML_Char *public, int has_subset)
{
	fail(data, -EBADMSG);
}

static int parse(const char *xml, size_t len, int (*leaf)(struct parse *p, const char *path, char *text), void *ctx)
{
	struct parse *p = calloc(1, sizeof(*p));
	enum XML_Status status;
	int r;

	if (!p || !(p->xml = XML_ParserCreate("UTF-8")) || len > INT32_MAX) {
		r = p && p->xml ? -EBADMSG : -ENOMEM;
		if (p && p->xml)
			XML_ParserFree(p->xml);
		free(p);
		return r;
	}
	p->leaf = leaf;
	p->ctx = ctx;
	XML_SetUserData(p->xml, p);
	XML_SetElementHandler(p->xml, on_start, on_end);
	XML_SetCharacterDataHandler(p->xml, on_text);
	XML_SetStartDoctypeDeclHandler(p->xml, on_doctype);
	status = XML_Parse(p->xml, xml, (int)len, 1);
	r = p->r ? p->r : status == XML_STATUS_OK ? 0 : -EBADMSG;
	XML_ParserFree(p->xml);
	free(p);
	return r;
}

/* What is behind prefix in path, or NULL. */
static const char *below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static int keep(char *ret, size_t cap, const char *text)
{
	size_t n = strlen(text);

	if (n >= cap)
		return -EBADMSG;
	memcpy(ret, text, n + 1);
	return 0;
}

/* An ETag is quoted as a rule, not in all stores. */
static int keep_etag(char ret[BC_ETAG_MAX], const char *text)
{
	size_t n = strlen(text);

	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text++;
		n -= 2;
	}
	if (n >= BC_ETAG_MAX || strcspn(text, "\"<>&\r\n") < n)
		return -EBADMSG;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return 0;
}

static int number(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!text[0])
		return -EBADMSG;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > (max - (uint64_t)(*text - '0')) / 10)
			return -EBADMSG;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*ret = v;
	return 0;
}

uint64_t bc_object_time(const char *text)
{
	struct tm tm = { .tm_year = 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t ns = 0, unit = BC_NS_PER_S / 10;
	time_t t;

	if (!end)
		return 0;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
			ns += unit * (uint64_t)(*end - '0');
	t = timegm(&tm);
	return strcmp(end, "Z") == 0 && t > 0 ? (uint64_t)t * BC_NS_PER_S + ns : 0;
}

static int error_leaf(struct parse *p, const char *path, char *text)
{
	struct bc_object_error *e = p->ctx;

	/* A message may be cut off: it is for people. */
	if (strcmp(path, "Error/Code") == 0)
		snprintf(e->code, sizeof(e->code), "%s", text);
	else if (strcmp(path, "Error/Message") == 0)
		snprintf(e->message, sizeof(e->message), "%s", text);
	else if (strcmp(path, "Error/Region") == 0)
		snprintf(e->region, sizeof(e->region), "%s", text);
	return 0;
}

int bc_object_xml_error(const char *xml, size_t len, struct bc_object_error *ret)
{
	struct bc_object_error e = { .code = "" };
	int r = parse(xml, len, error_leaf, &e);

	if (!r && !e.code[0])
		r = -EBADMSG;
	if (!r)
		*ret = e;
	return r;
}

struct list {
	const char *want_prefix;
	const struct bc_object_list_ops *ops;
	void *ctx;
	struct bc_object_page page;
	bool right;		/* the root is what it should be */
	char key[BC_KEY_MAX], etag[BC_ETAG_MAX];
	struct bc_object_entry entry;
};

static int keep_key(struct list *l, char *text)
{
	if (!bc_uri_decode(text) || strncmp(text, l->want_prefix, strlen(l->want_prefix)))
		return -EBADMSG;
	return keep(l->key, sizeof(l->key), text);
}

static int one_more(struct list *l)
{
	return ++l->page.entries > BC_OBJECT_PAGE || !l->key[0] ? -EBADMSG : 0;
}

static int object_leaf(struct list *l, const char *what, char *text)
{
	if (strcmp(what, "/Key") == 0)
		return keep_key(l, text);
	if (strcmp(what, "/Size") == 0)
		return number(text, INT64_MAX, &l->entry.size);
	if (strcmp(what, "/ETag") == 0)
		return keep_etag(l->etag, text);
	if (strcmp(what, "/LastModified") == 0)
		l->entry.modified_ns = bc_object_time(text);
	if (what[0])
		return 0;
	l->entry.key = l->key;
	l->entry.etag = l->etag;
	if (one_more(l))
		return -EBADMSG;
	return l->ops->object ? l->ops->object(l->ctx, &l->entry) : 0;
}

static int prefix_leaf(struct list *l, const char *what, char *text)
{
	if (strcmp(what, "/Prefix") == 0)
		return keep_key(l, text);
	if (what[0])
		return 0;
	if (one_more(l))
		return -EBADMSG;
	return l->ops->prefix ? l->ops->prefix(l->ctx, l->key) : 0;
}

static int list_leaf(struct parse *p, const char *path, char *text)
{
	struct list *l = p->ctx;
	const char *what = below(path, "ListBucketResult/Contents");
	int r = 0;

	if (what && !(r = object_leaf(l, what, text)) && !what[0]) {
		l->entry = (struct bc_object_entry){ .size = 0 };
		l->key[0] = l->etag[0] = '\0';
	}
	if (what)
		return r;
	what = below(path, "ListBucketResult/CommonPrefixes");
	if (what && !(r = prefix_leaf(l, what, text)) && !what[0])
		l->key[0] = '\0';
	if (what)
		return r;
	if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
		l->page.truncated = strcmp(text, "true") == 0;
	else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
		r = keep(l->page.next, sizeof(l->page.next), text);
	else if (strcmp(path, "ListBucketResult") == 0)
		l->right = true;
	return r;
}

int bc_object_xml_list(const char *xml, size_t len, const char *want_prefix, const struct bc_object_list_ops *ops, void *ctx,
		       struct bc_object_page *ret)
{
	struct list l = { .want_prefix = want_prefix, .ops = ops, .ctx = ctx };
	int r = parse(xml, len, list_leaf, &l);

	if (!r && (!l.right || (l.page.truncated && !l.page.next[0])))
		r = -EBADMSG;
	if (!r)
		*ret = l.page;
	return r;
}

struct value {
	const char *root, *path;
	char *ret;
	size_t cap;
	bool etag;
	bool right;	/* the root is what it should be */
};

static int value_leaf(struct parse *p, const char *path, char *text)
{
	struct value *v = p->ctx;

	v->right |= strcmp(path, v->root) == 0;
	if (strcmp(path, v->path))
		return 0;
	return v->etag ? keep_etag(v->ret, text) : keep(v->ret, v->cap, text);
}

static int one_value(const char *xml, size_t len, struct value *v)
{
	int r;

	v->ret[0] = '\0';
	r = parse(xml, len, value_leaf, v);
	return r ? r : v->right ? 0 : -EBADMSG;
}

int bc_object_xml_upload_id(const char *xml, size_t len, char ret[BC_OBJECT_TOKEN_MAX])
{
	struct value v = { "InitiateMultipartUploadResult", "InitiateMultipartUploadResult/UploadId", ret, BC_OBJECT_TOKEN_MAX, false, false };
	int r = one_value(xml, len, &v);

	return r ? r : ret[0] ? 0 : -EBADMSG;
}

int bc_object_xml_completed(const char *xml, size_t len, char ret_etag[BC_ETAG_MAX])
{
	struct value v = { "CompleteMultipartUploadResult", "CompleteMultipartUploadResult/ETag", ret_etag, BC_ETAG_MAX, true, false };

	return one_value(xml, len, &v);
}

struct parts {
	int (*part)(void *ctx, const struct bc_object_part *p);
	void *ctx;
	struct bc_object_part now;
	struct bc_object_more more;
	bool right;
};

static int part_leaf(struct parts *l, const char *what, char *text)
{
	uint64_t v;
	int r = 0;

	if (strcmp(what, "/PartNumber") == 0) {
		r = number(text, BC_OBJECT_PARTS_MAX, &v);
		l->now.number = r ? 0 : (unsigned)v;
	} else if (strcmp(what, "/Size") == 0) {
		r = number(text, INT64_MAX, &l->now.size);
	} else if (strcmp(what, "/ETag") == 0) {
		r = keep_etag(l->now.etag, text);
	} else if (!what[0]) {
		if (!l->now.number || ++l->more.entries > BC_OBJECT_PAGE)
			return -EBADMSG;
		r = l->part(l->ctx, &l->now);
		l->now = (struct bc_object_part){ .number = 0 };
	}
	return r;
}

static int parts_leaf(struct parse *p, const char *path, char *text)
{
	struct parts *l = p->ctx;
	const char *what = below(path, "ListPartsResult/Part");

	if (what && (!what[0] || what[0] == '/'))
		return part_leaf(l, what, text);
	if (strcmp(path, "ListPartsResult/IsTruncated") == 0)
		l->more.truncated = strcmp(text, "true") == 0;
	else if (strcmp(path, "ListPartsResult/NextPartNumberMarker") == 0)
		return keep(l->more.marker, sizeof(l->more.marker), text);
	else if (strcmp(path, "ListPartsResult") == 0)
		l->right = true;
	return 0;
}

int bc_object_xml_parts(const char *xml, size_t len, int (*part)(void *ctx, const struct bc_object_part *p), void *ctx,
			struct bc_object_more *ret)
{
	struct parts l = { .part = part, .ctx = ctx };
	int r = parse(xml, len, parts_leaf, &l);

	if (!r && (!l.right || (l.more.truncated && !l.more.marker[0])))
		r = -EBADMSG;
	if (!r)
		*ret = l.more;
	return r;
}

struct uploads {
	const char *want_prefix;
	int (*upload)(void *ctx, const struct bc_object_upload *u);
	void *ctx;
	char key[BC_KEY_MAX], id[BC_OBJECT_TOKEN_MAX];
	uint64_t begun_ns;
	struct bc_object_more more;
	bool right;
};

static int upload_leaf(struct uploads *l, const char *what, char *text)
{
	if (strcmp(what, "/Key") == 0)
		return bc_uri_decode(text) && strncmp(text, l->want_prefix, strlen(l->want_prefix)) == 0 ? keep(l->key, sizeof(l->key), text) :
		       -EBADMSG;
	if (strcmp(what, "/UploadId") == 0)
		return keep(l->id, sizeof(l->id), text);
	if (strcmp(what, "/Initiated") == 0)
		l->begun_ns = bc_object_time(text);
	return 0;
}

static int upload_end(struct uploads *l)
{
	const struct bc_object_upload u = { l->key, l->id, l->begun_ns };
	int r = !l->key[0] || !l->id[0] || ++l->more.entries > BC_OBJECT_PAGE ? -EBADMSG : l->upload(l->ctx, &u);

	l->key[0] = l->id[0] = '\0';
	l->begun_ns = 0;
	return r;
}

static int uploads_leaf(struct parse *p, const char *path, char *text)
{
	struct uploads *l = p->ctx;
	const char *what = below(path, "ListMultipartUploadsResult");

	if (!what)
		return 0;
	if (below(what, "/Upload/"))
		return upload_leaf(l, what + strlen("/Upload"), text);
	if (strcmp(what, "/Upload") == 0)
		return upload_end(l);
	if (strcmp(what, "/IsTruncated") == 0)
		l->more.truncated = strcmp(text, "true") == 0;
	else if (strcmp(what, "/NextKeyMarker") == 0)
		return bc_uri_decode(text) ? keep(l->more.key, sizeof(l->more.key), text) : -EBADMSG;
	else if (strcmp(what, "/NextUploadIdMarker") == 0)
		return keep(l->more.marker, sizeof(l->more.marker), text);
	else if (!what[0])
		l->right = true;
	return 0;
}

int bc_object_xml_uploads(const char *xml, size_t len, const char *want_prefix,
			  int (*upload)(void *ctx, const struct bc_object_upload *u), void *ctx, struct bc_object_more *ret)
{
	struct uploads l = { .want_prefix = want_prefix, .upload = upload, .ctx = ctx };
	int r = parse(xml, len, uploads_leaf, &l);

	if (!r && (!l.right || (l.more.truncated && !l.more.key[0])))
		r = -EBADMSG;
	if (!r)
		*ret = l.more;
	return r;
}
