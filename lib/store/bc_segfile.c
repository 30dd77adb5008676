/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_segfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "bc_direct.h"
#include "bc_fsync_many.h"
#include "bc_keeper.h"
#include "bc_time.h"

/* How long a refused name is asked for again, and how often. */
#define RENAME_PATIENCE_NS (1 * BC_NS_PER_S)
#define RENAME_RETRY_NS (20 * BC_NS_PER_MS)
/* So much cannot be gone before a tiny segment is over that nothing is taken ahead for. */
#define PLENTY (256ULL << 20)

/* A quota counts as a full disk. */
static int os_error(void)
{
	return errno == EDQUOT ? -ENOSPC : -errno;
}

void bc_segfile_path(const struct bc_folder *folder, const char *name, char path[BC_STORE_PATH_MAX])
{
	snprintf(path, BC_STORE_PATH_MAX, "%s%s", folder->prefix, name);
}

/* Log what failed for f and return err. */
static int complain(const struct bc_folder *folder, const struct bc_segfile *f, const char *what, int err)
{
	bc_log(folder->log, BC_ERROR, "%s%s: %s: %s", folder->prefix, f->file.tmp, what, bc_keeper_error(err));
	return err;
}

int bc_segfile_follow_folder(const struct bc_folder *folder)
{
	int r = bc_folder_follow(folder);

	if (r > 0)
		bc_log(folder->log, BC_WARN, "%s: another folder has taken its place: segments go there from now on", folder->path);
	return r;
}

/* Signals and errors come behind it, and the closing bytes would find no room. */
static uint64_t size_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur / BC_DIRECT_ALIGN * BC_DIRECT_ALIGN;
}

bool bc_segfile_is_there(const struct bc_segfile *f)
{
	struct stat st;

	return fstat(f->fd, &st) < 0 || st.st_nlink > 0;
}

bool bc_segfile_lies_in(const struct bc_folder *folder, const struct bc_segfile *f)
{
	struct stat named, ours;

	return fstatat(folder->fd, f->file.tmp, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(f->fd, &ours) == 0 &&
	       named.st_ino == ours.st_ino && named.st_dev == ours.st_dev;
}

int bc_segfile_open(const struct bc_folder *folder, uint64_t seq, struct bc_segfile **ret)
{
	struct bc_segfile *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->limit = size_limit();
	r = f->fd = bc_folder_create(folder, seq, &f->file);
	if (r < 0) {
		free(f);
		return r;
	}
	if (f->file.mode_err)
		complain(folder, f, "its permissions cannot be set", f->file.mode_err);
	if (folder->direct)
		bc_segfile_set_direct(f, true);
	*ret = f;
	return 0;
}

bool bc_segfile_set_direct(struct bc_segfile *f, bool direct)
{
	int flags = fcntl(f->fd, F_GETFL);

	return flags >= 0 && fcntl(f->fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

static int take_space(const struct bc_folder *folder, struct bc_segfile *f, uint64_t end)
{
	int r;

	do
		r = fallocate(f->fd, folder->direct ? 0 : FALLOC_FL_KEEP_SIZE, (off_t)f->allocated, (off_t)(end - f->allocated));
	while (r < 0 && errno == EINTR);
	if (r == 0)
		f->allocated = end;
	return r < 0 ? os_error() : 0;
}

/* Direct writes fill the last page. */
static uint64_t whole_pages(uint64_t end)
{
	return (end + BC_DIRECT_ALIGN - 1) / BC_DIRECT_ALIGN * BC_DIRECT_ALIGN;
}

static bool has_plenty(const struct bc_folder *folder)
{
	struct statvfs st;

	return fstatvfs(folder->fd, &st) == 0 && st.f_bavail * st.f_frsize >= PLENTY;
}

int bc_segfile_reserve(const struct bc_folder *folder, struct bc_segfile *f, uint64_t end)
{
	if (folder->step_by_size && !f->allocated && end <= BC_DIRECT_TINY && end + folder->reserve <= f->limit &&
	    has_plenty(folder))
		return 0;
	return bc_segfile_reserve_now(folder, f, end);
}

int bc_segfile_reserve_now(const struct bc_folder *folder, struct bc_segfile *f, uint64_t end)
{
	uint64_t step = folder->step_by_size && 8 * end < folder->step ? 8 * end : folder->step;
	int r;

	end = whole_pages(end + folder->reserve);
	if (end > f->limit)
		return -EFBIG;
	if (end <= f->allocated)
		return 0;
	r = take_space(folder, f, end + step < f->limit ? end + step : f->limit);
	if (r == -ENOSPC)
		r = take_space(folder, f, end);
	if (r == -EOPNOTSUPP || r == -ENOSYS) {
		f->allocated = UINT64_MAX;
		return 0;
	}
	return r;
}

ptrdiff_t bc_segfile_write(struct bc_segfile *f, uint64_t off, const uint8_t *data, size_t len)
{
	ssize_t n;

	do
		n = pwrite(f->fd, data, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? os_error() : n;
}

void bc_segfile_cut(const struct bc_folder *folder, struct bc_segfile *f, uint64_t size)
{
	if (ftruncate(f->fd, (off_t)size) < 0) {
		complain(folder, f, "cannot be cut back after a failed write", -errno);
		return;
	}
	if (f->allocated != UINT64_MAX) {
		f->allocated = size;
		bc_segfile_reserve(folder, f, size);
	}
}

int bc_segfile_trim(const struct bc_folder *folder, struct bc_segfile *f, uint64_t size)
{
	return ftruncate(f->fd, (off_t)size) < 0 ? complain(folder, f, "cannot be cut to its bytes", -errno) : 0;
}

void bc_segfile_sync(const struct bc_folder *folder, struct bc_segfile *f)
{
	if (!f->sync_err && fdatasync(f->fd) < 0)
		f->sync_err = complain(folder, f, "fdatasync", -errno);
	if (!f->sync_err && !bc_segfile_is_there(f))
		f->sync_err = complain(folder, f, "was removed while it was written", -ESTALE);
}

void bc_segfile_remove(const struct bc_folder *folder, const struct bc_segfile *f)
{
	int r = bc_folder_remove(folder, &f->file);

	if (r < 0)
		complain(folder, f, "cannot be removed", r);
}

void bc_segfile_count(const struct bc_folder *folder, uint64_t seq)
{
	int r = folder->seqfile ? bc_seqfile_used(folder->seqfile, seq) : 0;

	if (r < 0)
		bc_log(folder->log, BC_ERROR, "cannot write the sequence file: %s: the next capture may reuse number "
		       "%08u", strerror(-r), (unsigned)(seq % BC_SEQ_END));
}

int bc_segfile_await(const struct bc_folder *folder, struct bc_segfile *f)
{
	struct bc_err why = { .msg = "could not be started" };
	struct stat st;
	int r = f->command ? bc_command_wait(f->command, folder->cancelled, &why) : -ECOMM;

	if (fstat(f->fd, &st) == 0)
		f->size = (uint64_t)st.st_size;
	if (r == 0 && f->tail_err == -ECOMM)
		r = bc_err_set(&why, -ECOMM, "stopped reading before the end");
	if (r == -ECOMM)
		bc_log(folder->log, BC_ERROR, "%s%s: the output's command %s: the segment is not published%s",
		       folder->prefix,
		       f->file.tmp, why.msg, f->size ? ", and keeps its temporary name" : "");
	return r;
}

/* A tiny one had no space taken ahead, and no page filled up. */
static int give_back_space(const struct bc_folder *folder, struct bc_segfile *f)
{
	struct stat st;

	if (!f->allocated && fstat(f->fd, &st) == 0 && (uint64_t)st.st_size == f->size)
		return 0;
	return bc_segfile_trim(folder, f, f->size);
}

/* Those of the list whose err is 0, all at once; fsync_err tells. */
static void bring_to_disk(struct bc_segfile *list)
{
	struct bc_segfile *of[BC_FSYNC_MANY_MAX];
	struct bc_fsync f[BC_FSYNC_MANY_MAX];
	uint32_t n = 0;

	for (struct bc_segfile *at = list; at; at = at->next) {
		if (!at->err) {
			of[n] = at;
			f[n++].fd = at->fd;
		}
		if (n < BC_FSYNC_MANY_MAX && at->next)
			continue;
		bc_fsync_many(f, n);
		for (; n > 0; n--)
			of[n - 1]->fsync_err = f[n - 1].err;
	}
}

static int is_on_disk(const struct bc_folder *folder, struct bc_segfile *f)
{
	int r = f->fsync_err;

	f->info.on_disk = r == 0 && !f->sync_err && bc_segfile_is_there(f);
	if (f->tail_err)
		return complain(folder, f, "not published: its closing bytes could not be written", f->tail_err);
	if (f->sync_err)
		return complain(folder, f, "not published, since an earlier fdatasync failed", f->sync_err);
	return r < 0 ? complain(folder, f, "not published: fsync", r) : 0;
}

static int rename_finally(const struct bc_folder *folder, struct bc_segfile *f)
{
	uint64_t ns = folder->name_first && f->info.packets ? f->info.first_ns : f->info.begin_ns;
	char name[BC_SEGNAME_MAX];
	unsigned again;
	int r = bc_folder_publish(folder, &f->file, ns, name, &again);

	if (r < 0)
		return r;
	if (r > 0)
		complain(folder, f, "cannot be removed", -r);
	/* Two segments of a series may well begin in one second. */
	if (again && !folder->series)
		bc_log(folder->log, BC_WARN, "%s%s: named with a later number, because a file with the first one already exists and is kept",
		       folder->prefix, name);
	strcpy(f->name, name);
	return 0;
}

/* Rights and space may be back in a moment. */
static bool may_pass(int err)
{
	return err == -EACCES || err == -EPERM || err == -EROFS || err == -ENOSPC || err == -EDQUOT;
}

/* Those of the list whose err is 0. False: some are worth another try, and this was not the last. */
static bool rename_all(const struct bc_folder *folder, struct bc_segfile *list, const _Atomic bool *give_up, bool last)
{
	bool all = true;

	for (struct bc_segfile *f = list; f; f = f->next) {
		int r;

		if (f->err || *f->name)
			continue;
		r = atomic_load(give_up) ? -ECANCELED : rename_finally(folder, f);
		if (may_pass(r) && !last)
			all = false;
		else if (r < 0 && r != -ECANCELED)
			f->err = complain(folder, f, "not published: rename to the final name", r);
		else
			f->err = r;
	}
	return all;
}

static void rename_patiently(const struct bc_folder *folder, struct bc_segfile *list, const _Atomic bool *give_up)
{
	uint64_t until_ns = bc_mono_ns() + RENAME_PATIENCE_NS;

	for (struct bc_segfile *f = list; f; f = f->next)
		if (!f->err && !atomic_load(give_up))
			bc_segfile_count(folder, f->file.seq);
	while (!rename_all(folder, list, give_up, bc_mono_ns() >= until_ns))
		nanosleep(&(struct timespec){ .tv_nsec = RENAME_RETRY_NS }, NULL);
}

static void sync_folder(const struct bc_folder *folder, struct bc_segfile *list)
{
	bool named = false;
	int r;

	for (struct bc_segfile *f = list; f; f = f->next)
		named |= *f->name;
	if (!named || fsync(folder->fd) == 0)
		return;
	r = -errno;
	for (struct bc_segfile *f = list; f; f = f->next) {
		if (!*f->name)
			continue;
		bc_log(folder->log, BC_ERROR, "%s%s: the folder's fsync: %s", folder->prefix, f->name, strerror(-r));
		f->err = r;
		f->info.on_disk = false;
	}
}

typedef int (*publish_step)(const struct bc_folder *folder, struct bc_segfile *f);

static void do_step(const struct bc_folder *folder, struct bc_segfile *list, const _Atomic bool *give_up,
		    publish_step step)
{
	for (struct bc_segfile *f = list; f; f = f->next)
		if (!f->err)
			f->err = atomic_load(give_up) ? -ECANCELED : step(folder, f);
}

/* Whoever still has what is behind these bytes will give it to another segment: it must not be found here as well. */
static void cut_back(const struct bc_folder *folder, struct bc_segfile *f)
{
	const uint64_t size = f->info.on_disk ? f->info.confirmed : f->info.kept;

	if (!f->info.cut_back || !f->err || f->err == -ECANCELED || f->err == -ENODATA || !bc_segfile_is_there(f))
		return;
	if (!size)
		bc_segfile_remove(folder, f);
	else if (ftruncate(f->fd, (off_t)size) < 0 || fdatasync(f->fd) < 0)
		bc_log(folder->log, BC_ERROR, "%s%s: cannot cut off what will come again: %s", folder->prefix, f->file.tmp,
		       strerror(errno));
}

static void cut_all_back(const struct bc_folder *folder, struct bc_segfile *list)
{
	for (struct bc_segfile *f = list; f; f = f->next)
		cut_back(folder, f);
}

static void say_on_disk(const struct bc_folder *folder, const struct bc_segfile *f)
{
	bool on_disk[BC_STORE_QUEUE_MAX];

	while (f && folder->publishing) {
		uint32_t n;

		for (n = 0; f && n < BC_STORE_QUEUE_MAX; f = f->next)
			on_disk[n++] = f->info.on_disk;
		folder->publishing(folder->publishing_ctx, folder, n, on_disk);
	}
}

void bc_segfile_publish(const struct bc_folder *folder, struct bc_segfile *list, const _Atomic bool *give_up)
{
	do_step(folder, list, give_up, give_back_space);
	bring_to_disk(list);
	do_step(folder, list, give_up, is_on_disk);
	cut_all_back(folder, list);
	if (!atomic_load(give_up))
		say_on_disk(folder, list);
	rename_patiently(folder, list, give_up);
	sync_folder(folder, list);
}

void bc_segfile_free(struct bc_segfile *f)
{
	if (!f)
		return;
	bc_command_free(f->command);
	close(f->fd);
	free(f);
}
