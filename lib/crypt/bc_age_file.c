/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_blob.h"
#include "bc_age_blocks.h"
#include "bc_file.h"

/* A file that is being encrypted. */
struct job {
	struct bc_blob *from;
	struct bc_age_blocks *blocks;
	int folder, fd;
	bool marked;	/* what is encrypted keeps its temporary name, too, until path is gone */
	size_t header;
	uint8_t file_key[BC_AGE_FILE_KEY];
	uint8_t plain[BC_AGE_BLOCK], sealed[BC_AGE_BLOCK + BC_AGE_TAG];
	char name[NAME_MAX + 1], temporary[NAME_MAX + 16], final[NAME_MAX + 16];
};

static int write_head(struct job *j, const struct bc_age_recipients *to, struct bc_err *err)
{
	char *head = malloc(BC_AGE_HEADER_MAX);
	uint8_t nonce[BC_AGE_NONCE];
	int r;

	if (!head)
		return bc_err_set(err, -ENOMEM, "no memory");
	r = bc_age_header_make(to, j->file_key, head, &j->header, err);
	if (!r && (RAND_bytes(nonce, sizeof(nonce)) != 1 || bc_age_blocks_new(j->file_key, nonce, &j->blocks)))
		r = bc_err_set(err, -ENOMEM, "no memory, or no randomness");
	if (!r) {
		r = bc_write_all(j->fd, head, j->header);
		r = r ? r : bc_write_all(j->fd, nonce, sizeof(nonce));
		if (r)
			bc_err_set(err, r, "its encrypted copy cannot be written: %s", strerror(-r));
	}
	free(head);
	return r;
}

/* The file is as long as it was when it was opened, or shorter: then it ends with an error, for its last block is not known. */
static int write_blocks(struct job *j, struct bc_err *err)
{
	const uint64_t bytes = j->from->bytes, n = bytes ? (bytes + BC_AGE_BLOCK - 1) / BC_AGE_BLOCK : 1;
	int r = 0;

	for (uint64_t i = 0; !r && i < n; i++) {
		const size_t len = (size_t)(i + 1 < n ? BC_AGE_BLOCK : bytes - i * BC_AGE_BLOCK);
		ptrdiff_t got = bc_blob_read(j->from, j->plain, len, i * BC_AGE_BLOCK, err);

		if (got < 0)
			return (int)got;
		if ((size_t)got < len)
			return bc_err_set(err, -EIO, "it became shorter meanwhile");
		r = bc_age_seal(j->blocks, i, i + 1 == n, j->plain, len, j->sealed);
		r = r ? r : bc_write_all(j->fd, j->sealed, len + BC_AGE_TAG);
		if (r)
			bc_err_set(err, r, "its encrypted copy cannot be written: %s", strerror(-r));
	}
	return r;
}

static int same(struct job *j, struct bc_blob *back, struct bc_err *err)
{
	for (uint64_t at = 0; at < j->from->bytes; at += BC_AGE_BLOCK) {
		ptrdiff_t a = bc_blob_read(j->from, j->plain, BC_AGE_BLOCK, at, err);
		ptrdiff_t b = a < 0 ? a : bc_blob_read(back, j->sealed, BC_AGE_BLOCK, at, err);

		if (b < 0)
			return (int)b;
		if (a != b || memcmp(j->plain, j->sealed, (size_t)a))
			return bc_err_set(err, -EBADMSG, "what was written could not be read back as it was");
	}
	return 0;
}

/* From the disk, as far as the kernel forgets what it has of it in memory. */
static int read_back(struct job *j, struct bc_err *err)
{
	int copy = fsync(j->fd) < 0 ? -1 : fcntl(j->fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_blob *back;

	if (copy < 0)
		return bc_err_set(err, -errno, "%s", strerror(errno));
	posix_fadvise(j->fd, 0, 0, POSIX_FADV_DONTNEED);
	r = bc_blob_open_fd(copy, j->temporary, &back, err);
	if (r)
		return r;
	r = bc_age_blob_wrap_key(&back, j->file_key, j->header, err);
	if (!r && back->bytes != j->from->bytes)
		r = bc_err_set(err, -EBADMSG, "what was written has another length");
	if (!r)
		r = same(j, back, err);
	bc_blob_close(back);
	return r;
}

/*
 * The temporary file is as st says, on disk, and then has its final name; and also its temporary one, if keep asks for both and the file
 * system can.
 */
static int settle(int folder, int fd, const char *temporary, const char *final, const struct stat *st, bool *keep, struct bc_err *err)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int r = 0;

	if (fchmod(fd, st->st_mode & 0777) < 0 || futimens(fd, times) < 0 || fsync(fd) < 0)
		r = -errno;
	*keep = !r && *keep && linkat(folder, temporary, folder, final, 0) == 0;
	if (!r && !*keep)
		r = bc_rename_noreplace(folder, temporary, folder, final);
	if (r >= 0 && fsync(folder) < 0)
		r = -errno;
	return r < 0 ? bc_err_set(err, r, "%s: %s", final, r == -EEXIST ? "it is there already" : strerror(-r)) : 0;
}

static int encrypt(struct job *j, const struct bc_age_recipients *to, const struct stat *st, struct bc_err *err)
{
	int r;

	j->fd = bc_open_temporary(j->folder, j->temporary);
	if (j->fd < 0)
		return bc_err_set(err, j->fd, "%s: %s", j->temporary, j->fd == -EBUSY ? "another process is at it" : strerror(-j->fd));
	r = write_head(j, to, err);
	if (!r)
		r = write_blocks(j, err);
	if (!r)
		r = read_back(j, err);
	if (!r && fchown(j->fd, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		r = bc_err_set(err, -errno, "%s: %s", j->temporary, strerror(errno));
	if (!r)
		r = settle(j->folder, j->fd, j->temporary, j->final, st, &j->marked, err);
	if (r)
		unlinkat(j->folder, j->temporary, 0);
	return r;
}

/* Open the folder of path; *ret_name is its name there. */
static int open_folder(const char *path, const char **ret_name, struct bc_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[PATH_MAX] = ".";
	int fd;

	if (!*name)
		return bc_err_set(err, -EISDIR, "it is a folder: name a file in it");
	if (strlen(name) > NAME_MAX - sizeof(".encrypt-") || (slash && (size_t)(name - path) >= sizeof(folder)))
		return bc_err_set(err, -EINVAL, "its name is too long");
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret_name = name;
	return fd < 0 ? bc_err_set(err, -errno, "%s", strerror(errno)) : fd;
}

static int locate(struct job *j, const char *path, struct bc_err *err)
{
	const char *name;

	j->folder = open_folder(path, &name, err);
	if (j->folder < 0)
		return j->folder;
	snprintf(j->name, sizeof(j->name), "%s", name);
	snprintf(j->temporary, sizeof(j->temporary), ".encrypt-%s", name);
	snprintf(j->final, sizeof(j->final), "%s%s", name, BC_AGE_EXT);
	return 0;
}

/* Is it the file of that name, as it was then? */
static bool is_as(int folder, const char *name, const struct stat *st)
{
	struct stat now;

	return fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == st->st_ino && now.st_dev == st->st_dev &&
	       now.st_size == st->st_size && bc_file_mtime_ns(&now) == bc_file_mtime_ns(st);
}

/*
 * Path.age is there. Path can go if it is what a run that was to remove path made, and read back, of path as it is: it then has both names.
 * 1: so it is, and j holds its lock; 0: who knows; -EBUSY: that run goes on.
 */
static int was_interrupted(struct job *j, const struct stat *st, struct bc_err *err)
{
	struct stat made;

	j->fd = openat(j->folder, j->temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (j->fd < 0)
		return 0;
	if (flock(j->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? bc_err_set(err, -EBUSY, "%s: another process is at it", j->temporary) : 0;
	return fstat(j->fd, &made) == 0 && S_ISREG(made.st_mode) && made.st_size > st->st_size &&
	       bc_file_mtime_ns(&made) == bc_file_mtime_ns(st) && is_as(j->folder, j->temporary, &made) && is_as(j->folder, j->final, &made) &&
	       is_as(j->folder, j->name, st);
}

/* 0: path is to be encrypted; 1: it was, and is to be removed; or a negative errno. */
static int check(struct job *j, bool remove, struct stat *st, struct bc_err *err)
{
	int fd = openat(j->folder, j->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (fd < 0 || fstat(fd, st) < 0) {
		r = bc_err_set(err, -errno, "%s", errno == ELOOP ? "it is a link: name the file that it leads to" : strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = bc_blob_open_fd(fd, j->name, &j->from, err);
	if (r)
		return r;
	r = bc_age_is_encrypted(j->from, err);
	if (r > 0)
		return bc_err_set(err, -EINVAL, "it is encrypted already");
	if (r || faccessat(j->folder, j->final, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return r;
	j->marked = remove && (r = was_interrupted(j, st, err)) > 0;
	if (!r)
		return bc_err_set(err, -EEXIST, "%s is there already: decrypt and compare it, then remove one of them", j->final);
	return r;
}

static void release(struct job *j)
{
	bc_blob_close(j->from);
	bc_age_blocks_free(j->blocks);
	if (j->fd >= 0)
		close(j->fd);
	if (j->folder >= 0)
		close(j->folder);
	OPENSSL_cleanse(j, sizeof(*j));
	free(j);
}

/* Path is still what was encrypted; if not, what was made of it goes. */
static int confirm(struct job *j, const struct stat *st, struct bc_err *err)
{
	if (is_as(j->folder, j->name, st))
		return 0;
	unlinkat(j->folder, j->final, 0);
	if (j->marked)
		unlinkat(j->folder, j->temporary, 0);
	return bc_err_set(err, -ESTALE, "it was changed meanwhile, and stays: encrypt it again once nothing writes to it");
}

/* At no time is there in clear what tells of a path that is gone. */
static int remove_clear(struct job *j, const char *index_ext, struct bc_err *err)
{
	char index[2 * NAME_MAX];

	snprintf(index, sizeof(index), "%s%s", j->name, index_ext);
	if (unlinkat(j->folder, index, 0) < 0 && errno != ENOENT)
		return bc_err_set(err, -errno, "%s tells of what is encrypted, and cannot be removed: %s", index, strerror(errno));
	if (unlinkat(j->folder, j->name, 0) < 0)
		return bc_err_set(err, -errno, "it is encrypted, but cannot be removed: %s", strerror(errno));
	if (j->marked)
		unlinkat(j->folder, j->temporary, 0);
	return 0;
}

int bc_age_encrypt_file(const char *path, const struct bc_age_recipients *to, const char *remove, uint64_t *ret_bytes, struct bc_err *err)
{
	struct job *j = calloc(1, sizeof(*j));
	struct stat st;
	int r;

	if (!j)
		return bc_err_set(err, -ENOMEM, "%s: no memory", path);
	j->folder = j->fd = -1;
	r = locate(j, path, err);
	if (!r)
		r = check(j, remove != NULL, &st, err);
	if (!r) {
		j->marked = remove != NULL;
		r = encrypt(j, to, &st, err);
		r = r ? r : confirm(j, &st, err);
	}
	if (r >= 0) {
		*ret_bytes = (uint64_t)lseek(j->fd, 0, SEEK_END);
		r = remove ? remove_clear(j, remove, err) : 0;
	}
	release(j);
	return r ? bc_err_prefix(err, r, "%s", path) : 0;
}

static int copy_out(struct bc_blob *blob, int fd, struct bc_err *err)
{
	uint8_t *piece = malloc(BC_AGE_BLOCK);
	ptrdiff_t n = 1;
	int r = piece ? 0 : bc_err_set(err, -ENOMEM, "no memory");

	for (uint64_t at = 0; !r && at < blob->bytes; at += (uint64_t)n) {
		n = bc_blob_read(blob, piece, BC_AGE_BLOCK, at, err);
		if (n <= 0)
			r = n ? (int)n : bc_err_set(err, -ENODATA, "it became shorter");
		else if ((r = bc_write_all(fd, piece, (size_t)n)))
			bc_err_set(err, r, "what is in it cannot be written: %s", strerror(-r));
	}
	free(piece);
	return r;
}

int bc_age_decrypt_file(const char *path, const struct bc_age_identities *ids, int fd, uint64_t *ret_bytes, struct bc_err *err)
{
	struct bc_err ignored;
	struct bc_blob *blob;
	int r = bc_blob_open_file(path, &blob, err);

	if (r)
		return r;
	r = bc_age_blob_wrap(&blob, ids, err);
	if ((r == -ENODATA || r == -EBADMSG) && bc_age_blob_wrap_torn(&blob, ids, &ignored) == 0)
		copy_out(blob, fd, &ignored);
	if (!r) {
		*ret_bytes = blob->bytes;
		r = copy_out(blob, fd, err);
	}
	bc_blob_close(blob);
	return r ? bc_err_prefix(err, r, "%s", path) : 0;
}

/* It can only be read by being set. */
static mode_t current_umask(void)
{
	const mode_t mask = umask(0077);

	umask(mask);
	return mask;
}

static int decrypt_as(const char *path, const struct bc_age_identities *ids, int folder, const char *name, const char *out, struct bc_err *err)
{
	char temporary[NAME_MAX + 16];
	struct stat st;
	uint64_t bytes;
	bool keep = false;
	int fd, r = 0;

	snprintf(temporary, sizeof(temporary), ".decrypt-%s", name);
	if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return bc_err_set(err, -EEXIST, "%s: it is there already", out);
	fd = bc_open_temporary(folder, temporary);
	if (fd < 0)
		return bc_err_set(err, fd, "%s: %s", temporary, fd == -EBUSY ? "another process is at it" : strerror(-fd));
	if (stat(path, &st) < 0)
		r = bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	st.st_mode &= ~current_umask();
	if (!r)
		r = bc_age_decrypt_file(path, ids, fd, &bytes, err);
	if (!r)
		r = settle(folder, fd, temporary, name, &st, &keep, err);
	if (r)
		unlinkat(folder, temporary, 0);
	close(fd);
	return r;
}

int bc_age_decrypt_to(const char *path, const struct bc_age_identities *ids, const char *out, struct bc_err *err)
{
	const char *name;
	int folder = open_folder(out, &name, err), r;

	if (folder < 0)
		return bc_err_prefix(err, folder, "%s", out);
	r = decrypt_as(path, ids, folder, name, out, err);
	close(folder);
	return r;
}
