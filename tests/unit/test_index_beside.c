/* SPDX-License-Identifier: BSD-3-Clause */
/* An index beside a file of any kind: what is found with it is what is found without it, whatever became of either. */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <lz4frame.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_find.h"
#include "bc_hour.h"
#include "bc_index.h"
#include "bc_index_beside.h"
#include "bc_index_subject.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "index_packet.h"
#include "scratch.h"

#define PACKETS 3000U
#define T0 1000000000000000000U
#define BYTES (4U << 20)

static char folder[SCRATCH_MAX], path[SCRATCH_MAX + 32], index_path[SCRATCH_MAX + 48];
static uint8_t plain[BYTES], packed[BYTES], found[2][BYTES];

static const char *const expressions[] = {
	"", "host 10.0.1.46", "udp port 53", "arp", "len > 200", "host 10.77.0.1", "vlan",
};

static uint64_t time_of(uint32_t i)
{
	return T0 + i * 1000000ULL;
}

/* Of every kind; or in the first half those of 10.0.0.1, then those of 10.0.0.2. */
static bool of_two_hosts;

static void next_packet(struct packet *k, struct random *r, uint32_t i)
{
	if (!of_two_hosts) {
		packet_any(k, r);
		return;
	}
	k->len = 0;
	packet_ether(k, 1, 2, 0x0800);
	packet_ip4(k, i < PACKETS / 2 ? 1 : 2, 3, 17, r);
	for (int n = 0; n < 50; n++)
		packet_be16(k, 53);
}

static size_t make_pcap(void)
{
	struct random r = { 3 };
	size_t len = BC_PCAP_FILE_HEADER;

	bc_pcap_file_header(plain, 1, 1, 262144);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct packet k;
		uint8_t *p;

		next_packet(&k, &r, i);
		p = bc_pcap_record(plain + len, time_of(i), 1, k.len, k.len);
		memcpy(p, k.data, k.len);
		len = (size_t)(p + k.len - plain);
	}
	return len;
}

/* With an interface that is introduced in the midst of it. */
static size_t make_pcapng(void)
{
	const struct bc_iface iface = { .name = "eth0", .linktype = 1 };
	struct random r = { 4 };
	size_t len = bc_pcapng_shb(plain, BYTES, &(struct bc_pcapng_section){ .application = "another" });

	for (uint32_t i = 0; i < PACKETS; i++) {
		struct packet k;
		uint8_t *p;

		if (i % (PACKETS / 2) == 0)
			len += bc_pcapng_idb(plain + len, BYTES - len, &iface, 65535, NULL);
		next_packet(&k, &r, i);
		p = bc_epb_begin(plain + len, i / (PACKETS / 2), time_of(i), k.len, k.len, 0);
		memcpy(p, k.data, k.len);
		len = (size_t)(bc_epb_end(p, k.len, 0, 0, 0, 0) - plain);
	}
	return len;
}

static void write_file(const char *name, const uint8_t *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static size_t read_file(const char *name, uint8_t *to)
{
	int fd = open(name, O_RDONLY);
	ssize_t len = read(fd, to, BYTES);

	assert_true(len >= 0);
	close(fd);
	return (size_t)len;
}

static size_t packed_len;

static int pack_out(void *ctx, const uint8_t *data, size_t len)
{
	memcpy(packed + packed_len, data, len);
	packed_len += len;
	return 0;
}

static void pack_stream(enum bc_codec codec, size_t len)
{
	struct bc_stream *s;

	packed_len = 0;
	assert_int_equal(bc_stream_new(codec, 1, 1, pack_out, NULL, &s, NULL), 0);
	assert_true(!bc_stream_begin(s) && !bc_stream_feed(s, plain, len) && !bc_stream_end(s));
	bc_stream_free(s);
}

/* As others write it: blocks that do not begin with packets. */
static void pack_lz4(LZ4F_blockMode_t mode, size_t len)
{
	const LZ4F_preferences_t prefs = {
		.frameInfo = { .blockSizeID = LZ4F_max64KB, .blockMode = mode, .contentChecksumFlag = LZ4F_contentChecksumEnabled },
	};

	packed_len = LZ4F_compressFrame(packed, sizeof(packed), plain, len, &prefs);
	assert_false(LZ4F_isError(packed_len));
}

enum kind { PLAIN, LZ4_INDEPENDENT, LZ4_LINKED, ZSTD, GZIP, KINDS };

static void make_file(enum kind kind, bool pcapng)
{
	size_t len = pcapng ? make_pcapng() : make_pcap();

	unlink(index_path);
	if (kind == LZ4_INDEPENDENT || kind == LZ4_LINKED)
		pack_lz4(kind == LZ4_LINKED ? LZ4F_blockLinked : LZ4F_blockIndependent, len);
	else if (kind != PLAIN)
		pack_stream(kind == ZSTD ? BC_CODEC_ZSTD : BC_CODEC_GZIP, len);
	write_file(path, kind == PLAIN ? plain : packed, kind == PLAIN ? len : packed_len);
}

static int make_index(bool flows)
{
	const struct bc_index_beside_config cfg = { .flows = flows, .memory = 8 << 20 };
	int dir = open(folder, O_RDONLY | O_DIRECTORY), fd = open(path, O_RDONLY), r;
	struct bc_index_beside_result res;
	struct bc_err err;

	r = bc_index_beside_make(dir, "a", fd, &cfg, &res, &err);
	if (!r)
		assert_true(res.packets == PACKETS && !res.skipped);
	close(fd);
	close(dir);
	return r;
}

/* What is found goes to found[i]; its length. */
static size_t search(const char *expression, bool no_index, uint64_t from_ns, int i, struct bc_find_progress *progress)
{
	char *where[] = { path }, out[32];
	struct bc_find_config cfg = {
		.expression = expression, .paths = where, .n_paths = 1, .from_ns = from_ns, .to_ns = UINT64_MAX, .no_index = no_index,
		.dest = { .kind = BC_STORE_FD, .format = BC_FORMAT_PCAPNG, .codec = BC_CODEC_NONE, .path = out },
	};
	int fd = memfd_create("found", 0);
	struct bc_find *f;
	struct bc_err err;
	ssize_t len;

	snprintf(out, sizeof(out), "/dev/fd/%d", fd);
	assert_int_equal(bc_find_new(&cfg, &f, &err), 0);
	assert_int_equal(bc_find_run(f, &err), 0);
	bc_find_get_progress(f, progress);
	bc_find_free(f);
	len = pread(fd, found[i], BYTES, 0);
	close(fd);
	return (size_t)len;
}

/* Both ways are alike. */
static struct bc_find_progress compare(const char *expression, uint64_t from_ns)
{
	struct bc_find_progress with, without;
	size_t len = search(expression, true, from_ns, 0, &without);

	assert_int_equal(search(expression, false, from_ns, 1, &with), len);
	assert_memory_equal(found[0], found[1], len);
	assert_int_equal(with.packets, without.packets);
	return with;
}

static void what_is_found_is_what_is_found_without(void **state)
{
	for (int n = 0; n < 2 * KINDS; n++) {
		make_file(n / 2, n % 2);
		assert_int_equal(make_index(true), 0);
		for (size_t e = 0; e < sizeof(expressions) / sizeof(expressions[0]); e++) {
			struct bc_find_progress p = compare(expressions[e], e % 2 ? time_of(PACKETS / 2) : 0);

			assert_true(!p.bad_index && !p.damaged && !p.way[BC_FIND_WHOLE]);
		}
	}
}

static void what_is_not_wanted_is_not_read(void **state)
{
	of_two_hosts = true;
	for (int n = 0; n < KINDS; n++) {
		struct bc_find_progress p;

		make_file(n, n % 2);
		assert_int_equal(make_index(true), 0);
		p = compare("host 10.0.0.7", 0);
		assert_true(p.way[BC_FIND_NOT_THE_FLOWS] == 1 && p.read_packets == 0);
		p = compare("", time_of(PACKETS));
		assert_true(p.way[BC_FIND_NOT_THE_TIME] == 1 && p.read_packets == 0);
		p = compare("", time_of(PACKETS - 10));
		assert_true(p.packets == 10 && p.read_packets < PACKETS / 4);
		p = compare("host 10.0.0.1", 0);
		assert_true(p.packets == PACKETS / 2 && p.read_packets < PACKETS * 2 / 3);
		if (n == PLAIN)
			assert_true(p.read_bytes < p.bytes * 2 / 3);
	}
	of_two_hosts = false;
}

static void an_index_of_times_alone_is_used(void **state)
{
	struct bc_find_progress p;

	make_file(ZSTD, false);
	assert_int_equal(make_index(false), 0);
	p = compare("arp", time_of(PACKETS - 100));
	assert_true(p.way[BC_FIND_BLOCKS] == 1 && p.read_packets < PACKETS / 4);
}

/* Whatever is changed in it: it is not used, or does no harm. */
static void bits_that_are_flipped_change_nothing(void **state)
{
	static uint8_t good[BYTES], bad[BYTES];
	struct random r = { 9 };
	uint32_t refused = 0;

	for (uint32_t n = 0; n < 40; n++) {
		size_t len;

		make_file(n % KINDS, n % 2);
		assert_int_equal(make_index(true), 0);
		len = read_file(index_path, good);
		memcpy(bad, good, len);
		for (uint32_t i = 1 + random_below(&r, 2); i; i--)
			bad[n % 2 ? random_below(&r, 200) : random_below(&r, (uint32_t)len)] ^= (uint8_t)(1 << random_below(&r, 8));
		write_file(index_path, bad, n % 7 ? len : random_below(&r, (uint32_t)len));
		refused += compare(expressions[n % 7], 0).bad_index;
	}
	assert_true(refused > 12);
}

static void set_time(const struct stat *st)
{
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ { .tv_nsec = UTIME_OMIT }, st->st_mtim }, 0), 0);
}

/* Of another size, another time, with another begin or end. */
static void an_index_of_a_file_that_changed_is_not_used(void **state)
{
	struct stat st;

	for (int n = 0; n < 4; n++) {
		struct bc_find_progress p;
		size_t len;

		make_file(PLAIN, false);
		assert_int_equal(make_index(true), 0);
		assert_int_equal(stat(path, &st), 0);
		len = read_file(path, packed);
		packed[n == 2 ? BC_PCAP_FILE_HEADER + 4 : len - 1] ^= n >= 2;
		write_file(path, packed, n ? len : (size_t)(len - 100));
		if (n == 1)
			st.st_mtim.tv_nsec ^= 1;
		set_time(&st);
		p = compare("", 0);
		assert_true(p.bad_index == 1 && p.way[BC_FIND_WHOLE] == 1);
		/* Made anew it is. */
		if (n) {
			assert_int_equal(make_index(true), 0);
			assert_int_equal(compare("", 0).bad_index, 0);
		}
	}
}

static void what_is_no_capture_gets_none(void **state)
{
	static const uint8_t text[] = "no capture at all, whatever its name is";
	struct stat st;

	unlink(index_path);
	write_file(path, text, sizeof(text));
	assert_int_equal(make_index(true), -ENOTSUP);
	write_file(path, text, 0);
	assert_int_equal(make_index(true), -ENOTSUP);
	make_file(GZIP, false);
	write_file(path, packed, packed_len / 2);
	assert_int_equal(make_index(true), -EBADMSG);
	assert_int_equal(stat(index_path, &st), -1);
	/* Nor does it take the name from another file. */
	make_file(PLAIN, false);
	write_file(index_path, text, sizeof(text));
	assert_int_equal(make_index(true), -EEXIST);
	assert_int_equal(read_file(index_path, packed), sizeof(text));
	assert_true(bc_index_beside_is_name(index_path) && !bc_index_beside_is_name(path));
}

/* Of the file a in folder, under a name. */
static int make_under(const char *name, const _Atomic bool *cancel)
{
	const struct bc_index_beside_config cfg = { .flows = true, .memory = 8 << 20, .cancel = cancel };
	int dir = open(folder, O_RDONLY | O_DIRECTORY), fd = open(path, O_RDONLY), r;
	struct bc_index_beside_result res;

	r = bc_index_beside_make(dir, name, fd, &cfg, &res, NULL);
	close(fd);
	close(dir);
	return r;
}

static void making_one_can_be_cancelled(void **state)
{
	_Atomic bool cancel = false;

	make_file(LZ4_LINKED, true);
	assert_int_equal(make_under("a", &cancel), 0);
	assert_int_equal(unlink(index_path), 0);
	cancel = true;
	assert_int_equal(make_under("a", &cancel), -ECANCELED);
	assert_int_equal(access(index_path, F_OK), -1);
}

static void a_name_that_has_no_room_for_its_ending_gets_none(void **state)
{
	char name[256];

	make_file(PLAIN, false);
	memset(name, 'a', 255);
	name[255] = '\0';
	assert_int_equal(make_under(name, NULL), -ENAMETOOLONG);
}

/* Nanoseconds that are called microseconds: 31,000 years. */
static void a_time_that_has_no_room_gets_none(void **state)
{
	size_t len = make_pcapng();
	uint8_t *resolution = memmem(plain, 300, "\x09\0\x01\0\x09", 5);

	assert_non_null(resolution);
	resolution[4] = 6;
	unlink(index_path);
	write_file(path, plain, len);
	assert_int_equal(make_index(true), -ENOTSUP);
	assert_int_equal(access(index_path, F_OK), -1);
}

static void an_index_goes_with_its_file(void **state)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY);

	make_file(PLAIN, false);
	assert_int_equal(bc_index_beside_bytes(dir, "a"), 0);
	assert_int_equal(make_index(true), 0);
	assert_true(bc_index_beside_bytes(dir, "a") > 0);
	bc_index_beside_remove(dir, "a");
	assert_int_equal(access(index_path, F_OK), -1);
	/* What is none stays. */
	write_file(index_path, (const uint8_t *)"mine", 4);
	bc_index_beside_remove(dir, "a");
	assert_int_equal(access(index_path, F_OK), 0);
	unlink(index_path);
	close(dir);
}

/* As it lies beside an object with the ETag "e", in packed. */
static size_t bound_index(void)
{
	struct bc_blob *file, *index;
	struct bc_subject before, after;
	uint8_t subject[BC_SUBJECT_SIZE];
	size_t len = read_file(index_path, packed);

	assert_int_equal(bc_blob_open_file(path, &file, NULL), 0);
	assert_int_equal(bc_blob_open_file(index_path, &index, NULL), 0);
	assert_int_equal(bc_index_beside_bind(file, index, "e", subject, NULL), 0);
	assert_int_equal(bc_subject_get(packed, len, &before, NULL), 0);
	assert_int_equal(bc_subject_get(subject, sizeof(subject), &after, NULL), 0);
	assert_true(!before.object && after.object == bc_subject_object("e") && after.object != bc_subject_object("f"));
	after.object = 0;
	assert_memory_equal(&before, &after, sizeof(before));
	bc_blob_close(file);
	bc_blob_close(index);
	memcpy(packed, subject, sizeof(subject));
	return len;
}

static void an_index_is_bound_to_an_object(void **state)
{
	struct bc_blob *file, *index;
	uint8_t subject[BC_SUBJECT_SIZE];
	struct bc_err err;

	make_file(PLAIN, false);
	assert_int_equal(make_index(true), 0);
	bound_index();
	/* But not if the file is another one now. */
	write_file(path, plain, 100);
	assert_int_equal(bc_blob_open_file(path, &file, NULL), 0);
	assert_int_equal(bc_blob_open_file(index_path, &index, NULL), 0);
	assert_int_equal(bc_index_beside_bind(file, index, "e", subject, &err), -EBADMSG);
	bc_blob_close(file);
	bc_blob_close(index);
}

/* What was bound to one object, beside it and beside others. */
static void an_index_of_another_object_is_not_used(void **state)
{
	uint8_t subject[BC_SUBJECT_SIZE];
	struct bc_blob *file, *index;
	struct bc_err err;
	size_t len;

	make_file(PLAIN, false);
	assert_int_equal(make_index(true), 0);
	len = bound_index();
	write_file(index_path, packed, len);
	assert_int_equal(bc_blob_open_file(path, &file, NULL), 0);
	assert_int_equal(bc_blob_open_file(index_path, &index, NULL), 0);
	file->etag = "e";
	assert_int_equal(bc_index_beside_bind(file, index, "e", subject, &err), 0);
	file->etag = "f";
	assert_int_equal(bc_index_beside_bind(file, index, "f", subject, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "of another object"));
	file->etag = "e";
	file->bytes--;
	assert_int_equal(bc_index_beside_bind(file, index, "e", subject, &err), -EBADMSG);
	file->bytes++;
	/* Where there is no store to ask, nothing lies beside an object. */
	assert_int_equal(bc_index_beside_wrap(NULL, path, &file, &err), -ENODATA);
	bc_blob_close(file);
	bc_blob_close(index);
}

#define END 30000U	/* bytes of an index's end, with its directory and footer, and not all of it */

/* In a catalogue: the subject, then the end. */
static struct bc_hour_entry end_of_index(uint8_t *to, size_t len)
{
	assert_true(len > END + BC_SUBJECT_SIZE);
	memcpy(to, packed, BC_SUBJECT_SIZE);
	memcpy(to + BC_SUBJECT_SIZE, packed + len - END, END);
	return (struct bc_hour_entry){ .name = "a.bcidx", .etag = "x", .bytes = len, .tail = to, .tail_len = BC_SUBJECT_SIZE + END };
}

static void the_end_of_an_index_is_known_as_one(void **state)
{
	static uint8_t to[BYTES];
	struct bc_hour_entry e;
	size_t len;

	make_file(PLAIN, false);
	assert_int_equal(make_index(true), 0);
	len = bound_index();
	e = end_of_index(to, len);
	assert_int_equal(bc_hour_head_len(e.name, e.bytes, e.tail_len), BC_SUBJECT_SIZE);
	assert_true(bc_hour_has_index(&e));
	e = (struct bc_hour_entry){ .name = "a.bcidx", .etag = "x", .bytes = len, .tail = packed, .tail_len = (uint32_t)len };
	assert_int_equal(bc_hour_head_len(e.name, e.bytes, e.tail_len), 0);
	assert_true(bc_hour_has_index(&e));
}

/* Sizes, names and places that are not the object's, and what is another index' end. */
static void what_is_no_end_of_its_object_is_not_believed(void **state)
{
	static uint8_t to[BYTES], other[BYTES];
	struct bc_hour_entry e, lie;
	size_t len;

	make_file(PLAIN, false);
	assert_int_equal(make_index(false), 0);
	len = read_file(index_path, other);
	assert_int_equal(make_index(true), 0);
	e = end_of_index(to, bound_index());
	for (const uint64_t *bytes = (const uint64_t[]){ e.bytes - 1, e.bytes + 1, e.tail_len - 1, 0, 1ULL << 63, UINT64_MAX, e.bytes }; *bytes != e.bytes; bytes++) {
		lie = e;
		lie.bytes = *bytes;
		assert_false(bc_hour_has_index(&lie));
	}
	lie = e;
	lie.name = "a.pcap";
	assert_false(bc_hour_has_index(&lie));
	/* Without its directory. */
	lie = e;
	lie.tail = to + BC_SUBJECT_SIZE + END - BC_INDEX_TAIL;
	lie.tail_len = BC_INDEX_TAIL;
	assert_false(bc_hour_has_index(&lie));
	/* Of another index, also where that is as long. */
	memcpy(to + e.tail_len - BC_INDEX_TAIL, other + len - BC_INDEX_TAIL, BC_INDEX_TAIL);
	assert_false(bc_hour_has_index(&e));
}

static void the_frame_of_an_index_comes_back(void **state)
{
	static struct bc_subject_block in[3 * BC_SUBJECT_IN_PIECE], out[3 * BC_SUBJECT_IN_PIECE];
	struct bc_subject s = { .bytes = 5, .mtime_ns = 6, .way = BC_SUBJECT_LZ4, .plain_bytes = 7, .n_blocks = 3 * BC_SUBJECT_IN_PIECE, .n_pieces = 3 };
	struct bc_index_bytes bytes = { .p = NULL };
	uint8_t subject[BC_SUBJECT_SIZE];
	struct random r = { 5 };
	struct bc_subject t;

	for (uint32_t i = 0; i < s.n_blocks; i++)
		in[i] = (struct bc_subject_block){ (uint32_t)random_u64(&r), i % 2 ? UINT32_MAX : i };
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(bc_subject_put_blocks(&bytes, in + i * BC_SUBJECT_IN_PIECE, BC_SUBJECT_IN_PIECE), 0);
	s.piece_bytes = (uint32_t)bytes.len;
	bc_subject_put(subject, &s);
	assert_int_equal(bc_subject_get(subject, sizeof(subject), &t, NULL), 0);
	assert_memory_equal(&s, &t, sizeof(s));
	assert_int_equal(bc_subject_get_blocks(&t, bytes.p, out, NULL), 0);
	assert_memory_equal(in, out, sizeof(in));
	t.n_blocks--;
	assert_int_equal(bc_subject_get_blocks(&t, bytes.p, out, NULL), -EBADMSG);
	free(bytes.p);
}

static int set_up(void **state)
{
	scratch_folder(folder, "bc-beside");
	snprintf(path, sizeof(path), "%s/a", folder);
	snprintf(index_path, sizeof(index_path), "%s" BC_INDEX_BESIDE_EXT, path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_found_is_what_is_found_without),
		cmocka_unit_test(what_is_not_wanted_is_not_read),
		cmocka_unit_test(an_index_of_times_alone_is_used),
		cmocka_unit_test(bits_that_are_flipped_change_nothing),
		cmocka_unit_test(an_index_of_a_file_that_changed_is_not_used),
		cmocka_unit_test(what_is_no_capture_gets_none),
		cmocka_unit_test(making_one_can_be_cancelled),
		cmocka_unit_test(a_name_that_has_no_room_for_its_ending_gets_none),
		cmocka_unit_test(a_time_that_has_no_room_gets_none),
		cmocka_unit_test(an_index_goes_with_its_file),
		cmocka_unit_test(an_index_is_bound_to_an_object),
		cmocka_unit_test(an_index_of_another_object_is_not_used),
		cmocka_unit_test(the_end_of_an_index_is_known_as_one),
		cmocka_unit_test(what_is_no_end_of_its_object_is_not_believed),
		cmocka_unit_test(the_frame_of_an_index_comes_back),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
