/* SPDX-License-Identifier: BSD-3-Clause */
/* The vectors that AWS publishes: of its "aws-sig-v4-test-suite", and of the S3 API reference, "Signature calculations". */
#include "bc_test.h"

#include <errno.h>

#include "bc_sigv4.h"

#define DATE "20130524T000000Z"

static const struct bc_credentials s3_key = { .id = "AKIAIOSFODNN7EXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
static const struct bc_credentials suite_key = { .id = "AKIDEXAMPLE", .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

static void expect(const struct bc_credentials *key, const char *service, const char *date, const struct bc_sigv4_request *req, const char *want)
{
	char got[BC_SIGV4_MAX];

	assert_int_equal(bc_sigv4_sign(key, "us-east-1", service, date, req, got), 0);
	assert_string_equal(got, want);
}

static void a_range_of_an_object(void **state)
{
	const struct bc_sigv4_header h[] = { { "host", "examplebucket.s3.amazonaws.com" }, { "range", "bytes=0-9" },
					     { "x-amz-content-sha256", BC_SIGV4_EMPTY }, { "x-amz-date", DATE } };
	const struct bc_sigv4_request req = { "GET", "/test.txt", "", h, 4, BC_SIGV4_EMPTY };

	expect(&s3_key, "s3", DATE, &req, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
	       "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
	       "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void an_object_put(void **state)
{
	static const char body[] = "Welcome to Amazon S3.";
	char hash[BC_SHA256_HEX];
	const struct bc_sigv4_header h[] = { { "date", "Fri, 24 May 2013 00:00:00 GMT" }, { "host", "examplebucket.s3.amazonaws.com" },
					     { "x-amz-content-sha256", hash }, { "x-amz-date", DATE },
					     { "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
	const struct bc_sigv4_request req = { "PUT", "/test%24file.text", "", h, 5, hash };

	assert_int_equal(bc_sha256_hex(body, sizeof(body) - 1, hash), 0);
	assert_string_equal(hash, "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
	expect(&s3_key, "s3", DATE, &req, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
	       "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, "
	       "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void a_query_without_a_value_and_one_with_two(void **state)
{
	const struct bc_sigv4_header h[] = { { "host", "examplebucket.s3.amazonaws.com" }, { "x-amz-content-sha256", BC_SIGV4_EMPTY },
					     { "x-amz-date", DATE } };
	const struct bc_sigv4_request lifecycle = { "GET", "/", "lifecycle=", h, 3, BC_SIGV4_EMPTY };
	const struct bc_sigv4_request list = { "GET", "/", "max-keys=2&prefix=J", h, 3, BC_SIGV4_EMPTY };

	expect(&s3_key, "s3", DATE, &lifecycle, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
	       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	       "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	expect(&s3_key, "s3", DATE, &list, "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
	       "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
	       "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void get_vanilla_of_the_test_suite(void **state)
{
	const struct bc_sigv4_header h[] = { { "host", "example.amazonaws.com" }, { "x-amz-date", "20150830T123600Z" } };
	const struct bc_sigv4_request req = { "GET", "/", "", h, 2, BC_SIGV4_EMPTY };

	expect(&suite_key, "service", "20150830T123600Z", &req, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
	       "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

static void the_date_is_utc(void **state)
{
	char date[BC_SIGV4_DATE];

	setenv("TZ", "CET-1", 1);
	tzset();
	bc_sigv4_date(1369353600, date);
	assert_string_equal(date, DATE);
}

static void what_does_not_fit_is_refused(void **state)
{
	static char name[600];
	const struct bc_sigv4_header h[] = { { name, "" } };
	const struct bc_sigv4_request req = { "GET", "/", "", h, 1, BC_SIGV4_EMPTY };
	char got[BC_SIGV4_MAX];

	memset(name, 'a', sizeof(name) - 1);
	assert_int_equal(bc_sigv4_sign(&s3_key, "us-east-1", "s3", DATE, &req, got), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_of_an_object),
		cmocka_unit_test(an_object_put),
		cmocka_unit_test(a_query_without_a_value_and_one_with_two),
		cmocka_unit_test(get_vanilla_of_the_test_suite),
		cmocka_unit_test(the_date_is_utc),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
