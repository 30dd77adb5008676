/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"
#include "scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bc_age_blob.h"
#include "bc_age_blocks.h"
#include "bc_age_file.h"

#define SEALED (BC_AGE_BLOCK + BC_AGE_TAG)
#define BLOCKS 4	/* of the large file: 3 full ones, and a short one */
#define LARGE (3 * BC_AGE_BLOCK + 100)

static char folder[SCRATCH_MAX];
static struct bc_age_identities ids, others;
static struct bc_age_recipients to;
static struct bc_err err;
static uint8_t large[LARGE];

/* What another process does before a file gets its final name. */
static void (*before_rename)(void);

int renameat2(int from_folder, const char *from, int to_folder, const char *name, unsigned flags)
{
	if (before_rename)
		before_rename();
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, name, flags);
}

int linkat(int from_folder, const char *from, int to_folder, const char *name, int flags)
{
	if (before_rename)
		before_rename();
	return (int)syscall(SYS_linkat, from_folder, from, to_folder, name, flags);
}

/* The process ends instead of removing a name so often; 0: it does not. */
static unsigned ends_after;

int unlinkat(int of, const char *name, int flags)
{
	if (ends_after && !--ends_after)
		_exit(0);
	return (int)syscall(SYS_unlinkat, of, name, flags);
}

/* Done to a file once it is only on the disk. */
static void (*on_disk)(int fd);

int posix_fadvise(int fd, off_t at, off_t len, int advice)
{
	if (on_disk && advice == POSIX_FADV_DONTNEED)
		on_disk(fd);
	return 0;
}

static const char *in_folder(const char *name)
{
	static char path[4][600];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

static void put_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void make_identity(struct bc_age_identities *i, struct bc_age_recipients *r)
{
	char text[BC_AGE_RECIPIENT_SIZE];

	assert_int_equal(bc_age_identity_make(&i->key[i->n++]), 0);
	bc_age_recipient_text(i->key[i->n - 1].public, text);
	if (r)
		assert_int_equal(bc_age_recipient_add(r, text, &err), 0);
}

static int start(void **state)
{
	scratch_folder(folder, "bc-age");
	memset(&ids, 0, sizeof(ids));
	memset(&others, 0, sizeof(others));
	memset(&to, 0, sizeof(to));
	make_identity(&ids, &to);
	make_identity(&others, NULL);
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 7 + i / 251);
	return 0;
}

static void from_hex(const char *hex, uint8_t *ret)
{
	for (size_t i = 0; hex[2 * i]; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &ret[i]), 1);
}

static void x25519_is_that_of_rfc_7748(void **state)
{
	uint8_t alice[32], bob[32], public[32], expected[32], shared[32];

	/* Section 6.1. */
	from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice);
	from_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", bob);
	from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", expected);
	assert_int_equal(bc_age_x25519(alice, NULL, public), 0);
	assert_memory_equal(public, expected, 32);
	from_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", expected);
	assert_int_equal(bc_age_x25519(alice, bob, shared), 0);
	assert_memory_equal(shared, expected, 32);
	/* A public key of low order: section 6.1 has it refused. */
	memset(bob, 0, sizeof(bob));
	assert_int_equal(bc_age_x25519(alice, bob, shared), -EINVAL);
}

static void hkdf_is_that_of_rfc_5869(void **state)
{
	uint8_t secret[22], salt[13], expected[32], key[32];

	/* Appendices A.1 and A.3; of their outputs the first 32 bytes. */
	memset(secret, 0x0b, sizeof(secret));
	from_hex("000102030405060708090a0b0c", salt);
	from_hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf", expected);
	assert_int_equal(bc_age_hkdf(secret, sizeof(secret), salt, sizeof(salt), "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", key), 0);
	assert_memory_equal(key, expected, 32);
	from_hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d", expected);
	assert_int_equal(bc_age_hkdf(secret, sizeof(secret), NULL, 0, "", key), 0);
	assert_memory_equal(key, expected, 32);
}

static void bech32_is_that_of_bip_173(void **state)
{
	uint8_t expected[20], data[20];
	char text[BC_BECH32_SIZE(6, 20)];

	from_hex("00443214c74254b635cf84653a56d7c675be77df", expected);
	assert_int_equal(bc_bech32_decode("abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "abcdef", data, 20), 0);
	assert_memory_equal(data, expected, 20);
	bc_bech32_encode("abcdef", data, 20, text);
	assert_string_equal(text, "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw");
	assert_int_equal(bc_bech32_decode("A12UEL5L", "a", data, 0), 0);
}

static void keys_that_are_none_are_refused(void **state)
{
	char text[BC_AGE_RECIPIENT_SIZE], bad[BC_AGE_RECIPIENT_SIZE + 1];

	bc_age_recipient_text(ids.key[0].public, text);
	for (size_t i = 0; text[i]; i++) {
		strcpy(bad, text);
		bad[i] = bad[i] == 'q' ? 'p' : 'q';
		assert_int_equal(bc_age_recipient_add(&to, bad, &err), -EINVAL);
		strcpy(bad, text);
		bad[i] = '\0';
		assert_int_equal(bc_age_recipient_add(&to, bad, &err), -EINVAL);
	}
	snprintf(bad, sizeof(bad), "%sq", text);
	assert_int_equal(bc_age_recipient_add(&to, bad, &err), -EINVAL);
	strcpy(bad, text);
	bad[8] = bad[8] >= 'a' ? (char)(bad[8] - 32) : bad[8];
	bad[9] = bad[9] >= 'a' ? (char)(bad[9] - 32) : bad[9];
	bad[10] = bad[10] >= 'a' ? (char)(bad[10] - 32) : bad[10];
	assert_int_equal(bc_age_recipient_add(&to, bad, &err), -EINVAL);
	assert_int_equal(to.n, 1);
}

static void a_key_file_is_read_and_others_may_not(void **state)
{
	char secret[BC_AGE_IDENTITY_SIZE], text[300];
	struct bc_age_identities read = { .n = 0 };

	bc_age_identity_text(&ids.key[0], secret);
	snprintf(text, sizeof(text), "# made by us\n\n%s\n", secret);
	put_file(in_folder("key"), text, strlen(text));
	chmod(in_folder("key"), 0640);
	assert_int_equal(bc_age_identities_read(&read, in_folder("key"), &err), -EINVAL);
	assert_non_null(strstr(err.msg, "chmod 600"));
	chmod(in_folder("key"), 0600);
	assert_int_equal(bc_age_identities_read(&read, in_folder("key"), &err), 0);
	assert_memory_equal(&read.key[0], &ids.key[0], sizeof(ids.key[0]));
	assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
	assert_int_equal(bc_age_identities_read(&read, in_folder("fifo"), &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not a regular file"));
	put_file(in_folder("key"), "# nothing\n", 10);
	assert_int_equal(bc_age_identities_read(&read, in_folder("key"), &err), -EINVAL);
}

/* What is wrong in a file of keys is told without what is in it. */
static void a_damaged_secret_is_not_told(void **state)
{
	struct bc_age_identities read = { .n = 0 };

	put_file(in_folder("key"), "AGE-SECRET-KEY-1NEARLY\n", 23);
	chmod(in_folder("key"), 0600);
	assert_int_equal(bc_age_identities_read(&read, in_folder("key"), &err), -EINVAL);
	assert_null(strstr(err.msg, "NEARLY"));
}

static void a_secret_given_as_a_recipient_is_not_told(void **state)
{
	char secret[BC_AGE_IDENTITY_SIZE];

	bc_age_identity_text(&ids.key[0], secret);
	assert_int_equal(bc_age_recipient_add(&to, secret, &err), -EINVAL);
	assert_null(strstr(err.msg, secret));
	assert_non_null(strstr(err.msg, "a secret key is no recipient"));
}

/* The vector "x25519" of the test kit of the format, https://c2sp.org/CCTV/age. */
static void the_header_of_the_test_kit_is_read(void **state)
{
	static const char head[] = "age-encryption.org/v1\n"
				   "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n"
				   "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE\n"
				   "--- WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg\n";
	static const char identity[] = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0\n";
	struct bc_age_identities kit = { .n = 0 };
	uint8_t key[BC_AGE_FILE_KEY], damaged[sizeof(head)];
	size_t len;

	put_file(in_folder("kit"), identity, sizeof(identity) - 1);
	chmod(in_folder("kit"), 0600);
	assert_int_equal(bc_age_identities_read(&kit, in_folder("kit"), &err), 0);
	assert_int_equal(bc_age_header_read((const uint8_t *)head, sizeof(head) - 1, &kit, key, &len, &err), 0);
	assert_memory_equal(key, "YELLOW SUBMARINE", sizeof(key));
	assert_int_equal(len, sizeof(head) - 1);
	assert_int_equal(bc_age_header_read((const uint8_t *)head, sizeof(head) - 1, &others, key, &len, &err), -EACCES);
	for (size_t i = 0; i < sizeof(head) - 1; i++) {
		memcpy(damaged, head, sizeof(head));
		damaged[i] ^= 1;
		assert_int_not_equal(bc_age_header_read(damaged, sizeof(head) - 1, &kit, key, &len, &err), 0);
		assert_int_not_equal(bc_age_header_read((const uint8_t *)head, i, &kit, key, &len, &err), 0);
	}
}

static void stanzas_of_other_kinds_are_passed_over(void **state)
{
	static const struct {
		const char *text;
		int code;
	} stanza[] = {
		{ "-> joint a b c\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", -EACCES },
		{ "-> joint\nAA", -EACCES }, { "-> joint a  b\nAA", -EBADMSG }, { "-> joint \nAA", -EBADMSG }, { "->joint\nAA", -EBADMSG },
		{ "-> joint\nAB", -EBADMSG }, { "-> joint\nA", -EBADMSG }, { "-> joint\nAA==", -EBADMSG }, { "-> joint\nA*", -EBADMSG },
		{ "-> joint \x01\nAA", -EBADMSG },
	};
	static char head[BC_AGE_HEADER_MAX], more[BC_AGE_HEADER_MAX + 200];
	uint8_t key[BC_AGE_FILE_KEY];
	size_t len;

	/* The sum is then wrong, which is told only of a header that was read to its end. */
	assert_int_equal(bc_age_header_make(&to, key, head, &len, &err), 0);
	for (unsigned i = 0; i < sizeof(stanza) / sizeof(stanza[0]); i++) {
		snprintf(more, sizeof(more), BC_AGE_MAGIC "%s\n%s", stanza[i].text, head + BC_AGE_MAGIC_LEN);
		assert_int_equal(bc_age_header_read((const uint8_t *)more, strlen(more), &ids, key, &len, &err), -EBADMSG);
		assert_int_equal(bc_age_header_read((const uint8_t *)more, strlen(more), &others, key, &len, &err), stanza[i].code);
	}
}

static void encrypt(const void *data, size_t len)
{
	uint64_t bytes;

	unlink(in_folder("x.age"));
	put_file(in_folder("x"), data, len);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), 0);
	assert_int_equal(access(in_folder("x"), F_OK), -1);
}

static int decrypt(const struct bc_age_identities *with)
{
	return bc_age_decrypt_to(in_folder("x.age"), with, in_folder("x"), &err);
}

static void check_x(const void *data, size_t len)
{
	static uint8_t back[LARGE + 1];
	FILE *f = fopen(in_folder("x"), "r");

	assert_non_null(f);
	assert_int_equal(fread(back, 1, sizeof(back), f), len);
	fclose(f);
	assert_memory_equal(back, data, len);
}

static void what_was_encrypted_comes_back(void **state)
{
	static const size_t sizes[] = { 0, 1, BC_AGE_BLOCK - 1, BC_AGE_BLOCK, BC_AGE_BLOCK + 1, 2 * BC_AGE_BLOCK, LARGE };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		encrypt(large, sizes[i]);
		assert_int_equal(decrypt(&ids), 0);
		check_x(large, sizes[i]);
	}
}

static void each_recipient_can_read_it(void **state)
{
	make_identity(&others, &to);
	others.key[0] = others.key[1];
	others.n = 1;
	encrypt(large, 10);
	assert_int_equal(decrypt(&others), 0);
	unlink(in_folder("x"));
	assert_int_equal(decrypt(&ids), 0);
}

static void a_key_that_does_not_fit_is_named(void **state)
{
	encrypt(large, 10);
	assert_int_equal(decrypt(&others), -EACCES);
	assert_non_null(strstr(err.msg, "none of the keys fits"));
	assert_int_equal(access(in_folder("x"), F_OK), -1);
}

/* The blocks of the large file begin there. */
static long begin_of_blocks(void)
{
	struct stat st;

	assert_int_equal(stat(in_folder("x.age"), &st), 0);
	return (long)st.st_size - LARGE - BLOCKS * (long)BC_AGE_TAG;
}

static void write_at(long at, const void *data, size_t len)
{
	FILE *f = fopen(in_folder("x.age"), "r+");

	fseek(f, at, SEEK_SET);
	fwrite(data, 1, len, f);
	fclose(f);
}

static void read_at(long at, void *data, size_t len)
{
	FILE *f = fopen(in_folder("x.age"), "r");

	fseek(f, at, SEEK_SET);
	assert_int_equal(fread(data, 1, len, f), len);
	fclose(f);
}

static void refused_as(int code, const char *words)
{
	assert_int_equal(decrypt(&ids), code);
	assert_non_null(strstr(err.msg, words));
	assert_int_equal(access(in_folder("x"), F_OK), -1);
}

static void a_damaged_block_is_named(void **state)
{
	uint8_t byte;
	long at;

	encrypt(large, LARGE);
	at = begin_of_blocks() + 1 * SEALED + 5;
	read_at(at, &byte, 1);
	byte ^= 1;
	write_at(at, &byte, 1);
	refused_as(-EBADMSG, "block 1 is damaged");
}

static void exchanged_blocks_are_named(void **state)
{
	static uint8_t a[SEALED], b[SEALED];
	long begin;

	encrypt(large, LARGE);
	begin = begin_of_blocks();
	read_at(begin, a, SEALED);
	read_at(begin + 2 * SEALED, b, SEALED);
	write_at(begin, b, SEALED);
	write_at(begin + 2 * SEALED, a, SEALED);
	refused_as(-EBADMSG, "block 2 stands where block 0 belongs");
}

static void cut_at(long size)
{
	assert_int_equal(truncate(in_folder("x.age"), size), 0);
}

static void what_is_cut_off_is_named(void **state)
{
	long begin;

	encrypt(large, LARGE);
	begin = begin_of_blocks();
	cut_at(begin + 3 * SEALED + 50);
	refused_as(-EBADMSG, "block 3 is damaged, or cut off");
	cut_at(begin + 2 * SEALED);
	refused_as(-ENODATA, "cut off behind block 1");
	cut_at(begin + 5);
	refused_as(-ENODATA, "cut off");
	cut_at(begin - 1);
	refused_as(-ENODATA, "cut off");
	cut_at(30);
	refused_as(-ENODATA, "header is cut off");
}

static void what_was_added_is_named(void **state)
{
	static uint8_t last[SEALED];
	long begin;

	encrypt(large, 2 * BC_AGE_BLOCK);
	begin = begin_of_blocks() + LARGE - 2 * (long)BC_AGE_BLOCK + (BLOCKS - 2) * (long)BC_AGE_TAG;
	read_at(begin + SEALED, last, SEALED);
	write_at(begin + 2 * SEALED, last, SEALED);
	refused_as(-EBADMSG, "block 1 stands where block 2 belongs");
}

/* The last block has something in it, or is the only one. */
static void an_empty_block_behind_others_is_refused(void **state)
{
	static const uint8_t key[BC_AGE_FILE_KEY], nonce[BC_AGE_NONCE];
	static uint8_t file[BC_AGE_NONCE + SEALED + BC_AGE_TAG];
	struct bc_age_blocks *blocks;
	struct bc_blob *b;

	assert_int_equal(bc_age_blocks_new(key, nonce, &blocks), 0);
	assert_int_equal(bc_age_seal(blocks, 0, false, large, BC_AGE_BLOCK, file + BC_AGE_NONCE), 0);
	assert_int_equal(bc_age_seal(blocks, 1, true, large, 0, file + BC_AGE_NONCE + SEALED), 0);
	bc_age_blocks_free(blocks);
	put_file(in_folder("x.age"), file, sizeof(file));
	assert_int_equal(bc_blob_open_file(in_folder("x.age"), &b, &err), 0);
	assert_int_equal(bc_age_blob_wrap_key(&b, key, 0, &err), -ENODATA);
	bc_blob_close(b);
}

static void a_range_needs_only_its_blocks(void **state)
{
	uint8_t byte, piece[300];
	struct bc_blob *b;

	encrypt(large, LARGE);
	read_at(begin_of_blocks(), &byte, 1);
	byte ^= 1;
	write_at(begin_of_blocks(), &byte, 1);
	assert_int_equal(bc_blob_open_file(in_folder("x.age"), &b, &err), 0);
	assert_int_equal(bc_age_blob_wrap(&b, &ids, &err), 0);
	assert_int_equal(b->bytes, LARGE);
	assert_int_equal(bc_blob_read(b, piece, sizeof(piece), 2 * BC_AGE_BLOCK - 100, &err), sizeof(piece));
	assert_memory_equal(piece, large + 2 * BC_AGE_BLOCK - 100, sizeof(piece));
	assert_int_equal(bc_blob_read(b, piece, sizeof(piece), LARGE - 100, &err), 100);
	assert_int_equal(bc_blob_read(b, piece, sizeof(piece), LARGE + 5, &err), 0);
	assert_int_equal(bc_blob_read(b, piece, sizeof(piece), 10, &err), -EBADMSG);
	bc_blob_close(b);
}

static void no_file_is_replaced(void **state)
{
	uint64_t bytes;

	encrypt(large, 10);
	put_file(in_folder("x"), "other", 5);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -EEXIST);
	assert_int_equal(decrypt(&ids), -EEXIST);
	assert_ptr_equal(strstr(err.msg, in_folder("x: it is there already")), err.msg);
	check_x("other", 5);
	assert_int_equal(bc_age_encrypt_file(in_folder("x.age"), &to, ".bcidx", &bytes, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "encrypted already"));
}

static void a_link_is_not_followed(void **state)
{
	uint64_t bytes;

	put_file(in_folder("y"), "data", 4);
	assert_int_equal(symlink("y", in_folder("x")), 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -ELOOP);
	assert_non_null(strstr(err.msg, "it is a link"));
}

static void append(void)
{
	FILE *f = fopen(in_folder("x"), "a");

	assert_non_null(f);
	fputs("more", f);
	fclose(f);
}

/* By one as long and as old. */
static void replace(void)
{
	struct timespec times[2];
	struct stat st;

	assert_int_equal(stat(in_folder("x"), &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	put_file(in_folder("y"), "else", 4);
	utimensat(AT_FDCWD, in_folder("y"), times, 0);
	assert_int_equal(rename(in_folder("y"), in_folder("x")), 0);
}

static void stays(void (*change)(void), const char *as)
{
	uint64_t bytes;

	put_file(in_folder("x"), "data", 4);
	before_rename = change;
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -ESTALE);
	before_rename = NULL;
	check_x(as, strlen(as));
	assert_int_equal(access(in_folder("x.age"), F_OK), -1);
}

static void a_file_that_grew_meanwhile_stays(void **state)
{
	stays(append, "datamore");
}

static void a_file_that_was_replaced_meanwhile_stays(void **state)
{
	stays(replace, "else");
}

static bool there(const char *name)
{
	return access(in_folder(name), F_OK) == 0;
}

static void remove_in_child(unsigned n)
{
	pid_t child = fork();
	uint64_t bytes;
	int status;

	if (child == 0) {
		ends_after = n;
		bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Between any two removals: no index is left of a file that is gone, and what is left is finished by the next run. */
static void a_removal_that_was_killed_is_finished(void **state)
{
	uint64_t bytes;

	for (unsigned n = 1; n <= 3; n++) {
		put_file(in_folder("x"), large, LARGE);
		put_file(in_folder("x.bcidx"), "index", 5);
		remove_in_child(n);
		assert_true(there("x.age"));
		assert_true(there("x") || !there("x.bcidx"));
		assert_int_equal(there("x"), n < 3);
		assert_int_equal(there("x.bcidx"), n == 1);
		if (n < 3)
			assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), 0);
		assert_false(there("x") || there("x.bcidx"));
		assert_int_equal(there(".encrypt-x"), n == 3);
		assert_int_equal(decrypt(&ids), 0);
		check_x(large, LARGE);
		unlink(in_folder("x"));
		unlink(in_folder("x.age"));
		unlink(in_folder(".encrypt-x"));
	}
}

static void what_was_changed_since_a_kill_stays(void **state)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	uint64_t bytes;

	put_file(in_folder("x"), "data", 4);
	remove_in_child(1);
	append();
	/* Not within one tick of the file system's clock. */
	utimensat(AT_FDCWD, in_folder("x"), times, 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -EEXIST);
	check_x("datamore", 8);
}

/* FILE.age was made for others, maybe: nobody asked for FILE to be removed then. */
static void what_stayed_by_intent_stays(void **state)
{
	uint64_t bytes;

	put_file(in_folder("x"), "data", 4);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, NULL, &bytes, &err), 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -EEXIST);
	check_x("data", 4);
}

static void a_removal_that_goes_on_is_left_alone(void **state)
{
	uint64_t bytes;
	int fd;

	put_file(in_folder("x"), "data", 4);
	remove_in_child(1);
	fd = open(in_folder(".encrypt-x"), O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -EBUSY);
	close(fd);
	check_x("data", 4);
}

static void spoil(int fd)
{
	assert_int_equal(pwrite(fd, "spoilt", 6, 300), 6);
}

static void a_file_stays_that_the_disk_does_not_give_back(void **state)
{
	uint64_t bytes;

	put_file(in_folder("x"), large, sizeof(large));
	on_disk = spoil;
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), -EBADMSG);
	on_disk = NULL;
	check_x(large, sizeof(large));
	assert_int_equal(access(in_folder("x.age"), F_OK), -1);
}

static void it_has_the_owner_of_the_file(void **state)
{
	uint64_t bytes;
	struct stat st;

	if (geteuid() != 0) {
		print_message("SKIP: only root can give files away\n");
		skip();
	}
	put_file(in_folder("x"), "data", 4);
	assert_int_equal(chown(in_folder("x"), 1, 2), 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, ".bcidx", &bytes, &err), 0);
	assert_int_equal(stat(in_folder("x.age"), &st), 0);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
}

static void it_has_mode_and_time_of_the_file(void **state)
{
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	uint64_t bytes;
	struct stat st;

	put_file(in_folder("x"), "data", 4);
	chmod(in_folder("x"), 0640);
	utimensat(AT_FDCWD, in_folder("x"), times, 0);
	assert_int_equal(bc_age_encrypt_file(in_folder("x"), &to, NULL, &bytes, &err), 0);
	assert_int_equal(access(in_folder("x"), F_OK), 0);
	assert_int_equal(stat(in_folder("x.age"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_size, bytes);
}

/* What comes back is in clear: it is for nobody whom the user's files are not for. */
static void what_is_decrypted_heeds_the_umask(void **state)
{
	static const struct {
		mode_t sealed, mask, expected;
	} modes[] = { { 0644, 0077, 0600 }, { 0644, 0027, 0640 }, { 0640, 0022, 0640 }, { 0444, 0022, 0444 } };
	struct stat st;

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		mode_t before;
		int r;

		encrypt("data", 4);
		chmod(in_folder("x.age"), modes[i].sealed);
		before = umask(modes[i].mask);
		r = decrypt(&ids);
		umask(before);
		assert_int_equal(r, 0);
		assert_int_equal(stat(in_folder("x"), &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i].expected);
		unlink(in_folder("x"));
	}
}

/* tests/golden/age, made by another program: age 1.1.1, for two recipients. */
static void the_golden_file_of_age_is_read(void **state)
{
	struct bc_age_identities golden = { .n = 0 };
	char path[4096], key[200];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/age/key.txt", getenv("BC_GOLDEN"));
	f = fopen(path, "r");
	n = fread(key, 1, sizeof(key), f);
	fclose(f);
	put_file(in_folder("golden"), key, n);
	chmod(in_folder("golden"), 0600);
	assert_int_equal(bc_age_identities_read(&golden, in_folder("golden"), &err), 0);
	snprintf(path, sizeof(path), "%s/age/numbers.age", getenv("BC_GOLDEN"));
	assert_int_equal(bc_age_decrypt_to(path, &golden, in_folder("x"), &err), 0);
	/* The numbers from 1 to 15000, a line each. */
	f = fopen(in_folder("x"), "r");
	for (int i = 1, got; i <= 15000; i++) {
		assert_int_equal(fscanf(f, "%d\n", &got), 1);
		assert_int_equal(got, i);
	}
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
}

#define T(f) cmocka_unit_test_setup(f, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(x25519_is_that_of_rfc_7748),
		T(hkdf_is_that_of_rfc_5869),
		T(bech32_is_that_of_bip_173),
		T(keys_that_are_none_are_refused),
		T(a_key_file_is_read_and_others_may_not),
		T(a_damaged_secret_is_not_told),
		T(a_secret_given_as_a_recipient_is_not_told),
		T(the_header_of_the_test_kit_is_read),
		T(stanzas_of_other_kinds_are_passed_over),
		T(what_was_encrypted_comes_back),
		T(each_recipient_can_read_it),
		T(a_key_that_does_not_fit_is_named),
		T(a_damaged_block_is_named),
		T(exchanged_blocks_are_named),
		T(what_is_cut_off_is_named),
		T(what_was_added_is_named),
		T(an_empty_block_behind_others_is_refused),
		T(a_range_needs_only_its_blocks),
		T(no_file_is_replaced),
		T(a_link_is_not_followed),
		T(a_file_that_grew_meanwhile_stays),
		T(a_file_that_was_replaced_meanwhile_stays),
		T(a_removal_that_was_killed_is_finished),
		T(what_was_changed_since_a_kill_stays),
		T(what_stayed_by_intent_stays),
		T(a_removal_that_goes_on_is_left_alone),
		T(a_file_stays_that_the_disk_does_not_give_back),
		T(it_has_the_owner_of_the_file),
		T(it_has_mode_and_time_of_the_file),
		T(what_is_decrypted_heeds_the_umask),
		T(the_golden_file_of_age_is_read),
	};

	return cmocka_run_group_tests_name("age", tests, NULL, NULL);
}
