/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bc_object_fault.h"
#include "bc_time.h"

#define CONNECT_MS 10000L
#define SLOW_FACTOR 10L
#define SLOWEST 4096U		/* bytes a second, over the whole of a transfer */

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static int digest(struct bc_object_transfer *t)
{
	const struct bc_object_request *r = &t->req;
	unsigned char md5[16];

	if (!r->body_len)
		strcpy(t->sha256, BC_SIGV4_EMPTY);
	else if (bc_sha256_hex(r->body, r->body_len, t->sha256))
		return -EIO;
	if (!r->md5 && !r->ret_md5)
		return 0;
	if (!EVP_Digest(r->body, r->body_len, md5, NULL, EVP_md5(), NULL))
		return -EIO;
	EVP_EncodeBlock((unsigned char *)t->md5_base64, md5, sizeof(md5));
	for (unsigned i = 0; i < sizeof(md5); i++)
		sprintf(t->md5 + 2 * i, "%02x", md5[i]);
	if (r->ret_md5)
		strcpy(r->ret_md5, t->md5);
	return 0;
}

int bc_object_transfer_new(const struct bc_object_request *req, struct bc_object_transfer **ret)
{
	struct bc_object_transfer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->req = *req;
	t->req.bucket = copy(req->bucket);
	t->req.key = copy(req->key);
	t->req.query = copy(req->query ? req->query : "");
	t->req.if_match = copy(req->if_match);
	t->error_body = malloc(BC_OBJECT_ERROR_MAX);
	r = !t->req.bucket || !t->req.query || (req->key && !t->req.key) || (req->if_match && !t->req.if_match) || !t->error_body ? -ENOMEM :
	    digest(t);
	if (r) {
		bc_object_transfer_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void bc_object_transfer_free(struct bc_object_transfer *t)
{
	if (!t)
		return;
	curl_slist_free_all(t->headers);
	free((char *)t->req.bucket);
	free((char *)t->req.key);
	free((char *)t->req.query);
	free((char *)t->req.if_match);
	free(t->error_body);
	free(t);
}

/* Is it header name, whose value then is *ret, with its line's end? */
static bool header_is(const char *line, size_t len, const char *name, const char **ret, size_t *ret_len)
{
	size_t n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n))
		return false;
	line += n + 1;
	len -= n + 1;
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len && strchr("\r\n \t", line[len - 1]))
		len--;
	*ret = line;
	*ret_len = len;
	return true;
}

static void keep(char *ret, size_t cap, const char *v, size_t len)
{
	if (len >= cap || memchr(v, '\0', len))
		len = 0;
	memcpy(ret, v, len);
	ret[len] = '\0';
}

static void keep_etag(struct bc_object_transfer *t, const char *v, size_t len)
{
	if (len >= 2 && v[0] == '"' && v[len - 1] == '"') {
		v++;
		len -= 2;
	}
	keep(t->etag, sizeof(t->etag), v, len);
	if (strpbrk(t->etag, "\"<>&"))
		t->etag[0] = '\0';
}

static void clear_answer(struct bc_object_transfer *t)
{
	t->header_bytes = t->got = t->error_len = 0;
	t->etag[0] = t->region[0] = t->content_range[0] = '\0';
	t->content_length = t->modified_ns = 0;
	t->date = 0;
	t->retry_after_s = 0;
	t->encrypted = false;
}

static void take_header(struct bc_object_transfer *t, const char *line, size_t len)
{
	char text[80];
	const char *v;
	size_t n;

	if (header_is(line, len, "ETag", &v, &n)) {
		keep_etag(t, v, n);
	} else if (header_is(line, len, "x-amz-bucket-region", &v, &n)) {
		keep(t->region, sizeof(t->region), v, n);
	} else if (header_is(line, len, "Content-Range", &v, &n)) {
		keep(t->content_range, sizeof(t->content_range), v, n);
	} else if (header_is(line, len, "Content-Length", &v, &n)) {
		keep(text, sizeof(text), v, n);
		t->content_length = strtoull(text, NULL, 10);
	} else if (header_is(line, len, "Last-Modified", &v, &n)) {
		keep(text, sizeof(text), v, n);
		const time_t when = curl_getdate(text, NULL);
		t->modified_ns = when > 0 ? (uint64_t)when * BC_NS_PER_S : 0;
	} else if (header_is(line, len, "Date", &v, &n)) {
		keep(text, sizeof(text), v, n);
		t->date = curl_getdate(text, NULL);
	} else if (header_is(line, len, "Retry-After", &v, &n)) {
		keep(text, sizeof(text), v, n);
		t->retry_after_s = (unsigned)strtoul(text, NULL, 10);
	} else if (header_is(line, len, "x-amz-server-side-encryption", &v, &n)) {
		t->encrypted |= n >= 7 && strncmp(v, "aws:kms", 7) == 0;
	} else if (header_is(line, len, "x-amz-server-side-encryption-customer-algorithm", &v, &n)) {
		t->encrypted = true;
	}
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct bc_object_transfer *t = ctx;
	const size_t bytes = t->header_bytes;

	/* A status line begins anew: what came before was "100 Continue". */
	if (n >= 5 && strncmp(line, "HTTP/", 5) == 0)
		clear_answer(t);
	t->header_bytes = bytes + size * n;
	if (t->header_bytes > BC_OBJECT_HEADERS_MAX)
		return 0;
	take_header(t, line, size * n);
	return size * n;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct bc_object_transfer *t = ctx;
	long status = 0;

	n *= size;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status >= 300) {
		size_t fits = BC_OBJECT_ERROR_MAX - t->error_len;

		memcpy(t->error_body + t->error_len, data, n < fits ? n : fits);
		t->error_len += n < fits ? n : fits;
		/* An error that goes on for ever is none. */
		return (t->got += n) > 64 * BC_OBJECT_ERROR_MAX ? 0 : n;
	}
	if (n > t->req.into_len - t->got)
		return 0;
	memcpy((char *)t->req.into + t->got, data, n);
	t->got += n;
	return n;
}

static size_t on_send(char *data, size_t size, size_t n, void *ctx)
{
	struct bc_object_transfer *t = ctx;
	size_t left = t->req.body_len - t->sent;

	n = size * n < left ? size * n : left;
	if (n && t->link->send_rate) {
		const uint64_t now = bc_mono_ns();

		n = bc_rate_take(t->link->send_rate, n, now);
		t->paused_ns = n ? 0 : now;
		if (!n)
			return CURL_READFUNC_PAUSE;
	}
	if (n)
		memcpy(data, (const char *)t->req.body + t->sent, n);
	t->sent += n;
	return n;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct bc_object_transfer *t = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->req.body_len)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* The path and the Host header, each encoded. */
static int locate(const struct bc_object_transfer *t, char *path, size_t cap, char *host, size_t host_cap)
{
	const struct bc_object_place *p = &t->link->place;
	const char *bucket = t->req.bucket;
	/* TLS cannot vouch for a name with more dots. */
	const bool by_host = p->by_host && !(p->https && strchr(bucket, '.'));
	int n = snprintf(path, cap, by_host ? "/" : "/%s%s", bucket, t->req.key ? "/" : "");

	if (by_host)
		n = 1;
	if (n < 0 || (size_t)n >= cap || snprintf(host, host_cap, "%s%s%s", by_host ? bucket : "", by_host ? "." : "", p->host) >= (int)host_cap)
		return -ENAMETOOLONG;
	if (!t->req.key)
		return 0;
	n = bc_uri_encode(t->req.key, true, path + n, cap - (size_t)n);
	return n < 0 ? n : 0;
}

struct headers {
	struct bc_sigv4_header h[10];
	size_t n;
};

static void add(struct headers *l, const char *name, const char *value)
{
	l->h[l->n++] = (struct bc_sigv4_header){ name, value };
}

static int append(struct curl_slist **list, const char *name, const char *value)
{
	const size_t len = strlen(name) + strlen(value) + 3;
	char *line = malloc(len);
	struct curl_slist *more;

	if (!line)
		return -ENOMEM;
	snprintf(line, len, "%s: %s", name, value);
	more = curl_slist_append(*list, line);
	free(line);
	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

static void range_of(const struct bc_object_request *r, char *ret, size_t cap)
{
	if (r->suffix)
		snprintf(ret, cap, "bytes=-%" PRIu64, r->len);
	else
		snprintf(ret, cap, "bytes=%" PRIu64 "-%" PRIu64, r->from, r->from + r->len - 1);
}

/* By name, as the signature wants it. */
static int sign(struct bc_object_transfer *t, const char *path, const char *host)
{
	const struct bc_object_request *r = &t->req;
	char date[BC_SIGV4_DATE], range[64], if_match[BC_ETAG_MAX + 2], authorization[BC_SIGV4_MAX];
	struct headers l = { .n = 0 };
	const struct bc_sigv4_request q = { r->method, path, r->query, l.h, 0, t->sha256 };
	struct bc_sigv4_request signed_q = q;
	int ret;

	bc_sigv4_date((time_t)(bc_utc_ns() / BC_NS_PER_S), date);
	if (t->md5_base64[0])
		add(&l, "content-md5", t->md5_base64);
	add(&l, "host", host);
	if (r->if_match) {
		snprintf(if_match, sizeof(if_match), r->bare_match ? "%s" : "\"%s\"", r->if_match);
		add(&l, "if-match", if_match);
	}
	if (r->if_none_match)
		add(&l, "if-none-match", "*");
	if (r->len) {
		range_of(r, range, sizeof(range));
		add(&l, "range", range);
	}
	add(&l, "x-amz-content-sha256", t->sha256);
	add(&l, "x-amz-date", date);
	if (t->link->key.token[0])
		add(&l, "x-amz-security-token", t->link->key.token);
	signed_q.n_headers = l.n;
	ret = bc_sigv4_sign(&t->link->key, t->link->place.region, "s3", date, &signed_q, authorization);
	for (size_t i = 0; !ret && i < l.n; i++)
		ret = append(&t->headers, l.h[i].name, l.h[i].value);
	return ret ? ret : append(&t->headers, "authorization", authorization);
}

/* Left out: what libcurl would add on its own, and makes a store wait or guess. */
static int drop_headers(struct bc_object_transfer *t)
{
	static const char *const names[] = { "Expect:", "Content-Type:", "Accept:" };
	struct curl_slist *more;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		more = curl_slist_append(t->headers, names[i]);
		if (!more)
			return -ENOMEM;
		t->headers = more;
	}
	return 0;
}

static void set_method(CURL *e, const struct bc_object_request *r)
{
	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0) {
		curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
		curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body_len);
	} else if (strcmp(r->method, "GET")) {
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	}
}

static void set_tls(CURL *e, const struct bc_object_place *p)
{
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, p->https ? "https" : "http");
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (p->ca[0]) {
		curl_easy_setopt(e, CURLOPT_CAINFO, p->ca);
		/* And nobody else. */
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
	/* A proxy is for what is far away. */
	if (p->loopback)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
}

static void set_times(CURL *e, const struct bc_object_transfer *t)
{
	const struct bc_object_link *l = t->link;
	const long stall = (long)l->stall_seconds * (t->req.slow ? SLOW_FACTOR : 1);
	uint64_t most = 2 * (uint64_t)stall + (t->req.body_len + t->req.into_len) / SLOWEST;

	if (l->send_rate && l->send_rate->bytes_per_s)
		most += 2 * t->req.body_len * l->connections / l->send_rate->bytes_per_s;
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, stall);
	curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)most);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
}

static void set_callbacks(CURL *e, struct bc_object_transfer *t)
{
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_READDATA, t);
	curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(e, CURLOPT_SEEKDATA, t);
}

int bc_object_transfer_start(struct bc_object_transfer *t, const struct bc_object_link *link, CURL *easy)
{
	char path[BC_BUCKET_MAX + BC_ENCODED_KEY_MAX + 2], host[BC_BUCKET_MAX + BC_ENDPOINT_MAX], *url;
	int r;

	t->link = link;
	t->sent = 0;
	t->paused_ns = 0;
	t->curl_text[0] = '\0';
	clear_answer(t);
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	r = locate(t, path, sizeof(path), host, sizeof(host));
	r = r ? r : sign(t, path, host);
	r = r ? r : drop_headers(t);
	if (r)
		return r;
	if (asprintf(&url, "%s://%s%s%s%s", link->place.https ? "https" : "http", host, path, t->req.query[0] ? "?" : "", t->req.query) < 0)
		return -ENOMEM;
	curl_easy_reset(easy);
	r = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK ? 0 : -ENOMEM;
	free(url);
	t->easy = easy;
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BC_OBJECT_BUFFER);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)BC_OBJECT_BUFFER);
	set_method(easy, &t->req);
	set_tls(easy, &link->place);
	set_times(easy, t);
	set_callbacks(easy, t);
	return r;
}

/* "bytes 5-9/100", which must be what was asked for. */
static int check_range(const struct bc_object_transfer *t, uint64_t *from, uint64_t *size)
{
	const struct bc_object_request *r = &t->req;
	uint64_t last;
	char end;

	if (sscanf(t->content_range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64 "%c", from, &last, size, &end) != 3)
		return -EBADMSG;
	if (last < *from || last >= *size || last - *from + 1 != t->got)
		return -EBADMSG;
	if (r->suffix)
		return last == *size - 1 && (t->got == r->len || *from == 0) ? 0 : -EBADMSG;
	return *from == r->from && (t->got == r->len || last == *size - 1) ? 0 : -EBADMSG;
}

static int check_answer(const struct bc_object_transfer *t, long status, struct bc_object_answer *a)
{
	a->size = t->content_length;
	if (!t->req.len)
		return 0;
	if (status == 206)
		return check_range(t, &a->from, &a->size);
	/* The whole object, which is right if no more was asked for. */
	a->from = 0;
	a->size = t->got;
	return t->req.suffix || t->req.from == 0 ? (t->got <= t->req.len ? 0 : -EBADMSG) : -EBADMSG;
}

void bc_object_transfer_end(struct bc_object_transfer *t, CURLcode code, struct bc_object_answer *ret, struct bc_err *err)
{
	struct bc_object_outcome o = {
		.curl = (int)code, .curl_text = t->curl_text, .body = t->error_body, .body_len = t->error_len, .region = t->region,
		.if_match = t->req.if_match != NULL, .range = t->req.len != 0, .where = t->link->where, .bucket = t->req.bucket, .key = t->req.key,
	};
	struct bc_object_answer a = { .bytes = t->got, .modified_ns = t->modified_ns, .etag = t->etag, .encrypted = t->encrypted };

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &o.status);
	if (t->date > 0)
		o.clock_ahead_s = (int64_t)(bc_utc_ns() / BC_NS_PER_S) - (int64_t)t->date;
	err->msg[0] = '\0';
	a.code = bc_object_fault(&o, err);
	if (!a.code) {
		a.code = check_answer(t, o.status, &a);
		if (a.code)
			bc_err_set(err, a.code, "s3://%s/%s at %s: what came is not what was asked for", o.bucket, o.key ? o.key : "", o.where);
	}
	if (a.code)
		a.bytes = 0;
	a.error = err->msg;
	a.attempts = t->attempts;
	*ret = a;
}
