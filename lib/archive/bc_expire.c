/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_expire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_lz4hc.h"
#include "bc_recompress.h"
#include "bc_segname.h"
#include "bc_series.h"
#include "bc_time.h"
#include "bc_upload_beside.h"
#include "bc_upload_log.h"

struct segment {
	char *file;
	struct bc_series series;
	ino_t ino;
	uint64_t mtime_ns;
	uint64_t size;
	uint64_t bytes;		/* on disk, with an index beside it */
	uint64_t first_ns;	/* of its first packet; 0: there is none, or it is encrypted */
	int origin;		/* enum bc_origin, or a negative errno */
	bool looked, lz4hc;	/* into its header: it was recompressed with LZ4 HC */
	bool encrypted;		/* FILE.age: it counts as FILE, and stays as it is */
	bool uploaded;		/* is on object storage */
	bool index_waits;	/* the index beside it is not */
	bool gone;
};

struct bc_expire {
	struct segment *known;	/* of the last look, by name */
	size_t n_known;
	struct bc_upload_log *uploads;	/* NULL: not looked at yet */
	int uploads_fd;			/* the folder that it looks at */
};

/* One look at a folder. */
struct look {
	const struct bc_expire_config *cfg;
	struct bc_expired *sum;
	int fd;
	struct segment *all;
	size_t n, cap;
	size_t *age;		/* indices of ours, oldest first */
	size_t n_ours;
	bool uploads;		/* some segments are uploaded from here */
};

static void free_segments(struct segment *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(s[i].file);
	free(s);
}

struct bc_expire *bc_expire_new(void)
{
	return calloc(1, sizeof(struct bc_expire));
}

void bc_expire_free(struct bc_expire *e)
{
	if (!e)
		return;
	free_segments(e->known, e->n_known);
	if (e->uploads) {
		bc_upload_log_free(e->uploads);
		close(e->uploads_fd);
	}
	free(e);
}

static bool cancelled(const struct look *l)
{
	return l->cfg->cancel && atomic_load_explicit(l->cfg->cancel, memory_order_relaxed);
}

static void tell(const struct look *l, enum bc_expire_deed deed, const struct segment *s, uint64_t after, const char *why)
{
	const struct bc_expire_act act = { deed, s->file, s->bytes, after, why };

	if (l->cfg->act)
		l->cfg->act(l->cfg->ctx, &act);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct segment *)a)->file, ((const struct segment *)b)->file);
}

static int add(struct look *l, const char *file, const struct bc_series *series, bool encrypted, const struct stat *st)
{
	struct segment *s;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;

		s = realloc(l->all, cap * sizeof(*s));
		if (!s)
			return -ENOMEM;
		l->all = s;
		l->cap = cap;
	}
	s = &l->all[l->n];
	*s = (struct segment){
		.file = strdup(file),
		.series = *series,
		.encrypted = encrypted,
		.ino = st->st_ino,
		.mtime_ns = bc_file_mtime_ns(st),
		.size = (uint64_t)st->st_size,
		.bytes = (uint64_t)st->st_blocks * 512 + bc_index_beside_bytes(l->fd, file),
		.origin = -ECANCELED,	/* until it is found out */
	};
	if (!s->file)
		return -ENOMEM;
	l->n++;
	return 0;
}

/* Everything that has a segment's name, in the order of names. */
static int list(struct look *l)
{
	int copy = fcntl(l->fd, F_DUPFD_CLOEXEC, 0), r = 0;
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	rewinddir(dir);
	while (!r && (errno = 0, entry = readdir(dir))) {
		struct bc_series series;
		bool encrypted;
		struct stat st;

		if (bc_series_parse_any(entry->d_name, &series, &encrypted) && fstatat(l->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			r = add(l, entry->d_name, &series, encrypted, &st);
	}
	if (!r && errno)
		r = -errno;
	closedir(dir);
	if (!r && l->n)
		qsort(l->all, l->n, sizeof(*l->all), by_name);
	return r;
}

/* What is in it nobody here can read: it has the name of one of ours, and is encrypted. */
static int is_encrypted(int fd, const struct bc_series *series)
{
	char magic[BC_AGE_MAGIC_LEN];
	ssize_t n = read(fd, magic, sizeof(magic));

	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(magic) || memcmp(magic, BC_AGE_MAGIC, sizeof(magic)))
		return BC_ORIGIN_FOREIGN;
	return series->format == BC_FORMAT_PCAPNG ? BC_ORIGIN_OURS : BC_ORIGIN_UNMARKED;
}

static int read_origin(const struct look *l, struct segment *s)
{
	int fd = openat(l->fd, s->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return -errno;
	r = s->encrypted ? is_encrypted(fd, &s->series) : bc_series_origin(fd, &s->series, &s->first_ns);
	close(fd);
	return r;
}

/* From what was known, if it is the same file still. */
static void find_origins(struct look *l, const struct bc_expire *e)
{
	for (size_t i = 0; i < l->n && !cancelled(l); i++) {
		struct segment *s = &l->all[i];
		const struct segment *k = e->n_known ? bsearch(s, e->known, e->n_known, sizeof(*s), by_name) : NULL;

		if (k && k->origin >= 0 && k->ino == s->ino && k->mtime_ns == s->mtime_ns && k->size == s->size) {
			s->origin = k->origin;
			s->first_ns = k->first_ns;
			s->looked = k->looked;
			s->lz4hc = k->lz4hc;
		} else {
			s->origin = read_origin(l, s);
		}
	}
}

/* The log stays open from look to look: it is long, and only grows. */
static int open_uploads(const struct look *l, struct bc_expire *e)
{
	int fd, r;

	if (e->uploads || faccessat(l->fd, BC_UPLOAD_LOG, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = bc_upload_log_new(fd, &e->uploads);
	if (r)
		close(fd);
	e->uploads_fd = fd;
	return r;
}

static void find_uploaded(struct look *l, struct bc_expire *e)
{
	if (open_uploads(l, e) || !e->uploads || bc_upload_log_refresh(e->uploads))
		return;
	l->uploads = true;
	for (size_t i = 0; i < l->n; i++) {
		char index[BC_UPLOAD_INDEX_MAX];
		struct stat st;
		const struct bc_upload_file f = { l->all[i].file, l->all[i].size, l->all[i].mtime_ns };

		l->all[i].uploaded = bc_upload_log_has(e->uploads, &f);
		/* An index that has nothing to bring there counts as uploaded. */
		l->all[i].index_waits = l->all[i].uploaded && bc_upload_index_waits(e->uploads, l->fd, l->all[i].file, index, &st);
	}
}

static bool is_ours(const struct look *l, const struct segment *s)
{
	return s->origin == BC_ORIGIN_OURS || (s->origin == BC_ORIGIN_UNMARKED && l->cfg->keep.unmarked);
}

static int by_age(const void *a, const void *b, void *ctx)
{
	const struct segment *all = ctx, *x = &all[*(const size_t *)a], *y = &all[*(const size_t *)b];

	if (x->mtime_ns != y->mtime_ns)
		return x->mtime_ns < y->mtime_ns ? -1 : 1;
	return strcmp(x->file, y->file);
}

static int sort_ours(struct look *l)
{
	l->age = malloc((l->n + 1) * sizeof(*l->age));
	if (!l->age)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		struct segment *s = &l->all[i];

		if (is_ours(l, s)) {
			l->age[l->n_ours++] = i;
			continue;
		}
		l->sum->left++;
		tell(l, BC_EXPIRE_LEFT, s, 0, s->origin < 0 ? strerror(-s->origin) :
		     s->origin == BC_ORIGIN_UNMARKED ? "it cannot say who made it" : "braidcap did not make it");
	}
	qsort_r(l->age, l->n_ours, sizeof(*l->age), by_age, l->all);
	return 0;
}

/*
 * A file that a living process has locked, or open for writing, is in use. Leases tell of the latter where the file system has them;
 * the signal that would end one is one that is ignored.
 */
static bool in_use(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return true;
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* Somebody wants to keep it: docs/retention.md. */
static bool is_held(const struct look *l, const struct segment *s)
{
	char mark[BC_SEGNAME_MAX];

	return !bc_segname_hold(mark, s->file) && !faccessat(l->fd, mark, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* The very file that was looked at, unused; to be closed. Negative errno: it has gone, -EBUSY: it is in use, -EEXIST: it is held. */
static int grasp(const struct look *l, const struct segment *s)
{
	int fd = openat(l->fd, s->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_ino != s->ino || (uint64_t)st.st_size != s->size || bc_file_mtime_ns(&st) != s->mtime_ns) {
		close(fd);
		return -ENOENT;
	}
	r = is_held(l, s) ? -EEXIST : in_use(fd) ? -EBUSY : 0;
	if (r)
		close(fd);
	return r ? r : fd;
}

static void complain(struct look *l, const struct segment *s, int r)
{
	if (r == -ENOENT)
		return;
	if (r == -EBUSY || r == -EEXIST) {
		l->sum->left++;
		tell(l, BC_EXPIRE_LEFT, s, 0, r == -EBUSY ? "it is in use" : "it is held");
	} else {
		l->sum->failed++;
		tell(l, BC_EXPIRE_FAILED, s, 0, strerror(-r));
	}
}

/* Is it gone, or would it be? */
static bool expire(struct look *l, struct segment *s, const char *why)
{
	int fd = grasp(l, s), r = fd < 0 ? fd : 0;

	if (!r && !l->cfg->dry_run)
		bc_index_beside_remove(l->fd, s->file);
	if (!r && !l->cfg->dry_run && unlinkat(l->fd, s->file, 0) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	if (r) {
		complain(l, s, r);
		s->gone = r == -ENOENT;
		return false;
	}
	s->gone = true;
	l->sum->removed++;
	l->sum->removed_bytes += s->bytes;
	l->sum->not_uploaded += l->uploads && !s->uploaded;
	tell(l, BC_EXPIRE_REMOVED, s, 0, why);
	return true;
}

static void expire_by_age(struct look *l)
{
	const uint64_t now = bc_utc_ns(), age = l->cfg->keep.age_ns;

	for (size_t i = 0; age && i < l->n_ours && !cancelled(l); i++) {
		struct segment *s = &l->all[l->age[i]];

		if (s->mtime_ns >= now || now - s->mtime_ns <= age)
			break;
		expire(l, s, "it is too old");
	}
}

static void expire_uploaded(struct look *l)
{
	const uint64_t now = bc_utc_ns(), age = l->cfg->keep.uploaded_age_ns;

	for (size_t i = 0; age && i < l->n_ours && !cancelled(l); i++) {
		struct segment *s = &l->all[l->age[i]];

		if (s->mtime_ns >= now || now - s->mtime_ns <= age)
			break;
		if (s->uploaded && !s->index_waits && !s->gone)
			expire(l, s, "it is uploaded, and old enough");
	}
}

static int by_series(const void *a, const void *b, void *ctx)
{
	const struct segment *all = ctx;
	int r = strcmp(all[*(const size_t *)a].series.name, all[*(const size_t *)b].series.name);

	return r ? r : -by_age(a, b, ctx);
}

/* In each series, the newest first. */
static void expire_by_number(struct look *l)
{
	size_t *order = l->cfg->keep.number ? malloc((l->n_ours + 1) * sizeof(*order)) : NULL;
	const char *series = NULL;
	uint64_t seen = 0;

	if (!order) {
		l->sum->failed += l->cfg->keep.number != 0;
		return;
	}
	memcpy(order, l->age, l->n_ours * sizeof(*order));
	qsort_r(order, l->n_ours, sizeof(*order), by_series, l->all);
	for (size_t i = 0; i < l->n_ours && !cancelled(l); i++) {
		struct segment *s = &l->all[order[i]];

		if (s->gone)
			continue;
		if (!series || strcmp(series, s->series.name))
			seen = 0;
		series = s->series.name;
		if (++seen > l->cfg->keep.number)
			expire(l, s, "there are too many of its series");
	}
	free(order);
}

/* Remove the oldest until this many bytes are freed; where segments are uploaded, those first that are. */
static void expire_bytes(struct look *l, uint64_t excess, const char *why)
{
	for (int pass = l->uploads ? 0 : 1; pass < 2; pass++)
		for (size_t i = 0; excess && i < l->n_ours && !cancelled(l); i++) {
			struct segment *s = &l->all[l->age[i]];

			if (!s->gone && (s->uploaded || pass) && expire(l, s, why))
				excess -= s->bytes < excess ? s->bytes : excess;
		}
}

static uint64_t bytes_left(const struct look *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n_ours; i++)
		if (!l->all[l->age[i]].gone)
			sum += l->all[l->age[i]].bytes;
	return sum;
}

static void expire_by_bytes(struct look *l)
{
	uint64_t sum = bytes_left(l), max = l->cfg->keep.bytes;

	if (max && sum > max)
		expire_bytes(l, sum - max, "all are too many bytes");
}

/* What a dry run would have removed is free already. */
static void expire_by_space(struct look *l)
{
	uint64_t want = l->cfg->keep.free_bytes, free_bytes;
	struct statvfs st;

	if (!want || fstatvfs(l->fd, &st) < 0)
		return;
	free_bytes = (uint64_t)st.f_bavail * st.f_frsize + (l->cfg->dry_run ? l->sum->removed_bytes : 0);
	if (free_bytes < want)
		expire_bytes(l, want - free_bytes, "too little space is free");
}

static void recompress(struct look *l, struct segment *s)
{
	int fd = grasp(l, s), r = fd < 0 ? fd : 0;
	uint64_t bytes = 0;
	struct bc_err err;

	if (r) {
		complain(l, s, r);
		return;
	}
	if (!l->cfg->dry_run)
		r = bc_recompress(l->fd, s->file, fd, &s->series, &l->cfg->keep, l->cfg->cancel, &bytes, &err);
	close(fd);
	if (r == -ECANCELED)
		return;
	if (r) {
		l->sum->failed++;
		tell(l, BC_EXPIRE_FAILED, s, 0, err.msg);
		return;
	}
	l->sum->recompressed++;
	l->sum->saved_bytes += !l->cfg->dry_run && s->bytes > bytes ? s->bytes - bytes : 0;
	tell(l, BC_EXPIRE_RECOMPRESSED, s, bytes, "it is old enough");
	if (!l->cfg->dry_run)
		s->bytes = bytes;
}

static bool is_lz4hc(const struct look *l, struct segment *s)
{
	int fd = s->looked ? -1 : openat(l->fd, s->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0) {
		s->looked = true;
		s->lz4hc = bc_lz4hc_is(fd) > 0;
		close(fd);
	}
	return s->lz4hc;
}

/* Is it compressed as it shall be, or better? */
static bool is_done(const struct look *l, struct segment *s)
{
	if (l->cfg->keep.codec != BC_CODEC_LZ4 || s->series.codec == BC_CODEC_NONE)
		return s->series.codec == l->cfg->keep.codec;
	return s->series.codec != BC_CODEC_LZ4 || is_lz4hc(l, s);
}

static void recompress_old(struct look *l)
{
	const struct bc_retention_rules *k = &l->cfg->keep;
	const uint64_t now = bc_utc_ns();

	for (size_t i = 0; k->recompress && i < l->n_ours && !cancelled(l); i++) {
		struct segment *s = &l->all[l->age[i]];

		if (k->recompress_after_ns && (s->mtime_ns >= now || now - s->mtime_ns <= k->recompress_after_ns))
			break;
		if (!s->gone && !s->encrypted && !is_done(l, s))
			recompress(l, s);
	}
}

/* What is left. */
static void sum_up(struct look *l)
{
	for (size_t i = 0; i < l->n_ours; i++) {
		const struct segment *s = &l->all[l->age[i]];

		if (s->gone)
			continue;
		l->sum->kept++;
		if (s->first_ns && (!l->sum->oldest_ns || s->first_ns < l->sum->oldest_ns))
			l->sum->oldest_ns = s->first_ns;
	}
	l->sum->kept_bytes = bytes_left(l);
}

static void work(struct look *l)
{
	expire_by_age(l);
	expire_uploaded(l);
	expire_by_number(l);
	expire_by_bytes(l);
	expire_by_space(l);
	recompress_old(l);
	sum_up(l);
}

static int check(int fd, const char *folder, const struct bc_retention_rules *keep, struct bc_err *err)
{
	struct statvfs st;

	/* Whatever has no size says 0. */
	if (!keep->free_bytes || fstatvfs(fd, &st) < 0 || !st.f_blocks || keep->free_bytes <= (uint64_t)st.f_blocks * st.f_frsize)
		return 0;
	return bc_err_set(err, -EINVAL, "--keep-free: %.1f GB, but the file system of %s has %.1f GB in all: that would remove every segment",
			  (double)keep->free_bytes / 1e9, folder, (double)st.f_blocks * (double)st.f_frsize / 1e9);
}

int bc_expire_check(const char *folder, const struct bc_retention_rules *keep, struct bc_err *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return 0;
	r = check(fd, folder, keep, err);
	close(fd);
	return r;
}

int bc_expire_run(struct bc_expire *e, const struct bc_expire_config *cfg, struct bc_expired *ret, struct bc_err *err)
{
	struct bc_expired sum = { .removed = 0 };
	struct look l = { .cfg = cfg, .sum = &sum };
	int r;

	l.fd = open(cfg->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l.fd < 0)
		return bc_err_set(err, -errno, "cannot read the folder %s: %s", cfg->folder, strerror(errno));
	r = check(l.fd, cfg->folder, &cfg->keep, err);
	if (r) {
		close(l.fd);
		return r;
	}
	r = list(&l);
	if (!r) {
		find_origins(&l, e);
		find_uploaded(&l, e);
		r = cancelled(&l) ? 0 : sort_ours(&l);
	}
	if (r) {
		bc_err_set(err, r, "cannot read the folder %s: %s", cfg->folder, strerror(-r));
		free_segments(l.all, l.n);
	} else {
		work(&l);
		free_segments(e->known, e->n_known);
		e->known = l.all;
		e->n_known = l.n;
		*ret = sum;
	}
	free(l.age);
	close(l.fd);
	return r;
}
