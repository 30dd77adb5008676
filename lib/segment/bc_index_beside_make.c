/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_bytes.h"
#include "bc_codec.h"
#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_index_beside_priv.h"
#include "bc_index_maker.h"
#include "bc_index_subject.h"
#include "bc_lz4_map.h"
#include "bc_reader.h"
#include "bc_runs.h"

struct job {
	const struct bc_index_beside_config *cfg;
	struct bc_err *err;
	struct bc_blob *file;
	struct bc_index_maker *maker;
	struct bc_subject subject;
	struct bc_index_bytes frame;	/* its pieces */
	enum bc_codec codec;
	int to;
};

static int write_out(void *ctx, const uint8_t *data, size_t len)
{
	const struct job *j = ctx;

	return bc_write_all(j->to, data, len);
}

/* A block of the index is a run, as if the file were not compressed. */
static int take_run(struct job *j, struct bc_run *run)
{
	struct bc_index_block b = {
		.file_len = (uint32_t)run->len, .plain_len = run->index ? 0 : (uint32_t)run->len,
		.flags = run->index ? BC_INDEX_BLOCK_PIECES : run->beside ? BC_INDEX_BLOCK_META : 0,
	};
	int r;

	if (run->clamped)
		return bc_err_set(j->err, -ENOTSUP, "it can have no index: a packet has a time behind 2554");
	r = bc_index_maker_block(j->maker, &b, run->packet, run->n_packets);
	j->subject.plain_bytes += run->len;
	return r == -E2BIG ? bc_err_set(j->err, r, "it is too long for an index") : r;
}

static int read_runs(struct job *j, struct bc_runs *runs)
{
	struct bc_run run;
	int r;

	while ((r = bc_runs_next(runs, &run, j->err)) > 0) {
		r = j->cfg->cancel && atomic_load_explicit(j->cfg->cancel, memory_order_relaxed) ? -ECANCELED : take_run(j, &run);
		if (r)
			return r;
	}
	if (!r && !j->subject.plain_bytes)
		return bc_err_set(j->err, -ENOTSUP, "it is no capture file");
	j->codec = bc_runs_codec(runs);
	return r;
}

static int read_file(struct job *j, bool erf)
{
	struct bc_decoder *decoder;
	struct bc_runs *runs;
	int r = bc_decoder_open_blob(j->file, &decoder, j->err);

	if (!r)
		r = bc_runs_new(decoder, erf, &runs);
	if (r)
		return r;
	r = read_runs(j, runs);
	bc_runs_free(runs);
	return r;
}

static int put_map(struct job *j, const struct bc_lz4_map *m)
{
	struct bc_subject_block block[BC_SUBJECT_IN_PIECE];
	struct bc_subject *s = &j->subject;
	int r = 0;

	for (uint32_t i = 0, n = 0; !r && i < m->n; i += n) {
		for (n = 0; n < BC_SUBJECT_IN_PIECE && i + n < m->n; n++)
			block[n] = (struct bc_subject_block){ m->block[i + n].file_len, m->block[i + n].plain_len };
		r = bc_subject_put_blocks(&j->frame, block, n);
		s->n_pieces++;
	}
	s->n_blocks = m->n;
	s->piece_bytes = (uint32_t)j->frame.len;
	s->header_len = (uint8_t)m->header_len;
	memcpy(s->header, m->header, m->header_len);
	return r;
}

/* How its bytes are got at. */
static int find_way(struct job *j)
{
	struct bc_lz4_map m = { .n = 0 };
	struct bc_err why;
	uint64_t bytes = 0;
	int r;

	j->subject.way = j->codec == BC_CODEC_NONE && j->subject.plain_bytes == j->file->bytes ? BC_SUBJECT_PLAIN : BC_SUBJECT_STREAM;
	if (j->codec != BC_CODEC_LZ4)
		return 0;
	r = bc_lz4_map_make(j->file, &m, &why);
	if (r)
		return r == -ENOTSUP ? 0 : bc_err_set(j->err, r, "%s", why.msg);
	for (uint32_t i = 0; i < m.n; i++)
		bytes += m.block[i].plain_len;
	if (bytes == j->subject.plain_bytes && m.n) {
		j->subject.way = BC_SUBJECT_LZ4;
		r = put_map(j, &m);
	}
	bc_lz4_map_free(&m);
	return r;
}

static int put_index(struct job *j, struct bc_index_beside_result *ret)
{
	uint8_t subject[BC_SUBJECT_SIZE];
	struct bc_index_made made;
	int r;

	bc_subject_put(subject, &j->subject);
	r = write_out(j, subject, sizeof(subject));
	if (!r && j->frame.len)
		r = write_out(j, j->frame.p, j->frame.len);
	bc_index_maker_skip(j->maker, sizeof(subject) + j->frame.len);
	if (!r)
		r = bc_index_maker_end(j->maker, write_out, j);
	made = bc_index_maker_made(j->maker);
	*ret = (struct bc_index_beside_result){
		.packets = made.packets, .skipped = made.skipped, .index_bytes = made.index_bytes + sizeof(subject) + j->frame.len,
	};
	return r;
}

/* Nothing is said of a file that changed while it was read. */
static int check_unchanged(struct job *j, int fd, struct stat *ret)
{
	if (fstat(fd, ret) < 0)
		return -errno;
	return (uint64_t)ret->st_size == j->subject.bytes && bc_file_mtime_ns(ret) == j->subject.mtime_ns ?
	       0 : bc_err_set(j->err, -EBUSY, "it is being written: it changed meanwhile");
}

static int make(struct job *j, const char *name, int fd, struct bc_index_beside_result *ret)
{
	struct stat st;
	int r;

	j->subject.bytes = j->file->bytes;
	j->subject.mtime_ns = j->file->mtime_ns;
	if (!j->file->mtime_ns)
		return bc_err_set(j->err, -ENOTSUP, "it can have no index: its time of change is not known");
	j->maker = bc_index_maker_new(j->cfg->memory, j->cfg->flows, BC_CODEC_NONE);
	r = j->maker ? 0 : -ENOMEM;
	if (!r) {
		bc_index_maker_begin(j->maker, 0);
		r = read_file(j, bc_reader_is_erf_name(name, bc_codec_ext(bc_codec_of_path(name))));
	}
	if (!r)
		r = find_way(j);
	if (!r)
		r = bc_index_beside_edges(j->file, &j->subject.begin, &j->subject.end, j->err);
	if (!r)
		r = put_index(j, ret);
	if (!r)
		r = check_unchanged(j, fd, &st);
	if (r)
		return r;
	if ((fchown(j->to, st.st_uid, st.st_gid) < 0 && errno != EPERM) || fchmod(j->to, st.st_mode & 0666) < 0 || fsync(j->to) < 0)
		return -errno;
	return 0;
}

static bool name_of(const char *name, char ret[256])
{
	return snprintf(ret, 256, "%s" BC_INDEX_BESIDE_EXT, name) < 256;
}

/* -ENOENT: there is none; -EEXIST: a file that is no such index. */
static int look(int folder, const char *index, struct stat *ret)
{
	uint8_t bytes[BC_SUBJECT_SIZE];
	int fd = openat(folder, index, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r = -EEXIST;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EEXIST;
	if (!fstat(fd, ret) && S_ISREG(ret->st_mode))
		n = pread(fd, bytes, sizeof(bytes), 0);
	/* Also a damaged one. */
	if (n == (ssize_t)sizeof(bytes) && bc_get_le32(bytes) == BC_INDEX_BLOCK_TYPE && bytes[9] == BC_INDEX_SUBJECT)
		r = 0;
	close(fd);
	return r;
}

static int make_file(struct job *j, int folder, const char *name, int fd, struct bc_index_beside_result *ret)
{
	char index[256], tmp[256];
	struct stat st;
	int r;

	if (!name_of(name, index))
		return -ENAMETOOLONG;
	if (look(folder, index, &st) == -EEXIST)
		return bc_err_set(j->err, -EEXIST, "%s is there, and is no index", index);
	snprintf(tmp, sizeof(tmp), ".index-%.240s", name);
	j->to = bc_open_temporary(folder, tmp);
	if (j->to < 0)
		return j->to;
	r = make(j, name, fd, ret);
	if (!r && renameat(folder, tmp, folder, index) < 0)
		r = -errno;
	if (r)
		unlinkat(folder, tmp, 0);
	else if (fsync(folder) < 0)
		r = -errno;
	close(j->to);
	return r;
}

int bc_index_beside_make(int folder, const char *name, int fd, const struct bc_index_beside_config *cfg,
			 struct bc_index_beside_result *ret, struct bc_err *err)
{
	struct bc_err why = { .msg = "" };
	struct job j = { .cfg = cfg, .err = &why };
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), r = copy < 0 ? -errno : bc_blob_open_fd(copy, name, &j.file, &why);

	if (!r)
		r = make_file(&j, folder, name, fd, ret);
	bc_index_maker_free(j.maker);
	free(j.frame.p);
	bc_blob_close(j.file);
	return r ? bc_err_set(err, r, "%s", why.msg[0] ? why.msg : strerror(-r)) : 0;
}

void bc_index_beside_remove(int folder, const char *name)
{
	char index[256];
	struct stat st;

	if (name_of(name, index) && !look(folder, index, &st))
		unlinkat(folder, index, 0);
}

uint64_t bc_index_beside_bytes(int folder, const char *name)
{
	char index[256];
	struct stat st;

	return name_of(name, index) && !fstatat(folder, index, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}
