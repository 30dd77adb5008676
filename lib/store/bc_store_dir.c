/* SPDX-License-Identifier: BSD-3-Clause */
/* The store of files: a folder of rotated segments, or the one file that is published at the end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "bc_closer.h"
#include "bc_direct.h"
#include "bc_keeper.h"
#include "bc_store_ops.h"

struct dir_store {
	struct bc_store base;
	struct bc_folder folder;
	struct bc_closer *closer;
	struct bc_direct *direct;	/* NULL: through the page cache */
	struct bc_segfile *file;	/* of the segment that is begun */
	bool used;
};

/* The segment is begun all the same: its writes fail, and another one may do better. */
static void start_command(struct dir_store *d)
{
	int r = bc_command_start(d->folder.spawner, d->folder.pipe, d->file->fd, &d->file->command);

	if (r < 0)
		bc_log(d->folder.log, BC_ERROR, "%s%s: cannot start a shell: %s", d->folder.prefix, d->file->file.tmp,
		       r == -EPIPE ? "the process that starts commands has ended" : strerror(-r));
}

static int dir_begin(struct bc_store *s)
{
	struct dir_store *d = (struct dir_store *)s;
	int r;

	if (d->folder.name && d->used)
		return -EOPNOTSUPP;
	r = bc_closer_take(d->closer, &d->file);
	d->used |= r == 0;
	if (r == 0 && d->folder.pipe)
		start_command(d);
	return r;
}

/* A removed file would take everything, and keep nothing. */
static int make_room(struct dir_store *d, uint64_t end, bool tail)
{
	if (!bc_segfile_is_there(d->file))
		return -ESTALE;
	return tail ? 0 : bc_segfile_reserve(&d->folder, d->file, end);
}

static ptrdiff_t dir_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	struct dir_store *d = (struct dir_store *)s;
	int r;

	if (d->folder.pipe)
		return d->file->command ? bc_command_write(d->file->command, data, len, &s->cancelled) : -ECOMM;
	r = make_room(d, off + len, tail);

	return r < 0 ? r : bc_segfile_write(d->file, off, data, len);
}

static int dir_write_behind(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len)
{
	struct dir_store *d = (struct dir_store *)s;
	ptrdiff_t n = d->folder.pipe ? -ESPIPE : bc_segfile_write(d->file, off, data, len);

	return n < 0 ? (int)n : (size_t)n < len ? -EIO : 0;
}

static int dir_cut(struct bc_store *s, uint64_t size)
{
	struct dir_store *d = (struct dir_store *)s;

	if (d->folder.pipe)
		return -ESPIPE;
	bc_segfile_cut(&d->folder, d->file, size);
	return 0;
}

static int direct_begin(struct bc_store *s)
{
	struct dir_store *d = (struct dir_store *)s;
	int r = dir_begin(s);

	return r < 0 ? r : bc_direct_begin(d->direct, d->file->fd, 0);
}

static ptrdiff_t direct_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	struct dir_store *d = (struct dir_store *)s;
	int r = make_room(d, off + len, tail);

	return r < 0 ? r : bc_direct_put(d->direct, data, len);
}

static int direct_cut(struct bc_store *s, uint64_t size)
{
	struct dir_store *d = (struct dir_store *)s;

	bc_direct_drain(d->direct);
	/* Bytes before size are missing as well: settle will say so, and be followed by a deeper cut. */
	if (bc_direct_failed(d->direct))
		return 0;
	bc_segfile_cut(&d->folder, d->file, size);
	return bc_direct_cut(d->direct, size);
}

static int direct_settle(struct bc_store *s)
{
	return bc_direct_settle(((struct dir_store *)s)->direct);
}

static void dir_sync(struct bc_store *s)
{
	struct dir_store *d = (struct dir_store *)s;

	if (d->folder.pipe)
		return;
	/* Not over soon after all. A full disk will be met by the next write. */
	if (d->file && !d->file->allocated)
		bc_segfile_reserve_now(&d->folder, d->file, s->size);
	bc_closer_sync(d->closer, s->settled);
}

static int dir_synced(struct bc_store *s, uint64_t *ret_bytes)
{
	return bc_closer_synced(((struct dir_store *)s)->closer, ret_bytes);
}

static int dir_finish(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info)
{
	struct dir_store *d = (struct dir_store *)s;

	d->file->size = size;
	d->file->tail_err = tail_err;
	d->file->info = *info;
	if (d->file->command)
		bc_command_end_input(d->file->command);
	bc_closer_finish(d->closer, d->file);
	d->file = NULL;
	return 0;
}

static void free_store(struct dir_store *d)
{
	if (d->folder.fd >= 0)
		close(d->folder.fd);
	bc_direct_free(d->direct);
	bc_seqfile_close(d->folder.seqfile);
	free(d->folder.pipe);
	free(d->folder.path);
	free(d->folder.prefix);
	free(d->folder.name);
	free(d->folder.ext);
	free(d->folder.series);
	free(d);
}

static int dir_close(struct bc_store *s, bool now)
{
	struct dir_store *d = (struct dir_store *)s;
	int r;

	if (d->direct && d->file && bc_direct_settle(d->direct) == 0)
		bc_segfile_trim(&d->folder, d->file, bc_direct_size(d->direct));
	if (now)
		atomic_store(&s->cancelled, true);
	r = bc_closer_end(d->closer, now);

	free_store(d);
	return r;
}

static void dir_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	struct dir_store *d = (struct dir_store *)s;

	bc_closer_stats(d->closer, ret);
	ret->io = d->folder.pipe ? "" : !d->direct ? "buffered" : bc_direct_has_ring(d->direct) ? "direct+uring" : "direct";
}

static const struct bc_store_ops dir_ops = {
	.begin = dir_begin,
	.write = dir_write,
	.write_behind = dir_write_behind,
	.cut = dir_cut,
	.sync = dir_sync,
	.synced = dir_synced,
	.finish = dir_finish,
	.close = dir_close,
	.stats = dir_stats,
};

static const struct bc_store_ops direct_ops = {
	.begin = direct_begin,
	.write = direct_write,
	.cut = direct_cut,
	.settle = direct_settle,
	.sync = dir_sync,
	.synced = dir_synced,
	.finish = dir_finish,
	.close = dir_close,
	.stats = dir_stats,
};

/* dest into the folder's prefix and, for a file, its name. */
static int split_dest(struct bc_folder *folder, const struct bc_store_config *cfg, struct bc_err *err)
{
	const char *slash = strrchr(cfg->dest, '/');
	size_t len = strlen(cfg->dest), dir = slash ? (size_t)(slash - cfg->dest) + 1 : 0;
	char *p;

	if (len == 0)
		return bc_err_set(err, -EINVAL, "the output has no name: give a folder or a file");
	if (len + BC_SEGNAME_MAX + 2 > BC_STORE_PATH_MAX)
		return bc_err_set(err, -ENAMETOOLONG, "%.64s...: the path is too long: give a shorter one", cfg->dest);
	if (cfg->kind == BC_STORE_FILE) {
		if (!cfg->dest[dir])
			return bc_err_set(err, -EISDIR, "%s: this is a folder, not a file: add a file name",
					  cfg->dest);
		folder->name = strdup(cfg->dest + dir);
		folder->prefix = strndup(cfg->dest, dir);
	} else {
		p = folder->prefix = calloc(1, len + 2);
		if (p)
			memcpy(p, cfg->dest, len);
		if (p && p[len - 1] != '/')
			p[len] = '/';
	}
	folder->ext = strdup(cfg->ext ? cfg->ext : "");
	if (cfg->series && cfg->kind == BC_STORE_DIR)
		folder->series = strdup(cfg->series);
	if (cfg->pipe)
		folder->pipe = strdup(cfg->pipe);
	folder->spawner = cfg->spawner;
	if (!folder->prefix || !folder->ext || (cfg->pipe && !folder->pipe) || (cfg->kind == BC_STORE_FILE && !folder->name) ||
	    (cfg->series && cfg->kind == BC_STORE_DIR && !folder->series))
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	return 0;
}

static const char *folder_text(const struct bc_folder *folder)
{
	return *folder->prefix ? folder->prefix : ".";
}

/* NULL without memory, or where the working folder is none. */
static char *absolute(const char *path)
{
	char *cwd = *path == '/' ? strdup("") : getcwd(NULL, 0), *whole = NULL;

	if (cwd && asprintf(&whole, "%s/%s", cwd, path) < 0)
		whole = NULL;
	free(cwd);
	return whole;
}

static int open_folder(struct bc_folder *folder, struct bc_err *err)
{
	const char *path = folder_text(folder);
	int e;

	folder->path = absolute(path);
	if (!folder->path)
		return bc_err_set(err, -errno, "cannot find the folder %s: %s", path, strerror(errno));
	folder->fd = bc_folder_open(folder);
	if (folder->fd >= 0)
		return 0;
	e = -folder->fd;
	if (e == ENOENT)
		return bc_err_set(err, -e, "%s: no such folder: create it, or name another", path);
	if (e == ENOTDIR)
		return bc_err_set(err, -e, "%s: not a folder: name another", path);
	return bc_err_set(err, -e, "cannot open the folder %s: %s: give this user access, or name another", path,
			  strerror(e));
}

static int refuse_existing(const struct bc_folder *folder, struct bc_err *err)
{
	struct stat st;

	if (fstatat(folder->fd, folder->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return bc_err_set(err, -EEXIST, "%s%s already exists: remove it, or name another file", folder->prefix,
				  folder->name);
	return 0;
}

static int first_file(const struct bc_folder *folder, uint64_t seq, struct bc_segfile **ret, struct bc_err *err)
{
	int r = bc_segfile_open(folder, seq, ret);

	if (r == -ENOSPC)
		return bc_err_set(err, r, "%s: no space left there: free some, or name another folder",
				  folder_text(folder));
	if (r == -ENAMETOOLONG)
		return bc_err_set(err, r, "%s: the file's name is too long: give a shorter one",
				  folder->name ? folder->name : folder->ext);
	if (r < 0)
		return bc_err_set(err, r, "cannot create a file in %s: %s: give this user write access, or name "
				  "another folder", folder_text(folder), strerror(-r));
	return 0;
}

/* The file systems that were measured to gain by it; docs/segments.md has the figures. */
static bool direct_pays(int folder_fd)
{
	struct statfs fs;

	return fstatfs(folder_fd, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC);
}

/* Space in memory costs by the page, all at once when much is taken ahead: 8 MiB kept a committer from its chunks for milliseconds. */
static uint32_t step_of(int folder_fd)
{
	struct statfs fs;

	return fstatfs(folder_fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC ? BC_STORE_STEP_TMPFS : BC_STORE_STEP;
}

/* If direct I/O is impossible, fall back to the page cache. */
static void try_direct(struct dir_store *d, const struct bc_store_config *cfg, struct bc_segfile *first)
{
	if (cfg->pipe || cfg->io == BC_IO_BUFFERED || (cfg->io == BC_IO_AUTO && !direct_pays(d->folder.fd)))
		return;
	if (bc_direct_new(cfg->depth ? cfg->depth : BC_DIRECT_DEPTH, &d->direct) < 0)
		return;
	d->folder.direct = bc_segfile_set_direct(first, true) && bc_direct_probe(d->direct, first->fd);
	if (d->folder.direct) {
		d->base.ops = &direct_ops;
		return;
	}
	bc_segfile_set_direct(first, false);
	bc_direct_free(d->direct);
	d->direct = NULL;
}

static void drop_file(struct dir_store *d, struct bc_segfile **f)
{
	if (*f)
		bc_segfile_remove(&d->folder, *f);
	bc_segfile_free(*f);
	*f = NULL;
}

static int set_up(struct dir_store *d, const struct bc_store_config *cfg, struct bc_err *err)
{
	uint64_t seq = cfg->kind == BC_STORE_DIR ? cfg->first_seq : 0;
	struct bc_segfile *first;
	int r = split_dest(&d->folder, cfg, err);

	if (r == 0)
		r = open_folder(&d->folder, err);
	if (r == 0 && !d->folder.step)
		d->folder.step = step_of(d->folder.fd);
	if (r == 0 && d->folder.name)
		r = refuse_existing(&d->folder, err);
	if (r == 0 && cfg->seqfile)
		r = bc_seqfile_begin(cfg->keeper ? bc_keeper_seqfile(cfg->keeper) : bc_seqfile_make(cfg->seqfile), cfg->seqfile,
				     &d->folder.seqfile, &seq, err);
	if (r == 0)
		r = first_file(&d->folder, seq, &first, err);
	if (r < 0)
		return r;
	try_direct(d, cfg, first);
	if (cfg->none_ahead)
		drop_file(d, &first);
	r = bc_closer_start(&(struct bc_closer_config){ &d->folder, first, seq, cfg->crew, cfg->published, cfg->ctx }, &d->closer);
	if (r < 0) {
		drop_file(d, &first);
		bc_err_set(err, r, "cannot start the output's thread: %s", strerror(-r));
	}
	return r;
}

int bc_store_dir_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err)
{
	struct dir_store *d;
	int r;

	if (cfg->ext && strchr(cfg->ext, '/'))
		return bc_err_set(err, -EINVAL, "'%s' is not a file name extension: leave out the slash", cfg->ext);
	d = calloc(1, sizeof(*d));
	if (!d)
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	d->base.ops = &dir_ops;
	d->folder = (struct bc_folder){
		.fd = -1,
		.mode = cfg->mode,
		.utc = cfg->utc,
		.name_first = cfg->name_first,
		.pid = cfg->pid,
		.reserve = cfg->reserve ? cfg->reserve : BC_STORE_RESERVE,
		.step = cfg->step,
		.step_by_size = !cfg->step,
		.keep_empty = cfg->keep_empty,
		.log = cfg->log,
		.cancelled = &d->base.cancelled,
		.publishing = cfg->publishing,
		.publishing_ctx = cfg->ctx,
		.keeper = cfg->keeper,
		.place = cfg->place,
	};
	r = set_up(d, cfg, err);
	if (r < 0) {
		free_store(d);
		return r;
	}
	*ret = &d->base;
	return 0;
}
