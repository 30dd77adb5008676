/* SPDX-License-Identifier: BSD-3-Clause */
/* Object storage without a store: names, settings, credentials, answers as XML, faults as lines, the rate. */
#include "bc_test.h"

#include <errno.h>
#include <sys/stat.h>

#include "bc_credentials.h"
#include "bc_object_fault.h"
#include "bc_object_name.h"
#include "bc_object_place.h"
#include "bc_object_xml.h"
#include "bc_rate.h"
#include "bc_time.h"
#include "scratch.h"

static void clear_environment(void)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION",
					     "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE",
					     "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	setenv("HOME", "/nonexistent", 1);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void a_name_has_a_bucket_and_a_key(void **state)
{
	struct bc_object_name n;

	assert_int_equal(bc_object_name_parse("-w", "s3://bucket/a/b/", &n, NULL), 0);
	assert_string_equal(n.bucket, "bucket");
	assert_string_equal(n.key, "a/b/");
	assert_int_equal(bc_object_name_parse("-w", "s3://bucket", &n, NULL), 0);
	assert_string_equal(n.key, "");
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = { "s3:/b/k", "s3://", "s3://ab", "s3:///k", "s3://-ab/k", "s3://b?d/k", "s3://buck/a//b", "s3://buck//a",
					   "s3://buck/../x", "s3://buck/a/.", "s3://buck/a\nb" };
	struct bc_object_name n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_object_name_parse("-w", bad[i], &n, NULL), -EINVAL);
}

static void uri_encoding_and_back(void **state)
{
	char text[64];

	assert_int_equal(bc_uri_encode("a/b c+\xc3\xbc%~", true, text, sizeof(text)), 20);
	assert_string_equal(text, "a/b%20c%2B%C3%BC%25~");
	assert_true(bc_uri_decode(text));
	assert_string_equal(text, "a/b c+\xc3\xbc%~");
	assert_int_equal(bc_uri_encode("/", false, text, 3), -ENAMETOOLONG);
	assert_int_equal(bc_uri_encode("/", false, text, 4), 3);
	for (const char *const *p = (const char *const[]){ "%", "%4", "%zz", "%00", NULL }; *p; p++) {
		strcpy(text, *p);
		assert_false(bc_uri_decode(text));
	}
}

static void credentials_come_from_the_environment(void **state)
{
	struct bc_credentials c;
	struct bc_err err;

	clear_environment();
	assert_int_equal(bc_credentials_find(NULL, NULL, &c, &err), -ENOENT);
	setenv("AWS_ACCESS_KEY_ID", "id", 1);
	assert_int_equal(bc_credentials_find(NULL, NULL, &c, &err), -ENOENT);
	setenv("AWS_SECRET_ACCESS_KEY", "top", 1);
	setenv("AWS_SESSION_TOKEN", "t", 1);
	assert_int_equal(bc_credentials_find(NULL, NULL, &c, &err), 0);
	assert_string_equal(c.id, "id");
	assert_string_equal(c.secret, "top");
	assert_string_equal(c.token, "t");
	setenv("AWS_SESSION_TOKEN", "a\r\nX: y", 1);
	assert_int_equal(bc_credentials_find(NULL, NULL, &c, &err), -EINVAL);
}

static void credentials_come_from_a_file(void **state)
{
	char path[SCRATCH_MAX];
	struct bc_credentials c;
	struct bc_err err;

	clear_environment();
	close(scratch_file(path, "bc-object"));
	write_text(path, "# x\n[default]\naws_access_key_id = a\naws_secret_access_key=b=c \r\n\n[ other ]\n"
		   "aws_access_key_id=o\n  aws_secret_access_key=nested\naws_secret_access_key=p\naws_session_token=q");
	assert_int_equal(bc_credentials_find(path, NULL, &c, &err), 0);
	assert_string_equal(c.secret, "b=c");
	assert_string_equal(c.token, "");
	assert_int_equal(bc_credentials_find(path, "other", &c, &err), 0);
	assert_string_equal(c.id, "o");
	assert_string_equal(c.secret, "p");
	assert_string_equal(c.token, "q");
	assert_int_equal(bc_credentials_find(path, "none", &c, &err), -ENOENT);
	setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
	setenv("AWS_PROFILE", "other", 1);
	assert_int_equal(bc_credentials_find(NULL, NULL, &c, &err), 0);
	assert_string_equal(c.id, "o");
}

static void no_error_tells_a_secret(void **state)
{
	char path[SCRATCH_MAX], text[2000];
	struct bc_credentials c;
	struct bc_err err;

	clear_environment();
	close(scratch_file(path, "bc-object"));
	memset(text, 'S', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "[default]\naws_access_key_id=i\naws_secret_access_key=", 52);
	write_text(path, text);
	assert_int_equal(bc_credentials_find(path, NULL, &c, &err), -EINVAL);
	assert_null(strstr(err.msg, "SSS"));
}

static void what_everybody_may_write_is_refused(void **state)
{
	char path[SCRATCH_MAX];
	struct bc_credentials c;
	struct bc_err err;

	clear_environment();
	close(scratch_file(path, "bc-object"));
	write_text(path, "[default]\naws_access_key_id=a\naws_secret_access_key=b\n");
	chmod(path, 0666);
	assert_int_equal(bc_credentials_find(path, NULL, &c, &err), -EACCES);
}

static void a_place_is_aws_unless_told_otherwise(void **state)
{
	struct bc_object_settings s = { .endpoint = NULL };
	struct bc_object_place p;
	struct bc_err err;

	clear_environment();
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_string_equal(p.host, "s3.us-east-1.amazonaws.com");
	assert_true(p.https && p.by_host && !p.loopback);
	setenv("AWS_REGION", "eu-central-1", 1);
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_string_equal(p.host, "s3.eu-central-1.amazonaws.com");
	setenv("AWS_ENDPOINT_URL", "https://store.test:443/", 1);
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_string_equal(p.host, "store.test");
	assert_false(p.by_host);
	s.endpoint = "https://other.test:8443";
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_string_equal(p.host, "other.test:8443");
}

static void a_profile_has_a_region(void **state)
{
	char path[SCRATCH_MAX];
	struct bc_object_settings s = { .profile = "lab" };
	struct bc_object_place p;
	struct bc_err err;

	clear_environment();
	close(scratch_file(path, "bc-object"));
	write_text(path, "[default]\nregion=a\n[profile lab]\nregion = b\nendpoint_url = https://lab.test\n");
	setenv("AWS_CONFIG_FILE", path, 1);
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_string_equal(p.region, "b");
	assert_string_equal(p.host, "lab.test");
}

static void plain_http_is_for_this_machine(void **state)
{
	struct bc_object_settings s = { .endpoint = "http://127.0.0.1:7480" };
	struct bc_object_place p;
	struct bc_err err;

	clear_environment();
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	assert_true(p.loopback && !p.https);
	s.endpoint = "http://[::1]:7480";
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
	s.endpoint = "http://127.0.0.1.evil.test";
	assert_int_equal(bc_object_place_find(&s, &p, &err), -EINVAL);
	s.endpoint = "http://store.test";
	assert_int_equal(bc_object_place_find(&s, &p, &err), -EINVAL);
	s.plain = true;
	assert_int_equal(bc_object_place_find(&s, &p, &err), 0);
}

static void bad_endpoints_are_refused(void **state)
{
	static const char *const bad[] = { "store.test", "ftp://x", "https://", "https://a/b", "https://u:p@h", "https://h?x", "https://h:0",
					   "https://h:99999", "https://h:8x" };
	struct bc_object_place p;
	struct bc_err err;

	clear_environment();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct bc_object_settings s = { .endpoint = bad[i] };

		assert_int_equal(bc_object_place_find(&s, &p, &err), -EINVAL);
	}
}

struct seen {
	char keys[512];
	uint64_t size, modified_ns;
	int end_with;
};

static int on_object(void *ctx, const struct bc_object_entry *e)
{
	struct seen *s = ctx;

	snprintf(s->keys + strlen(s->keys), sizeof(s->keys) - strlen(s->keys), "%s=%s,", e->key, e->etag);
	s->size += e->size;
	s->modified_ns = e->modified_ns;
	return s->end_with;
}

static int on_prefix(void *ctx, const char *prefix)
{
	struct seen *s = ctx;

	snprintf(s->keys + strlen(s->keys), sizeof(s->keys) - strlen(s->keys), "<%s>", prefix);
	return 0;
}

static int list(const char *xml, const char *prefix, struct seen *seen, struct bc_object_page *page)
{
	static const struct bc_object_list_ops ops = { on_object, on_prefix };

	return bc_object_xml_list(xml, strlen(xml), prefix, &ops, seen, page);
}

static void a_page_of_a_list(void **state)
{
	struct seen s = { .keys = "" };
	struct bc_object_page page;

	assert_int_equal(list("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://x/\"><IsTruncated>true</IsTruncated>"
			      "<Contents><Key>a%2Fb+c</Key><LastModified>2026-11-29T07:46:31.395Z</LastModified><ETag>&quot;e1&quot;</ETag>"
			      "<Size>5</Size><Owner><ID>x</ID></Owner></Contents><Contents><Key>a%2Fd</Key><Size>7</Size></Contents>"
			      "<CommonPrefixes><Prefix>a%2Fe%2F</Prefix></CommonPrefixes>"
			      "<NextContinuationToken>tok&amp;en</NextContinuationToken></ListBucketResult>", "a/", &s, &page), 0);
	assert_string_equal(s.keys, "a/b c=e1,a/d=,<a/e/>");
	assert_int_equal(s.size, 12);
	assert_true(page.truncated);
	assert_int_equal(page.entries, 3);
	assert_string_equal(page.next, "tok&en");
}

static void hostile_lists_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", "<a/>", "<ListBucketResult>", "<Error><Code>x</Code></Error>",
		/* A key from elsewhere; none; a broken escape; a size that is none. */
		"<ListBucketResult><Contents><Key>b/x</Key><Size>1</Size></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a/%4</Key></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a/%00</Key></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a/b</Key><Size>-1</Size></Contents></ListBucketResult>",
		"<ListBucketResult><Contents><Key>a/b</Key><Size>99999999999999999999</Size></Contents></ListBucketResult>",
		/* There is more, and nothing to ask for it with. */
		"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		/* Entities, and depth. */
		"<!DOCTYPE a [<!ENTITY x \"y\">]><ListBucketResult><Prefix>&x;</Prefix></ListBucketResult>",
		"<ListBucketResult><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a></ListBucketResult>",
	};
	struct bc_object_page page;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct seen s = { .keys = "" };

		assert_int_equal(list(bad[i], "a/", &s, &page), -EBADMSG);
	}
}

static void too_long_or_too_many_is_refused(void **state)
{
	char *xml = calloc(1, 200000), *p = xml;
	struct seen s = { .keys = "" };
	struct bc_object_page page;

	p += sprintf(p, "<ListBucketResult><Contents><Key>a/");
	memset(p, 'k', 1100);
	strcpy(p + 1100, "</Key></Contents></ListBucketResult>");
	assert_int_equal(list(xml, "a/", &s, &page), -EBADMSG);
	p = xml + sprintf(xml, "<ListBucketResult>");
	for (int i = 0; i < 1001; i++)
		p += sprintf(p, "<Contents><Key>a/%d</Key></Contents>", i);
	strcpy(p, "</ListBucketResult>");
	assert_int_equal(list(xml, "a/", &s, &page), -EBADMSG);
	free(xml);
}

static void a_callback_can_end_a_list(void **state)
{
	struct seen s = { .keys = "", .end_with = -E2BIG };
	struct bc_object_page page;

	assert_int_equal(list("<ListBucketResult><Contents><Key>a/1</Key></Contents><Contents><Key>a/2</Key></Contents></ListBucketResult>",
			      "a/", &s, &page), -E2BIG);
	assert_string_equal(s.keys, "a/1=,");
}

static int on_part(void *ctx, const struct bc_object_part *p)
{
	struct seen *s = ctx;

	snprintf(s->keys + strlen(s->keys), sizeof(s->keys) - strlen(s->keys), "%u:%s:%u,", p->number, p->etag, (unsigned)p->size);
	return 0;
}

static int on_upload(void *ctx, const struct bc_object_upload *u)
{
	struct seen *s = ctx;

	snprintf(s->keys + strlen(s->keys), sizeof(s->keys) - strlen(s->keys), "%s:%s,", u->key, u->id);
	return 0;
}

static void parts_and_uploads(void **state)
{
	static const char parts[] = "<ListPartsResult><PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>2</NextPartNumberMarker>"
				    "<IsTruncated>true</IsTruncated><Part><PartNumber>1</PartNumber><ETag>\"x\"</ETag><Size>3</Size></Part>"
				    "<Part><PartNumber>2</PartNumber><ETag>y</ETag><Size>4</Size></Part></ListPartsResult>";
	static const char uploads[] = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>a/b</Key><UploadId>2~x</UploadId>"
				      "</Upload></ListMultipartUploadsResult>";
	static const char bad[] = "<ListPartsResult><Part><PartNumber>10001</PartNumber></Part></ListPartsResult>";
	struct seen s = { .keys = "" };
	struct bc_object_more more;

	assert_int_equal(bc_object_xml_parts(parts, strlen(parts), on_part, &s, &more), 0);
	assert_string_equal(s.keys, "1:x:3,2:y:4,");
	assert_string_equal(more.marker, "2");
	assert_true(more.truncated);
	s.keys[0] = '\0';
	assert_int_equal(bc_object_xml_uploads(uploads, strlen(uploads), "a/", on_upload, &s, &more), 0);
	assert_string_equal(s.keys, "a/b:2~x,");
	assert_int_equal(bc_object_xml_uploads(uploads, strlen(uploads), "c/", on_upload, &s, &more), -EBADMSG);
	assert_int_equal(bc_object_xml_parts(bad, strlen(bad), on_part, &s, &more), -EBADMSG);
}

static void what_a_multipart_upload_answers(void **state)
{
	static const char begun[] = "<InitiateMultipartUploadResult><UploadId>2~id</UploadId></InitiateMultipartUploadResult>";
	static const char done[] = "<CompleteMultipartUploadResult><ETag>&quot;aa-2&quot;</ETag></CompleteMultipartUploadResult>";
	static const char silent[] = "<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>";
	static const char failed[] = "<Error><Code>InternalError</Code></Error>";
	char id[BC_OBJECT_TOKEN_MAX], etag[BC_ETAG_MAX];

	assert_int_equal(bc_object_xml_upload_id(begun, strlen(begun), id), 0);
	assert_string_equal(id, "2~id");
	assert_int_equal(bc_object_xml_completed(done, strlen(done), etag), 0);
	assert_string_equal(etag, "aa-2");
	assert_int_equal(bc_object_xml_completed(silent, strlen(silent), etag), 0);
	assert_string_equal(etag, "");
	assert_int_equal(bc_object_xml_completed(failed, strlen(failed), etag), -EBADMSG);
	assert_int_equal(bc_object_xml_upload_id(failed, strlen(failed), id), -EBADMSG);
}

static int fault(struct bc_object_outcome *o, const char *body, const char *words)
{
	struct bc_err err = { "" };
	int r;

	o->curl_text = o->curl_text ? o->curl_text : "";
	o->region = o->region ? o->region : "";
	o->where = "https://h";
	o->bucket = "buck";
	o->key = "k";
	o->body = body;
	o->body_len = body ? strlen(body) : 0;
	r = bc_object_fault(o, &err);
	if (!strstr(err.msg, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err.msg);
	return r;
}

static void each_fault_has_a_code_and_a_line(void **state)
{
	static const struct {
		struct bc_object_outcome o;
		const char *body, *words;
		int r;
	} rows[] = {
		{ { .status = 200 }, NULL, "", 0 },
		{ { .status = 404 }, NULL, "no such object", -ENOENT },
		{ { .status = 404 }, "<Error><Code>NoSuchBucket</Code></Error>", "s3://buck/k at https://h: there is no such bucket", -ENODEV },
		{ { .status = 403 }, "<Error><Code>AccessDenied</Code></Error>", "no right", -EACCES },
		{ { .status = 403 }, "<Error><Code>SignatureDoesNotMatch</Code></Error>", "secret", -EKEYREJECTED },
		{ { .status = 400 }, "<Error><Code>ExpiredToken</Code></Error>", "expired", -EKEYEXPIRED },
		{ { .status = 403, .clock_ahead_s = -3600 }, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "3600 s behind", -ETIME },
		{ { .status = 400 }, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>", "region eu-west-1", -EXDEV },
		{ { .status = 301, .region = "eu-west-2" }, NULL, "region eu-west-2", -EXDEV },
		{ { .status = 412 }, NULL, "already", -EEXIST },
		{ { .status = 412, .if_match = true }, NULL, "changed", -ESTALE },
		{ { .status = 416 }, NULL, "behind", -ERANGE },
		{ { .status = 503 }, "<Error><Code>SlowDown</Code></Error>", "overloaded", -EAGAIN },
		{ { .status = 502 }, "<html>bad gateway</html>", "502", -EAGAIN },
		{ { .status = 400 }, "<Error><Code>Odd\x01</Code></Error>", "", -EIO },
		{ { .status = 418 }, "<Error><Code>Odd</Code><Message>a\nb</Message></Error>", "Odd: a?b", -EIO },
		{ { .curl = 6 }, NULL, "", -EHOSTUNREACH },
		{ { .curl = 7 }, NULL, "", -ECONNREFUSED },
		{ { .curl = 28 }, NULL, "", -ETIMEDOUT },
		{ { .curl = 60, .curl_text = "self-signed" }, NULL, "CA file", -EPROTO },
		{ { .curl = 52 }, NULL, "", -ECONNRESET },
		{ { .curl = 18 }, NULL, "", -ECONNRESET },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bc_object_outcome o = rows[i].o;

		assert_int_equal(fault(&o, rows[i].body, rows[i].words), rows[i].r);
	}
}

static void a_rate_is_kept(void **state)
{
	const uint64_t t0 = bc_mono_ns() + BC_NS_PER_S;
	struct bc_rate r;
	size_t sum = 0;

	bc_rate_init(&r, 1000000);
	for (uint64_t t = t0; t < t0 + 10 * BC_NS_PER_S; t += 5 * BC_NS_PER_MS)
		sum += bc_rate_take(&r, 262144, t);
	assert_in_range(sum, 9900000, 10210000);
	bc_rate_destroy(&r);
	bc_rate_init(&r, 0);
	assert_int_equal(bc_rate_take(&r, 77, t0), 77);
	bc_rate_destroy(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_a_bucket_and_a_key),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(uri_encoding_and_back),
		cmocka_unit_test(credentials_come_from_the_environment),
		cmocka_unit_test(credentials_come_from_a_file),
		cmocka_unit_test(no_error_tells_a_secret),
		cmocka_unit_test(what_everybody_may_write_is_refused),
		cmocka_unit_test(a_place_is_aws_unless_told_otherwise),
		cmocka_unit_test(a_profile_has_a_region),
		cmocka_unit_test(plain_http_is_for_this_machine),
		cmocka_unit_test(bad_endpoints_are_refused),
		cmocka_unit_test(a_page_of_a_list),
		cmocka_unit_test(hostile_lists_are_refused),
		cmocka_unit_test(too_long_or_too_many_is_refused),
		cmocka_unit_test(a_callback_can_end_a_list),
		cmocka_unit_test(parts_and_uploads),
		cmocka_unit_test(what_a_multipart_upload_answers),
		cmocka_unit_test(each_fault_has_a_code_and_a_line),
		cmocka_unit_test(a_rate_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
