/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_clickhouse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_curl.h"
#include "bc_object_name.h"
#include "bc_object_place.h"

#define CONNECT_MS 10000L
#define STALL_SECONDS 300L	/* it may merge, or wait for other servers, before it answers */
#define ANSWER_MAX 2048U	/* so much of an answer is looked at */
#define SECRET_MAX 1024U

/* Columns as docs/analytics.md has them; what is computed is computed by the server. */
#define COLUMNS \
	"segment String, proto String, a String, a_port UInt16, b String, b_port UInt16, " \
	"packets UInt64, bytes UInt64, first_ns UInt64, last_ns UInt64, tcp_flags UInt8, " \
	"first DateTime MATERIALIZED toDateTime(intDiv(first_ns, 1000000000)), " \
	"last DateTime MATERIALIZED toDateTime(intDiv(last_ns, 1000000000)), " \
	"node String MATERIALIZED extract(segment, '([^/]*)/[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}/[^/]*$')"
#define ENGINE \
	"ENGINE = ReplacingMergeTree PARTITION BY toYYYYMM(toDateTime(intDiv(first_ns, 1000000000))) " \
	"ORDER BY (segment, proto, a, a_port, b, b_port)"

struct bc_clickhouse {
	struct bc_clickhouse_config cfg;
	struct bc_object_place place;
	char where[BC_ENDPOINT_MAX + 16];
	CURL *easy;
	struct curl_slist *headers;
	FILE *rows;
	char *text;		/* of rows */
	size_t len;
	char answer[ANSWER_MAX];
	size_t answer_len;
	char curl_text[CURL_ERROR_SIZE];
};

/* A name of SQL, and perhaps that of its database before it. */
static bool is_table(const char *t)
{
	unsigned words = 0;

	for (;; t++, words++) {
		const char *begin = t;

		while (isalnum((unsigned char)*t) || *t == '_')
			t++;
		if (t == begin || isdigit((unsigned char)*begin) || t - begin > 127)
			return false;
		if (*t != '.')
			return !*t && words < 2;
	}
}

static int add_header(struct bc_clickhouse *c, const char *name, const char *value)
{
	char line[SECRET_MAX + 32];
	struct curl_slist *more;

	if (snprintf(line, sizeof(line), "%s%s", name, value) >= (int)sizeof(line) || strpbrk(line, "\r\n"))
		return -EINVAL;
	more = curl_slist_append(c->headers, line);
	if (!more)
		return -ENOMEM;
	c->headers = more;
	return 0;
}

static int add_headers(struct bc_clickhouse *c, struct bc_err *err)
{
	const char *user = getenv("CLICKHOUSE_USER"), *password = getenv("CLICKHOUSE_PASSWORD");
	int r = user && *user ? add_header(c, "X-ClickHouse-User: ", user) : 0;

	if (!r && password && *password)
		r = add_header(c, "X-ClickHouse-Key: ", password);
	if (r == -EINVAL)
		return bc_err_set(err, r, "CLICKHOUSE_USER or CLICKHOUSE_PASSWORD is too long, or has a line's end in it");
	/* Without waiting for leave to send. */
	r = r ? r : add_header(c, "Expect:", "");
	return r ? bc_err_set(err, r, "no memory for ClickHouse") : 0;
}

static int check(struct bc_clickhouse *c, struct bc_err *err)
{
	int r = bc_object_endpoint(c->cfg.url, &c->place, err);

	if (r)
		return bc_err_prefix(err, r, "--clickhouse");
	if (!c->place.https && !c->place.loopback && !c->cfg.plain)
		return bc_err_set(err, -EINVAL, "--clickhouse: http://%s is not encrypted: use https://, or allow it with --clickhouse-plain", c->place.host);
	if (!is_table(c->cfg.table))
		return bc_err_set(err, -EINVAL, "--clickhouse-table: '%.80s' is no TABLE or DATABASE.TABLE of letters, digits and _", c->cfg.table);
	snprintf(c->where, sizeof(c->where), "%s://%s", c->place.https ? "https" : "http", c->place.host);
	return 0;
}

/* No rows: the place for the next batch. */
static int begin_rows(struct bc_clickhouse *c, struct bc_err *err)
{
	if (c->rows)
		fclose(c->rows);
	free(c->text);
	c->text = NULL;
	c->rows = open_memstream(&c->text, &c->len);
	return c->rows ? 0 : bc_err_set(err, -ENOMEM, "no memory for rows of ClickHouse");
}

int bc_clickhouse_new(const struct bc_clickhouse_config *cfg, struct bc_clickhouse **ret, struct bc_err *err)
{
	struct bc_clickhouse *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for ClickHouse");
	c->cfg = *cfg;
	r = check(c, err);
	r = r ? r : bc_curl_load(err);
	r = r ? r : add_headers(c, err);
	if (!r) {
		c->easy = curl_easy_init();
		r = c->easy ? begin_rows(c, err) : bc_err_set(err, -ENOMEM, "no memory for ClickHouse");
	}
	if (r) {
		bc_clickhouse_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void bc_clickhouse_free(struct bc_clickhouse *c)
{
	if (!c)
		return;
	if (c->easy)
		curl_easy_cleanup(c->easy);
	if (c->headers)
		curl_slist_free_all(c->headers);
	if (c->rows)
		fclose(c->rows);
	free(c->text);
	free(c);
}

static size_t on_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct bc_clickhouse *c = ctx;
	const size_t room = sizeof(c->answer) - 1 - c->answer_len, fits = size * n < room ? size * n : room;

	memcpy(c->answer + c->answer_len, data, fits);
	c->answer_len += fits;
	c->answer[c->answer_len] = '\0';
	return size * n;
}

static void set_up(struct bc_clickhouse *c, const char *url, const char *body, size_t len)
{
	CURL *e = c->easy;

	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, c->place.https ? "https" : "http");
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->curl_text);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->cfg.ca)
		curl_easy_setopt(e, CURLOPT_CAINFO, c->cfg.ca);
	if (c->place.loopback)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
}

/* What the server says, in its first line, and what to do. */
static int refused(struct bc_clickhouse *c, long status, struct bc_err *err)
{
	const int code = strncmp(c->answer, "Code: ", 6) ? 0 : atoi(c->answer + 6);
	const char *hint = "";

	c->answer[strcspn(c->answer, "\r\n")] = '\0';
	if (code == 60)
		hint = ": --clickhouse-create makes the table";
	else if (status == 401 || status == 403 || code == 192 || code == 193 || code == 194 || code == 516)
		hint = ": look at CLICKHOUSE_USER and CLICKHOUSE_PASSWORD";
	return bc_err_set(err, -EIO, "ClickHouse at %s answers with HTTP %ld: %.400s%s", c->where, status, c->answer, hint);
}

static int ask(struct bc_clickhouse *c, const char *query, const char *body, size_t len, struct bc_err *err)
{
	char encoded[3 * 2048], url[sizeof(encoded) + sizeof(c->where) + 16];
	long status = 0;
	CURLcode code;

	if (bc_uri_encode(query, false, encoded, sizeof(encoded)) < 0)
		return bc_err_set(err, -ENAMETOOLONG, "the query to ClickHouse is too long");
	snprintf(url, sizeof(url), "%s/?query=%s", c->where, encoded);
	c->answer[0] = c->curl_text[0] = '\0';
	c->answer_len = 0;
	set_up(c, url, body, len);
	code = curl_easy_perform(c->easy);
	if (code != CURLE_OK)
		return bc_err_set(err, -EIO, "ClickHouse at %s: %s", c->where, c->curl_text[0] ? c->curl_text : curl_easy_strerror(code));
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 ? 0 : refused(c, status, err);
}

int bc_clickhouse_create(struct bc_clickhouse *c, struct bc_err *err)
{
	char query[2048];

	snprintf(query, sizeof(query), "CREATE TABLE IF NOT EXISTS %s (" COLUMNS ") " ENGINE, c->cfg.table);
	return ask(c, query, "", 0, err);
}

FILE *bc_clickhouse_rows(struct bc_clickhouse *c)
{
	return c->rows;
}

int bc_clickhouse_send(struct bc_clickhouse *c, bool all, struct bc_err *err)
{
	char query[512];
	int r;

	if (fflush(c->rows))
		return bc_err_set(err, -ENOMEM, "no memory for rows of ClickHouse");
	if (!c->len || (!all && c->len < BC_CLICKHOUSE_BATCH))
		return 0;
	snprintf(query, sizeof(query), "INSERT INTO %s FORMAT JSONEachRow", c->cfg.table);
	r = ask(c, query, c->text, c->len, err);
	return r ? r : begin_rows(c, err);
}
