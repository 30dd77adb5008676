/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_recompress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_decoder.h"
#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_lz4hc.h"

#define PIECE (256U * 1024)
#define INDEX_MEMORY (64U << 20)	/* for the flows of a part of an index */

struct job {
	int folder_fd;
	const char *file;
	int from, to;		/* to: -1 before it is made */
	const struct bc_retention_rules *keep;
	bool lz4hc, erf;
	bool inside;		/* the new file has its index in it */
	bool beside;		/* it got one beside it */
	const _Atomic bool *cancel;
	uint8_t *a, *b;		/* PIECE each */
	char name[BC_SERIES_MAX + 16];
	char tmp[BC_SERIES_MAX + 16];
	struct bc_err *err;
};

static bool cancelled(const struct job *j)
{
	return j->cancel && atomic_load_explicit(j->cancel, memory_order_relaxed);
}

static int write_out(void *ctx, const uint8_t *data, size_t len)
{
	const struct job *j = ctx;

	return bc_write_all(j->to, data, len);
}

/* A reader of the whole file, through a descriptor of its own. */
static int open_reader(int fd, struct bc_decoder **ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0 || lseek(copy, 0, SEEK_SET) < 0) {
		int e = errno;

		if (copy >= 0)
			close(copy);
		return -e;
	}
	return bc_decoder_open(copy, ret, NULL);
}

static int feed_all(struct job *j, struct bc_stream *s, struct bc_decoder *d)
{
	int r = bc_stream_begin(s);
	struct bc_err why;
	ptrdiff_t n;

	while (!r && !cancelled(j)) {
		n = bc_decoder_read(d, j->a, PIECE, &why);
		if (n < 0)
			return bc_err_set(j->err, n == -ENODATA ? -EBADMSG : (int)n, "%s: not recompressed: %s", j->file, why.msg);
		if (n == 0)
			return bc_stream_end(s);
		r = bc_stream_feed(s, j->a, (size_t)n);
	}
	return r ? r : -ECANCELED;
}

static int compress_lz4hc(struct job *j)
{
	struct bc_err why;
	int r = bc_lz4hc(j->from, j->to, j->erf, j->keep->level, j->cancel, &why);

	return r && r != -ECANCELED ? bc_err_set(j->err, r, "%s: not recompressed: %s", j->file, why.msg) : r;
}

static int compress(struct job *j)
{
	struct bc_decoder *d = NULL;
	struct bc_stream *s = NULL;
	int r = bc_stream_new(j->keep->codec, j->keep->level, 1, write_out, j, &s, NULL);

	if (!r)
		r = open_reader(j->from, &d);
	if (!r)
		r = feed_all(j, s, d);
	bc_stream_free(s);
	bc_decoder_close(d);
	return r;
}

/* cap bytes unless the end comes before. */
static ptrdiff_t fill(struct bc_decoder *d, uint8_t *buf, size_t cap)
{
	size_t have = 0;
	ptrdiff_t n = 1;

	while (n > 0 && have < cap) {
		n = bc_decoder_read(d, buf + have, cap - have, NULL);
		have += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? n : (ptrdiff_t)have;
}

/* 1: the same bytes, decompressed; 0: not; negative errno: one of them cannot be read to its end. */
static int same_bytes(struct job *j, int x, int y)
{
	struct bc_decoder *dx = NULL, *dy = NULL;
	ptrdiff_t n = 1, m;
	int r = open_reader(x, &dx);

	if (!r)
		r = open_reader(y, &dy);
	while (!r && n > 0) {
		n = fill(dx, j->a, PIECE);
		m = fill(dy, j->b, PIECE);
		if (n < 0 || m < 0)
			r = (int)(n < 0 ? n : m);
		else if (n != m || memcmp(j->a, j->b, (size_t)n))
			break;
		else if (n == 0)
			r = 1;
		else if (cancelled(j))
			r = -ECANCELED;
	}
	bc_decoder_close(dx);
	bc_decoder_close(dy);
	return r;
}

/* An index is made anew, and is not compared. */
static int same(struct job *j, int x, int y)
{
	return j->lz4hc ? bc_lz4hc_same(x, y, j->erf, j->cancel) : same_bytes(j, x, y);
}

static int check(struct job *j)
{
	int r;

	/* From the disk's side as far as that can be: what was read back out of the cache proves less. */
	if (fsync(j->to) < 0)
		return -errno;
	posix_fadvise(j->to, 0, 0, POSIX_FADV_DONTNEED);
	r = same(j, j->from, j->to);
	if (r == -ECANCELED)
		return r;
	return r == 1 ? 0 : bc_err_set(j->err, -EBADMSG, "%s: the recompressed copy does not match the original",
				       j->file);
}

static int dress(struct job *j, uint64_t *ret_bytes)
{
	struct stat st, now;

	if (fstat(j->from, &st) < 0 || fstat(j->to, &now) < 0)
		return -errno;
	if (fchown(j->to, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		return -errno;
	if (fchmod(j->to, st.st_mode & 07777) < 0 ||
	    futimens(j->to, (struct timespec[2]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim }) < 0 || fsync(j->to) < 0)
		return -errno;
	*ret_bytes = (uint64_t)now.st_size;
	return 0;
}

/* It becomes a file of the name that it has. */
static bool in_place(const struct job *j)
{
	return !strcmp(j->name, j->file);
}

/* The very file that was read is replaced, and no other. */
static int take_place(struct job *j)
{
	struct stat was, is;

	if (fstat(j->from, &was) < 0 || fstatat(j->folder_fd, j->name, &is, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (was.st_dev != is.st_dev || was.st_ino != is.st_ino)
		return bc_err_set(j->err, -EBUSY, "%s: not recompressed: another file took its place", j->file);
	return renameat(j->folder_fd, j->tmp, j->folder_fd, j->name) < 0 ? -errno : 0;
}

static int give_name(struct job *j)
{
	int r = in_place(j) ? take_place(j) : bc_rename_noreplace(j->folder_fd, j->tmp, j->folder_fd, j->name);

	return r < 0 ? r : 0;
}

/* The new file has its name for good before the old one goes. */
static int remove_old(struct job *j)
{
	if (fsync(j->folder_fd) < 0)
		return -errno;
	if (!in_place(j) && ((unlinkat(j->folder_fd, j->file, 0) < 0 && errno != ENOENT) || fsync(j->folder_fd) < 0))
		return -errno;
	posix_fadvise(j->from, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

/* Has the old one an index, in it or beside it, and of flows? */
static bool had_index(const struct job *j, bool *ret_flows)
{
	int copy = fcntl(j->from, F_DUPFD_CLOEXEC, 0);
	bool beside = bc_index_beside_bytes(j->folder_fd, j->file) > 0, own = false;
	struct bc_blob *b;

	*ret_flows = beside;
	if (copy >= 0 && !bc_blob_open_fd(copy, j->file, &b, NULL)) {
		own = bc_index_has(b, false);
		*ret_flows |= own && bc_index_has(b, true);
		bc_blob_close(b);
	}
	return own || beside;
}

/* An index that the new file cannot hold goes beside it, before it has its name. */
static int keep_index(struct job *j)
{
	struct bc_index_beside_config cfg = { .memory = INDEX_MEMORY, .cancel = j->cancel };
	struct bc_index_beside_result made;
	struct bc_err why;
	int r;

	if (j->inside || !had_index(j, &cfg.flows))
		return 0;
	r = bc_index_beside_make(j->folder_fd, j->name, j->to, &cfg, &made, &why);
	j->beside = !r;
	if (!r || r == -ENOTSUP || r == -ECANCELED)
		return r == -ENOTSUP ? 0 : r;
	return bc_err_set(j->err, r, "%s: not recompressed: no index beside it: %s", j->file, why.msg);
}

static int make(struct job *j, uint64_t *ret_bytes)
{
	int r;

	j->to = bc_open_temporary(j->folder_fd, j->tmp);
	if (j->to < 0)
		return j->to;
	r = j->lz4hc ? compress_lz4hc(j) : compress(j);
	if (!r)
		r = check(j);
	if (!r)
		r = dress(j, ret_bytes);
	if (!r)
		r = keep_index(j);
	if (!r)
		r = give_name(j);
	if (r && j->beside)
		bc_index_beside_remove(j->folder_fd, j->name);
	if (r)
		unlinkat(j->folder_fd, j->tmp, 0);
	else
		posix_fadvise(j->to, 0, 0, POSIX_FADV_DONTNEED);
	close(j->to);
	return r;
}

/* The new name exists. After a crash it is what we made. */
static int finish_old(struct job *j, int there, uint64_t *ret_bytes)
{
	struct stat st;
	int r = same(j, j->from, there);

	if (r != 1)
		return r == -ECANCELED ? r : bc_err_set(j->err, -EEXIST, "%s: not recompressed: %s already exists "
							"with other content",
							j->file, j->name);
	if (fstat(there, &st) < 0 || fsync(there) < 0)
		return -errno;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int recompress(struct job *j, uint64_t *ret_bytes)
{
	int there = in_place(j) ? -1 : openat(j->folder_fd, j->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (there < 0 && !in_place(j) && errno != ENOENT)
		return -errno;
	if (there >= 0) {
		r = finish_old(j, there, ret_bytes);
		close(there);
	} else {
		r = make(j, ret_bytes);
	}
	if (r)
		return r;
	if (!in_place(j) || j->inside)
		bc_index_beside_remove(j->folder_fd, j->file);
	return remove_old(j);
}

int bc_recompress(int folder_fd, const char *file, int fd, const struct bc_series *series, const struct bc_retention_rules *keep,
		  const _Atomic bool *cancel, uint64_t *ret_bytes, struct bc_err *err)
{
	struct bc_err why = { .msg = "" };
	struct job j = {
		.folder_fd = folder_fd, .file = file, .from = fd, .to = -1, .keep = keep, .lz4hc = keep->codec == BC_CODEC_LZ4,
		.erf = series->format == BC_FORMAT_ERF, .cancel = cancel, .err = &why,
	};
	int r = -ENOMEM;

	j.inside = j.lz4hc && series->format == BC_FORMAT_PCAPNG;
	snprintf(j.name, sizeof(j.name), "%.*s%s", (int)series->stem, file, bc_codec_ext(keep->codec));
	snprintf(j.tmp, sizeof(j.tmp), ".recompress-%.*s", (int)series->stem, file);
	if (strlen(j.name) > 255 || strlen(j.tmp) > 255)
		return bc_err_set(err, -ENAMETOOLONG, "%s: not recompressed: the name is too long", file);
	j.a = malloc(PIECE);
	j.b = malloc(PIECE);
	if (j.a && j.b)
		r = recompress(&j, ret_bytes);
	free(j.a);
	free(j.b);
	if (r && why.msg[0])
		bc_err_set(err, r, "%s", why.msg);
	else if (r)
		bc_err_set(err, r, "%s: not recompressed: %s", file, strerror(-r));
	return r;
}
