/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"
#include "scratch.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "bc_age_file.h"
#include "bc_chain.h"
#include "bc_chain_check.h"
#include "bc_signer.h"
#include "keyring.h"

#define NAMES 4
static const char *const names[NAMES] = {
	"20261129-120000-00000000.pcapng", "20261129-120001-00000001.pcapng", "20261129-120002-00000002.pcapng.lz4",
	"trace-a b-20261129_120003.pcap",
};

static char folder[SCRATCH_MAX], secret[300], public[300];
static struct bc_chain_key *key, *checker;
static struct bc_chain *chain;
static struct bc_age_identities ids;	/* none, or one */
static struct bc_err err;
static char said[4096];		/* each fault is "FAULT NUMBER NAME;" */
static struct bc_chain_result res;

static const char *in_folder(const char *name)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_file(const char *name, const char *content)
{
	FILE *f = fopen(in_folder(name), "w");

	fputs(content, f);
	fclose(f);
}

static void make_key(const char *private_path, const char *public_path)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = fopen(private_path, "w");

	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fchmod(fileno(f), 0600);
	fclose(f);
	f = fopen(public_path, "w");
	PEM_write_PUBKEY(f, pkey);
	fclose(f);
	EVP_PKEY_free(pkey);
}

static int start(void **state)
{
	scratch_folder(folder, "bc-chain");
	snprintf(secret, sizeof(secret), "%s/key.pem", folder);
	snprintf(public, sizeof(public), "%s/public.pem", folder);
	make_key(secret, public);
	assert_int_equal(bc_chain_key_private(secret, keyring_of(bc_chain_key_kept(secret)), &key, &err), 0);
	assert_int_equal(bc_chain_key_public(public, &checker, &err), 0);
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	return 0;
}

static void close_chain(void)
{
	bc_chain_close(chain);
	chain = NULL;
}

static int over(void **state)
{
	ids.n = 0;
	close_chain();
	bc_chain_key_free(key);
	bc_chain_key_free(checker);
	keyrings_end();
	return 0;
}

static void add(const char *name)
{
	put_file(name, name);
	assert_int_equal(bc_chain_add(chain, key, name, BC_CHAIN_PUBLISHED, NULL, &err), 0);
}

static void add_all(void)
{
	for (unsigned i = 0; i < NAMES; i++)
		add(names[i]);
	close_chain();
}

/* What happens while the first fault is told. */
static struct bc_chain **begun_meanwhile;
static bool removes_meanwhile;

static void tell(void *ctx, enum bc_chain_fault fault, uint64_t number, const char *name)
{
	size_t len = strlen(said);

	if (begun_meanwhile && !*begun_meanwhile)
		assert_int_equal(bc_chain_open(folder, NULL, begun_meanwhile, &err), 0);
	for (unsigned i = 0; removes_meanwhile && i < 2; i++)
		unlink(in_folder(names[i]));

	snprintf(said + len, sizeof(said) - len, "%d %lld %s;", fault, (long long)number, name);
}

static const char *check(void)
{
	const struct bc_chain_asked asked = { .key = checker, .identities = ids.n ? &ids : NULL, .tell = tell };

	said[0] = '\0';
	assert_int_equal(bc_chain_check(folder, &asked, &res, &err), 0);
	return said;
}

static const char *fault(enum bc_chain_fault f, long long number, const char *name)
{
	static char text[400];

	snprintf(text, sizeof(text), "%d %lld %s;", f, number, name);
	return text;
}

/* The chain's text; edit gets it, and what is there afterwards is the chain. */
static void edit(void (*change)(char *text))
{
	char text[8192];
	FILE *f = fopen(in_folder(BC_CHAIN_FILE), "r");
	size_t len = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[len] = '\0';
	change(text);
	put_file(BC_CHAIN_FILE, text);
}

static void what_is_untouched_is_whole(void **state)
{
	add_all();
	assert_string_equal(check(), "");
	assert_int_equal(res.records, NAMES);
	assert_int_equal(res.whole, NAMES);
	assert_false(res.running);
}

static void a_chain_goes_on_after_it_was_closed(void **state)
{
	uint8_t head[BC_CHAIN_HASH];

	add(names[0]);
	close_chain();
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	assert_int_equal(bc_chain_head(chain, head), 1);
	add(names[1]);
	close_chain();
	assert_string_equal(check(), "");
	assert_int_equal(res.records, 2);
}

static int note(void *ctx, const char *name)
{
	strcat(ctx, name);
	strcat(ctx, ";");
	return 0;
}

static void segments_without_a_record_are_listed(void **state)
{
	char list[1024] = "", expected[1024];

	add(names[1]);
	close_chain();
	for (unsigned i = 0; i < NAMES; i++)
		put_file(names[i], names[i]);
	put_file("notes.txt", "no segment");
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	assert_int_equal(bc_chain_unrecorded(chain, note, list, &err), 0);
	snprintf(expected, sizeof(expected), "%s;%s;%s;", names[0], names[2], names[3]);
	assert_string_equal(list, expected);
}

static void a_torn_line_is_taken_off(void **state)
{
	FILE *f;

	add(names[0]);
	close_chain();
	f = fopen(in_folder(BC_CHAIN_FILE), "a");
	fputs("1 17959", f);
	fclose(f);
	assert_string_equal(check(), fault(BC_CHAIN_CUT, 1, ""));
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	add(names[1]);
	close_chain();
	assert_string_equal(check(), "");
}

static void damage(char *text)
{
	text[0] = 'x';
}

static void a_damaged_chain_is_kept_and_another_begun(void **state)
{
	uint8_t head[BC_CHAIN_HASH];

	add_all();
	edit(damage);
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	assert_int_equal(bc_chain_head(chain, head), 0);
}

static void one_process_has_it(void **state)
{
	struct bc_chain *other;

	assert_int_equal(bc_chain_open(folder, NULL, &other, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "give each its own"));
	put_file(names[0], "newer than the last record");
	assert_string_equal(check(), "");
	assert_true(res.running);
}

static void a_changed_byte_is_found(void **state)
{
	add_all();
	put_file(names[1], "20261129-120001-00000001.pcapnG");
	assert_string_equal(check(), fault(BC_CHAIN_CHANGED, 1, names[1]));
}

static void what_is_missing_in_the_middle_is_found(void **state)
{
	add_all();
	unlink(in_folder(names[1]));
	assert_string_equal(check(), fault(BC_CHAIN_MISSING, 1, names[1]));
}

static void what_retention_removed_is_no_fault(void **state)
{
	add_all();
	unlink(in_folder(names[0]));
	unlink(in_folder(names[1]));
	assert_string_equal(check(), "");
	assert_int_equal(res.removed, 2);
	assert_int_equal(res.whole, 2);
}

static void what_was_added_is_found(void **state)
{
	add_all();
	put_file("20250101-000000-00000000.pcapng", "");
	assert_string_equal(check(), fault(BC_CHAIN_ADDED, -1, "20250101-000000-00000000.pcapng"));
}

/* The second of them. */
static void take_a_line_out(char *text)
{
	char *from = strchr(text, '\n') + 1, *to = strchr(from, '\n') + 1;

	memmove(from, to, strlen(to) + 1);
}

static void a_record_taken_out_is_found(void **state)
{
	add_all();
	edit(take_a_line_out);
	unlink(in_folder(names[1]));
	assert_string_equal(check(), fault(BC_CHAIN_LINK, 1, ""));
}

static void exchange(char *text)
{
	char first[1024] = "", *second = strchr(text, '\n') + 1, *third = strchr(second, '\n') + 1;
	size_t n = (size_t)(second - text), m = (size_t)(third - second);

	memcpy(first, text, n);
	memmove(text, second, m);
	memcpy(text + m, first, n);
}

static void exchanged_records_are_found(void **state)
{
	add_all();
	edit(exchange);
	check();
	assert_non_null(strstr(said, fault(BC_CHAIN_LINK, 0, "")));
}

static void alter_the_size(char *text)
{
	char *bytes = strstr(text, "published ") + strlen("published ");

	*bytes = *bytes == '9' ? '8' : '9';
}

static void an_altered_record_is_found(void **state)
{
	add_all();
	edit(alter_the_size);
	check();
	assert_non_null(strstr(said, fault(BC_CHAIN_NOT_SIGNED, 0, "")));
	assert_non_null(strstr(said, fault(BC_CHAIN_CHANGED, 0, names[0])));
}

static void another_key_is_found(void **state)
{
	add(names[0]);
	close_chain();
	bc_chain_key_free(checker);
	make_key(secret, public);
	assert_int_equal(bc_chain_key_public(public, &checker, &err), 0);
	assert_string_equal(check(), fault(BC_CHAIN_NOT_SIGNED, 0, ""));
}

static void keys_of_other_kinds_are_refused(void **state)
{
	struct bc_chain_key *k;

	assert_int_equal(bc_chain_key_private(public, keyring_of(bc_chain_key_kept(public)), &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "a public key"));
	assert_int_equal(bc_chain_key_public(secret, &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "a secret key"));
	chmod(secret, 0644);
	assert_int_equal(bc_chain_key_private(secret, keyring_of(bc_chain_key_kept(secret)), &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "chmod 600"));
	assert_int_equal(bc_chain_key_private("/nowhere", keyring_of(bc_chain_key_kept("/nowhere")), &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "No such file"));
	/* Nobody writes it: this would wait forever. */
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(bc_chain_key_private(in_folder("fifo"), keyring_of(bc_chain_key_kept(in_folder("fifo"))), &k, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not a regular file"));
	assert_int_equal(bc_chain_key_public(in_folder("fifo"), &k, &err), -EINVAL);
}

static int sign_text(struct bc_kept *kept, const char *text, size_t len)
{
	uint8_t signature[BC_CHAIN_SIGNATURE];
	size_t room = sizeof(signature);

	return bc_kept_sign(kept, &(struct bc_how){ .md = 0 }, (const uint8_t *)text, len, signature, &room);
}

/* Who broke in asks the keyring for a signature of something else. */
static void nothing_but_records_is_signed(void **state)
{
	struct bc_chain_record r = { .number = 7, .time_ns = 1, .kind = BC_CHAIN_FOUND, .bytes = 3, .name = "a name.pcapng" };
	static const char *const other[] = { "", " ", "hello", "7 1 found 3", "7 1 found 3 x x x name" };
	char text[BC_CHAIN_LINE_MAX], bad[BC_CHAIN_LINE_MAX];
	const size_t len = bc_chain_record_text(&r, text);
	struct bc_kept *kept;

	assert_int_equal(bc_keyring_read(keyring_of(bc_chain_key_kept(secret)), secret, &kept, &err), 0);
	assert_int_equal(sign_text(kept, text, len), 0);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_int_equal(sign_text(kept, other[i], strlen(other[i])), -EACCES);
	memcpy(bad, text, len);
	memset(bad + len, 'a', sizeof(bad) - len);
	assert_int_equal(sign_text(kept, bad, sizeof(bad)), -EACCES);
	bad[len] = '\n';
	assert_int_equal(sign_text(kept, bad, len + 1), -EACCES);
	bad[len] = '/';
	assert_int_equal(sign_text(kept, bad, len + 1), -EACCES);
	bad[0] = '0';
	assert_int_equal(sign_text(kept, bad, len), 0);
	bad[1] = '0';
	assert_int_equal(sign_text(kept, bad, len), -EACCES);
	bc_kept_free(kept);
}

static void a_name_with_a_newline_gets_no_record(void **state)
{
	assert_int_equal(bc_chain_name_check("a\nb"), -EINVAL);
	assert_int_equal(bc_chain_name_check("a/b"), -EINVAL);
	assert_int_equal(bc_chain_name_check(""), -EINVAL);
	assert_int_equal(bc_chain_name_check("trace-a b-20261129_120003.pcap"), 0);
}

static void what_is_gone_gets_no_record(void **state)
{
	assert_int_equal(bc_chain_add(chain, key, names[0], BC_CHAIN_PUBLISHED, NULL, &err), -ENOENT);
	close_chain();
	assert_string_equal(check(), "");
	assert_int_equal(res.records, 0);
}

/* Whoever may write to the folder must not stop the chain: at its start, or at one segment. */
static void what_is_no_file_stops_nothing(void **state)
{
	uint8_t head[BC_CHAIN_HASH];

	close_chain();
	unlink(in_folder(BC_CHAIN_FILE));
	assert_int_equal(mkfifo(in_folder(BC_CHAIN_FILE), 0600), 0);
	assert_int_equal(bc_chain_open(folder, NULL, &chain, &err), 0);
	assert_int_equal(mkdir(in_folder(names[0]), 0700), 0);
	assert_int_equal(mkfifo(in_folder(names[1]), 0600), 0);
	assert_int_equal(symlink("/dev/zero", in_folder(names[2])), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bc_chain_add(chain, key, names[i], BC_CHAIN_FOUND, NULL, &err), -ENOENT);
	assert_int_equal(bc_chain_add(chain, key, "trace-a\nb-20261129_120003.pcap", BC_CHAIN_FOUND, NULL, &err), -ENOENT);
	assert_int_equal(bc_chain_head(chain, head), 0);
}

static void a_record_with_a_zero_in_it_is_found(void **state)
{
	char text[2048];
	FILE *f;
	size_t len;

	add(names[0]);
	close_chain();
	f = fopen(in_folder(BC_CHAIN_FILE), "r+");
	len = fread(text, 1, sizeof(text), f) - 1;
	fseek(f, (long)len, SEEK_SET);
	fwrite("\0hidden\n", 1, 8, f);
	fclose(f);
	check();
	assert_non_null(strstr(said, fault(BC_CHAIN_DAMAGED, 0, "")));
}

/* It takes hours, in which another capture may begin. */
static void a_check_keeps_no_capture_from_starting(void **state)
{
	struct bc_chain *other = NULL;

	add_all();
	put_file(names[0], "another");
	begun_meanwhile = &other;
	check();
	begun_meanwhile = NULL;
	assert_non_null(other);
	assert_true(res.running);
	bc_chain_close(other);
}

static void what_retention_removes_meanwhile_is_no_fault(void **state)
{
	add_all();
	put_file(names[0], "another");
	removes_meanwhile = true;
	check();
	removes_meanwhile = false;
	assert_string_equal(said, fault(BC_CHAIN_CHANGED, 0, names[0]));
	assert_int_equal(res.removed, 1);
	assert_int_equal(res.whole, 2);
}

static void what_was_recorded_late_is_counted(void **state)
{
	add(names[0]);
	put_file(names[1], names[1]);
	assert_int_equal(bc_chain_add(chain, key, names[1], BC_CHAIN_FOUND, NULL, &err), 0);
	assert_string_equal(check(), "");
	assert_int_equal(res.whole, 2);
	assert_int_equal(res.found, 1);
}

/* The first of them. */
static void encrypt(const char *recipient)
{
	struct bc_age_recipients to = { .n = 0 };
	uint64_t bytes;

	assert_int_equal(bc_age_recipient_add(&to, recipient, &err), 0);
	assert_int_equal(bc_age_encrypt_file(in_folder(names[0]), &to, ".bcidx", &bytes, &err), 0);
}

/* The chain is of the bytes that were published; encryption since is no change of these. */
static void what_is_encrypted_since_is_compared(void **state)
{
	char recipient[BC_AGE_RECIPIENT_SIZE], age[64];

	add_all();
	assert_int_equal(bc_age_identity_make(&ids.key[0]), 0);
	bc_age_recipient_text(ids.key[0].public, recipient);
	encrypt(recipient);
	assert_string_equal(check(), fault(BC_CHAIN_ENCRYPTED, 0, names[0]));
	ids.n = 1;
	assert_string_equal(check(), "");
	assert_int_equal(res.whole, NAMES);
	/* What is in it is something else. */
	snprintf(age, sizeof(age), "%s.age", names[0]);
	unlink(in_folder(age));
	put_file(names[0], "20261129-120000-00000000.pcapnG");
	encrypt(recipient);
	assert_string_equal(check(), fault(BC_CHAIN_CHANGED, 0, names[0]));
	/* Older ones that are there encrypted are not removed. */
	unlink(in_folder(names[1]));
	check();
	assert_non_null(strstr(said, fault(BC_CHAIN_MISSING, 1, names[1])));
}

/* Whoever has the recipient can make such files. */
static void what_was_added_encrypted_is_found(void **state)
{
	static const char other[] = "20250101-000000-00000000.pcapng";
	char recipient[BC_AGE_RECIPIENT_SIZE], age[64];
	struct bc_age_recipients to = { .n = 0 };
	uint64_t bytes;

	add_all();
	assert_int_equal(bc_age_identity_make(&ids.key[0]), 0);
	bc_age_recipient_text(ids.key[0].public, recipient);
	assert_int_equal(bc_age_recipient_add(&to, recipient, &err), 0);
	put_file(other, other);
	assert_int_equal(bc_age_encrypt_file(in_folder(other), &to, ".bcidx", &bytes, &err), 0);
	snprintf(age, sizeof(age), "%s.age", other);
	assert_string_equal(check(), fault(BC_CHAIN_ADDED, -1, age));
}

/* The file, which is as it was, and one that says to be the same. */
static void what_is_encrypted_beside_its_file_is_compared_too(void **state)
{
	char recipient[BC_AGE_RECIPIENT_SIZE], age[64];

	add_all();
	assert_int_equal(bc_age_identity_make(&ids.key[0]), 0);
	bc_age_recipient_text(ids.key[0].public, recipient);
	put_file(names[0], "20261129-120000-00000000.pcapnG");
	encrypt(recipient);
	put_file(names[0], names[0]);
	ids.n = 1;
	snprintf(age, sizeof(age), "%s.age", names[0]);
	assert_string_equal(check(), fault(BC_CHAIN_CHANGED, 0, age));
	assert_int_equal(res.whole, NAMES);
}

/* With no descriptor left no segment can be read; then there are enough, and another segment is published every 0.1 s. */
static void what_failed_is_tried_again_while_more_comes(void **state)
{
	struct bc_signer_stats st = { .records = 0 };
	struct bc_signer_folder *f;
	struct rlimit enough, none;
	struct bc_signer *s;

	close_chain();
	put_file(names[0], names[0]);
	assert_int_equal(bc_signer_new(secret, keyring_of(bc_chain_key_kept(secret)), NULL, NULL, &s, &err), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &enough), 0);
	none = enough;
	none.rlim_cur = 3;
	assert_int_equal(bc_signer_add(s, folder, &f, &err), 0);
	for (int i = 0; i < 1000 && st.records < 1; i++) {
		usleep(10000);
		bc_signer_stats(f, &st);
	}
	put_file(names[1], names[1]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bc_signer_published(f, names[1]);
	while (!bc_signer_idle(s))
		usleep(10000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
	bc_signer_stats(f, &st);
	assert_int_equal(st.records, 1);
	assert_int_equal(st.waiting, 1);
	for (int i = 0; i < 200 && st.records < 2; i++) {
		usleep(100000);
		bc_signer_published(f, names[1]);
		bc_signer_stats(f, &st);
	}
	bc_signer_free(s);
	assert_in_range(st.records, 2, UINT64_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_untouched_is_whole),
		T(a_chain_goes_on_after_it_was_closed),
		T(segments_without_a_record_are_listed),
		T(a_torn_line_is_taken_off),
		T(a_damaged_chain_is_kept_and_another_begun),
		T(one_process_has_it),
		T(a_changed_byte_is_found),
		T(what_is_missing_in_the_middle_is_found),
		T(what_retention_removed_is_no_fault),
		T(what_was_added_is_found),
		T(a_record_taken_out_is_found),
		T(exchanged_records_are_found),
		T(an_altered_record_is_found),
		T(another_key_is_found),
		T(keys_of_other_kinds_are_refused),
		T(nothing_but_records_is_signed),
		T(a_name_with_a_newline_gets_no_record),
		T(what_is_gone_gets_no_record),
		T(what_failed_is_tried_again_while_more_comes),
		T(what_is_no_file_stops_nothing),
		T(what_is_encrypted_since_is_compared),
		T(what_was_added_encrypted_is_found),
		T(what_is_encrypted_beside_its_file_is_compared_too),
		T(a_record_with_a_zero_in_it_is_found),
		T(a_check_keeps_no_capture_from_starting),
		T(what_retention_removes_meanwhile_is_no_fault),
		T(what_was_recorded_late_is_counted),
	};

	return cmocka_run_group_tests_name("chain_custody", tests, NULL, NULL);
}
