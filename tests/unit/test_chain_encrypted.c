/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that are encrypted while they are written: what is in them, what the disk has at each flush, and which nonces are used. */
#include "chain.h"
#include "sealed_once.h"

#include <dirent.h>
#include <sys/resource.h>

#define CODECS 3

static struct bc_age_identities ids;
static struct bc_age_recipients to;

/* A disk that refuses what the system had taken. */
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static _Atomic bool disk_fails;

int __wrap_fdatasync(int fd)
{
	if (!atomic_load(&disk_fails))
		return __real_fdatasync(fd);
	errno = EIO;
	return -1;
}

static struct chain *begin(struct chain_config cfg)
{
	struct bc_err err;

	sealed_once_n = 0;
	cfg.encrypt = &to;
	cfg.io = BC_IO_BUFFERED;
	if (!ids.n) {
		char text[BC_AGE_RECIPIENT_SIZE];

		assert_int_equal(bc_age_identity_make(&ids.key[0]), 0);
		ids.n = 1;
		bc_age_recipient_text(ids.key[0].public, text);
		assert_int_equal(bc_age_recipient_add(&to, text, &err), 0);
		chain_identities = &ids;
	}
	return chain_new(cfg);
}

/* The largest file in the folder that has no final name. */
static void open_file(const struct chain *c, char path[600])
{
	DIR *d = opendir(c->dir);
	struct dirent *e;
	struct stat st;
	off_t most = -1;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char name[600];

		snprintf(name, sizeof(name), "%s/%s", c->dir, e->d_name);
		if (strncmp(e->d_name, "tmp-", 4) || stat(name, &st) || st.st_size <= most)
			continue;
		most = st.st_size;
		snprintf(path, 600, "%s", name);
	}
	closedir(d);
	assert_true(most >= 0);
}

/* Its end, which is written when the packets count as written already. */
static bool has_an_end(const struct chain *c, const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size > bc_counter_get(&c->ledger->output[0].file_bytes);
}

static void rotated_segments_are_whole(void **state)
{
	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c = begin((struct chain_config){
			.lanes = 1 + n / CODECS, .sources = 2, .codec = (enum bc_codec)(n % CODECS), .rotate_bytes = 150000, .index = n % CODECS < 2,
		});

		chain_send_many(c, 2000, 1000);
		chain_end(c);
		assert_true(c->n_segments > 5);
		chain_check_all(c);
		chain_free(c);
	}
}

/* At each of them all that was sent can be read from the file as it is, which age calls whole. */
static void the_file_is_whole_at_each_flush(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS, .index = n < 2 });
		char path[600];

		for (uint32_t i = 0; i < 8; i++) {
			uint32_t next = 0;

			chain_send_many(c, i % 2 ? 1 : 300, 1000);
			chain_settle(c);
			open_file(c, path);
			TURN_UNTIL(c, has_an_end(c, path));
			assert_int_equal(chain_read(c, path, &next), c->n_sent);
		}
		assert_true(sealed_once_n > 8);
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

/* Its last block had a nonce already, so that one more of padding goes before the end. */
static void a_segment_ends_right_behind_a_flush(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS, .index = n < 2 });

		chain_send_many(c, 10, 1000);
		chain_settle(c);
		chain_end(c);
		assert_int_equal(c->n_segments, 1);
		assert_int_equal(c->segment[0].err, 0);
		chain_check_all(c);
		chain_free(c);
	}
}

/* Without packets nothing is padded. */
static void an_idle_segment_does_not_grow(void **state)
{
	struct chain *c = begin((struct chain_config){ .codec = BC_CODEC_LZ4, .flush_ns = BC_NS_PER_MS });
	struct stat before, after;
	uint64_t syncs;
	char path[600];

	chain_send_many(c, 10, 1000);
	chain_settle(c);
	open_file(c, path);
	assert_int_equal(stat(path, &before), 0);
	syncs = bc_mono_ns() + 20 * BC_NS_PER_MS;
	while (bc_mono_ns() < syncs)
		chain_settle(c);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* What did not fit is written again as it was, never encrypted again with something else. */
static void a_disk_that_was_full_for_a_while(void **state)
{
	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c = begin((struct chain_config){
			.lanes = 1 + n / 3, .sources = 2, .codec = (enum bc_codec)(n % 3), .buffers = 10, .flush_ns = BC_NS_PER_MS,
			.rotate_bytes = n / 3 ? 150000 : 0,
		});

		for (int times = 0; times < 3; times++) {
			uint64_t lost = chain_lost_so_far(c, BC_LOSS_DISK_FULL);

			atomic_store(&c->fault.space, 300000);
			SEND_UNTIL(c, chain_lost_so_far(c, BC_LOSS_DISK_FULL) > lost);
			atomic_store(&c->fault.space, BC_FAULT_NO_LIMIT);
			chain_send_many(c, 500, 1000);
		}
		chain_end(c);
		chain_check_segments(c);
		assert_true(chain_balance(c).written > 1500);
		assert_int_equal(chain_balance(c).written + chain_lost(c, BC_LOSS_DISK_FULL), c->n_sent);
		assert_true(chain_said(c, "there is space again"));
		chain_free(c);
	}
}

/* At whatever write: it is repeated, and nothing is lost. */
static void a_write_that_fails_once_is_repeated(void **state)
{
	for (uint32_t n = 0; n < CODECS * 12; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)(n % CODECS), .flush_ns = BC_NS_PER_MS });

		atomic_store(&c->fault.eio_call, 1 + n / CODECS);
		atomic_store(&c->fault.short_max, 1000 + n * 977);
		for (int i = 0; i < 10; i++) {
			chain_send_many(c, 40, 1000);
			chain_settle(c);
		}
		chain_end(c);
		assert_int_equal(chain_balance(c).unaccounted, 0);
		chain_check_segments(c);
		chain_free(c);
	}
}

/* What comes then goes into another file, with another key. */
static void a_disk_that_keeps_nothing_ends_the_segment(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS });

		atomic_store(&disk_fails, true);
		chain_send_many(c, 100, 1000);
		for (uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS; chain_lost_so_far(c, BC_LOSS_DISK_ERROR) < 100;) {
			assert_true(bc_mono_ns() < until_ns);
			c->ahead_ns += c->cfg.flush_ns;
			chain_barrier(c);
		}
		atomic_store(&disk_fails, false);
		chain_send_many(c, 50, 1000);
		chain_end(c);
		assert_int_equal(chain_balance(c).written, 50);
		assert_int_equal(c->segment[c->n_segments - 1].err, 0);
		assert_int_equal(c->segment[c->n_segments - 1].info.packets, 50);
		chain_free(c);
	}
}

/* A file that has reached its limit, or is gone, is followed by another one. */
static void a_file_that_cannot_go_on_is_followed_by_another(void **state)
{
	const struct rlimit small = { 1 << 20, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };

	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c;
		char path[600];

		if (n < CODECS)
			assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		c = begin((struct chain_config){ .codec = (enum bc_codec)(n % CODECS), .flush_ns = BC_NS_PER_MS });
		chain_send_many(c, 10, 1000);
		chain_settle(c);
		open_file(c, path);
		if (n >= CODECS)
			assert_int_equal(unlink(path), 0);
		while (!chain_lost_so_far(c, BC_LOSS_DISK_ERROR))
			chain_send(c, 1000);
		chain_send_many(c, 100, 1000);
		chain_end(c);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
		assert_true(c->n_segments > 1);
		assert_int_equal(chain_balance(c).written + chain_lost(c, BC_LOSS_DISK_ERROR), c->n_sent);
		chain_check_segments(c);
		chain_free(c);
	}
}

static void an_abort_does_not_wait_for_a_full_disk(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS });

		atomic_store(&c->fault.space, 0);
		chain_send_many(c, 200, 1000);
		for (uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS; !chain_said(c, "no space left");) {
			assert_true(bc_mono_ns() < until_ns);
			c->ahead_ns += c->cfg.flush_ns;
			chain_barrier(c);
		}
		chain_abort(c);
		chain_free(c);
	}
}

/* The disk gets room for a segment's end only when it is over: it is written then, or its file keeps its temporary name. */
static void a_disk_that_is_full_at_the_end(void **state)
{
	for (uint32_t n = 0; n < 5 * CODECS; n++) {
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)(n % CODECS), .flush_ns = BC_NS_PER_MS, .index = n % CODECS < 2 });

		chain_send_many(c, 100, 1000);
		chain_settle(c);
		atomic_store(&c->fault.space, n / CODECS * 17000);
		chain_send_many(c, 50, 1000);
		chain_end(c);
		assert_int_equal(chain_balance(c).unaccounted, 0);
		assert_int_equal(chain_balance(c).written + chain_lost(c, BC_LOSS_DISK_FULL), 150);
		chain_check_segments(c);
		chain_free(c);
	}
}

/* Into a pipe no end can be written over. */
static void a_stream_is_encrypted_too(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		char path[SCRATCH_MAX];
		int fd = scratch_file(path, "bc-chain");
		struct chain *c = begin((struct chain_config){ .codec = (enum bc_codec)n, .store = BC_STORE_FD, .fd = fd, .flush_ns = BC_NS_PER_MS });
		uint32_t next = 0;

		for (int i = 0; i < 5; i++) {
			chain_send_many(c, 100, 1000);
			chain_settle(c);
		}
		chain_end(c);
		assert_int_equal(chain_read(c, path, &next), 500);
		close(fd);
		chain_free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotated_segments_are_whole),
		cmocka_unit_test(the_file_is_whole_at_each_flush),
		cmocka_unit_test(a_segment_ends_right_behind_a_flush),
		cmocka_unit_test(an_idle_segment_does_not_grow),
		cmocka_unit_test(a_disk_that_was_full_for_a_while),
		cmocka_unit_test(a_write_that_fails_once_is_repeated),
		cmocka_unit_test(a_disk_that_keeps_nothing_ends_the_segment),
		cmocka_unit_test(a_file_that_cannot_go_on_is_followed_by_another),
		cmocka_unit_test(a_disk_that_is_full_at_the_end),
		cmocka_unit_test(an_abort_does_not_wait_for_a_full_disk),
		cmocka_unit_test(a_stream_is_encrypted_too),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
