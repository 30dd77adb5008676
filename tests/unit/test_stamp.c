/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"
#include "authority.h"
#include "scratch.h"

#include <sys/stat.h>

#include "bc_chain.h"
#include "bc_chain_check.h"
#include "bc_stamp_file.h"
#include "bc_tsa.h"
#include "keyring.h"

#define FROM 1700000000L	/* the authority's certificate is valid from then */
#define TO 1800000000L		/* to then */
#define NAMES 4
#define GOLDEN_S 1795962400U	/* when the golden chain is looked at */
#define GOLDEN_TOLD "0 0 0 95962333;0 1 2 95962335;"

static const char *const names[NAMES] = {
	"20261129-120000-00000000.pcapng", "20261129-120001-00000001.pcapng", "20261129-120002-00000002.pcapng", "20261129-120003-00000003.pcapng",
};

static struct authority authority;
static struct bc_stamp_trust *trust;
static struct bc_stamp_request *req;
static uint8_t hash[BC_CHAIN_HASH] = { 1, 2, 3 }, answer[BC_STAMP_ANSWER_MAX];
static size_t len;
static struct bc_stamp_said said;
static struct bc_err err;
static char folder[SCRATCH_MAX];

static const char *in_folder(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int start(void **state)
{
	scratch_folder(folder, "bc-stamp");
	authority_make(&authority, FROM, TO);
	authority_publish(&authority, in_folder("ca.pem"));
	assert_int_equal(bc_stamp_trust_new(in_folder("ca.pem"), &trust, &err), 0);
	assert_int_equal(bc_stamp_request_new(hash, &req), 0);
	return 0;
}

static int over(void **state)
{
	bc_stamp_request_free(req);
	bc_stamp_trust_free(trust);
	authority_free(&authority);
	return 0;
}

static void let_answer(const struct bc_stamp_request *r)
{
	size_t n;
	const uint8_t *der = bc_stamp_request_der(r, &n);

	len = authority_answer(&authority, der, n, answer);
}

static int check(long now_s)
{
	return bc_stamp_check(trust, hash, answer, len, (uint64_t)now_s, &said, &err);
}

static void a_good_answer_is_taken(void **state)
{
	let_answer(req);
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), 0);
	assert_int_equal(check(FROM + 5), 0);
	assert_int_equal(said.time_s, FROM);
	assert_string_equal(said.authority, "CN=clock");
	assert_false(said.expired);
}

/* The field tsa of RFC 3161, 2.4.2: whose it is, is for who checks it. */
static void an_authority_may_name_itself(void **state)
{
	authority.named = true;
	let_answer(req);
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), 0);
	assert_int_equal(check(FROM), 0);
}

static void the_answer_to_another_request_is_refused(void **state)
{
	struct bc_stamp_request *same_hash, *other_hash;
	const uint8_t other[BC_CHAIN_HASH] = { 9 };

	assert_int_equal(bc_stamp_request_new(hash, &same_hash), 0);
	assert_int_equal(bc_stamp_request_new(other, &other_hash), 0);
	let_answer(same_hash);
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "nonce"));
	let_answer(other_hash);
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "imprint"));
	assert_int_equal(check(FROM), -EBADMSG);
	bc_stamp_request_free(same_hash);
	bc_stamp_request_free(other_hash);
}

static void a_refusal_is_no_stamp(void **state)
{
	/* TimeStampResp with PKIStatusInfo: status 2 (rejection), and no token: RFC 3161, 2.4.2. */
	static const uint8_t rejection[] = { 0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02 };

	assert_int_equal(bc_stamp_accept(req, rejection, sizeof(rejection), &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "rejection"));
	assert_int_equal(bc_stamp_check(trust, hash, rejection, sizeof(rejection), FROM, &said, &err), -EBADMSG);
}

static void what_is_behind_an_answer_is_refused(void **state)
{
	let_answer(req);
	answer[len++] = 0;
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), -EBADMSG);
	assert_int_equal(check(FROM), -EBADMSG);
}

/* The last byte is of the signature. */
static void a_changed_byte_is_found(void **state)
{
	let_answer(req);
	answer[len - 1] ^= 1;
	assert_int_equal(bc_stamp_accept(req, answer, len, &err), -EBADMSG);
	assert_int_equal(check(FROM), -EBADMSG);
}

/* Each part of an answer: whatever is missing, nothing is believed. */
static void half_an_answer_is_none(void **state)
{
	let_answer(req);
	for (size_t n = 0; n < len; n++) {
		assert_int_equal(bc_stamp_accept(req, answer, n, &err), -EBADMSG);
		assert_int_equal(bc_stamp_check(trust, hash, answer, n, FROM, &said, &err), -EBADMSG);
	}
}

static void another_authority_is_not_believed(void **state)
{
	struct authority mallory;

	authority_make(&mallory, FROM, TO);
	authority_publish(&mallory, in_folder("mallory.pem"));
	bc_stamp_trust_free(trust);
	assert_int_equal(bc_stamp_trust_new(in_folder("mallory.pem"), &trust, &err), 0);
	let_answer(req);
	assert_int_equal(check(FROM), -EBADMSG);
	authority_free(&mallory);
}

static void a_certificate_that_expired_since_is_told(void **state)
{
	let_answer(req);
	assert_int_equal(check(TO + 1), 0);
	assert_true(said.expired);
	assert_int_equal(said.time_s, FROM);
}

static void a_certificate_that_was_not_valid_then_is_refused(void **state)
{
	authority.now_s = TO + 1;
	let_answer(req);
	assert_int_equal(check(TO + 1), -EBADMSG);
	assert_non_null(strstr(err.msg, "expired"));
}

static void its_inaccuracy_is_added(void **state)
{
	authority.accuracy_s = 5;
	authority.fraction_us = 250000;
	let_answer(req);
	assert_int_equal(check(FROM + 5), 0);
	assert_int_equal(said.time_s, FROM + 6);
}

static void what_is_no_certificate_is_refused(void **state)
{
	struct bc_stamp_trust *t;

	fclose(fopen(in_folder("empty.pem"), "w"));
	assert_int_equal(bc_stamp_trust_new(in_folder("empty.pem"), &t, &err), -EINVAL);
	assert_int_equal(bc_stamp_trust_new(in_folder("nothing.pem"), &t, &err), -EINVAL);
}

static void urls_are_checked(void **state)
{
	static const char *const good[] = { "http://127.0.0.1:80", "https://tsa.example/tsr", "http://tsa.example?a=b" };
	static const char *const bad[] = { "", "tsa.example", "ftp://tsa.example/", "http://", "http://user:word@tsa.example/", "http://a b/",
					   "http://a/\n", "file:///etc/passwd" };

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(bc_tsa_url_check(good[i], &err), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_tsa_url_check(bad[i], &err), -EINVAL);
}

/* A line as text, and back. */
static struct bc_stamp_line line, again;
static char text[BC_STAMP_LINE_MAX];

static void a_line_is_read_as_it_was_written(void **state)
{
	size_t n;

	for (line.len = 1; line.len < 10; line.len++) {
		memcpy(line.hash, hash, sizeof(hash));
		line.number = UINT64_MAX - line.len;
		memset(line.answer, 0xa5, line.len);
		n = bc_stamp_line_text(&line, text);
		assert_int_equal(bc_stamp_line_parse(text, n, &again), 0);
		assert_int_equal(again.len, line.len);
		assert_int_equal(again.number, line.number);
		assert_memory_equal(again.answer, line.answer, line.len);
	}
	line.len = BC_STAMP_ANSWER_MAX;
	n = bc_stamp_line_text(&line, text);
	assert_int_equal(bc_stamp_line_parse(text, n, &again), 0);
	assert_int_equal(again.len, line.len);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

static void what_is_no_line_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "1", "1 ", "1 " ZEROS, "1 " ZEROS " ", "1 " ZEROS " QQ=", "1 " ZEROS " QR==", "01 " ZEROS " QQ==", "x " ZEROS " QQ==",
		"1 " ZEROS " QQ== ", "1 " ZEROS "  QQ==", "1  " ZEROS " QQ==", "1 G" ZEROS " QQ==", "1 " ZEROS " ====", "1 " ZEROS " Q\nQ=",
		"99999999999999999999 " ZEROS " QQ==", "-1 " ZEROS " QQ==",
	};

	assert_int_equal(bc_stamp_line_parse("1 " ZEROS " QQ==", strlen(ZEROS) + 7, &again), 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_stamp_line_parse(bad[i], strlen(bad[i]), &again), -EBADMSG);
}

/* A folder with a chain of NAMES records. */
static struct bc_chain_key *key, *checker;
static uint8_t heads[NAMES][BC_CHAIN_HASH];
static char told[8192];		/* "KIND FROM TO TIME;" of each range, and "fault N: WHY;" */
static struct bc_chain_result res;

static void make_key(void)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = fopen(in_folder("key.pem"), "w");

	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fchmod(fileno(f), 0600);
	fclose(f);
	f = fopen(in_folder("public.pem"), "w");
	PEM_write_PUBKEY(f, pkey);
	fclose(f);
	EVP_PKEY_free(pkey);
	assert_int_equal(bc_chain_key_private(in_folder("key.pem"), keyring_of(bc_chain_key_kept(in_folder("key.pem"))), &key, &err), 0);
	assert_int_equal(bc_chain_key_public(in_folder("public.pem"), &checker, &err), 0);
}

static int start_chain(void **state)
{
	struct bc_chain *chain;

	start(state);
	make_key();
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	for (unsigned i = 0; i < NAMES; i++) {
		fclose(fopen(in_folder(names[i]), "w"));
		assert_int_equal(bc_chain_add(chain, key, names[i], BC_CHAIN_PUBLISHED, NULL, &err), 0);
		bc_chain_head(chain, heads[i]);
	}
	bc_chain_close(chain);
	return 0;
}

static int chain_over(void **state)
{
	bc_chain_key_free(key);
	keyrings_end();
	bc_chain_key_free(checker);
	return over(state);
}

/* As if the authority had stamped that record at that time. */
static void stamp(uint64_t number, const uint8_t *of, long time_s)
{
	struct bc_stamp_request *r;
	struct bc_stamp_file *f;
	uint8_t last[BC_CHAIN_HASH];
	uint64_t records;

	authority.now_s = time_s;
	assert_int_equal(bc_stamp_request_new(of, &r), 0);
	let_answer(r);
	bc_stamp_request_free(r);
	assert_int_equal(bc_stamp_file_open(folder, &f, &records, last, &err), 0);
	line.number = number;
	memcpy(line.hash, of, sizeof(line.hash));
	memcpy(line.answer, answer, len);
	line.len = len;
	assert_int_equal(bc_stamp_file_add(f, &line, &err), 0);
	bc_stamp_file_close(f);
}

static void range(void *ctx, const struct bc_stamped *s)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%d %d %d %lld;", s->kind, (int)s->from, (int)s->to, s->time_s ? (long long)s->time_s - FROM : -1);
}

static void fault(void *ctx, uint64_t n, const char *why)
{
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "fault %d: %s;", (int)n, why);
}

static void no_fault(void *ctx, enum bc_chain_fault f, uint64_t number, const char *name)
{
	if (f != BC_CHAIN_LINK)
		fail_msg("%d %s", f, name);
}

static const char *check_chain(long now_s)
{
	const struct bc_stamps_asked asked = { trust, (uint64_t)now_s, range, fault, NULL };

	const struct bc_chain_asked all = { .key = checker, .stamps = &asked, .tell = no_fault };

	told[0] = '\0';
	assert_int_equal(bc_chain_check(folder, &all, &res, &err), 0);
	return told;
}

static void a_stamp_covers_what_is_before_it(void **state)
{
	stamp(1, heads[1], FROM + 10);
	stamp(3, heads[3], FROM + 20);
	assert_string_equal(check_chain(FROM + 30), "0 0 1 10;0 2 3 20;");
	assert_int_equal(res.faults, 0);
}

static void what_no_stamp_covers_is_named(void **state)
{
	assert_string_equal(check_chain(FROM), "2 0 3 -1;");
	assert_int_equal(res.faults, 1);
	stamp(1, heads[1], FROM + 10);
	assert_string_equal(check_chain(FROM + 30), "0 0 1 10;2 2 3 -1;");
	assert_int_equal(res.faults, 1);
}

static void while_a_capture_runs_the_newest_may_wait(void **state)
{
	struct bc_chain *chain;

	stamp(1, heads[1], FROM + 10);
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	assert_string_equal(check_chain(FROM + 30), "0 0 1 10;3 2 3 -1;");
	assert_int_equal(res.faults, 0);
	bc_chain_close(chain);
}

static void what_expired_is_told_apart(void **state)
{
	stamp(3, heads[3], FROM + 10);
	assert_string_equal(check_chain(TO + 30), "1 0 3 10;");
	assert_int_equal(res.faults, 1);
}

static void a_stamp_of_something_else_is_a_fault(void **state)
{
	stamp(3, heads[2], FROM + 10);
	stamp(9, hash, FROM + 10);
	stamp(3, heads[3], FROM + 20);
	assert_string_equal(check_chain(FROM + 30), "fault 1: no record of the chain is what was stamped;"
			    "fault 2: no record of the chain is what was stamped;0 0 3 20;");
	assert_int_equal(res.faults, 2);
}

static void a_stamp_that_does_not_hold_is_a_fault(void **state)
{
	stamp(3, heads[3], TO + 10);
	assert_non_null(strstr(check_chain(TO + 30), "fault 1: it does not hold"));
	assert_non_null(strstr(told, "2 0 3 -1;"));
	assert_int_equal(res.faults, 2);
}

static void a_damaged_line_is_a_fault(void **state)
{
	FILE *f;

	stamp(3, heads[3], FROM + 10);
	f = fopen(in_folder(BC_STAMPS_FILE), "a");
	for (unsigned i = 0; i < BC_STAMP_LINE_MAX + 5; i++)
		fputc('x', f);
	fputs("\n4 torn", f);
	fclose(f);
	assert_string_equal(check_chain(FROM + 30), "fault 2: it is damaged;fault 3: it is damaged;fault 4: it is damaged;0 0 3 10;");
}

/* The chain without its second record: what is before that gap follows from no later stamp. */
static void a_stamp_covers_nothing_before_a_gap(void **state)
{
	char all[8192], *second, *third;
	FILE *f = fopen(in_folder(BC_CHAIN_FILE), "r");

	all[fread(all, 1, sizeof(all) - 1, f)] = '\0';
	fclose(f);
	second = strchr(all, '\n') + 1;
	third = strchr(second, '\n') + 1;
	f = fopen(in_folder(BC_CHAIN_FILE), "w");
	fprintf(f, "%.*s%s", (int)(second - all), all, third);
	fclose(f);
	unlink(in_folder(names[1]));
	stamp(3, heads[3], FROM + 10);
	assert_string_equal(check_chain(FROM + 30), "2 0 0 -1;0 2 3 10;");
}

static void a_torn_line_is_taken_off(void **state)
{
	struct bc_stamp_file *f;
	uint8_t last[BC_CHAIN_HASH];
	struct stat st, after;
	uint64_t records;
	FILE *torn;

	stamp(0, heads[0], FROM);
	stamp(2, heads[2], FROM);
	assert_int_equal(stat(in_folder(BC_STAMPS_FILE), &st), 0);
	torn = fopen(in_folder(BC_STAMPS_FILE), "a");
	fputs("3 abc", torn);
	fclose(torn);
	assert_int_equal(bc_stamp_file_open(folder, &f, &records, last, &err), 0);
	bc_stamp_file_close(f);
	assert_int_equal(records, 3);
	assert_memory_equal(last, heads[2], sizeof(last));
	assert_int_equal(stat(in_folder(BC_STAMPS_FILE), &after), 0);
	assert_int_equal(after.st_size, st.st_size);
}

static void what_is_no_file_is_refused(void **state)
{
	struct bc_stamp_file *f;
	uint8_t last[BC_CHAIN_HASH];
	uint64_t records;

	assert_int_equal(mkfifo(in_folder(BC_STAMPS_FILE), 0600), 0);
	assert_int_not_equal(bc_stamp_file_open(folder, &f, &records, last, &err), 0);
}

static void stamps_stay_with_a_chain_that_is_put_aside(void **state)
{
	struct bc_chain *chain;
	FILE *f;

	stamp(3, heads[3], FROM + 10);
	f = fopen(in_folder(BC_CHAIN_FILE), "r+");
	fputc('x', f);
	fclose(f);
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	bc_chain_close(chain);
	assert_int_equal(access(in_folder(BC_STAMPS_FILE), F_OK), -1);
}

/* tests/golden/custody, as it was written once. */
static void the_golden_chain_is_read(void **state)
{
	struct bc_chain_key *k;
	char path[4096];

	snprintf(path, sizeof(path), "%s/custody", getenv("BC_GOLDEN"));
	snprintf(told, sizeof(told), "%s/public.pem", path);
	assert_int_equal(bc_chain_key_public(told, &k, &err), 0);
	snprintf(told, sizeof(told), "%s/tsa-ca.pem", path);
	bc_stamp_trust_free(trust);
	assert_int_equal(bc_stamp_trust_new(told, &trust, &err), 0);
	told[0] = '\0';
	const struct bc_stamps_asked asked = { trust, GOLDEN_S, range, fault, NULL };
	const struct bc_chain_asked all = { .key = k, .stamps = &asked, .tell = no_fault };
	assert_int_equal(bc_chain_check(path, &all, &res, &err), 0);
	bc_chain_key_free(k);
	assert_int_equal(res.whole, 3);
	assert_string_equal(told, GOLDEN_TOLD);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, over)
#define C(f) cmocka_unit_test_setup_teardown(f, start_chain, chain_over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_good_answer_is_taken),
		T(an_authority_may_name_itself),
		T(the_answer_to_another_request_is_refused),
		T(a_refusal_is_no_stamp),
		T(what_is_behind_an_answer_is_refused),
		T(a_changed_byte_is_found),
		T(half_an_answer_is_none),
		T(another_authority_is_not_believed),
		T(a_certificate_that_expired_since_is_told),
		T(a_certificate_that_was_not_valid_then_is_refused),
		T(its_inaccuracy_is_added),
		T(what_is_no_certificate_is_refused),
		T(urls_are_checked),
		T(a_line_is_read_as_it_was_written),
		T(what_is_no_line_is_refused),
		C(a_stamp_covers_what_is_before_it),
		C(what_no_stamp_covers_is_named),
		C(while_a_capture_runs_the_newest_may_wait),
		C(what_expired_is_told_apart),
		C(a_stamp_of_something_else_is_a_fault),
		C(a_stamp_that_does_not_hold_is_a_fault),
		C(a_damaged_line_is_a_fault),
		C(a_stamp_covers_nothing_before_a_gap),
		C(a_torn_line_is_taken_off),
		C(what_is_no_file_is_refused),
		C(stamps_stay_with_a_chain_that_is_put_aside),
		T(the_golden_chain_is_read),
	};

	return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
