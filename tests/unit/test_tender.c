/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that does what is done with published segments, and what it refuses to a program that has been taken over. */
#include "store_fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "bc_chain_key.h"
#include "bc_tender_priv.h"

#define WAIT_MS 20000

static const struct bc_retention_rules two = { .number = 2, .unmarked = true };

static struct bc_keeper_config published_in(struct fixture *f, enum bc_keeper_clients clients)
{
	return (struct bc_keeper_config){ .dest = f->dir, .ext = ".pcap", .clients = clients };
}

static struct bc_tender *tender(const struct bc_keeper_config *where, const char *completed)
{
	struct bc_tender *t = NULL;

	assert_int_equal(bc_tender_new(&(struct bc_tender_config){
		.name = "bc-tender", .where = where, .completed = completed, .moves = completed, .keep = &two,
	}, &t, NULL), 0);
	return t;
}

static struct bc_tender_folder *add(struct bc_tender *t, const char *client, bool limits)
{
	struct bc_tender_folder *f = NULL;
	struct bc_err err;

	if (bc_tender_add(t, client, limits, &f, &err))
		fail_msg("%s", err.msg);
	return f;
}

static void release(struct bc_tender_folder *f)
{
	bc_tender_close(f, false);
	bc_tender_folder_free(f);
}

static char *make_dir(struct fixture *f, const char *name)
{
	assert_int_equal(mkdir(in_dir(f, name), 0755), 0);
	return strdup(in_dir(f, name));
}

/* An empty pcap file, which retention takes for one of ours. */
static void make_segment(const char *path)
{
	static const uint8_t header[24] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, [17] = 1, [20] = 1 };
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);

	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	close(fd);
}

static const char *nth(struct fixture *f, unsigned i)
{
	char name[64];

	snprintf(name, sizeof(name), "20261025-0030%02u-%08u.pcap", i, i);
	return in_dir(f, name);
}

static uint64_t wait_removed(struct bc_tender_folder *folder, uint64_t n)
{
	struct bc_tender_stats st = { .expired = { .removed = 0 } };

	for (int i = 0; i < WAIT_MS && st.expired.removed < n; i++) {
		usleep(1000);
		bc_tender_stats(folder, &st);
	}
	return st.expired.removed;
}

static void limits_hold_from_the_begin_to_the_end(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	struct bc_tender *t = tender(&where, NULL);
	struct bc_tender_folder *folder;
	struct bc_tender_stats st;

	for (unsigned i = 0; i < 4; i++)
		make_segment(nth(f, i));
	folder = add(t, "any", true);
	assert_int_equal(wait_removed(folder, 2), 2);
	make_segment(nth(f, 4));
	bc_tender_published(folder, nth(f, 4));
	assert_int_equal(wait_removed(folder, 3), 3);
	/* Published last, and no look came after it. */
	make_segment(nth(f, 5));
	bc_tender_close(folder, false);
	bc_tender_stats(folder, &st);
	assert_int_equal(st.expired.removed, 4);
	assert_int_equal(st.expired.kept, 2);
	bc_tender_folder_free(folder);
	bc_tender_free(t);
}

static void segments_are_moved(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_FOLDERS);
	char *completed = make_dir(f, "completed"), *node = make_dir(f, "node");
	struct bc_tender *t = tender(&where, completed);
	struct bc_tender_folder *folder = add(t, "node", true);
	char got[BC_STORE_PATH_MAX];

	for (unsigned i = 0; i < 3; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/20261025-0030%02u-%08u.pcap", node, i, i);
		make_segment(path);
		assert_int_equal(bc_tender_move(folder, path, got, &f->err), 0);
		assert_string_equal(f->err.msg, "");
		bc_tender_published(folder, nth(f, 4));
	}
	assert_string_equal(got, in_dir(f, "completed/node/20261025-003002-00000002.pcap"));
	/* The limits are of where they stay. */
	assert_int_equal(wait_removed(folder, 1), 1);
	assert_int_equal(access(got, F_OK), 0);
	assert_int_equal(bc_tender_move(folder, in_dir(f, "node/gone.pcap"), got, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, "it stays where it is"));
	release(folder);
	bc_tender_free(t);
	free(completed);
	free(node);
}

static void a_folder_for_completed_segments_that_is_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	struct bc_tender *t = tender(&where, "/nowhere");
	struct bc_tender_folder *folder = NULL;

	assert_int_equal(bc_tender_add(t, "", false, &folder, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, "create the folder"));
	assert_null(folder);
	bc_tender_free(t);
}

/* Whoever asks may have been taken over. */
static void it_moves_nothing_but_segments(void **state)
{
	static const char *const names[] = { "", "..", ".hidden.pcap", "tmp-77-00000001.pcap", "notes.txt" };
	struct fixture *f = *state;
	struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	char *completed = make_dir(f, "completed");
	struct bc_tender *t = tender(&where, completed);
	struct bc_tender_folder *folder = add(t, "", false);
	char got[BC_STORE_PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (access(in_dir(f, names[i]), F_OK) < 0)
			put_file(in_dir(f, names[i]), "");
		assert_int_equal(bc_tender_move(folder, in_dir(f, names[i]), got, &f->err), -EINVAL);
		assert_int_equal(access(in_dir(f, names[i]), F_OK), 0);
	}
	release(folder);
	bc_tender_free(t);
	free(completed);
}

static void make_key(const char *path)
{
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *f = fopen(path, "w");

	PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL);
	fchmod(fileno(f), 0600);
	fclose(f);
	EVP_PKEY_free(pkey);
}

/* What has no final name, or never had one from the keeper, is no segment. */
static void it_records_segments_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	char *key = strdup(in_dir(f, "key.pem"));
	const struct bc_keyring_key kept = bc_chain_key_kept(key);
	const struct bc_keyring_config keyring = { .key = &kept, .n = 1 };
	struct bc_tender_folder *folder;
	struct bc_tender_stats st;
	struct bc_tender *t = NULL;

	make_key(key);
	make_segment(nth(f, 0));
	put_file(in_dir(f, "tmp-77-00000001.pcap"), "open");
	assert_int_equal(bc_tender_new(&(struct bc_tender_config){
		.name = "bc-tender", .where = &where, .sign = key, .keyring = &keyring,
	}, &t, &f->err), 0);
	folder = add(t, "", false);
	make_segment(nth(f, 1));
	bc_tender_published(folder, in_dir(f, "tmp-77-00000001.pcap"));
	bc_tender_published(folder, in_dir(f, "key.pem"));
	bc_tender_published(folder, nth(f, 1));
	while (!bc_tender_finish(t, 0))
		usleep(1000);
	bc_tender_end(t);
	bc_tender_close(folder, false);
	bc_tender_stats(folder, &st);
	assert_int_equal(st.custody.records, 2);
	assert_int_equal(st.custody.missed, 0);
	bc_tender_folder_free(folder);
	bc_tender_free(t);
	free(key);
}

/* Beside a single file there may be anything. */
static void of_a_file_it_moves_only_that(void **state)
{
	struct fixture *f = *state;
	char *dest = strdup(in_dir(f, "out.pcap")), *completed = make_dir(f, "completed");
	const struct bc_keeper_config where = { .dest = dest, .file = true, .ext = ".pcap" };
	struct bc_tender *t = tender(&where, completed);
	struct bc_tender_folder *folder = add(t, "", false);
	char got[BC_STORE_PATH_MAX];

	put_file(dest, "one");
	put_file(in_dir(f, "out-1.pcap"), "two");
	put_file(in_dir(f, "other.pcap"), "three");
	assert_int_equal(bc_tender_move(folder, dest, got, &f->err), 0);
	assert_holds(in_dir(f, "completed/out.pcap"), "one");
	assert_int_equal(bc_tender_move(folder, in_dir(f, "out-1.pcap"), got, &f->err), 0);
	assert_int_equal(bc_tender_move(folder, in_dir(f, "other.pcap"), got, &f->err), -EINVAL);
	release(folder);
	bc_tender_free(t);
	free(completed);
	free(dest);
}

static void it_tends_no_folder_but_clients(void **state)
{
	static const char *const names[] = { "", "..", ".hidden", "a/b", "/", "../node" };
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_FOLDERS);
	struct bc_tender *t = tender(&where, NULL);
	struct bc_tender_folder *folder = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(bc_tender_add(t, names[i], true, &folder, &f->err), -EINVAL);
	assert_null(folder);
	release(add(t, "node", true));
	bc_tender_free(t);
}

/* In the process whose socket has no room for an answer. */
static bool no_answers;

ssize_t write(int fd, const void *data, size_t len)
{
	errno = ENOBUFS;
	return no_answers && fd > STDERR_FILENO ? -1 : syscall(SYS_write, fd, data, len);
}

static int give_no_answers(void *ctx, struct bc_err *err)
{
	no_answers = true;
	return 0;
}

static void nobody_waits_for_one_that_moves_no_more(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	char *completed = make_dir(f, "completed"), got[BC_STORE_PATH_MAX];
	struct bc_tender_folder *folder;
	struct bc_tender *t = NULL;

	assert_int_equal(bc_tender_new(&(struct bc_tender_config){
		.name = "bc-tender", .where = &where, .completed = completed, .moves = true, .begin = give_no_answers,
	}, &t, NULL), 0);
	folder = add(t, "", false);
	for (unsigned i = 0; i < 2; i++) {
		make_segment(nth(f, i));
		assert_int_equal(bc_tender_move(folder, nth(f, i), got, &f->err), -EOWNERDEAD);
	}
	release(folder);
	bc_tender_free(t);
	free(completed);
}

/* With --merge it is the node's, which --upload-node may give any name. */
static void where_clients_have_no_folders_their_name_is_no_path(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_SERIES);
	struct bc_tender *t = tender(&where, NULL);

	release(add(t, "b\xc3\xbcro@1", true));
	bc_tender_free(t);
}

/* Standard ones and its socket are all that it has. */
static int take_no_more(void *ctx, struct bc_err *err)
{
	return setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = 4, .rlim_max = 4 });
}

static void without_room_for_a_descriptor_it_says_so(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	struct bc_tender_folder *folder = NULL;
	struct bc_tender *t = NULL;

	assert_int_equal(bc_tender_new(&(struct bc_tender_config){
		.name = "bc-tender", .where = &where, .completed = f->dir, .moves = true, .begin = take_no_more,
	}, &t, NULL), 0);
	assert_int_equal(bc_tender_add(t, "node", false, &folder, &f->err), -EMFILE);
	assert_non_null(strstr(f->err.msg, "too many open files: raise the limit (ulimit -n)"));
	assert_null(folder);
	bc_tender_free(t);
}

/* A reload may add clients again and again, and fail. */
static void a_closed_folder_takes_no_place(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	struct bc_tender *t = tender(&where, NULL);

	for (unsigned i = 0; i <= BC_TENDER_FOLDERS; i++)
		release(add(t, "", false));
	bc_tender_free(t);
}

static void of_one_that_is_killed_the_last_numbers_stay(void **state)
{
	struct fixture *f = *state;
	const struct bc_keeper_config where = published_in(f, BC_KEEPER_ONE);
	char *completed = make_dir(f, "completed"), got[BC_STORE_PATH_MAX];
	struct bc_tender *t = tender(&where, completed);
	struct bc_tender_folder *folder, *more = NULL;
	struct bc_tender_stats st;

	for (unsigned i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), "completed/20261025-0030%02u-%08u.pcap", i, i);
		make_segment(in_dir(f, name));
	}
	folder = add(t, "", true);
	assert_int_equal(wait_removed(folder, 1), 1);
	assert_int_equal(kill(bc_tender_pid(t), SIGKILL), 0);
	for (int i = 0; i < WAIT_MS && !bc_tender_has_ended(t); i++)
		usleep(1000);
	assert_true(bc_tender_has_ended(t));
	assert_int_equal(bc_tender_move(folder, in_dir(f, "a.pcap"), got, &f->err), -EOWNERDEAD);
	assert_non_null(strstr(f->err.msg, "has ended: it stays where it is"));
	bc_tender_published(folder, nth(f, 4));
	bc_tender_close(folder, false);
	bc_tender_stats(folder, &st);
	assert_int_equal(st.expired.removed, 1);
	assert_int_equal(bc_tender_add(t, "", true, &more, &f->err), -EOWNERDEAD);
	bc_tender_folder_free(folder);
	bc_tender_free(t);
	free(completed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(limits_hold_from_the_begin_to_the_end),
		TEST(segments_are_moved),
		TEST(a_folder_for_completed_segments_that_is_not_there_is_told),
		TEST(it_moves_nothing_but_segments),
		TEST(it_records_segments_and_nothing_else),
		TEST(of_a_file_it_moves_only_that),
		TEST(it_tends_no_folder_but_clients),
		TEST(nobody_waits_for_one_that_moves_no_more),
		TEST(where_clients_have_no_folders_their_name_is_no_path),
		TEST(without_room_for_a_descriptor_it_says_so),
		TEST(a_closed_folder_takes_no_place),
		TEST(of_one_that_is_killed_the_last_numbers_stay),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
