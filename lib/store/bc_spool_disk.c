/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spool_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_time.h"

#define FILE_BYTES (64U << 20)	/* the next record goes into another file */

struct file {
	uint64_t epoch, pos, number;
	uint64_t size;
};

struct bc_spool_disk {
	char *path;
	int folder, lock;
	uint8_t node[BC_WIRE_ID];
	uint64_t epoch, limit, bytes;
	const struct bc_log *log;
	struct file *file;		/* ascending by epoch and position */
	size_t n, room;
	int out;			/* the last file, if it is this epoch's; or -1 */
	bool unsynced, renamed;		/* since the last sync: bytes, names */
	int in;				/* the file that is read; or -1 */
	struct file in_file;		/* which one it is */
	uint64_t in_off;		/* behind record */
	struct bc_spool_record record;	/* of in_file; len 0: none */
	struct bc_spool_file_head head;	/* scratch */
};

/* The node's identity: made at the first time. The file is the lock, too. */
static int take_identity(struct bc_spool_disk *d, struct bc_err *err)
{
	ssize_t n;
	int r = 0;

	d->lock = openat(d->folder, "node.id", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return bc_err_set(err, -errno, "spool=%s: cannot write node.id in it: %s", d->path, strerror(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB) < 0)
		return bc_err_set(err, -EBUSY, "spool=%s: another peer or capture uses it: each needs a folder of its own", d->path);
	n = pread(d->lock, d->node, sizeof(d->node), 0);
	if (n == (ssize_t)sizeof(d->node))
		return 0;
	if (n < 0)
		return bc_err_set(err, -errno, "spool=%s: cannot read node.id in it: %s", d->path, strerror(errno));
	if (n > 0)
		return bc_err_set(err, -EBADMSG, "spool=%s: node.id is damaged: remove it, and what is left of the spool with it",
				  d->path);
	arc4random_buf(d->node, sizeof(d->node));
	r = bc_write_all(d->lock, d->node, sizeof(d->node));
	if (!r && (fsync(d->lock) < 0 || fsync(d->folder) < 0))
		r = -errno;
	return r ? bc_err_set(err, r, "spool=%s: cannot write node.id: %s", d->path, strerror(-r)) : 0;
}

static int insert(struct bc_spool_disk *d, const struct file *f)
{
	size_t at = d->n;

	if (d->n == d->room) {
		size_t room = d->room ? 2 * d->room : 16;
		struct file *more = realloc(d->file, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->file = more;
		d->room = room;
	}
	while (at && (d->file[at - 1].epoch > f->epoch ||
		      (d->file[at - 1].epoch == f->epoch && d->file[at - 1].pos > f->pos))) {
		d->file[at] = d->file[at - 1];
		at--;
	}
	d->file[at] = *f;
	d->n++;
	d->bytes += f->size;
	return 0;
}

/* What an earlier run left. -EBADMSG: it is not ours. */
static int find_file(struct bc_spool_disk *d, const char *name)
{
	int fd = openat(d->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r = fd < 0 ? -errno : 0;
	struct stat st;
	struct file f;

	if (!r && fstat(fd, &st) < 0)
		r = -errno;
	if (!r)
		r = S_ISREG(st.st_mode) ? bc_spool_file_read_head(fd, &d->head) : -EBADMSG;
	if (!r && memcmp(d->head.node, d->node, sizeof(d->node)))
		r = -EBADMSG;
	if (!r) {
		f = (struct file){ d->head.epoch, d->head.pos, d->head.number, (uint64_t)st.st_size };
		r = insert(d, &f);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int find_files(struct bc_spool_disk *d, struct bc_err *err)
{
	int fd = openat(d->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return bc_err_set(err, r, "spool=%s: %s", d->path, strerror(-r));
	}
	while (r != -ENOMEM && (e = readdir(dir))) {
		if (strncmp(e->d_name, "spool-", 6))
			continue;
		r = find_file(d, e->d_name);
		if (r)
			bc_log(d->log, BC_WARN, "%s/%s: left alone: %s", d->path, e->d_name,
			       r == -EBADMSG ? "it is damaged, or another node's" : strerror(-r));
	}
	closedir(dir);
	return r == -ENOMEM ? bc_err_set(err, r, "spool=%s: no memory", d->path) : 0;
}

int bc_spool_disk_open(const char *path, uint64_t limit, const struct bc_log *log, struct bc_spool_disk **ret, struct bc_err *err)
{
	struct bc_spool_disk *d = calloc(1, sizeof(*d));
	int r = 0;

	if (!d)
		return bc_err_set(err, -ENOMEM, "spool=%s: no memory", path);
	d->folder = d->lock = d->out = d->in = -1;
	d->limit = limit;
	d->log = log;
	d->path = strdup(path);
	if (!d->path)
		r = bc_err_set(err, -ENOMEM, "spool=%s: no memory", path);
	if (!r && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = bc_err_set(err, -errno, "spool=%s: cannot make this folder: %s", path, strerror(errno));
	if (!r) {
		d->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->folder < 0)
			r = bc_err_set(err, -errno, "spool=%s: %s", path, strerror(errno));
	}
	if (!r)
		r = take_identity(d, err);
	if (!r)
		r = find_files(d, err);
	if (r) {
		bc_spool_disk_close(d);
		return r;
	}
	d->epoch = bc_utc_ns();
	if (d->n && d->epoch <= d->file[d->n - 1].epoch)
		d->epoch = d->file[d->n - 1].epoch + 1;
	*ret = d;
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void bc_spool_disk_close(struct bc_spool_disk *d)
{
	if (!d)
		return;
	close_fd(&d->in);
	close_fd(&d->out);
	close_fd(&d->lock);
	close_fd(&d->folder);
	free(d->file);
	free(d->path);
	free(d);
}

const uint8_t *bc_spool_disk_node(const struct bc_spool_disk *d)
{
	return d->node;
}

uint64_t bc_spool_disk_epoch(const struct bc_spool_disk *d)
{
	return d->epoch;
}

uint64_t bc_spool_disk_bytes(const struct bc_spool_disk *d)
{
	return d->bytes;
}

/* It is not known any more. */
static void forget_file(struct bc_spool_disk *d, size_t i)
{
	const struct file *f = &d->file[i];

	if (d->in >= 0 && d->in_file.epoch == f->epoch && d->in_file.pos == f->pos) {
		close_fd(&d->in);
		d->record.len = 0;
	}
	if (f->epoch == d->epoch && i == d->n - 1) {
		close_fd(&d->out);
		d->unsynced = false;
	}
	d->bytes -= f->size;
	memmove(d->file + i, d->file + i + 1, (d->n - i - 1) * sizeof(*d->file));
	d->n--;
}

static int open_file(const struct bc_spool_disk *d, const struct file *f)
{
	char name[BC_SPOOL_FILE_NAME];
	int fd;

	bc_spool_file_name(f->epoch, f->number, name);
	fd = openat(d->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Where the last whole record of a file ends, in positions; what is torn behind it is said. 0, or a negative errno: it cannot be read. */
static int end_of(struct bc_spool_disk *d, const struct file *f, uint64_t *ret_end)
{
	int fd = open_file(d, f), r;
	int64_t next = 0;
	uint64_t off;

	if (fd < 0)
		return fd;
	*ret_end = f->pos;
	r = bc_spool_file_read_head(fd, &d->head);
	off = BC_SPOOL_FILE_HEADER + d->head.link_len;
	while (!r && (next = bc_spool_file_read(fd, off, f->size, &d->record)) > 0) {
		off = (uint64_t)next;
		*ret_end = d->record.pos + d->record.len;
	}
	if (next == -EBADMSG)
		bc_log(d->log, BC_NOTICE, "%s: %" PRIu64 " bytes were being written when the last run ended, and are left out",
		       d->path, f->size - off);
	else if (next < 0)
		r = (int)next;
	close(fd);
	d->record.len = 0;
	return r;
}

/* The last file of the epoch; it has some. */
static size_t last_of(const struct bc_spool_disk *d, uint64_t epoch)
{
	size_t last = 0;

	for (size_t i = 0; i < d->n; i++)
		if (d->file[i].epoch == epoch)
			last = i;
	return last;
}

/* Into d->head. */
static int read_head_of(struct bc_spool_disk *d, const struct file *f)
{
	int fd = open_file(d, f), r = fd < 0 ? fd : bc_spool_file_read_head(fd, &d->head);

	close_fd(&fd);
	return r;
}

const struct bc_spool_file_head *bc_spool_disk_oldest(struct bc_spool_disk *d, uint64_t *ret_end)
{
	while (d->n && d->file[0].epoch != d->epoch) {
		size_t i = last_of(d, d->file[0].epoch);
		int r = end_of(d, &d->file[i], ret_end);

		if (!r) {
			i = 0;
			r = read_head_of(d, &d->file[i]);
		}
		if (!r)
			return &d->head;
		bc_log(d->log, BC_ERROR, "%s: a file of the spool cannot be read any more, and is left alone: %s", d->path,
		       r == -EBADMSG ? "it is damaged" : strerror(-r));
		forget_file(d, i);
	}
	return NULL;
}

static int begin_file(struct bc_spool_disk *d, uint64_t pos, uint64_t number, const void *link, uint32_t link_len)
{
	struct bc_spool_file_head *h = &d->head;
	struct file f = { d->epoch, pos, number, 0 };
	int fd, r;

	memcpy(h->node, d->node, sizeof(h->node));
	h->epoch = d->epoch;
	h->pos = pos;
	h->number = number;
	h->link_len = link_len;
	if (link_len)
		memcpy(h->link, link, link_len);
	fd = bc_spool_file_create(d->folder, h, &f.size);
	if (fd < 0)
		return fd;
	r = insert(d, &f);
	if (r) {
		char name[BC_SPOOL_FILE_NAME];

		bc_spool_file_name(f.epoch, f.number, name);
		unlinkat(d->folder, name, 0);
		close(fd);
		return r;
	}
	/* The last one is complete: what of it is not on disk yet follows now. */
	r = d->out >= 0 && d->unsynced && fdatasync(d->out) < 0 ? -errno : 0;
	close_fd(&d->out);
	d->out = fd;
	d->renamed = true;
	return r;
}

int bc_spool_disk_put(struct bc_spool_disk *d, uint64_t pos, uint64_t number, const void *link, uint32_t link_len,
		      const void *messages, uint32_t len)
{
	uint64_t before;
	int r = 0;

	if (d->bytes + BC_SPOOL_FILE_HEADER + link_len + BC_SPOOL_RECORD_HEADER + len > d->limit)
		return -ENOBUFS;
	if (d->out < 0 || d->file[d->n - 1].size >= FILE_BYTES)
		r = begin_file(d, pos, number, link, link_len);
	if (r)
		return r;
	before = d->file[d->n - 1].size;
	r = bc_spool_file_append(d->out, &d->file[d->n - 1].size, pos, number, messages, len);
	d->bytes += d->file[d->n - 1].size - before;
	d->unsynced |= !r;
	return r;
}

int bc_spool_disk_sync(struct bc_spool_disk *d)
{
	if (d->unsynced && d->out >= 0 && fdatasync(d->out) < 0)
		return -errno;
	d->unsynced = false;
	if (d->renamed && fsync(d->folder) < 0)
		return -errno;
	d->renamed = false;
	return 0;
}

/* The file in which pos lies, if it is there at all. */
static const struct file *file_with(const struct bc_spool_disk *d, uint64_t epoch, uint64_t pos)
{
	const struct file *found = NULL;

	for (size_t i = 0; i < d->n; i++)
		if (d->file[i].epoch == epoch && d->file[i].pos <= pos)
			found = &d->file[i];
	return found;
}

/* Begin to read the file from its beginning, unless it is being read and pos is still to come. */
static int look_into(struct bc_spool_disk *d, const struct file *f, uint64_t pos)
{
	int r;

	if (d->in >= 0 && d->in_file.epoch == f->epoch && d->in_file.pos == f->pos &&
	    (!d->record.len || pos >= d->record.pos)) {
		d->in_file.size = f->size;
		return 0;
	}
	close_fd(&d->in);
	d->record.len = 0;
	d->in = open_file(d, f);
	if (d->in < 0)
		return d->in;
	d->in_file = *f;
	r = bc_spool_file_read_head(d->in, &d->head);
	d->in_off = BC_SPOOL_FILE_HEADER + d->head.link_len;
	if (r)
		close_fd(&d->in);
	return r;
}

static bool is_in(const struct bc_spool_record *r, uint64_t pos)
{
	return r->len && r->pos <= pos && pos - r->pos < r->len;
}

/* Forward to the record with pos: 0 or a negative errno. */
static int read_on(struct bc_spool_disk *d, uint64_t pos)
{
	int64_t next = bc_spool_file_skim(d->in, d->in_off, d->in_file.size, &d->record);

	while (next > 0 && d->record.pos + d->record.len <= pos) {
		d->in_off = (uint64_t)next;
		next = bc_spool_file_skim(d->in, d->in_off, d->in_file.size, &d->record);
	}
	if (next > 0)
		next = bc_spool_file_read(d->in, d->in_off, d->in_file.size, &d->record);
	if (next > 0 && is_in(&d->record, pos)) {
		d->in_off = (uint64_t)next;
		return 0;
	}
	d->record.len = 0;
	close_fd(&d->in);
	return next < 0 ? (int)next : -EBADMSG;
}

const struct bc_spool_record *bc_spool_disk_get(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos, struct bc_err *err)
{
	const struct file *f;
	int r;

	if (d->in >= 0 && d->in_file.epoch == epoch && is_in(&d->record, pos))
		return &d->record;
	f = file_with(d, epoch, pos);
	r = f ? look_into(d, f, pos) : -ENOENT;
	if (!r)
		r = read_on(d, pos);
	if (r)
		bc_err_set(err, r, "%s: a file of the spool cannot be read: %s", d->path, r == -EBADMSG ? "it is damaged" : strerror(-r));
	return r ? NULL : &d->record;
}

const struct bc_spool_file_head *bc_spool_disk_next(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->file[i].epoch == epoch && d->file[i].pos > pos && !read_head_of(d, &d->file[i]))
			return &d->head;
	return NULL;
}

static void remove_file(struct bc_spool_disk *d, size_t i)
{
	char name[BC_SPOOL_FILE_NAME];

	bc_spool_file_name(d->file[i].epoch, d->file[i].number, name);
	forget_file(d, i);
	unlinkat(d->folder, name, 0);
	d->renamed = true;
}

void bc_spool_disk_drop(struct bc_spool_disk *d, uint64_t epoch, uint64_t pos, uint64_t end)
{
	size_t i = 0;

	while (i < d->n && d->file[i].epoch < epoch)
		i++;
	while (i < d->n && d->file[i].epoch == epoch) {
		bool last = i + 1 == d->n || d->file[i + 1].epoch != epoch;

		if ((last ? end : d->file[i + 1].pos) > pos)
			break;
		remove_file(d, i);
	}
}
