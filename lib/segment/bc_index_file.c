/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_codec.h"
#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_index_maker.h"
#include "bc_pcapng.h"
#include "bc_reader.h"

#define LZ4_MAGIC 0x184D2204U
#define LZ4_BLOCK_MAX (4U << 20)
#define RUN 65536U		/* bytes of an uncompressed file that are one block */
#define SLACK 32U		/* bytes that may be read behind a block */
#define INPUT (BC_READER_MAX_BLOCK + RUN)

struct job {
	const struct bc_index_file_config *cfg;
	struct bc_index_file_result *ret;
	struct bc_err *err;
	int folder, from, to;
	uint64_t size, at;		/* of the old file; read so far */
	bool lz4;
	uint8_t *in, *plain;
	struct bc_reader *reader;
	struct bc_index_maker *maker;
	struct bc_flow_packets *packet;	/* of the block that is read */
	uint32_t n_packets, cap_packets;
	bool beside;			/* there is something else in that block */
	char tmp[256];
};

static int damaged(struct job *j, const char *what)
{
	return bc_err_set(j->err, -EBADMSG, "it is damaged: %s", what);
}

static int foreign(struct job *j, const char *what)
{
	return bc_err_set(j->err, -ENOTSUP, "it can have no index: %s", what);
}

/* len bytes from here on. */
static int read_at(struct job *j, uint64_t at, uint8_t *dst, size_t len)
{
	while (len) {
		ssize_t n = pread(j->from, dst, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : damaged(j, "it ends too early");
		dst += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_out(void *ctx, const uint8_t *data, size_t len)
{
	const struct job *j = ctx;

	return bc_write_all(j->to, data, len);
}

static int add_packet(struct job *j, const struct bc_record *rec)
{
	const uint16_t linktype = bc_reader_iface(j->reader, rec->iface)->linktype;
	uint32_t len = bc_tuple_bytes(linktype, rec->data, rec->caplen);

	if (j->n_packets == j->cap_packets) {
		uint32_t cap = j->cap_packets ? 2 * j->cap_packets : 4096;
		struct bc_flow_packets *p = realloc(j->packet, cap * sizeof(*p));

		if (!p)
			return -ENOMEM;
		j->packet = p;
		j->cap_packets = cap;
	}
	j->packet[j->n_packets++] = (struct bc_flow_packets){
		.data = rec->data, .first_ns = rec->ts_ns, .last_ns = rec->ts_ns, .bytes = rec->wirelen, .packets = 1, .blocks = 1,
		.linktype = linktype, .shape = bc_tuple_shape_of(linktype, rec->data, rec->caplen), .len = (uint8_t)len,
		.cut = len < rec->caplen,
	};
	return 0;
}

/* The items of a block, whose packets are kept. -ENOTSUP: they do not end with it. */
static int read_items(struct job *j, const uint8_t *p, size_t len)
{
	size_t consumed, need;
	struct bc_record rec;

	j->n_packets = 0;
	j->beside = false;
	for (size_t at = 0; at < len; at += consumed) {
		int r = bc_reader_next(j->reader, p + at, len - at, &consumed, &need, &rec, j->err);

		j->beside |= r != BC_READ_RECORD;
		if (r == BC_READ_RECORD)
			r = add_packet(j, &rec);
		else if (r == BC_READ_MORE)
			return foreign(j, "its blocks do not end with those of pcapng");
		if (r < 0)
			return r;
	}
	return 0;
}

/* A block of the file, bytes of it as they are there, and as they were before compression. */
static int take_block(struct job *j, const uint8_t *bytes, size_t n, const uint8_t *plain, size_t len)
{
	struct bc_index_block b = { .file_len = (uint32_t)n, .plain_len = (uint32_t)len };
	int r;

	/* Of an index that is made anew. */
	if (len >= 4 && bc_get_le32(plain) == BC_INDEX_BLOCK_TYPE)
		return 0;
	r = read_items(j, plain, len);
	b.flags = j->beside ? BC_INDEX_BLOCK_META : 0;
	if (!r)
		r = bc_index_maker_block(j->maker, &b, j->packet, j->n_packets);
	if (r == -E2BIG)
		return bc_err_set(j->err, r, "it is too long for an index");
	return r ? r : write_out(j, bytes, n);
}

static int read_lz4_block(struct job *j, uint32_t head)
{
	uint32_t n = (head & 0x7fffffff) + BC_LZ4_BLOCK_OVERHEAD;
	ptrdiff_t len;
	size_t consumed;
	int r;

	if (n > LZ4_BLOCK_MAX + BC_LZ4_BLOCK_OVERHEAD || n > j->size - j->at)
		return damaged(j, "a block of LZ4 is longer than may be");
	r = read_at(j, j->at, j->in, n);
	if (r)
		return r;
	if (XXH32(j->in + 4, n - BC_LZ4_BLOCK_OVERHEAD, 0) != bc_get_le32(j->in + n - 4))
		return damaged(j, "the checksum of a block of LZ4 is another");
	len = bc_lz4_plain(j->in, n, j->plain, LZ4_BLOCK_MAX, &consumed);
	if (len < 0)
		return damaged(j, "a block of LZ4 cannot be decompressed");
	j->at += n;
	return take_block(j, j->in, n, j->plain, (size_t)len);
}

static int read_lz4(struct job *j)
{
	uint8_t head[BC_LZ4_HEADER_MAX] = { 0 };
	size_t len;
	int r = read_at(j, 0, head, j->size < sizeof(head) ? (size_t)j->size : sizeof(head));

	len = r ? 0 : bc_lz4_header_bytes(head);
	if (!r && !len)
		return foreign(j, "its LZ4 frame is not one of independent blocks with checksums");
	if (!r)
		r = write_out(j, head, len);
	j->at = len;
	bc_index_maker_begin(j->maker, len);
	while (!r) {
		r = read_at(j, j->at, head, 4);
		if (!r && !bc_get_le32(head))
			return j->at + 4 == j->size ? 0 : foreign(j, "there is more behind its frame");
		if (!r)
			r = read_lz4_block(j, bc_get_le32(head));
	}
	return r;
}

/* What belongs into one run: packets, an index, or anything else, which is needed to read the packets. */
static uint32_t run_kind(uint32_t type)
{
	return type == BC_PCAPNG_EPB || type == BC_PCAPNG_SPB || type == BC_INDEX_BLOCK_TYPE ? type : BC_PCAPNG_SHB;
}

/* Whole blocks of pcapng in the bytes at hand, as many as fit into a run, but one at least; 0: more bytes are needed. */
static size_t run_of(const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (len - at >= 8) {
		uint32_t total = bc_get_le32(p + at + 4), kind = run_kind(bc_get_le32(p + at));

		if (total > len - at || total < 12 || (at && (kind != run_kind(bc_get_le32(p)) || at + total > RUN)))
			break;
		at += total;
		if (kind == BC_INDEX_BLOCK_TYPE)
			break;
	}
	return at;
}

static int read_plain(struct job *j)
{
	int r = 0;

	while (!r && j->at < j->size) {
		size_t len = j->size - j->at < RUN ? (size_t)(j->size - j->at) : RUN, n;

		r = read_at(j, j->at, j->in, len);
		n = r ? 0 : run_of(j->in, len);
		if (!r && !n) {
			len = j->size - j->at < INPUT ? (size_t)(j->size - j->at) : INPUT;
			r = read_at(j, j->at, j->in, len);
			n = r ? 0 : run_of(j->in, len);
		}
		if (!r && !n)
			return damaged(j, "it ends inside a block, or is of the other byte order");
		j->at += n;
		if (!r)
			r = take_block(j, j->in, n, j->in, n);
	}
	return r;
}

/* What the header says of the length before compression, if it does, is of the new file. */
static int mend_header(struct job *j)
{
	uint8_t head[BC_LZ4_HEADER_MAX];
	int r = read_at(j, 0, head, sizeof(head));

	if (r || !bc_lz4_header_is_sized(head))
		return r;
	bc_lz4_header_size(head, bc_index_maker_made(j->maker).plain_bytes);
	return pwrite(j->to, head, bc_lz4_header_bytes(head), 0) < 0 ? -errno : 0;
}

static int write_index(struct job *j)
{
	uint8_t end[BC_LZ4_END_SIZE];
	struct bc_index_made made;
	int r = bc_index_maker_end(j->maker, write_out, j);

	bc_lz4_end(end);
	if (!r && j->lz4)
		r = write_out(j, end, sizeof(end));
	if (!r && j->lz4)
		r = mend_header(j);
	made = bc_index_maker_made(j->maker);
	j->ret->index_bytes = made.index_bytes;
	j->ret->packets = made.packets;
	j->ret->skipped = made.skipped;
	return r;
}

/* The new file is as the old one was for others, and on the disk, before it has its name. */
static int replace(struct job *j, const char *name)
{
	struct stat st;

	if (fstat(j->from, &st) < 0 || (fchown(j->to, st.st_uid, st.st_gid) < 0 && errno != EPERM) ||
	    fchmod(j->to, st.st_mode & 07777) < 0 ||
	    futimens(j->to, (struct timespec[2]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim }) < 0 || fsync(j->to) < 0 ||
	    renameat(j->folder, j->tmp, j->folder, name) < 0)
		return -errno;
	return fsync(j->folder) < 0 ? -errno : 0;
}

static int make(struct job *j, const char *name)
{
	int r;

	snprintf(j->tmp, sizeof(j->tmp), ".index-%.240s", name);
	j->to = bc_open_temporary(j->folder, j->tmp);
	if (j->to < 0)
		return j->to;
	j->in = malloc(INPUT + SLACK);
	j->plain = malloc(LZ4_BLOCK_MAX + SLACK);
	j->reader = bc_reader_new();
	j->maker = bc_index_maker_new(j->cfg->memory, j->cfg->flows, j->lz4);
	r = j->in && j->plain && j->reader && j->maker ? j->lz4 ? read_lz4(j) : read_plain(j) : -ENOMEM;
	if (!r)
		r = write_index(j);
	if (!r)
		r = replace(j, name);
	if (r)
		unlinkat(j->folder, j->tmp, 0);
	return r;
}

/* Has it an index that fits, and tells as much as is asked for? */
static bool has_index(struct job *j)
{
	int copy = fcntl(j->from, F_DUPFD_CLOEXEC, 0);
	struct bc_blob *b;
	bool has;

	if (copy < 0 || bc_blob_open_fd(copy, "", &b, NULL))
		return false;
	has = bc_index_has(b, j->cfg->flows);
	bc_blob_close(b);
	return has;
}

/* 1: it has an index that fits, and tells as much as is asked for. */
static int look(struct job *j)
{
	uint8_t head[12];
	struct stat st;
	int r;

	if (fstat(j->from, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < 12)
		return foreign(j, "it is no capture file");
	j->size = (uint64_t)st.st_size;
	r = read_at(j, 0, head, sizeof(head));
	if (r)
		return r;
	j->lz4 = bc_get_le32(head) == LZ4_MAGIC;
	if (!j->lz4 && (bc_get_le32(head) != BC_PCAPNG_SHB || bc_get_le32(head + 8) != 0x1A2B3C4D))
		return foreign(j, "it is not pcapng, uncompressed or LZ4");
	return !j->cfg->anew && has_index(j);
}

static int open_file(struct job *j, const char *path, const char *name)
{
	char folder[4096] = ".";

	if (name != path)
		snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	j->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	j->from = j->folder < 0 ? -1 : openat(j->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return j->from < 0 ? -errno : look(j);
}

static void close_job(struct job *j)
{
	bc_index_maker_free(j->maker);
	bc_reader_free(j->reader);
	free(j->packet);
	free(j->plain);
	free(j->in);
	if (j->to >= 0)
		close(j->to);
	if (j->from >= 0)
		close(j->from);
	if (j->folder >= 0)
		close(j->folder);
	free(j);
}

int bc_index_file(const char *path, const struct bc_index_file_config *cfg, struct bc_index_file_result *ret, struct bc_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct bc_err why = { .msg = "" };
	struct job *j = calloc(1, sizeof(*j));
	int r;

	*ret = (struct bc_index_file_result){ .had = false };
	if (!j)
		return bc_err_set(err, -ENOMEM, "%s: no memory", path);
	j->cfg = cfg;
	j->ret = ret;
	j->err = &why;
	j->folder = j->from = j->to = -1;
	r = open_file(j, path, name);
	if (r > 0)
		ret->had = true;
	else if (!r)
		r = make(j, name);
	close_job(j);
	if (r < 0)
		return bc_err_set(err, r, "%s: %s", path, why.msg[0] ? why.msg : strerror(-r));
	return 0;
}
