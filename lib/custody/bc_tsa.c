/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tsa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bc_curl.h"
#include "bc_object_place.h"

#define CONNECT_MS 10000L
#define ALL_SECONDS 30L

struct bc_tsa {
	const _Atomic bool *cancel;
	CURL *easy;
	struct curl_slist *headers;
	uint8_t *answer;	/* while it is asked */
	size_t len;
	char curl_text[CURL_ERROR_SIZE];
	char url[];
};

/* "http[s]://HOST[:PORT]", without what follows. */
static bool origin_of(const char *url, char ret[BC_ENDPOINT_MAX])
{
	const char *host = strstr(url, "://");
	size_t len = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;

	if (!len || len >= BC_ENDPOINT_MAX)
		return false;
	memcpy(ret, url, len);
	ret[len] = '\0';
	return true;
}

int bc_tsa_url_check(const char *url, struct bc_err *err)
{
	char origin[BC_ENDPOINT_MAX];
	struct bc_object_place place = { .https = false };

	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127)
			return bc_err_set(err, -EINVAL, "--timestamp: '%.200s' has a character that no URL has", url);
	if (!origin_of(url, origin) || bc_object_endpoint(origin, &place, NULL))
		return bc_err_set(err, -EINVAL, "--timestamp: '%.200s' is not http[s]://HOST[:PORT][/PATH]", url);
	return 0;
}

static size_t on_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct bc_tsa *t = ctx;

	n *= size;
	if (n > BC_STAMP_ANSWER_MAX - t->len)
		return 0;
	memcpy(t->answer + t->len, data, n);
	t->len += n;
	return n;
}

static int on_progress(void *ctx, curl_off_t down, curl_off_t downed, curl_off_t up, curl_off_t upped)
{
	const struct bc_tsa *t = ctx;

	return atomic_load_explicit(t->cancel, memory_order_relaxed);
}

static int add_header(struct bc_tsa *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (!more)
		return -ENOMEM;
	t->headers = more;
	return 0;
}

static void set_up(struct bc_tsa *t)
{
	struct bc_object_place place = { .loopback = false };
	char origin[BC_ENDPOINT_MAX];
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_URL, t->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(e, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_TIMEOUT, ALL_SECONDS);
	/* A proxy is for what is far away. */
	if (origin_of(t->url, origin) && bc_object_endpoint(origin, &place, NULL) == 0 && place.loopback)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
}

int bc_tsa_new(const char *url, const _Atomic bool *cancel, struct bc_tsa **ret, struct bc_err *err)
{
	size_t len = strlen(url) + 1;
	struct bc_tsa *t;
	int r = bc_curl_load(err);

	if (r)
		return r;
	t = calloc(1, sizeof(*t) + len);
	if (!t)
		return bc_err_set(err, -ENOMEM, "no memory for time stamps");
	memcpy(t->url, url, len);
	t->cancel = cancel;
	t->easy = curl_easy_init();
	if (!t->easy || add_header(t, "Content-Type: application/timestamp-query") || add_header(t, "Accept: application/timestamp-reply") ||
	    add_header(t, "Expect:")) {
		bc_tsa_free(t);
		return bc_err_set(err, -ENOMEM, "no memory for time stamps");
	}
	set_up(t);
	*ret = t;
	return 0;
}

void bc_tsa_free(struct bc_tsa *t)
{
	if (!t)
		return;
	if (t->easy)
		curl_easy_cleanup(t->easy);
	curl_slist_free_all(t->headers);
	free(t);
}

int bc_tsa_ask(struct bc_tsa *t, const struct bc_stamp_request *r, uint8_t answer[BC_STAMP_ANSWER_MAX], size_t *ret_len, struct bc_err *err)
{
	long status = 0;
	size_t len;
	CURLcode code;

	t->answer = answer;
	t->len = 0;
	t->curl_text[0] = '\0';
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, bc_stamp_request_der(r, &len));
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	code = curl_easy_perform(t->easy);
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (atomic_load_explicit(t->cancel, memory_order_relaxed))
		return bc_err_set(err, -ECANCELED, "it was ended");
	if (code == CURLE_WRITE_ERROR)
		return bc_err_set(err, -EIO, "the answer is longer than %u bytes", BC_STAMP_ANSWER_MAX);
	if (code != CURLE_OK)
		return bc_err_set(err, -EIO, "%s", t->curl_text[0] ? t->curl_text : curl_easy_strerror(code));
	if (status != 200)
		return bc_err_set(err, -EIO, "it answers with HTTP %ld", status);
	*ret_len = t->len;
	return 0;
}
