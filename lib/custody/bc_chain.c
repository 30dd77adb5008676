/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_chain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_file.h"
#include "bc_series.h"
#include "bc_time.h"

#define PIECE (256U * 1024)

struct bc_chain {
	int folder, fd;
	uint64_t records, size;
	uint8_t head[BC_CHAIN_HASH];
	void *names;	/* recorded, tsearch(3), until bc_chain_unrecorded() */
	char path[4096];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int remember(struct bc_chain *c, const char *name)
{
	char *copy = strdup(name);
	char **node = copy ? tsearch(copy, &c->names, by_name) : NULL;

	if (!node) {
		free(copy);
		return -ENOMEM;
	}
	if (*node != copy)
		free(copy);
	return 0;
}

/* Whole lines. What is behind the last newline is not there, as of a line that was never written to its end. */
static int read_lines(struct bc_chain *c, FILE *f, struct bc_err *err)
{
	char line[BC_CHAIN_LINE_MAX + 1];
	struct bc_chain_record r;

	while (fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (!len || line[len - 1] != '\n')
			return feof(f) ? 0 : -EBADMSG;
		if (bc_chain_record_parse(line, len - 1, &r) || r.number != c->records || memcmp(r.previous, c->head, sizeof(c->head)))
			return -EBADMSG;
		if (bc_chain_hash(line, len - 1, c->head) || remember(c, r.name))
			return bc_err_set(err, -ENOMEM, "%s: no memory", c->path);
		c->records++;
		c->size += len;
	}
	return ferror(f) ? bc_err_set(err, -EIO, "%s: cannot be read", c->path) : 0;
}

static int read_chain(struct bc_chain *c, struct bc_err *err)
{
	int copy = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	FILE *f = copy < 0 ? NULL : fdopen(copy, "r");
	int r;

	if (!f) {
		if (copy >= 0)
			close(copy);
		return bc_err_set(err, -ENOMEM, "%s: no memory", c->path);
	}
	r = read_lines(c, f, err);
	fclose(f);
	if (!r && ftruncate(c->fd, (off_t)c->size) < 0)
		r = bc_err_set(err, -errno, "%s: %s", c->path, strerror(errno));
	return r;
}

/* -EBADMSG: a pipe, a link or a folder has the name; nobody waits for what comes out of it. */
static int open_file(struct bc_chain *c, const char *folder, struct bc_err *err)
{
	struct stat st;

	c->fd = openat(c->folder, BC_CHAIN_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (c->fd < 0 ? errno == ELOOP || errno == EISDIR || errno == ENXIO : fstat(c->fd, &st) == 0 && !S_ISREG(st.st_mode))
		return bc_err_set(err, -EBADMSG, "%s: it is no file", c->path);
	if (c->fd < 0)
		return bc_err_set(err, -errno, "%s: %s", c->path, strerror(errno));
	if (flock(c->fd, LOCK_EX | LOCK_NB) < 0)
		return bc_err_set(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "%s: another capture signs in this folder: give each its own", c->path);
	return fsync(c->folder) < 0 ? bc_err_set(err, -errno, "%s: %s", folder, strerror(errno)) : 0;
}

/* Stamps are of one chain, and stay with it. */
static void put_stamps_aside(const struct bc_chain *c, const char *name)
{
	char stamps[80];

	snprintf(stamps, sizeof(stamps), "%s.stamps", name);
	bc_rename_noreplace(c->folder, BC_CHAIN_FILE ".stamps", c->folder, stamps);
}

/* A capture must begin none the less: what is damaged is kept for who looks into it, and another chain is begun. */
static int begin_another(struct bc_chain *c, const char *folder, const struct bc_log *log, struct bc_err *err)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), BC_CHAIN_FILE ".damaged-%llu", (unsigned long long)bc_utc_ns());
	bc_log(log, BC_ERROR, "%s: record %llu does not go on with the chain: the file is kept as %s, and another chain is begun", c->path,
	       (unsigned long long)c->records, name);
	put_stamps_aside(c, name);
	r = bc_rename_noreplace(c->folder, BC_CHAIN_FILE, c->folder, name);
	if (r)
		return bc_err_set(err, r, "%s: it is damaged, and cannot be renamed: %s", c->path, strerror(-r));
	if (c->fd >= 0)
		close(c->fd);
	tdestroy(c->names, free);
	c->names = NULL;
	c->records = c->size = 0;
	memset(c->head, 0, sizeof(c->head));
	return open_file(c, folder, err);
}

int bc_chain_open(const char *folder, const struct bc_log *log, struct bc_chain **ret, struct bc_err *err)
{
	struct bc_chain *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "%s: no memory", folder);
	c->folder = c->fd = -1;
	snprintf(c->path, sizeof(c->path), "%s%s%s", folder, *folder && folder[strlen(folder) - 1] == '/' ? "" : "/", BC_CHAIN_FILE);
	c->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = c->folder < 0 ? bc_err_set(err, -errno, "%s: %s", folder, strerror(errno)) : open_file(c, folder, err);
	if (!r)
		r = read_chain(c, err);
	if (r == -EBADMSG)
		r = begin_another(c, folder, log, err);
	if (r)
		bc_chain_close(c);
	else
		*ret = c;
	return r;
}

void bc_chain_close(struct bc_chain *c)
{
	if (!c)
		return;
	tdestroy(c->names, free);
	if (c->fd >= 0)
		close(c->fd);
	if (c->folder >= 0)
		close(c->folder);
	free(c);
}

static bool is_recorded(const struct bc_chain *c, const char *name)
{
	return tfind(name, &c->names, by_name) != NULL;
}

/* A segment that has no record; encrypted, neither of its bytes nor of what is in it. */
static bool is_unrecorded(const struct bc_chain *c, const char *name)
{
	const size_t len = strlen(name), ext = strlen(BC_AGE_EXT);
	const bool encrypted = len > ext && !strcmp(name + len - ext, BC_AGE_EXT);
	struct bc_series series;
	char stem[NAME_MAX + 1];

	snprintf(stem, sizeof(stem), "%.*s", (int)(encrypted ? len - ext : len), name);
	return bc_series_parse(stem, &series) && !is_recorded(c, name) && !(encrypted && is_recorded(c, stem));
}

int bc_chain_unrecorded(struct bc_chain *c, int (*each)(void *ctx, const char *name), void *ctx, struct bc_err *err)
{
	struct dirent **entry;
	int n = scandirat(c->folder, ".", &entry, NULL, alphasort), r = 0;

	if (n < 0)
		return bc_err_set(err, -errno, "%s: the folder cannot be read: %s", c->path, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (!r && is_unrecorded(c, entry[i]->d_name))
			r = each(ctx, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	tdestroy(c->names, free);
	c->names = NULL;
	return r < 0 ? bc_err_set(err, r, "%s: %s", c->path, strerror(-r)) : 0;
}

static int hash_pieces(int fd, const _Atomic bool *cancel, EVP_MD_CTX *ctx, uint8_t *piece, uint64_t *bytes)
{
	for (;;) {
		ssize_t n = pread(fd, piece, PIECE, (off_t)*bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (EVP_DigestUpdate(ctx, piece, (size_t)n) != 1)
			return -EIO;
		*bytes += (uint64_t)n;
		if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
			return -ECANCELED;
	}
}

int bc_chain_hash_file(int fd, const _Atomic bool *cancel, uint64_t *ret_bytes, uint8_t ret[BC_CHAIN_HASH])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *piece = malloc(PIECE);
	int r = ctx && piece && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	*ret_bytes = 0;
	if (!r)
		r = hash_pieces(fd, cancel, ctx, piece, ret_bytes);
	if (!r && EVP_DigestFinal_ex(ctx, ret, NULL) != 1)
		r = -EIO;
	free(piece);
	EVP_MD_CTX_free(ctx);
	return r;
}

static int append(struct bc_chain *c, const struct bc_chain_record *record)
{
	char line[BC_CHAIN_LINE_MAX + 1];
	size_t len = bc_chain_record_line(record, line);
	uint8_t head[BC_CHAIN_HASH];
	int r = bc_chain_hash(line, len, head);

	line[len++] = '\n';
	if (!r && lseek(c->fd, (off_t)c->size, SEEK_SET) < 0)
		r = -errno;
	if (!r)
		r = bc_write_all(c->fd, line, len);
	if (!r && fdatasync(c->fd) < 0)
		r = -errno;
	if (r) {
		(void)!ftruncate(c->fd, (off_t)c->size);
		return r;
	}
	c->size += len;
	c->records++;
	memcpy(c->head, head, sizeof(head));
	return 0;
}

/* What can never have a record must not keep others from theirs, and is as good as gone: -ENOENT. */
static int open_segment(const struct bc_chain *c, const char *name)
{
	int fd = bc_chain_name_check(name) ? -ENOENT : openat(c->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return errno == ELOOP || errno == ENXIO || errno == EACCES ? -ENOENT : -errno;
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	return -ENOENT;
}

int bc_chain_add(struct bc_chain *c, const struct bc_chain_key *k, const char *name, enum bc_chain_kind kind,
		 const _Atomic bool *cancel, struct bc_err *err)
{
	struct bc_chain_record record = { .number = c->records, .time_ns = bc_utc_ns(), .kind = kind };
	int fd = open_segment(c, name);
	int r = fd < 0 ? fd : 0;

	if (!r)
		r = bc_chain_hash_file(fd, cancel, &record.bytes, record.hash);
	if (fd >= 0)
		close(fd);
	if (!r) {
		memcpy(record.previous, c->head, sizeof(c->head));
		snprintf(record.name, sizeof(record.name), "%s", name);
		r = bc_chain_sign(k, &record);
	}
	if (!r)
		r = append(c, &record);
	return r ? bc_err_set(err, r, "%s: no record of %s: %s", c->path, name, r == -ENOENT ? "it is gone, or no file that may be read" : strerror(-r)) : 0;
}

uint64_t bc_chain_head(const struct bc_chain *c, uint8_t ret[BC_CHAIN_HASH])
{
	memcpy(ret, c->head, sizeof(c->head));
	return c->records;
}
