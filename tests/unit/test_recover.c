/* SPDX-License-Identifier: BSD-3-Clause */
/* Recovery and verification, on leftovers made here byte by byte. */
#include "store_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "bc_codec.h"
#include "bc_erf.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_recover.h"
#include "bc_verify.h"

#define PACKETS 1000
#define CAPLEN 60U

/* A capture's bytes: where each packet ends, and the whole, before and after compression. */
struct image {
	uint8_t raw[PACKETS * 128 + 4096];
	size_t raw_len;
	uint8_t file[PACKETS * 256 + 65536];
	size_t file_len;
};

static uint64_t time_of(int i)
{
	return BEGIN_NS + (uint64_t)i * BC_NS_PER_MS;
}

static void add_packet(struct image *m, bool ng, int i, uint64_t ts_ns)
{
	uint8_t *p = m->raw + m->raw_len, *data;

	data = ng ? bc_epb_begin(p, 0, ts_ns, CAPLEN, CAPLEN, 0) : bc_pcap_record(p, ts_ns, 1, CAPLEN, CAPLEN);
	for (uint32_t k = 0; k < CAPLEN; k++)
		data[k] = (uint8_t)(((uint32_t)i + 1) * 2654435761U >> k % 24);
	m->raw_len = (size_t)((ng ? bc_epb_end(data, CAPLEN, 0, 0, 0, 0) : data + CAPLEN) - m->raw);
}

static void add_header(struct image *m, bool ng)
{
	struct bc_iface iface = { .name = "eth0", .linktype = 1, .snaplen = 65535 };
	struct bc_pcapng_section section = { .application = "test" };

	if (ng) {
		m->raw_len = bc_pcapng_shb(m->raw, sizeof(m->raw), &section);
		m->raw_len += bc_pcapng_idb(m->raw + m->raw_len, sizeof(m->raw) - m->raw_len, &iface, 65535, NULL);
	} else {
		bc_pcap_file_header(m->raw, 1, 1, 65535);
		m->raw_len = BC_PCAP_FILE_HEADER;
	}
}

static int to_image(void *ctx, const uint8_t *data, size_t len)
{
	struct image *m = ctx;

	assert_true(m->file_len + len <= sizeof(m->file));
	memcpy(m->file + m->file_len, data, len);
	m->file_len += len;
	return 0;
}

static void pack_lz4(struct image *m)
{
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	bool stored;

	m->file_len = bc_lz4_header(m->file, 65536);
	for (size_t at = 0; at < m->raw_len; at += 4096) {
		size_t n = m->raw_len - at < 4096 ? m->raw_len - at : 4096;

		m->file_len += bc_lz4_block(z, m->raw + at, n, m->file + m->file_len, 1, &stored);
	}
	bc_lz4_end(m->file + m->file_len);
	m->file_len += BC_LZ4_END_SIZE;
	bc_lz4_free(z);
}

static void pack_stream(struct image *m, enum bc_codec codec)
{
	struct bc_stream *s = NULL;

	assert_int_equal(bc_stream_new(codec, 1, 1, to_image, m, &s, NULL), 0);
	assert_int_equal(bc_stream_begin(s), 0);
	for (size_t at = 0; at < m->raw_len; at += 4096) {
		assert_int_equal(bc_stream_feed(s, m->raw + at, m->raw_len - at < 4096 ? m->raw_len - at : 4096), 0);
		assert_int_equal(bc_stream_flush(s), 0);
	}
	assert_int_equal(bc_stream_end(s), 0);
	bc_stream_free(s);
}

static struct image *image(bool ng, enum bc_codec codec)
{
	struct image *m = calloc(1, sizeof(*m));

	add_header(m, ng);
	for (int i = 0; i < PACKETS; i++)
		add_packet(m, ng, i, time_of(i));
	if (codec == BC_CODEC_LZ4)
		pack_lz4(m);
	else if (bc_codec_is_stream(codec))
		pack_stream(m, codec);
	else
		to_image(m, m->raw, m->raw_len);
	return m;
}

static const char *put_bytes(struct fixture *f, const char *name, const uint8_t *data, size_t len)
{
	const char *path = in_dir(f, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
	return path;
}

static int recover(struct fixture *f, const char *name, bool dry_run, struct bc_recovered *ret)
{
	struct bc_recover_config cfg = { .dry_run = dry_run, .utc = true, .pid = PID, .log = &f->log };

	return bc_recover(in_dir(f, name), &cfg, ret, &f->err);
}

/* The recovered segment holds the original's first bytes, and is whole. */
static void assert_prefix_recovered(struct fixture *f, const struct image *m, const struct bc_recovered *r,
				    const char *final)
{
	struct bc_scan v;

	assert_int_equal(r->outcome, BC_RECOVER_PUBLISHED);
	assert_string_equal(r->path, in_dir(f, final));
	assert_int_equal(bc_verify(r->path, &v, &f->err), 0);
	assert_int_equal(v.records, r->scan.records);
	assert_int_equal(v.kept_bytes, r->scan.kept_bytes);
	assert_int_equal(v.first_ns, BEGIN_NS);
	assert_int_equal(v.last_ns, time_of((int)v.records - 1));
	assert_int_equal(v.backwards, 0);
	assert_int_equal(count(f->dir, ""), 1);
}

static void truncated(void **state, bool ng, enum bc_codec codec, const char *ext)
{
	struct fixture *f = *state;
	struct image *m = image(ng, codec);
	struct bc_recovered r;
	char name[64], final[64];

	snprintf(name, sizeof(name), "tmp-4711-00000012%s", ext);
	snprintf(final, sizeof(final), STAMP "-00000012%s", ext);
	put_bytes(f, name, m->file, m->file_len * 2 / 3 + 1);
	assert_int_equal(recover(f, name, false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_TRUNCATED);
	assert_in_range(r.scan.records, PACKETS / 3, PACKETS - 1);
	assert_prefix_recovered(f, m, &r, final);
	free(m);
}

static void plain_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_NONE, ".pcapng");
}

static void lz4_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_LZ4, ".pcapng.lz4");
}

static void zstd_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_ZSTD, ".pcapng.zst");
}

static void gzip_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_GZIP, ".pcapng.gz");
}

static void xz_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_XZ, ".pcapng.xz");
}

static void bzip2_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	truncated(state, true, BC_CODEC_BZIP2, ".pcapng.bz2");
}

static void lzo_pcapng_is_kept_to_its_last_whole_block(void **state)
{
	if (!bc_codec_is_built(BC_CODEC_LZO))
		BC_SKIP("built without lzo");
	truncated(state, true, BC_CODEC_LZO, ".pcapng.lzo");
}

static void plain_pcap_is_kept_to_its_last_whole_record(void **state)
{
	truncated(state, false, BC_CODEC_NONE, ".pcap");
}

static void lz4_pcap_is_kept_to_its_last_whole_record(void **state)
{
	truncated(state, false, BC_CODEC_LZ4, ".pcap.lz4");
}

static struct image *erf_image(void)
{
	struct image *m = calloc(1, sizeof(*m));

	for (int i = 0; i < PACKETS; i++) {
		uint8_t *data = bc_erf_begin(m->raw + m->raw_len, 0, time_of(i), CAPLEN, CAPLEN, 1, 0);

		memset(data, i, CAPLEN);
		m->raw_len = (size_t)(bc_erf_end(data, CAPLEN, 1) - m->raw);
	}
	return m;
}

static void erf_is_kept_to_its_last_whole_record(void **state)
{
	struct fixture *f = *state;
	struct image *m = erf_image();
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.erf", m->raw, m->raw_len / 2 + 20);
	assert_int_equal(recover(f, "tmp-4711-00000012.erf", false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_TRUNCATED);
	assert_int_equal(r.scan.records, PACKETS / 2);
	assert_int_equal(r.scan.items, PACKETS / 2);
	assert_int_equal(r.file_bytes, m->raw_len / 2);
	assert_prefix_recovered(f, m, &r, STAMP "-00000012.erf");
	free(m);
}

static void an_empty_erf_is_whole(void **state)
{
	struct fixture *f = *state;
	struct bc_scan v;

	put_bytes(f, "a.erf", (const uint8_t *)"", 0);
	put_bytes(f, "a.pcap", (const uint8_t *)"", 0);
	assert_int_equal(bc_verify(in_dir(f, "a.erf"), &v, &f->err), 0);
	assert_int_equal(v.records, 0);
	assert_int_equal(bc_verify(in_dir(f, "a.pcap"), &v, &f->err), -ENODATA);
}

static void plain_items_are_copied_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	uint8_t *back = calloc(1, sizeof(m->raw));
	struct bc_recovered r;
	int fd;

	put_bytes(f, "tmp-4711-00000000.pcapng", m->file, m->file_len - 1);
	assert_int_equal(recover(f, "tmp-4711-00000000.pcapng", false, &r), 0);
	assert_int_equal(r.scan.records, PACKETS - 1);
	assert_int_equal(r.scan.lost_bytes, BC_EPB_FIXED + CAPLEN - 1);
	assert_int_equal(r.file_bytes, r.scan.kept_bytes);
	fd = open(r.path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, back, sizeof(m->raw)), (ssize_t)r.scan.kept_bytes);
	close(fd);
	assert_memory_equal(back, m->raw, r.scan.kept_bytes);
	free(back);
	free(m);
}

/* It tells where blocks lie in the old file. */
static void the_index_is_not_copied(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	struct bc_recovered r;

	bc_put_le32(m->file + m->file_len, BC_PCAPNG_INDEX);
	bc_put_le32(m->file + m->file_len + 4, 16);
	bc_put_le32(m->file + m->file_len + 12, 16);
	put_bytes(f, "tmp-4711-00000000.pcapng", m->file, m->file_len + 16);
	assert_int_equal(recover(f, "tmp-4711-00000000.pcapng", false, &r), 0);
	assert_int_equal(r.scan.records, PACKETS);
	assert_int_equal(r.file_bytes, m->file_len);
	free(m);
}

static void leftover_that_is_whole_is_kept_whole(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.pcapng.lz4", m->file, m->file_len);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng.lz4", false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_WHOLE);
	assert_int_equal(r.scan.records, PACKETS);
	assert_prefix_recovered(f, m, &r, STAMP "-00000012.pcapng.lz4");
	free(m);
}

static void damage_ends_what_is_kept(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;

	m->file[m->file_len / 2] ^= 0x55;
	put_bytes(f, "tmp-4711-00000012.pcapng.lz4", m->file, m->file_len);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng.lz4", false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_CORRUPT);
	assert_in_range(r.scan.records, 1, PACKETS / 2 + 50);
	assert_string_not_equal(r.scan.why, "");
	assert_prefix_recovered(f, m, &r, STAMP "-00000012.pcapng.lz4");
	free(m);
}

static void zeros_are_no_packets(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(false, BC_CODEC_NONE);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.pcap", m->file, m->file_len + 4096);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcap", false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_TRUNCATED);
	assert_int_equal(r.scan.records, PACKETS);
	assert_int_equal(r.scan.lost_bytes + r.scan.unread_bytes, 0);
	assert_prefix_recovered(f, m, &r, STAMP "-00000012.pcap");
	free(m);
}

/*
 * In a child, which does not return: a capture past the page cache takes the image's first part, settles it, takes the rest
 * so many times, and is killed.
 */
static void write_and_die(struct fixture *f, const char *name, const struct image *m, size_t settled, int times)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_FILE, in_dir(f, name));
	struct bc_store *s = NULL;
	struct bc_store_stats st;

	cfg.ext = "";
	cfg.io = BC_IO_DIRECT;
	if (bc_store_open(&cfg, &s, &f->err) < 0 || bc_store_begin(s) < 0)
		_exit(1);
	bc_store_stats(s, &st);
	if (!strcmp(st.io, "buffered"))
		_exit(77);
	if (settled && (bc_store_write(s, m->file, settled) < 0 || bc_store_settle(s) < 0))
		_exit(2);
	for (int i = 0; i < times; i++)
		if (bc_store_write(s, m->file + settled, m->file_len - settled) < 0)
			_exit(3);
	raise(SIGKILL);
}

/* False where files cannot be written so. */
static bool kill_writer(struct fixture *f, const char *name, const struct image *m, size_t settled, int times)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		write_and_die(f, name, m, settled, times);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return false;
	assert_true(WIFSIGNALED(status));
	return true;
}

/* Where the image's first half ends; of those codecs with a block, which is what a committer writes at once. */
static size_t half(const struct image *m, bool ng, enum bc_codec codec)
{
	size_t record = ng ? BC_EPB_FIXED + CAPLEN : BC_PCAP_RECORD_HEADER + CAPLEN, at = 7;
	uint32_t len;

	if (codec == BC_CODEC_NONE)
		return m->raw_len - PACKETS / 2 * record;
	if (codec == BC_CODEC_ZSTD)
		return m->file_len / 2;
	while (at < m->file_len / 2) {
		memcpy(&len, m->file + at, 4);
		at += (len & 0x7fffffff) + BC_LZ4_BLOCK_OVERHEAD;
	}
	return at;
}

static void killed(void **state, bool ng, enum bc_codec codec, const char *ext)
{
	struct fixture *f = *state;
	struct image *m = image(ng, codec);
	struct bc_recovered r, cut;
	size_t settled = half(m, ng, codec);
	char file[64], name[64], final[64];

	snprintf(file, sizeof(file), "x%s", ext);
	snprintf(name, sizeof(name), "tmp-77-x%s", ext);
	snprintf(final, sizeof(final), STAMP "-00000000%s", ext);
	put_bytes(f, name, m->file, settled);
	assert_int_equal(recover(f, name, true, &cut), 0);
	assert_in_range(cut.scan.records, PACKETS / 3, PACKETS - 1);
	assert_int_equal(unlink(in_dir(f, name)), 0);
	if (!kill_writer(f, file, m, settled, 1)) {
		free(m);
		BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
	}
	assert_int_equal(recover(f, name, false, &r), 0);
	assert_int_equal(r.scan.records, cut.scan.records);
	if (codec != BC_CODEC_ZSTD) {
		assert_int_equal(r.scan.lost_bytes + r.scan.unread_bytes, cut.scan.lost_bytes + cut.scan.unread_bytes);
		assert_int_not_equal(r.scan.end, BC_SCAN_CORRUPT);
	}
	assert_prefix_recovered(f, m, &r, final);
	free(m);
}

static void killed_direct_capture_is_kept_as_far_as_it_was_settled_plain(void **state)
{
	killed(state, true, BC_CODEC_NONE, ".pcapng");
}

static void killed_direct_capture_is_kept_as_far_as_it_was_settled_pcap(void **state)
{
	killed(state, false, BC_CODEC_NONE, ".pcap");
}

static void killed_direct_capture_is_kept_as_far_as_it_was_settled_lz4(void **state)
{
	killed(state, true, BC_CODEC_LZ4, ".pcapng.lz4");
}

static void killed_direct_capture_is_kept_as_far_as_it_was_settled_zstd(void **state)
{
	killed(state, true, BC_CODEC_ZSTD, ".pcapng.zst");
}

static void capture_that_is_killed_with_writes_in_flight_is_kept_up_to_whole_records(void **state)
{
	for (int ng = 0; ng < 2; ng++) {
		struct fixture *f = *state;
		struct image *m = image(ng, BC_CODEC_NONE);
		const char *ext = ng ? ".pcapng" : ".pcap";
		struct bc_recovered r;
		struct bc_scan v;
		char file[64], name[64];

		snprintf(file, sizeof(file), "x%s", ext);
		snprintf(name, sizeof(name), "tmp-77-x%s", ext);
		if (!kill_writer(f, file, m, half(m, ng, BC_CODEC_NONE), 150)) {
			free(m);
			BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
		}
		assert_int_equal(recover(f, name, false, &r), 0);
		assert_in_range(r.scan.records, PACKETS / 2, 76 * PACKETS);
		assert_int_equal(bc_verify(r.path, &v, &f->err), 0);
		assert_int_equal(v.end, BC_SCAN_WHOLE);
		assert_int_equal(v.records, r.scan.records);
		assert_true(v.last_ns >= time_of(PACKETS / 2 - 1));
		free(m);
	}
}

static void space_that_was_taken_and_never_written_is_an_empty_leftover(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	struct bc_recovered r;
	struct stat st;

	if (!kill_writer(f, "x.pcapng", m, 0, 1)) {
		free(m);
		BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
	}
	assert_int_equal(stat(in_dir(f, "tmp-77-x.pcapng"), &st), 0);
	assert_true(st.st_size > 0);
	assert_int_equal(recover(f, "tmp-77-x.pcapng", false, &r), 0);
	assert_int_equal(r.outcome, BC_RECOVER_REMOVED);
	assert_int_equal(count(f->dir, ""), 0);
	free(m);
}

/* Zeros in the middle are damage, and count. */
static void zeros_with_data_behind_them_are_damage(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	size_t record = BC_EPB_FIXED + CAPLEN;
	struct bc_recovered r;

	memset(m->file + m->file_len - 20 * record, 0, 10 * record);
	put_bytes(f, "tmp-4711-00000012.pcapng", m->file, m->file_len);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng", false, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_CORRUPT);
	assert_int_equal(r.scan.records, PACKETS - 20);
	assert_int_equal(r.scan.lost_bytes + r.scan.unread_bytes, 20 * record);
	free(m);
}

static void dry_run_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.pcapng.lz4", m->file, m->file_len / 2);
	put_bytes(f, "tmp-4711-00000013.pcapng.lz4", m->file, 0);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng.lz4", true, &r), 0);
	assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
	assert_true(r.scan.records > 0);
	assert_int_equal(recover(f, "tmp-4711-00000013.pcapng.lz4", true, &r), 0);
	assert_int_equal(r.outcome, BC_RECOVER_REMOVED);
	assert_int_equal(count(f->dir, "tmp-4711-"), 2);
	assert_int_equal(count(f->dir, ""), 2);
	free(m);
}

static void empty_leftover_is_removed(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	put_file(in_dir(f, "tmp-4711-00000012.pcapng.lz4"), "");
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng.lz4", false, &r), 0);
	assert_int_equal(r.outcome, BC_RECOVER_REMOVED);
	assert_int_equal(count(f->dir, ""), 0);
}

static void leftover_without_a_packet_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.pcapng", m->file, 40);
	put_file(in_dir(f, "tmp-4711-00000013.pcapng"), "this is not a capture, whatever its name says");
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng", false, &r), -ENODATA);
	assert_int_equal(recover(f, "tmp-4711-00000013.pcapng", false, &r), -ENODATA);
	assert_string_equal(r.path, "");
	assert_int_equal(r.outcome, BC_RECOVER_NONE);
	assert_int_equal(count(f->dir, "tmp-4711-"), 2);
	assert_int_equal(count(f->dir, ""), 2);
	free(m);
}

static void live_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;
	struct bc_recovered r;

	cfg.ext = ".pcapng";
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	assert_int_equal(recover(f, "tmp-77-00000000.pcapng", false, &r), -EBUSY);
	assert_non_null(strstr(f->err.msg, "still writing"));
	bc_store_close(s);
}

static void file_with_a_second_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012.pcapng", m->file, m->file_len);
	assert_int_equal(link(in_dir(f, "tmp-4711-00000012.pcapng"), in_dir(f, "published.pcapng")), 0);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng", false, &r), -EMLINK);
	assert_int_equal(count(f->dir, ""), 2);
	free(m);
}

static void other_names_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	put_file(in_dir(f, "a.pcapng"), "x");
	assert_int_equal(mkdir(in_dir(f, "tmp-4711-00000013.pcapng"), 0755), 0);
	assert_int_equal(recover(f, "a.pcapng", false, &r), -EINVAL);
	assert_int_equal(recover(f, "tmp-4711-00000013.pcapng", false, &r), -EINVAL);
	assert_int_equal(recover(f, "tmp-4711-00000014.pcapng", false, &r), -ENOENT);
	assert_int_equal(count(f->dir, ""), 2);
}

static void under_an_extension_of_its_own_the_content_tells(void **state)
{
	static const enum bc_codec codecs[] = { BC_CODEC_NONE, BC_CODEC_LZ4, BC_CODEC_ZSTD };
	struct fixture *f = *state;
	struct bc_recovered r;

	for (size_t i = 0; i < 3; i++) {
		struct image *m = image(true, codecs[i]);

		put_bytes(f, "tmp-4711-00000012.mine", m->file, m->file_len - 1);
		assert_int_equal(recover(f, "tmp-4711-00000012.mine", false, &r), 0);
		assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
		assert_string_equal(r.path + strlen(r.path) - 14, "-00000012.mine");
		assert_int_equal(bc_verify(r.path, &r.scan, &f->err), 0);
		unlink(r.path);
		free(m);
	}
}

static void under_no_extension_the_content_tells(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012", m->file, m->file_len);
	assert_int_equal(recover(f, "tmp-4711-00000012", false, &r), 0);
	assert_string_equal(r.path + strlen(r.path) - 9, "-00000012");
	put_file(in_dir(f, "tmp-4711-00000013"), "not a capture");
	assert_int_equal(recover(f, "tmp-4711-00000013", false, &r), -ENODATA);
	free(m);
}

static void under_no_extension_erf_is_known_by_its_type(void **state)
{
	struct fixture *f = *state;
	struct image *m = erf_image();
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-00000012", m->raw, m->raw_len / 2 + 20);
	assert_int_equal(recover(f, "tmp-4711-00000012", false, &r), 0);
	assert_int_equal(r.scan.records, PACKETS / 2);
	assert_string_equal(r.path + strlen(r.path) - 9, "-00000012");
	free(m);
}

static void full_disk_leaves_the_leftover_alone(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_NONE);
	struct bc_recovered r;

	if (mount("bc", f->dir, "tmpfs", 0, "size=160k,mode=0755") < 0)
		BC_SKIP("a small tmpfs cannot be mounted: %s", strerror(errno));
	put_bytes(f, "tmp-4711-00000012.pcapng", m->file, m->file_len);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng", false, &r), -ENOSPC);
	assert_int_equal(count(f->dir, "tmp-4711-"), 1);
	assert_int_equal(count(f->dir, ""), 1);
	free(m);
}

static void file_of_a_single_output_is_recovered_too(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;

	put_bytes(f, "tmp-4711-my.trace.pcapng.lz4", m->file, m->file_len / 2);
	assert_int_equal(recover(f, "tmp-4711-my.trace.pcapng.lz4", false, &r), 0);
	assert_prefix_recovered(f, m, &r, STAMP "-00000000.pcapng.lz4");
	free(m);
}

static void verify_counts_what_goes_back_in_time(void **state)
{
	struct fixture *f = *state;
	struct image *m = calloc(1, sizeof(*m));
	const int order[] = { 0, 1, 3, 2, 2, 1, 4 };
	struct bc_scan v;

	add_header(m, true);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		add_packet(m, true, (int)i, time_of(order[i]));
	assert_int_equal(bc_verify(put_bytes(f, "a.pcapng", m->raw, m->raw_len), &v, &f->err), 0);
	assert_int_equal(v.records, 7);
	/* Each that is older than one before it, as `late` counts. */
	assert_int_equal(v.backwards, 3);
	free(m);
}

static void verify_refuses_what_is_not_whole(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_scan v;

	assert_int_equal(bc_verify(put_bytes(f, "cut", m->file, m->file_len - 1), &v, &f->err), -EBADMSG);
	assert_int_equal(v.end, BC_SCAN_TRUNCATED);
	assert_int_equal(v.records, PACKETS);
	m->file[m->file_len / 2] ^= 1;
	assert_int_equal(bc_verify(put_bytes(f, "bad", m->file, m->file_len), &v, &f->err), -EBADMSG);
	assert_int_equal(v.end, BC_SCAN_CORRUPT);
	assert_non_null(strstr(f->err.msg, "bad: not complete: "));
	free(m);
}

static void verify_refuses_nothing_at_all(void **state)
{
	struct fixture *f = *state;
	struct bc_scan v;

	put_file(in_dir(f, "empty"), "");
	assert_int_equal(bc_verify(in_dir(f, "empty"), &v, &f->err), -ENODATA);
	assert_int_equal(bc_verify(in_dir(f, "missing"), &v, &f->err), -ENOENT);
}

static void no_descriptor_is_left_open(void **state)
{
	struct fixture *f = *state;
	struct image *m = image(true, BC_CODEC_LZ4);
	struct bc_recovered r;
	int before = count("/proc/self/fd", "");

	put_bytes(f, "tmp-4711-00000012.pcapng.lz4", m->file, m->file_len / 2);
	put_bytes(f, "tmp-4711-00000013.pcapng.lz4", m->file, 5);
	assert_int_equal(recover(f, "tmp-4711-00000012.pcapng.lz4", false, &r), 0);
	assert_true(recover(f, "tmp-4711-00000013.pcapng.lz4", false, &r) < 0);
	assert_int_equal(count("/proc/self/fd", ""), before);
	free(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(plain_pcapng_is_kept_to_its_last_whole_block),
		T(lz4_pcapng_is_kept_to_its_last_whole_block),
		T(gzip_pcapng_is_kept_to_its_last_whole_block),
		T(xz_pcapng_is_kept_to_its_last_whole_block),
		T(bzip2_pcapng_is_kept_to_its_last_whole_block),
		T(lzo_pcapng_is_kept_to_its_last_whole_block),
		T(zstd_pcapng_is_kept_to_its_last_whole_block),
		T(plain_pcap_is_kept_to_its_last_whole_record),
		T(lz4_pcap_is_kept_to_its_last_whole_record),
		T(erf_is_kept_to_its_last_whole_record),
		T(an_empty_erf_is_whole),
		T(plain_items_are_copied_byte_by_byte),
		T(the_index_is_not_copied),
		T(leftover_that_is_whole_is_kept_whole),
		T(damage_ends_what_is_kept),
		T(zeros_are_no_packets),
		T(killed_direct_capture_is_kept_as_far_as_it_was_settled_plain),
		T(killed_direct_capture_is_kept_as_far_as_it_was_settled_pcap),
		T(killed_direct_capture_is_kept_as_far_as_it_was_settled_lz4),
		T(killed_direct_capture_is_kept_as_far_as_it_was_settled_zstd),
		T(capture_that_is_killed_with_writes_in_flight_is_kept_up_to_whole_records),
		T(space_that_was_taken_and_never_written_is_an_empty_leftover),
		T(zeros_with_data_behind_them_are_damage),
		T(dry_run_changes_nothing),
		T(empty_leftover_is_removed),
		T(leftover_without_a_packet_is_left_alone),
		T(live_file_is_refused),
		T(file_with_a_second_name_is_refused),
		T(other_names_are_refused),
		T(under_an_extension_of_its_own_the_content_tells),
		T(under_no_extension_the_content_tells),
		T(under_no_extension_erf_is_known_by_its_type),
		T(full_disk_leaves_the_leftover_alone),
		T(file_of_a_single_output_is_recovered_too),
		T(verify_counts_what_goes_back_in_time),
		T(verify_refuses_what_is_not_whole),
		T(verify_refuses_nothing_at_all),
		T(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
