/* SPDX-License-Identifier: BSD-3-Clause */
/* What is kept of a folder's segments, and what is never touched. */
#include "bc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_decoder.h"
#include "bc_expire.h"
#include "bc_retention_parse.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_recompress.h"
#include "bc_retention.h"
#include "bc_series.h"
#include "bc_time.h"
#include "scratch.h"

#define HOUR 3600
#define BODY 20000U

struct fixture {
	char dir[SCRATCH_MAX];
	struct bc_err err;
	char told[32][160];	/* "D FILE WHY" of each act, D its deed */
	int n_told;
	struct bc_expired sum;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_folder(f->dir, "bc-keep");
	*state = f;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	umount2(f->dir, MNT_DETACH);	/* of a test that mounted a disk there; fails otherwise */
	nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static const char *in_dir(const struct fixture *f, const char *name)
{
	static char path[4][512];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", f->dir, name);
	return path[turn];
}

static bool there(const struct fixture *f, const char *name)
{
	return access(in_dir(f, name), F_OK) == 0;
}

static int entries(const struct fixture *f)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(d);
	return n;
}

/* A pcapng file that says who made it; its one packet is BODY bytes that compress to half or so. */
static size_t make_pcapng(uint8_t *dst, size_t cap, const char *application, unsigned seed)
{
	const struct bc_iface iface = { .name = "if", .linktype = 1 };
	size_t len = bc_pcapng_shb(dst, cap, &(struct bc_pcapng_section){ .application = application, .os = "Linux" });
	uint8_t *data;

	len += bc_pcapng_idb(dst + len, cap - len, &iface, 0, NULL);
	data = bc_epb_begin(dst + len, 0, 5, BODY, BODY, 0);
	for (unsigned i = 0; i < BODY; i++)
		data[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16 & 15);
	return (size_t)(bc_epb_end(data, BODY, 0, 0, 0, 0) - dst);
}

static size_t pack_lz4(uint8_t *dst, const uint8_t *src, size_t len)
{
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	size_t at = bc_lz4_header(dst, 65536);
	bool stored;

	at += bc_lz4_block(z, src, len, dst + at, 1, &stored);
	bc_lz4_end(dst + at);
	bc_lz4_free(z);
	return at + BC_LZ4_END_SIZE;
}

static void put(const struct fixture *f, const char *name, const void *data, size_t len, int age_s)
{
	int fd = open(in_dir(f, name), O_WRONLY | O_CREAT | O_TRUNC, 0640);
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = time(NULL) - age_s } };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

/* One of ours, packed as its name says. */
static void segment_by(const struct fixture *f, const char *name, int age_s, const char *application)
{
	uint8_t plain[BODY + 1024], packed[BODY + 2048];
	size_t len = make_pcapng(plain, sizeof(plain), application, (unsigned)age_s + 1);
	bool lz4 = strstr(name, ".lz4");

	if (lz4)
		len = pack_lz4(packed, plain, len);
	put(f, name, lz4 ? packed : plain, len, age_s);
}

static void segment(const struct fixture *f, const char *name, int age_s)
{
	segment_by(f, name, age_s, "braidcap 0.1.0");
}

static const char *nth(unsigned i)
{
	static char name[64];

	snprintf(name, sizeof(name), "20261025-0030%02u-%08u.pcapng.lz4", i, i);
	return name;
}

/* n of them, an hour apart; the last is an hour old. */
static void segments(const struct fixture *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		segment(f, nth(i), (int)(n - i) * HOUR);
}

static void on_act(void *ctx, const struct bc_expire_act *a)
{
	struct fixture *f = ctx;

	assert_true(f->n_told < 32);
	snprintf(f->told[f->n_told++], sizeof(f->told[0]), "%c %.60s %.80s", "RCLF"[a->deed], a->file, a->why);
}

static void run_with(struct fixture *f, struct bc_expire *e, struct bc_retention_rules keep, bool dry)
{
	const struct bc_expire_config cfg = { .folder = f->dir, .keep = keep, .dry_run = dry, .act = on_act, .ctx = f };

	f->n_told = 0;
	assert_int_equal(bc_expire_run(e, &cfg, &f->sum, &f->err), 0);
}

static void run(struct fixture *f, struct bc_retention_rules keep)
{
	struct bc_expire *e = bc_expire_new();

	run_with(f, e, keep, false);
	bc_expire_free(e);
}

static const struct bc_retention_rules nothing = { .age_ns = 1, .unmarked = true };	/* everything goes that may */

/* FILE.age is FILE encrypted: removed in its turn, and never recompressed. */
static void what_is_encrypted_counts_as_its_segment(void **state)
{
	static const char sealed[] = "age-encryption.org/v1\n-> X25519 and so on";
	struct fixture *f = *state;
	char name[96];

	segments(f, 4);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(unlink(in_dir(f, nth(i))), 0);
		snprintf(name, sizeof(name), "%s.age", nth(i));
		put(f, name, sealed, sizeof(sealed) - 1, (int)(4 - i) * HOUR);
	}
	put(f, "20261025-003009-00000009.pcapng.age", "something else", 14, 9 * HOUR);
	put(f, "notes.age", sealed, sizeof(sealed) - 1, 9 * HOUR);
	run(f, (struct bc_retention_rules){ .number = 3, .recompress = true, .codec = BC_CODEC_ZSTD, .level = 1 });
	snprintf(name, sizeof(name), "%s.age", nth(0));
	assert_false(there(f, name));
	snprintf(name, sizeof(name), "%s.age", nth(1));
	assert_true(there(f, name));
	assert_int_equal(f->sum.recompressed, 2);
	assert_int_equal(f->sum.failed, 0);
	assert_true(there(f, "20261025-003009-00000009.pcapng.age"));
	assert_true(there(f, "notes.age"));
}

static void ages_and_sizes_are_parsed(void **state)
{
	uint64_t v = 1;

	assert_int_equal(bc_parse_age("x", "90s", &v, NULL), 0);
	assert_int_equal(v, 90 * BC_NS_PER_S);
	assert_int_equal(bc_parse_age("x", "1.5d", &v, NULL), 0);
	assert_int_equal(v, 36 * 3600 * BC_NS_PER_S);
	assert_int_equal(bc_parse_size("x", "1.5T", &v, NULL), 0);
	assert_int_equal(v, 1500000000000);
	assert_int_equal(bc_parse_size("x", "0", &v, NULL), 0);
	assert_int_equal(v, 0);
}

static void ages_and_sizes_without_unit_or_number_are_refused(void **state)
{
	static const char *const bad[] = { "", "5", "d", "-1d", "1dd", "1y", "nand", "1e9w", "5 d", "0x5d",
					   "1000000000000000000000000000000000000000000000000000000000000000d" };
	struct bc_err err;
	uint64_t v = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bc_parse_age("--keep-age", bad[i], &v, &err) != -EINVAL)
			fail_msg("%s", bad[i]);
		assert_memory_equal(err.msg, "--keep-age: ", 12);
		assert_int_equal(bc_parse_size("x", bad[i], &v, NULL), -EINVAL);
	}
	assert_int_equal(v, 77);
}

static void recompression_is_parsed(void **state)
{
	static const char *const bad[] = { "", "lz4", "none", "zstd:", "zstd:20", "zstd:x", "zstd,after=", "zstd,before=1d", "zzz", "lz4hc:2",
					   "lz4hc:13" };
	struct bc_retention_rules k = { .number = 3 };

	assert_int_equal(bc_parse_recompress("x", "zstd:19,after=1d", &k, NULL), 0);
	assert_true(k.recompress && k.codec == BC_CODEC_ZSTD && k.level == 19 && k.number == 3);
	assert_int_equal(k.recompress_after_ns, 86400 * BC_NS_PER_S);
	assert_int_equal(bc_parse_recompress("x", "lz4hc", &k, NULL), 0);
	assert_true(k.codec == BC_CODEC_LZ4 && k.level == 9);
	assert_int_equal(bc_parse_recompress("x", "lz4hc:12", &k, NULL), 0);
	assert_int_equal(k.level, 12);
	assert_int_equal(bc_parse_recompress("x", "xz", &k, NULL), 0);
	assert_true(k.codec == BC_CODEC_XZ && k.level == 6 && k.recompress_after_ns == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_parse_recompress("x", bad[i], &k, NULL), -EINVAL);
	assert_true(k.recompress && k.codec == BC_CODEC_XZ);
	assert_int_equal(bc_parse_recompress("x", "never", &k, NULL), 0);
	assert_false(k.recompress);
}

static void names_of_segments_are_known_with_their_series(void **state)
{
	static const struct {
		const char *file, *series;
		enum bc_codec codec;
		enum bc_format format;
	} good[] = {
		{ "20261025-003000-00000000.pcapng.lz4", "", BC_CODEC_LZ4, BC_FORMAT_PCAPNG },
		{ "20261025-003000-123456789.pcap", "", BC_CODEC_NONE, BC_FORMAT_PCAP_NS },
		{ "20261025-003000-00000000-1.pcapng.zst", "", BC_CODEC_ZSTD, BC_FORMAT_PCAPNG },
		{ "20261025-003000-00000000.erf.gz", "", BC_CODEC_GZIP, BC_FORMAT_ERF },
		{ "trace-node-1-20261025_003000.pcap", "node-1", BC_CODEC_NONE, BC_FORMAT_PCAP_NS },
		{ "trace-a-20261025_003000-1.pcapng.xz", "a", BC_CODEC_XZ, BC_FORMAT_PCAPNG },
		{ "trace-20261025_003000-20261025_003000.pcapng", "20261025_003000", BC_CODEC_NONE, BC_FORMAT_PCAPNG },
	};
	struct bc_series s;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!bc_series_parse(good[i].file, &s))
			fail_msg("%s", good[i].file);
		assert_string_equal(s.name, good[i].series);
		assert_int_equal(s.codec, good[i].codec);
		assert_int_equal(s.format, good[i].format);
		assert_int_equal(s.stem, strlen(good[i].file) - strlen(bc_codec_ext(s.codec)));
	}
}

static void other_names_are_not(void **state)
{
	static const char *const bad[] = {
		"tmp-123-00000000.pcapng.lz4", "tmp-20261025-003000-00000000.pcapng", ".moving-20261025-003000-00000000.pcapng",
		"20261025-003000-0000000.pcapng", "20261025-003000.pcapng", "20261025-003000-00000000.pcapng.bak",
		"20261025-003000-00000000.txt", "20261025-003000-00000000", "20261025-003000-00000000x.pcapng",
		"20261025_003000-00000000.pcapng", "x20261025-003000-00000000.pcapng", "20261025-003000-00000000-.pcapng",
		"20261025-003000-00000000-1-2.pcapng", "trace-20261025_003000.pcap", "trace--20261025_003000.pcap",
		"trace-a-20261025-003000.pcap", "trace-a20261025_003000.pcap", "trace-a-20261025_003000-.pcap", "trace-.pcap", "",
		".pcapng", "20261025-003000-999999999999999999999.pcapng", "important.pcapng",
	};
	struct bc_series s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bc_series_parse(bad[i], &s))
			fail_msg("'%s' was taken for a segment", bad[i]);
}

static int origin(const struct fixture *f, const char *name)
{
	int fd = open(in_dir(f, name), O_RDONLY), r;
	struct bc_series s;

	assert_true(bc_series_parse(name, &s));
	r = bc_series_origin(fd, &s, NULL);
	close(fd);
	return r;
}

static void the_section_header_tells_who_made_a_file(void **state)
{
	static const char name[] = "20261025-003000-00000000.pcapng", packed[] = "20261025-003000-00000000.pcapng.lz4";
	struct fixture *f = *state;
	uint8_t head[1024];
	size_t len;

	segment(f, name, 0);
	segment(f, packed, 0);
	assert_int_equal(origin(f, name), BC_ORIGIN_OURS);
	assert_int_equal(origin(f, packed), BC_ORIGIN_OURS);
	segment_by(f, name, 0, "Dumpcap (Wireshark) 4.0");
	assert_int_equal(origin(f, name), BC_ORIGIN_FOREIGN);
	segment_by(f, name, 0, NULL);
	assert_int_equal(origin(f, name), BC_ORIGIN_FOREIGN);
	len = make_pcapng((uint8_t[BODY + 1024]){ 0 }, BODY + 1024, "braidcap 0.1.0", 1);
	assert_true(len > sizeof(head));
	/* Every cut, and every length of the block that lies. */
	len = bc_pcapng_shb(head, sizeof(head), &(struct bc_pcapng_section){ .application = "braidcap 0.1.0" });
	for (size_t n = 0; n < len; n++) {
		put(f, name, head, n, 0);
		assert_int_equal(origin(f, name), BC_ORIGIN_FOREIGN);
	}
	for (unsigned lie = 0; lie < 256; lie++) {
		head[4] = (uint8_t)lie;
		put(f, name, head, len, 0);
		assert_in_range(origin(f, name), BC_ORIGIN_OURS, BC_ORIGIN_FOREIGN);
	}
}

static void pcap_cannot_tell_and_nonsense_is_foreign(void **state)
{
	static const char name[] = "20261025-003000-00000000.pcap";
	struct fixture *f = *state;
	uint8_t head[BC_PCAP_FILE_HEADER];

	bc_pcap_file_header(head, 1, 1, 0);
	put(f, name, head, sizeof(head), 0);
	assert_int_equal(origin(f, name), BC_ORIGIN_UNMARKED);
	put(f, name, "a letter to my mother, not a capture", 36, 0);
	assert_int_equal(origin(f, name), BC_ORIGIN_FOREIGN);
	put(f, name, "", 0, 0);
	assert_int_equal(origin(f, name), BC_ORIGIN_FOREIGN);
}

static void what_is_too_old_is_removed(void **state)
{
	struct fixture *f = *state;

	segments(f, 5);
	run(f, (struct bc_retention_rules){ .age_ns = (2 * HOUR + HOUR / 2) * BC_NS_PER_S });
	assert_int_equal(f->sum.removed, 3);
	assert_int_equal(f->sum.kept, 2);
	assert_false(there(f, nth(2)));
	assert_true(there(f, nth(3)));
	assert_string_equal(f->told[0], "R 20261025-003000-00000000.pcapng.lz4 it is too old");
}

static void a_time_in_the_future_is_not_old(void **state)
{
	struct fixture *f = *state;

	segment(f, nth(0), -HOUR);
	run(f, nothing);
	assert_true(there(f, nth(0)));
}

static void each_series_keeps_its_newest(void **state)
{
	struct fixture *f = *state;

	segments(f, 4);
	segment(f, "trace-a-20261025_003000.pcapng", 9 * HOUR);
	segment(f, "trace-b-20261025_003000.pcapng", 8 * HOUR);
	segment(f, "trace-b-20261025_003100.pcapng", 7 * HOUR);
	segment(f, "trace-b-20261025_003200.pcapng", 6 * HOUR);
	run(f, (struct bc_retention_rules){ .number = 2 });
	assert_int_equal(f->sum.removed, 3);
	assert_false(there(f, nth(0)));
	assert_false(there(f, nth(1)));
	assert_true(there(f, "trace-a-20261025_003000.pcapng"));
	assert_false(there(f, "trace-b-20261025_003000.pcapng"));
	assert_true(there(f, "trace-b-20261025_003200.pcapng"));
}

/* Of one packet that is so long. */
static void segment_of(const struct fixture *f, const char *name, int age_s, uint64_t packet_ns, uint32_t len)
{
	const struct bc_iface iface = { .name = "if", .linktype = 1 };
	uint8_t *buf = calloc(1, len + 1024), *end;
	size_t at = bc_pcapng_shb(buf, 1024, &(struct bc_pcapng_section){ .application = "braidcap 0.1.0", .os = "Linux" });

	at += bc_pcapng_idb(buf + at, 1024 - at, &iface, 0, NULL);
	end = bc_epb_end(bc_epb_begin(buf + at, 0, packet_ns, len, len, 0), len, 0, 0, 0, 0);
	put(f, name, buf, (size_t)(end - buf), age_s);
	free(buf);
}

static void the_oldest_packet_of_what_is_left_is_told(void **state)
{
	struct bc_expire *e = bc_expire_new();
	struct fixture *f = *state;

	segment_of(f, "20261025-003000-00000000.pcapng", 4 * HOUR, 1000, 64);
	segment_of(f, "20261025-003001-00000001.pcapng", 3 * HOUR, 3000, 64);
	segment_of(f, "20261025-003002-00000002.pcapng", 2 * HOUR, 2000, 200000);
	run_with(f, e, (struct bc_retention_rules){ .number = 9 }, false);
	assert_int_equal(f->sum.oldest_ns, 1000);
	run_with(f, e, (struct bc_retention_rules){ .number = 2 }, false);
	assert_int_equal(f->sum.oldest_ns, 2000);
	run_with(f, e, nothing, false);
	assert_int_equal(f->sum.oldest_ns, 0);
	bc_expire_free(e);
}

static void too_many_bytes_cost_the_oldest_of_all_series(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	segments(f, 4);
	segment(f, "trace-a-20261025_003000.pcapng.lz4", 9 * HOUR);
	assert_int_equal(stat(in_dir(f, nth(0)), &st), 0);
	run(f, (struct bc_retention_rules){ .bytes = (uint64_t)st.st_blocks * 512 * 3 });
	assert_int_equal(f->sum.removed, 2);
	assert_true(f->sum.kept_bytes <= (uint64_t)st.st_blocks * 512 * 3);
	assert_false(there(f, "trace-a-20261025_003000.pcapng.lz4"));
	assert_false(there(f, nth(0)));
	assert_true(there(f, nth(1)));
}

static void space_is_freed_as_far_as_needed(void **state)
{
	struct fixture *f = *state;
	struct statvfs vfs;

	if (mount("tmpfs", f->dir, "tmpfs", 0, "size=1m") < 0)
		BC_SKIP("may not mount");
	segments(f, 10);
	assert_int_equal(statvfs(f->dir, &vfs), 0);
	run(f, (struct bc_retention_rules){ .free_bytes = vfs.f_bavail * vfs.f_frsize });
	assert_int_equal(f->sum.removed, 0);
	run(f, (struct bc_retention_rules){ .free_bytes = vfs.f_bavail * vfs.f_frsize + 1 });
	assert_int_equal(f->sum.removed, 1);
	assert_false(there(f, nth(0)));
	run(f, (struct bc_retention_rules){ .free_bytes = vfs.f_blocks * vfs.f_frsize });
	assert_int_equal(f->sum.kept, 0);
}

/* 200T where 200G was meant would remove all there is. */
static void more_space_than_there_is_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_expire_config cfg = { .folder = f->dir };
	struct bc_retention *r = NULL;
	struct bc_expire *e = bc_expire_new();
	struct statvfs vfs;

	segments(f, 2);
	assert_int_equal(statvfs(f->dir, &vfs), 0);
	cfg.keep.free_bytes = vfs.f_blocks * vfs.f_frsize + 1;
	assert_int_equal(bc_expire_run(e, &cfg, &f->sum, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.msg, "would remove every segment"));
	assert_int_equal(bc_retention_new(f->dir, &cfg.keep, NULL, &r, &f->err), -EINVAL);
	assert_true(there(f, nth(0)) && there(f, nth(1)));
	bc_expire_free(e);
}

static void what_braidcap_did_not_make_is_never_touched(void **state)
{
	struct fixture *f = *state;
	uint8_t head[BC_PCAP_FILE_HEADER];

	bc_pcap_file_header(head, 1, 1, 0);
	segment(f, "important.pcapng", 9 * HOUR);
	segment(f, "tmp-1-00000000.pcapng.lz4", 9 * HOUR);
	segment_by(f, "20261025-003000-00000000.pcapng", 9 * HOUR, "Dumpcap");
	put(f, "20261025-003000-00000001.pcap", head, sizeof(head), 9 * HOUR);
	put(f, "20261025-003000-00000002.pcapng", "x", 1, 9 * HOUR);
	assert_int_equal(mkdir(in_dir(f, "20261025-003000-00000003.pcapng"), 0755), 0);
	assert_int_equal(symlink(in_dir(f, "important.pcapng"), in_dir(f, "20261025-003000-00000004.pcapng")), 0);
	run(f, (struct bc_retention_rules){ .age_ns = 1, .number = 0, .bytes = 1, .free_bytes = 1000000 });
	assert_int_equal(f->sum.removed, 0);
	assert_int_equal(f->sum.left, 3);
	assert_int_equal(f->sum.kept_bytes, 0);
	assert_int_equal(entries(f), 7);
	run(f, nothing);
	assert_int_equal(f->sum.removed, 1);
	assert_false(there(f, "20261025-003000-00000001.pcap"));
}

static void what_is_locked_or_written_by_the_living_stays(void **state)
{
	struct fixture *f = *state;
	int locked, written, read;

	segments(f, 3);
	locked = open(in_dir(f, nth(0)), O_RDONLY);
	assert_int_equal(flock(locked, LOCK_EX), 0);
	written = open(in_dir(f, nth(1)), O_WRONLY | O_APPEND);
	read = open(in_dir(f, nth(2)), O_RDONLY);
	run(f, nothing);
	assert_true(there(f, nth(0)));
	assert_true(there(f, nth(1)));
	assert_false(there(f, nth(2)));
	assert_int_equal(f->sum.removed, 1);
	assert_int_equal(f->sum.left, 2);
	assert_string_equal(f->told[0], "L 20261025-003000-00000000.pcapng.lz4 it is in use");
	close(locked);
	close(written);
	close(read);
	run(f, nothing);
	assert_int_equal(f->sum.removed, 2);
}

static void what_is_held_stays_until_it_is_released(void **state)
{
	const struct bc_retention_rules packed = { .recompress = true, .codec = BC_CODEC_ZSTD, .level = 3 };
	struct fixture *f = *state;
	char mark[80];

	segments(f, 3);
	snprintf(mark, sizeof(mark), ".hold-%s", nth(1));
	put(f, mark, "", 0, HOUR);
	run(f, packed);
	assert_int_equal(f->sum.recompressed, 2);
	assert_int_equal(f->sum.left, 1);
	run(f, nothing);
	assert_true(there(f, nth(1)));
	assert_int_equal(f->sum.removed, 2);
	assert_int_equal(f->sum.left, 1);
	assert_int_equal(unlink(in_dir(f, mark)), 0);
	run(f, nothing);
	assert_false(there(f, nth(1)));
}

static void a_dry_run_tells_and_changes_nothing(void **state)
{
	const struct bc_retention_rules keep = { .number = 1, .recompress = true, .codec = BC_CODEC_ZSTD, .level = 3 };
	struct bc_expire *e = bc_expire_new();
	struct fixture *f = *state;

	segments(f, 3);
	run_with(f, e, keep, true);
	assert_int_equal(f->sum.removed, 2);
	assert_int_equal(f->sum.recompressed, 1);
	assert_int_equal(f->n_told, 3);
	assert_int_equal(entries(f), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(there(f, nth(i)));
	bc_expire_free(e);
}

/* The second look does not read it again: it has the same inode, time and size. */
static void a_verdict_holds_until_the_file_changes(void **state)
{
	struct bc_expire *e = bc_expire_new();
	struct fixture *f = *state;

	segment_by(f, nth(0), 5 * HOUR, "Dumpcap");
	run_with(f, e, (struct bc_retention_rules){ .age_ns = UINT64_MAX }, false);
	assert_int_equal(f->sum.left, 1);
	segment_by(f, nth(0), 5 * HOUR + 60, "braidcap 0.1.0");
	run_with(f, e, (struct bc_retention_rules){ .age_ns = UINT64_MAX }, false);
	assert_int_equal(f->sum.left, 0);
	assert_int_equal(f->sum.kept, 1);
	bc_expire_free(e);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
	const struct bc_expire_config cfg = { .folder = "/no/such/folder", .keep = nothing };
	struct bc_expire *e = bc_expire_new();
	struct bc_expired sum;
	struct bc_err err;

	assert_int_equal(bc_expire_run(e, &cfg, &sum, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/no/such/folder"));
	bc_expire_free(e);
}

/* What is in a file, decompressed; its length. */
static size_t content(const struct fixture *f, const char *name, uint8_t *dst, size_t cap)
{
	struct bc_decoder *d;
	size_t have = 0;
	ptrdiff_t n = 1;

	assert_int_equal(bc_decoder_open(open(in_dir(f, name), O_RDONLY), &d, NULL), 0);
	while (n > 0 && have < cap) {
		n = bc_decoder_read(d, dst + have, cap - have, NULL);
		assert_true(n >= 0);
		have += (size_t)n;
	}
	bc_decoder_close(d);
	return have;
}

static const struct bc_retention_rules to_zstd = { .recompress = true, .codec = BC_CODEC_ZSTD, .level = 19, .recompress_after_ns = HOUR * BC_NS_PER_S };

#define OLD "20261025-003000-00000000.pcapng.lz4"
#define NEW "20261025-003000-00000000.pcapng.zst"

static void old_segments_are_recompressed(void **state)
{
	static uint8_t before[2 * BODY], after[2 * BODY];
	struct fixture *f = *state;
	struct stat was, is;
	size_t len;

	segment(f, OLD, 2 * HOUR);
	segment(f, nth(1), HOUR / 2);
	assert_int_equal(chmod(in_dir(f, OLD), 0604), 0);
	len = content(f, OLD, before, sizeof(before));
	stat(in_dir(f, OLD), &was);
	run(f, to_zstd);
	assert_int_equal(f->sum.recompressed, 1);
	assert_true(f->sum.saved_bytes > 0 || was.st_blocks <= 24);
	assert_false(there(f, OLD));
	assert_true(there(f, nth(1)));
	assert_int_equal(entries(f), 2);
	assert_int_equal(content(f, NEW, after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	stat(in_dir(f, NEW), &is);
	assert_int_equal(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
	assert_int_equal(is.st_mode, was.st_mode);
	assert_true(is.st_size < was.st_size);
	run(f, to_zstd);
	assert_int_equal(f->sum.recompressed, 0);
}

static const struct bc_retention_rules to_lz4hc = { .recompress = true, .codec = BC_CODEC_LZ4, .level = 12, .recompress_after_ns = HOUR * BC_NS_PER_S };

/* It keeps its name, its time and its mode; the next run has nothing to do. */
static void lz4_becomes_lz4hc_once(void **state)
{
	static uint8_t before[2 * BODY], after[2 * BODY];
	struct bc_expire *e = bc_expire_new();
	struct fixture *f = *state;
	struct stat was, is;
	size_t len;

	segment(f, OLD, 2 * HOUR);
	assert_int_equal(chmod(in_dir(f, OLD), 0604), 0);
	len = content(f, OLD, before, sizeof(before));
	stat(in_dir(f, OLD), &was);
	for (unsigned i = 0; i < 3; i++) {
		run_with(f, e, to_lz4hc, false);
		assert_int_equal(f->sum.recompressed, !i);
		assert_int_equal(f->sum.failed, 0);
	}
	bc_expire_free(e);
	assert_int_equal(entries(f), 1);
	/* Behind what was there is an index now. */
	assert_true(content(f, OLD, after, sizeof(after)) > len);
	assert_memory_equal(before, after, len);
	stat(in_dir(f, OLD), &is);
	assert_int_equal(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
	assert_int_equal(is.st_mode, was.st_mode);
	assert_true(is.st_size < was.st_size);
}

#define PLAIN "20261025-003000-00000000.pcapng"

static void what_is_not_compressed_becomes_lz4hc(void **state)
{
	struct fixture *f = *state;

	segment(f, PLAIN, 2 * HOUR);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.recompressed, 1);
	assert_true(there(f, OLD) && !there(f, PLAIN));
	/* As after a crash before its removal. */
	segment(f, PLAIN, 2 * HOUR);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.recompressed, 1);
	assert_true(there(f, OLD) && !there(f, PLAIN));
	/* Something else is not taken for it. */
	segment(f, PLAIN, 3 * HOUR);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.failed, 1);
	assert_int_equal(entries(f), 2);
}

static void other_codecs_do_not_become_lz4hc(void **state)
{
	struct fixture *f = *state;

	segment(f, OLD, 2 * HOUR);
	run(f, to_zstd);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.recompressed, 0);
	assert_true(there(f, NEW));
}

static void pcap_becomes_lz4hc_without_an_index(void **state)
{
	static const char name[] = "20261025-003000-00000000.pcap.lz4";
	static uint8_t plain[BODY], packed[2 * BODY], after[2 * BODY];
	const struct bc_retention_rules keep = { .recompress = true, .codec = BC_CODEC_LZ4, .level = 3, .unmarked = true };
	struct fixture *f = *state;
	size_t len = BC_PCAP_FILE_HEADER;

	bc_pcap_file_header(plain, 1, 1, 262144);
	while (len < BODY - BC_PCAP_RECORD_HEADER - 100)
		len = (size_t)(bc_pcap_record(plain + len, 100, 1, 100, 100) + 100 - plain);
	put(f, name, packed, pack_lz4(packed, plain, len), 2 * HOUR);
	for (unsigned i = 0; i < 2; i++) {
		run(f, keep);
		assert_int_equal(f->sum.recompressed, !i);
	}
	assert_int_equal(content(f, name, after, sizeof(after)), len);
	assert_memory_equal(plain, after, len);
}

/* Before the new file has the name, the old one has it. */
static void lz4hc_begun_before_a_crash_is_begun_anew(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	segment(f, OLD, 2 * HOUR);
	put(f, ".recompress-" PLAIN, "half of it, and longer than what comes", 38, 0);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.recompressed, 1);
	assert_int_equal(entries(f), 1);
	/* Damage is not compressed. */
	segment(f, OLD, 2 * HOUR);
	stat(in_dir(f, OLD), &st);
	assert_int_equal(truncate(in_dir(f, OLD), st.st_size - BC_LZ4_END_SIZE), 0);
	utimensat(AT_FDCWD, in_dir(f, OLD), (struct timespec[2]){ { .tv_sec = 5 }, { .tv_sec = 5 } }, 0);
	run(f, to_lz4hc);
	assert_int_equal(f->sum.failed, 1);
	assert_int_equal(entries(f), 1);
}

static void a_crash_before_the_removal_is_finished(void **state)
{
	static uint8_t packed[2 * BODY];
	struct fixture *f = *state;
	ssize_t len;
	int fd;

	segment(f, OLD, 2 * HOUR);
	fd = open(in_dir(f, OLD), O_RDONLY);
	len = read(fd, packed, sizeof(packed));
	close(fd);
	run(f, to_zstd);
	put(f, OLD, packed, (size_t)len, 2 * HOUR);
	put(f, ".recompress-20261025-003000-00000000.pcapng", "half of it", 10, 0);
	run(f, to_zstd);
	assert_int_equal(f->sum.recompressed, 1);
	assert_false(there(f, OLD));
	assert_true(there(f, NEW));
}

static void a_crash_in_the_middle_is_begun_anew(void **state)
{
	struct fixture *f = *state;

	segment(f, OLD, 2 * HOUR);
	put(f, ".recompress-20261025-003000-00000000.pcapng", "half of it, and longer than what comes", 38, 0);
	run(f, to_zstd);
	assert_int_equal(f->sum.recompressed, 1);
	assert_int_equal(entries(f), 1);
	assert_true(there(f, NEW));
}

static void a_file_of_the_new_name_that_holds_something_else_is_kept(void **state)
{
	struct fixture *f = *state;

	segment(f, OLD, 2 * HOUR);
	put(f, NEW, "precious", 8, 0);
	run(f, to_zstd);
	assert_int_equal(f->sum.failed, 1);
	assert_true(there(f, OLD));
	assert_int_equal(entries(f), 2);
}

static void a_damaged_segment_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	segment(f, OLD, 0);
	stat(in_dir(f, OLD), &st);
	assert_int_equal(truncate(in_dir(f, OLD), st.st_size - BC_LZ4_END_SIZE), 0);
	utimensat(AT_FDCWD, in_dir(f, OLD), (struct timespec[2]){ { .tv_sec = 5 }, { .tv_sec = 5 } }, 0);
	run(f, to_zstd);
	assert_int_equal(f->sum.failed, 1);
	assert_int_equal(f->told[0][0], 'F');
	assert_int_equal(entries(f), 1);
	assert_true(there(f, OLD));
}

static void without_space_the_original_stays(void **state)
{
	struct fixture *f = *state;
	static uint8_t fill[1 << 20];
	struct statvfs vfs;
	size_t n;

	if (mount("tmpfs", f->dir, "tmpfs", 0, "size=64k") < 0)
		BC_SKIP("may not mount");
	segment(f, OLD, 2 * HOUR);
	assert_int_equal(statvfs(f->dir, &vfs), 0);
	n = (vfs.f_bavail - 1) * vfs.f_frsize;
	put(f, "fill", fill, n, 0);
	run(f, to_zstd);
	assert_int_equal(f->sum.failed, 1);
	assert_true(there(f, OLD));
	assert_int_equal(entries(f), 2);
}

static void a_cancelled_recompression_leaves_the_original(void **state)
{
	const _Atomic bool cancel = true;
	struct fixture *f = *state;
	struct bc_series s;
	uint64_t bytes;
	int dir, fd;

	segment(f, OLD, 2 * HOUR);
	dir = open(f->dir, O_RDONLY | O_DIRECTORY);
	fd = open(in_dir(f, OLD), O_RDONLY);
	assert_true(bc_series_parse(OLD, &s));
	assert_int_equal(bc_recompress(dir, OLD, fd, &s, &to_zstd, &cancel, &bytes, &f->err), -ECANCELED);
	assert_int_equal(entries(f), 1);
	close(fd);
	close(dir);
}

static void retention_acts_at_its_begin_and_on_publication(void **state)
{
	const struct bc_retention_rules keep = { .number = 2 };
	struct fixture *f = *state;
	struct bc_retention *r = NULL;
	struct bc_expired sum = { .removed = 0 };

	segments(f, 4);
	assert_int_equal(bc_retention_new(f->dir, &keep, NULL, &r, NULL), 0);
	for (int i = 0; i < 10000 && sum.removed < 2; i++) {
		usleep(1000);
		bc_retention_stats(r, &sum);
	}
	assert_int_equal(entries(f), 2);
	segment(f, nth(9), 0);
	bc_retention_published(r);
	for (int i = 0; i < 10000 && sum.removed < 3; i++) {
		usleep(1000);
		bc_retention_stats(r, &sum);
	}
	assert_int_equal(sum.removed, 3);
	assert_int_equal(sum.kept, 2);
	assert_int_equal(entries(f), 2);
	/* Published last, and no look came after it. */
	segment(f, nth(10), 0);
	bc_retention_close(r, false);
	assert_int_equal(entries(f), 2);
	bc_retention_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		cmocka_unit_test(ages_and_sizes_are_parsed),
		cmocka_unit_test(ages_and_sizes_without_unit_or_number_are_refused),
		cmocka_unit_test(recompression_is_parsed),
		cmocka_unit_test(names_of_segments_are_known_with_their_series),
		cmocka_unit_test(other_names_are_not),
		TEST(what_is_encrypted_counts_as_its_segment),
		TEST(the_section_header_tells_who_made_a_file),
		TEST(pcap_cannot_tell_and_nonsense_is_foreign),
		TEST(what_is_too_old_is_removed),
		TEST(a_time_in_the_future_is_not_old),
		TEST(each_series_keeps_its_newest),
		TEST(the_oldest_packet_of_what_is_left_is_told),
		TEST(too_many_bytes_cost_the_oldest_of_all_series),
		TEST(space_is_freed_as_far_as_needed),
		TEST(more_space_than_there_is_is_refused),
		TEST(what_braidcap_did_not_make_is_never_touched),
		TEST(what_is_locked_or_written_by_the_living_stays),
		TEST(what_is_held_stays_until_it_is_released),
		TEST(a_dry_run_tells_and_changes_nothing),
		TEST(a_verdict_holds_until_the_file_changes),
		TEST(a_folder_that_is_not_there_is_an_error),
		TEST(old_segments_are_recompressed),
		TEST(lz4_becomes_lz4hc_once),
		TEST(what_is_not_compressed_becomes_lz4hc),
		TEST(other_codecs_do_not_become_lz4hc),
		TEST(pcap_becomes_lz4hc_without_an_index),
		TEST(lz4hc_begun_before_a_crash_is_begun_anew),
		TEST(a_crash_before_the_removal_is_finished),
		TEST(a_crash_in_the_middle_is_begun_anew),
		TEST(a_file_of_the_new_name_that_holds_something_else_is_kept),
		TEST(a_damaged_segment_is_left_as_it_is),
		TEST(without_space_the_original_stays),
		TEST(a_cancelled_recompression_leaves_the_original),
		TEST(retention_acts_at_its_begin_and_on_publication),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
