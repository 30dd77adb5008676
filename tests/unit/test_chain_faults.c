/* SPDX-License-Identifier: BSD-3-Clause */
#include "chain.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "spawner.h"

#define CODECS 3

/* Linked in place of the library's: out of memory on order. */
int __real_bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len);
int __wrap_bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len);

static _Atomic bool feed_fails;

int __wrap_bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len)
{
	return atomic_load(&feed_fails) ? -ENOMEM : __real_bc_stream_feed(s, data, len);
}

/* The same: a disk that refuses what the system had taken. */
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static _Atomic bool disk_fails;

static int refuse(void)
{
	errno = EIO;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	return atomic_load(&disk_fails) ? refuse() : __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
	return atomic_load(&disk_fails) ? refuse() : __real_fsync(fd);
}

/* Send until packets are lost under this name. */
static void send_until_lost(struct chain *c, enum bc_loss loss)
{
	SEND_UNTIL(c, chain_lost_so_far(c, loss));
}

static uint64_t published(struct chain *c)
{
	static struct bc_store_stats s;

	bc_store_stats(c->store, &s);
	return s.published;
}

static uint32_t count_marks(const struct chain *c, const char *loss)
{
	char words[64];
	uint32_t n = 0;

	snprintf(words, sizeof(words), "packets were lost here: %s", loss);
	for (uint32_t i = 0; i < c->n_segments; i++)
		n += chain_count_text(c->segment[i].path, words);
	return n;
}

static void short_writes_are_continued(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){ .lanes = 2, .codec = (enum bc_codec)n });

		atomic_store(&c->fault.short_max, 1000);
		chain_send_many(c, 300, 1000);
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

static void a_slow_disk_loses_nothing(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 2, .codec = (enum bc_codec)n, .buffers = 6, .rotate_bytes = 400000, .accelerate = n % 2,
		});

		atomic_store(&c->fault.delay_ns, 4 * BC_NS_PER_MS);
		chain_send_many(c, 2000, 1000);
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

/* What was captured before stays, what is lost is counted and its place is marked, and then it goes on. */
static void a_disk_that_was_full_for_a_while(void **state)
{
	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n / 3, .sources = 2, .codec = (enum bc_codec)(n % 3), .buffers = 10,
			.rotate_bytes = n / 3 ? 150000 : 0, .flush_ns = n == 2 ? BC_NS_PER_MS : 0,
		});
		uint32_t marks;

		atomic_store(&c->fault.space, 300000);
		send_until_lost(c, BC_LOSS_DISK_FULL);
		atomic_store(&c->fault.space, BC_FAULT_NO_LIMIT);
		chain_send_many(c, 500, 1000);
		chain_end(c);
		chain_check_segments(c);
		assert_true(chain_balance(c).written > 500);
		assert_int_equal(chain_balance(c).written + chain_lost(c, BC_LOSS_DISK_FULL), c->n_sent);
		marks = count_marks(c, "disk_full");
		assert_true(c->gaps >= 1 && marks >= c->gaps);
		assert_true(chain_said(c, "no space left"));
		assert_true(chain_said(c, "there is space again"));
		chain_free(c);
	}
}

/* Wherever in the bytes it strikes: in a segment's begin, in a block, at its end. */
static void a_disk_full_at_any_byte(void **state)
{
	for (uint32_t n = 0; n < 24; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n % 2, .format = n % 4 ? BC_FORMAT_PCAPNG : BC_FORMAT_PCAP_NS, .codec = (enum bc_codec)(n % 3),
			.buffers = 6, .rotate_bytes = 70000, .chunk_bytes = 65536,
		});
		uint64_t lost;

		atomic_store(&c->fault.space, n < 6 ? n * 40 : (n - 5) * 11117);
		send_until_lost(c, BC_LOSS_DISK_FULL);
		atomic_store(&c->fault.space, BC_FAULT_NO_LIMIT);
		lost = c->n_sent;
		chain_send_many(c, 200, 1000);
		chain_end(c);
		chain_check_segments(c);
		assert_true(chain_lost(c, BC_LOSS_DISK_FULL) < lost);
		for (uint32_t i = 0; i < c->n_segments; i++)
			assert_int_equal(c->segment[i].err, 0);
		chain_free(c);
	}
}

static void a_disk_that_is_full_to_the_end(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){ .lanes = 2, .codec = (enum bc_codec)n, .buffers = 10 });

		atomic_store(&c->fault.space, 100000);
		chain_send_many(c, 600, 1000);
		chain_end(c);
		/* The faulty store has room for any closing bytes, and at the end what zstd held back is among them. */
		assert_int_equal(chain_lost(c, BC_LOSS_DISK_FULL) > 0, !bc_codec_is_stream(c->cfg.codec));
		assert_int_equal(c->n_segments, 1);
		assert_int_equal(c->segment[0].err, 0);
		chain_check_segments(c);
		chain_free(c);
	}
}

static char small_disk[SCRATCH_MAX];

static int unmount_small_disk(void **state)
{
	umount2(small_disk, MNT_DETACH);
	return 0;
}

/* The same with a file system that says so itself, and has the closing bytes' space reserved. */
static void a_real_disk_that_is_full_to_the_end(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c;

		scratch_folder(small_disk, "bc-full");
		if (mount("tmpfs", small_disk, "tmpfs", 0, "size=1m") != 0)
			BC_SKIP("no right to mount a small disk");
		c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .buffers = 10, .dest = small_disk, .flush_ns = BC_NS_PER_MS });
		chain_send_many(c, 3000, 1000);
		chain_end(c);
		assert_true(chain_lost(c, BC_LOSS_DISK_FULL) > 0);
		assert_true(chain_balance(c).written > 0);
		/* A stream whose end found no room keeps its temporary name. */
		assert_true(c->n_segments == 1 || bc_codec_is_stream(c->cfg.codec));
		if (c->n_segments)
			chain_check_segments(c);
		chain_free(c);
		unmount_small_disk(NULL);
	}
}

static void a_segment_that_cannot_begin_for_a_while(void **state)
{
	static const int errs[] = { -ENOSPC, -EDQUOT };

	for (uint32_t n = 0; n < 2; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .buffers = 10 });

		atomic_store(&c->fault.begin_err, errs[n]);
		send_until_lost(c, BC_LOSS_DISK_FULL);
		atomic_store(&c->fault.begin_err, 0);
		chain_send_many(c, 100, 1000);
		chain_end(c);
		assert_true(chain_balance(c).written >= 100);
		chain_check_segments(c);
		chain_free(c);
	}
}

/* Such packets wait as those for a full disk do. */
static void a_folder_without_access_for_a_while_loses_nothing(void **state)
{
	static const int errs[] = { -EACCES, -EPERM, -EROFS, -ENOENT, -ENOTDIR };

	for (size_t n = 0; n < sizeof(errs) / sizeof(errs[0]); n++) {
		struct chain *c = chain_new((struct chain_config){ .flush_ns = BC_NS_PER_MS });

		atomic_store(&c->fault.begin_err, errs[n]);
		chain_send_many(c, 100, 1000);
		TURN_UNTIL(c, chain_said(c, "no file can be made in the folder"));
		atomic_store(&c->fault.begin_err, 0);
		chain_end(c);
		chain_check_all(c);
		assert_true(chain_said(c, "files can be made in the folder again"));
		chain_free(c);
	}
}

static void a_file_that_may_not_grow_is_followed_by_another(void **state)
{
	const struct rlimit small = { 1 << 20, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };

	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		c = chain_new((struct chain_config){ .codec = (enum bc_codec)n });
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

static void a_file_that_is_removed_is_followed_by_another(void **state)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS });
		char path[128];

		chain_send_many(c, 10, 1000);
		chain_settle(c);
		snprintf(path, sizeof(path), "%s/tmp-5-00000000.x", c->dir);
		assert_int_equal(unlink(path), 0);
		chain_send_many(c, 500, 1000);
		chain_end(c);
		assert_int_equal(c->n_segments, 2);
		assert_true(c->segment[0].err < 0);
		assert_int_equal(c->segment[1].err, 0);
		assert_int_equal(c->segment[1].info.packets, 500);
		chain_check_segments(c);
		chain_free(c);
	}
}

/* Only what was synced before stays written, and what comes then goes into another segment at once. */
static void what_fdatasync_refuses_is_lost_and_the_next_segment_begins(void **state)
{
	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.codec = (enum bc_codec)(n % CODECS), .settling = n / CODECS, .flush_ns = BC_NS_PER_MS,
		});

		atomic_store(&disk_fails, true);
		chain_send_many(c, 100, 1000);
		TURN_UNTIL(c, chain_lost_so_far(c, BC_LOSS_DISK_ERROR) == 100);
		assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 0);
		atomic_store(&disk_fails, false);
		chain_send_many(c, 50, 1000);
		chain_end(c);
		assert_int_equal(chain_balance(c).written, 50);
		assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 100);
		assert_true(c->segment[0].err < 0);
		assert_int_equal(c->segment[c->n_segments - 1].err, 0);
		assert_int_equal(c->segment[c->n_segments - 1].info.packets, 50);
		chain_free(c);
	}
}

static void what_fsync_refuses_at_the_end_is_lost(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4 });

	atomic_store(&disk_fails, true);
	chain_send_many(c, 100, 1000);
	chain_end(c);
	atomic_store(&disk_fails, false);
	assert_int_equal(chain_balance(c).written, 0);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 100);
	chain_free(c);
}

/*
 * Sources that wait lose nothing by a store that is slow, at whatever step: in writing, in settling, while finished
 * segments wait to be published; however few the buffers are.
 */
static void no_delay_of_the_store_loses_a_packet(void **state)
{
	for (uint32_t n = 0; n < 2 * CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n % 2, .sources = 1 + n / 2 % 2, .codec = (enum bc_codec)(n % CODECS), .buffers = 6,
			.settling = n / 3, .chunk_bytes = 65536, .rotate_bytes = 70000,
		});
		struct bc_balance b;

		atomic_store(&c->fault.delay_ns, 2 * BC_NS_PER_MS);
		atomic_store(&c->fault.busy, 1);
		chain_send_many(c, 400, 1000);
		chain_end(c);
		b = chain_balance(c);
		assert_int_equal(b.dropped_total, 0);
		chain_check_all(c);
		chain_free(c);
	}
}

/* Whichever call of the store fails, the ledger closes and what is published is whole. */
static void a_write_that_fails_once(void **state)
{
	for (uint32_t n = 0; n < 12 * CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 2, .sources = 2, .codec = (enum bc_codec)(n % 3), .rotate_bytes = n % 2 ? 150000 : 0,
		});

		atomic_store(&c->fault.eio_call, 1 + n / 3);
		chain_send_many(c, 300, 1000);
		chain_end(c);
		assert_int_equal(chain_balance(c).written + chain_lost(c, BC_LOSS_DISK_ERROR), 300);
		chain_check_segments(c);
		chain_free(c);
	}
}

/* What a codec holds is tried again at each flush, whether or not more comes: it is in flight, which is not to be a secret. */
static void what_waits_for_a_disk_that_fails_is_told(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_ZSTD, .flush_ns = 20 * BC_NS_PER_MS });

	chain_send_many(c, 10, 1000);
	chain_settle(c);
	assert_false(chain_said(c, "writing failed"));
	atomic_store(&c->fault.eio_call, 1);
	chain_send_many(c, 10, 1000);
	chain_settle(c);
	assert_true(chain_said(c, "writing failed (Input/output error): 10 packets wait for the disk, which is tried again"));
	chain_end(c);
	assert_int_equal(chain_balance(c).written, 20);
	chain_check_segments(c);
	chain_free(c);
}

static void a_lost_block_is_marked(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4 });

	chain_send_many(c, 200, 1000);
	chain_settle(c);
	atomic_store(&c->fault.eio_call, 1);
	chain_send_many(c, 10, 1000);
	chain_settle(c);
	chain_send_many(c, 200, 1000);
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 10);
	chain_check_segments(c);
	assert_int_equal(c->gaps, 1);
	assert_int_equal(count_marks(c, "disk_error"), 1);
	chain_free(c);
}

/* Nobody waits for the next packet to see the segment that ended. */
static void a_segment_whose_last_block_was_lost_is_published_at_once(void **state)
{
	for (uint32_t n = 0; n < 2; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n });

		chain_send_many(c, 10, 1000);
		chain_settle(c);
		chain_send_many(c, 10, 1000);
		atomic_store(&c->fault.eio_call, 1);
		bc_chunker_rotate(&c->chunker);
		chain_settle(c);
		TURN_UNTIL(c, published(c) == 1);
		chain_end(c);
		assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 10);
		assert_int_equal(c->n_segments, 1);
		chain_check_segments(c);
		chain_free(c);
	}
}

static void a_dead_disk_is_not_cried_over_for_every_block(void **state)
{
	for (int format = BC_FORMAT_PCAPNG; format <= BC_FORMAT_PCAP_NS; format++) {
		struct chain *c = chain_new((struct chain_config){ .format = (enum bc_format)format });
		uint32_t said = 0;

		atomic_store(&c->fault.begin_err, -EIO);
		chain_send_many(c, 1000, 1000);
		chain_settle(c);
		atomic_store(&c->fault.begin_err, 0);
		chain_send_many(c, 100, 1000);
		chain_settle(c);
		atomic_store(&c->fault.eio_call, 1);
		chain_send_many(c, 10, 1000);
		chain_end(c);
		for (const char *p = c->lines; (p = strstr(p, "are lost as disk_error")); p++)
			said++;
		assert_int_equal(said, 2);
		assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 1010);
		chain_check_segments(c);
		chain_free(c);
	}
}

static void a_frame_that_cannot_be_finished_is_not_published(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_ZSTD, .flush_ns = BC_NS_PER_MS });

	chain_send_many(c, 100, 1000);
	chain_settle(c);
	atomic_store(&feed_fails, true);
	chain_send_many(c, 50, 1000);
	chain_settle(c);
	bc_chunker_rotate(&c->chunker);
	for (int i = 0; i < 100; i++)
		chain_barrier(c);
	chain_end(c);
	atomic_store(&feed_fails, false);
	assert_int_equal(c->n_segments, 1);
	assert_int_equal(c->segment[0].err, -ENOMEM);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 50);
	assert_int_equal(chain_balance(c).written, 100);
	chain_free(c);
}

static void a_reader_that_goes_away(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c;
		int fd[2];

		assert_int_equal(pipe(fd), 0);
		assert_true(fcntl(fd[1], F_SETPIPE_SZ, 1 << 20) > 0);
		c = chain_new((struct chain_config){
			.codec = (enum bc_codec)n, .store = BC_STORE_FD, .fd = fd[1], .flush_ns = BC_NS_PER_MS,
		});
		chain_send_many(c, 100, 1000);
		chain_settle(c);
		assert_int_equal(chain_balance(c).written, 100);
		assert_false(bc_committer_reader_gone(c->committer));
		close(fd[0]);
		chain_send_many(c, 200, 1000);
		chain_end(c);
		assert_true(bc_committer_reader_gone(c->committer));
		assert_int_equal(chain_balance(c).written, 100);
		assert_int_equal(chain_lost(c, BC_LOSS_READER_GONE), 200);
		chain_free(c);
		close(fd[1]);
	}
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

/* Ends the open chunk, so that the committer has something to begin with. */
static bool waits(struct chain *c)
{
	c->ahead_ns += c->cfg.flush_ns;
	return chain_said(c, "waits for");
}

static void a_segment_waits_for_its_watchfile(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		char path[SCRATCH_MAX];
		struct chain *c;

		scratch_name(path, "bc-watch");
		c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .watchfile = path });
		chain_send_many(c, 100, 1000);
		TURN_UNTIL(c, waits(c));
		assert_int_equal(bc_counter_get(&c->ledger->output[0].file_bytes), 0);
		make_file(path);
		chain_settle(c);
		/* Not before each packet, but before each segment. */
		unlink(path);
		chain_send_many(c, 100, 1000);
		chain_settle(c);
		bc_chunker_rotate(&c->chunker);
		TURN_UNTIL(c, !atomic_load(&c->chunker.rotate_asked));
		chain_send_many(c, 100, 1000);
		c->lines[0] = '\0';
		TURN_UNTIL(c, waits(c));
		make_file(path);
		chain_end(c);
		assert_int_equal(c->n_segments, 2);
		chain_check_all(c);
		chain_free(c);
	}
}

static void a_stop_ends_the_wait_for_a_watchfile(void **state)
{
	char path[SCRATCH_MAX];
	struct chain *c;

	scratch_name(path, "bc-watch");
	c = chain_new((struct chain_config){ .watchfile = path });
	chain_send_many(c, 100, 1000);
	TURN_UNTIL(c, waits(c));
	bc_committer_stopping(c->committer);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* Whatever waits: the merge waits with it when the buffers are full. */
static void nothing_in_the_buffers_is_lost_behind_a_watchfile(void **state)
{
	char path[SCRATCH_MAX];
	struct chain *c;

	scratch_name(path, "bc-watch");
	c = chain_new((struct chain_config){ .buffers = 4, .chunk_bytes = 65536, .watchfile = path });
	chain_send_many(c, 1000, 500);
	TURN_UNTIL(c, bc_bufpool_available(c->pool) <= 1);
	make_file(path);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void an_abort_does_not_wait_for_a_watchfile(void **state)
{
	char path[SCRATCH_MAX];
	struct chain *c;

	scratch_name(path, "bc-watch");
	c = chain_new((struct chain_config){ .watchfile = path });
	chain_send_many(c, 100, 1000);
	TURN_UNTIL(c, waits(c));
	chain_abort(c);
	assert_int_equal(c->n_segments, 0);
	chain_free(c);
}

static void what_goes_through_a_command_is_all_there(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 2, .codec = (enum bc_codec)n, .rotate_bytes = 100000, .pipe = "cat", .spawner = spawner_of("cat"),
		});

		chain_send_many(c, 500, 1000);
		chain_end(c);
		assert_true(c->n_segments > 3);
		chain_check_all(c);
		chain_free(c);
		spawners_end();
	}
}

/* Nothing counts as written before the command has done its part. */
static void what_a_command_was_given_is_lost_with_it(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .pipe = "cat; exit 7", .spawner = spawner_of("cat; exit 7") });

		chain_send_many(c, 50, 1000);
		chain_end(c);
		assert_int_equal(chain_lost(c, BC_LOSS_PIPE_ERROR), 50);
		assert_int_equal(c->n_segments, 1);
		assert_int_equal(c->segment[0].err, -ECOMM);
		assert_true(chain_said(c, "ended with status 7"));
		assert_int_equal(access(c->segment[0].path, F_OK), 0);
		chain_free(c);
		spawners_end();
	}
}

/* The first one dies in mid-segment, the next one takes the rest; nothing comes twice. */
static void a_command_that_dies_is_followed_by_another(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		char path[SCRATCH_MAX], command[256];
		struct chain *c;

		scratch_name(path, "bc-watch");
		snprintf(command, sizeof(command), "if mkdir %s; then head -c 3000 >/dev/null; kill -9 $$; fi; cat", path);
		c = chain_new((struct chain_config){
			.codec = (enum bc_codec)n, .pipe = command, .spawner = spawner_of(command), .flush_ns = BC_NS_PER_MS,
		});
		for (int i = 0; i < 10000 && !chain_said(c, "was ended by signal 9"); i++) {
			chain_send_many(c, 50, 1000);
			c->ahead_ns += c->cfg.flush_ns;
			chain_barrier(c);
			usleep(1000);
		}
		chain_end(c);
		rmdir(path);
		assert_int_equal(c->n_segments, 2);
		assert_int_equal(c->segment[0].err, -ECOMM);
		assert_true(chain_lost(c, BC_LOSS_PIPE_ERROR) > 0);
		assert_true(chain_balance(c).written > 0);
		assert_int_equal(chain_lost(c, BC_LOSS_PIPE_ERROR) + chain_balance(c).written, c->n_sent);
		assert_int_equal(c->segment[1].info.packets, chain_balance(c).written);
		chain_check_segments(c);
		chain_free(c);
		spawners_end();
	}
}

/* It never reads: all is lost by the one name, and nothing is left behind. */
static void a_command_that_cannot_be_run(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){
			.codec = (enum bc_codec)n, .pipe = "exec 0<&-; no-such-command 2>/dev/null", .spawner = spawner_of("exec 0<&-; no-such-command 2>/dev/null"), .flush_ns = BC_NS_PER_MS,
		});

		chain_send_many(c, 100, 1000);
		chain_end(c);
		assert_int_equal(chain_lost(c, BC_LOSS_PIPE_ERROR), 100);
		assert_true(c->n_segments > 0);
		for (uint32_t i = 0; i < c->n_segments; i++)
			assert_int_equal(access(c->segment[i].path, F_OK), -1);
		assert_int_equal(rmdir(c->dir), 0);
		chain_free(c);
		spawners_end();
	}
}

/* What the command had is lost with it; no other can be started, and what comes then is lost too, by its name. */
static void without_its_spawner_an_output_loses_by_name(void **state)
{
	struct bc_spawner *spawner = spawner_of("cat");
	struct chain *c = chain_new((struct chain_config){
		.codec = BC_CODEC_NONE, .pipe = "cat", .spawner = spawner, .rotate_bytes = 20000, .flush_ns = BC_NS_PER_MS,
	});

	chain_send_many(c, 50, 1000);
	TURN_UNTIL(c, c->n_segments > 1);
	kill(bc_spawner_pid(spawner), SIGKILL);
	chain_send_many(c, 100, 1000);
	chain_end(c);
	assert_true(chain_balance(c).written > 0);
	assert_true(chain_lost(c, BC_LOSS_PIPE_ERROR) > 0);
	assert_int_equal(chain_lost(c, BC_LOSS_PIPE_ERROR) + chain_balance(c).written, c->n_sent);
	assert_true(chain_said(c, "the process that starts commands has ended"));
	chain_free(c);
	spawners_end();
}

static void a_command_that_stalls_loses_nothing(void **state)
{
	char path[SCRATCH_MAX], command[128];
	struct chain *c;

	scratch_name(path, "bc-watch");
	snprintf(command, sizeof(command), "while ! test -e %s; do sleep 0.02; done; cat", path);
	c = chain_new((struct chain_config){ .buffers = 40, .pipe = command, .spawner = spawner_of(command) });
	/* More than a pipe holds. */
	chain_send_many(c, 1800, 1000);
	make_file(path);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
	spawners_end();
}

static void an_abort_ends_in_the_middle(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){ .lanes = 2, .codec = (enum bc_codec)n, .buffers = 10 });
		struct bc_balance b;

		atomic_store(&c->fault.delay_ns, 10 * BC_NS_PER_MS);
		chain_send_many(c, 1000, 1000);
		chain_abort(c);
		bc_ledger_balance(c->ledger, 0, 0, &b);
		assert_true(b.unaccounted > 0);
		assert_int_equal(b.written + (uint64_t)b.unaccounted, 1000);
		chain_free(c);
	}
}

static void an_abort_does_not_wait_for_a_full_disk(void **state)
{
	for (uint32_t n = 0; n < CODECS; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n, .flush_ns = BC_NS_PER_MS });

		atomic_store(&c->fault.space, 0);
		chain_send_many(c, 200, 1000);
		TURN_UNTIL(c, chain_said(c, "no space left"));
		chain_abort(c);
		chain_free(c);
	}
}

static void a_committer_that_was_never_started_can_be_freed(void **state)
{
	struct bc_task task = { .run = NULL };
	struct bc_committer_config cc = { .ledger = bc_ledger_new(), .task = &task, .codec = BC_CODEC_LZ4, .level = 1 };
	struct bc_committer *m = NULL;

	assert_int_equal(bc_committer_new(&cc, &m, NULL), 0);
	bc_committer_join(m);
	bc_committer_free(m);
	bc_committer_free(NULL);
	bc_ledger_free(cc.ledger);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_writes_are_continued),
		cmocka_unit_test(a_slow_disk_loses_nothing),
		cmocka_unit_test(a_disk_that_was_full_for_a_while),
		cmocka_unit_test(a_disk_full_at_any_byte),
		cmocka_unit_test(a_disk_that_is_full_to_the_end),
		cmocka_unit_test_teardown(a_real_disk_that_is_full_to_the_end, unmount_small_disk),
		cmocka_unit_test(a_segment_that_cannot_begin_for_a_while),
		cmocka_unit_test(a_folder_without_access_for_a_while_loses_nothing),
		cmocka_unit_test(a_file_that_may_not_grow_is_followed_by_another),
		cmocka_unit_test(a_file_that_is_removed_is_followed_by_another),
		cmocka_unit_test(what_fdatasync_refuses_is_lost_and_the_next_segment_begins),
		cmocka_unit_test(what_fsync_refuses_at_the_end_is_lost),
		cmocka_unit_test(no_delay_of_the_store_loses_a_packet),
		cmocka_unit_test(a_write_that_fails_once),
		cmocka_unit_test(what_waits_for_a_disk_that_fails_is_told),
		cmocka_unit_test(a_lost_block_is_marked),
		cmocka_unit_test(a_segment_whose_last_block_was_lost_is_published_at_once),
		cmocka_unit_test(a_dead_disk_is_not_cried_over_for_every_block),
		cmocka_unit_test(a_frame_that_cannot_be_finished_is_not_published),
		cmocka_unit_test(a_reader_that_goes_away),
		cmocka_unit_test(a_segment_waits_for_its_watchfile),
		cmocka_unit_test(a_stop_ends_the_wait_for_a_watchfile),
		cmocka_unit_test(nothing_in_the_buffers_is_lost_behind_a_watchfile),
		cmocka_unit_test(an_abort_does_not_wait_for_a_watchfile),
		cmocka_unit_test(what_goes_through_a_command_is_all_there),
		cmocka_unit_test(what_a_command_was_given_is_lost_with_it),
		cmocka_unit_test(a_command_that_dies_is_followed_by_another),
		cmocka_unit_test(a_command_that_cannot_be_run),
		cmocka_unit_test(without_its_spawner_an_output_loses_by_name),
		cmocka_unit_test(a_command_that_stalls_loses_nothing),
		cmocka_unit_test(an_abort_ends_in_the_middle),
		cmocka_unit_test(an_abort_does_not_wait_for_a_full_disk),
		cmocka_unit_test(a_committer_that_was_never_started_can_be_freed),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
