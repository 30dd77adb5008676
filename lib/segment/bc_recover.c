/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_found.h"
#include "bc_decoder.h"
#include "bc_encode.h"
#include "bc_erf.h"
#include "bc_folder.h"
#include "bc_format.h"
#include "bc_pcapng.h"
#include "bc_segname.h"

#define LOCK_TRIES 25
#define LOCK_WAIT_US 20000

/* The leftover; its lock is held as long as fd is open. */
struct leftover {
	const char *path;
	char folder[BC_STORE_PATH_MAX];	/* "." or up to the last slash */
	uint64_t seq;
	enum bc_codec codec;
	char ext[BC_SEGNAME_MAX];
	char series[BC_SEGNAME_MAX];	/* "": none */
	bool erf;
	bool own_ext;		/* that of --file-ext: what is in it tells format and codec */
	int fd;
	uint64_t bytes;		/* without space behind them that was taken and never written */
};

/* Where its items go. */
struct target {
	struct bc_store *store;
	struct bc_encode *encode;
	const struct bc_log *log;
	const char *series;		/* NULL: none */
	struct bc_ack_found *found;	/* numbered packets among them */
	struct bc_recovered *ret;
	struct bc_err *err;
};

static bool ends_with(const char *name, const char *ext)
{
	size_t len = strlen(name), n = strlen(ext);

	return len > n && !strcmp(name + len - n, ext);
}

static void find_extension(struct leftover *l, const char *name)
{
	const enum bc_format formats[] = { BC_FORMAT_PCAPNG, BC_FORMAT_PCAP_NS, BC_FORMAT_ERF };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		for (l->codec = 0; l->codec < BC_CODEC_COUNT; l->codec++) {
			snprintf(l->ext, sizeof(l->ext), "%s%s", bc_format_ext(formats[i]), bc_codec_ext(l->codec));
			if (ends_with(name, l->ext)) {
				l->erf = formats[i] == BC_FORMAT_ERF;
				return;
			}
		}
	snprintf(l->ext, sizeof(l->ext), "%s", bc_segname_tmp_ext(name));
	l->own_ext = true;
}

static int parse_path(struct leftover *l, struct bc_err *err)
{
	const char *slash = strrchr(l->path, '/'), *name = slash ? slash + 1 : l->path;

	if ((size_t)(name - l->path) >= sizeof(l->folder))
		return bc_err_set(err, -ENAMETOOLONG, "%.64s...: the path is too long", l->path);
	if (!bc_segname_is_tmp(name, &l->seq))
		return bc_err_set(err, -EINVAL, "%s: not a capture's temporary file (" BC_SEGNAME_TMP "PID-...)",
				  l->path);
	if (slash)
		memcpy(l->folder, l->path, (size_t)(name - l->path));
	else
		strcpy(l->folder, ".");
	find_extension(l, name);
	if (bc_segname_tmp_series(l->series, name, l->ext))
		return bc_err_set(err, -ENAMETOOLONG, "%.64s...: the name is too long", l->path);
	return 0;
}

/* Of a process that has just died, the last writes in flight may still hold the lock. False: somebody else has it. */
static bool lock(int fd)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return true;
		usleep(LOCK_WAIT_US);
	}
	return false;
}

/* The kernel knows what was never written. Where the file system does not tell, there is data up to the end. */
static uint64_t data_end(int fd, uint64_t size)
{
	off_t end = 0, at;

	while ((at = lseek(fd, end, SEEK_DATA)) >= 0) {
		at = lseek(fd, at, SEEK_HOLE);
		if (at < 0)
			break;
		end = at;
	}
	at = errno == ENXIO ? end : (off_t)size;
	return lseek(fd, 0, SEEK_SET) < 0 ? size : (uint64_t)at;
}

static int check_leftover(struct leftover *l, struct bc_err *err)
{
	struct stat st;

	if (!lock(l->fd))
		return bc_err_set(err, -EBUSY, "%s: a capture is still writing it: stop that first", l->path);
	if (fstat(l->fd, &st) < 0)
		return bc_err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bc_err_set(err, -EINVAL, "%s: not a regular file", l->path);
	if (st.st_nlink == 0)
		return bc_err_set(err, -ENOENT, "%s: another recovery has just finished with it", l->path);
	if (st.st_nlink > 1)
		return bc_err_set(err, -EMLINK, "%s: it has a second name, so it is already published: remove this one",
				  l->path);
	l->bytes = data_end(l->fd, (uint64_t)st.st_size);
	return 0;
}

static int open_leftover(struct leftover *l, struct bc_err *err)
{
	int r = parse_path(l, err);

	if (r < 0)
		return r;
	l->fd = open(l->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (l->fd < 0) {
		r = -errno;
		return bc_err_set(err, r, "%s: %s", l->path, strerror(-r));
	}
	return check_leftover(l, err);
}

/* ERF has no magic: where its type stands, pcap and pcapng have something else. */
static bool begins_erf(struct bc_decoder *d)
{
	uint8_t head[BC_ERF_HEADER];
	struct bc_err ignored;
	size_t len = 0;
	ptrdiff_t n;

	do {
		n = bc_decoder_read(d, head + len, sizeof(head) - len, &ignored);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < sizeof(head));
	return len == sizeof(head) && head[BC_ERF_TYPE_AT] == BC_ERF_TYPE_ETH;
}

/* The codec of the first bytes, and the format inside. */
static int look_into(struct leftover *l, struct bc_err *err)
{
	int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_decoder *d = NULL;

	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	r = bc_decoder_open(fd, &d, err);
	if (r < 0)
		return r;
	l->erf = begins_erf(d);
	l->codec = bc_decoder_codec(d);
	bc_decoder_close(d);
	if (r == 0 && lseek(l->fd, 0, SEEK_SET) < 0)
		r = bc_err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	return r;
}

/* Reads through a descriptor of its own, which shares the lock. */
static int scan(const struct leftover *l, bc_scan_item item, void *ctx, struct bc_recovered *ret, struct bc_err *err)
{
	int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0), r;

	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	r = bc_scan(fd, l->erf, l->bytes, item, ctx, &ret->scan, err);
	if (r == 0 && ret->scan.records == 0)
		r = bc_err_set(err, -ENODATA, "no packet can be recovered: %s",
			       *ret->scan.why ? ret->scan.why : "there is none in it");
	return r < 0 ? bc_err_prefix(err, r, "%s", l->path) : 0;
}

static void published(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	struct target *t = ctx;

	t->ret->file_bytes = file_bytes;
	snprintf(t->ret->path, sizeof(t->ret->path), "%s", path);
}

/* The file beside the segments knows of the numbered packets in it before it is one of them. */
static void publishing(void *ctx, const struct bc_folder *folder, uint32_t n, const bool *on_disk)
{
	const struct target *t = ctx;
	struct bc_ack_table table = { .n = 0 };
	uint32_t apart;
	int r = bc_ack_file_read(folder->fd, t->series, &table);

	if ((!r || r == -ENOENT) && bc_ack_found_enter(t->found, &table, &apart))
		r = bc_ack_file_put(folder->fd, t->series, &table);
	if (r && r != -ENOENT)
		bc_log(t->log, BC_ERROR, "cannot write down which of its packets are acknowledged: %s", strerror(-r));
	bc_ack_table_fini(&table);
}

/* What the old file had of its index: it tells where blocks lie there. */
static bool is_index(const uint8_t *item, size_t len, const struct bc_record *rec)
{
	return !rec && len >= 4 && bc_get_le32(item) == BC_PCAPNG_INDEX;
}

static int put_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	struct target *t = ctx;
	int r = is_index(item, len, rec) ? 0 : bc_encode_put(t->encode, item, len);

	if (!r)
		r = bc_ack_found_item(t->found, item, len, rec != NULL);

	return r < 0 ? bc_err_set(t->err, r, "cannot write the new segment: %s", strerror(-r)) : 0;
}

static int open_target(struct target *t, const struct leftover *l, const struct bc_recover_config *cfg,
		       struct bc_err *err)
{
	struct bc_store_config sc = {
		.kind = BC_STORE_DIR, .dest = l->folder, .ext = l->ext, .series = l->series[0] ? l->series : NULL, .utc = cfg->utc, .first_seq = l->seq,
		.pid = cfg->pid, .log = cfg->log, .published = published,
		.publishing = publishing, .ctx = t,
	};
	int r = bc_store_open(&sc, &t->store, err), min, max, level;

	if (r < 0)
		return r;
	r = bc_store_begin(t->store);
	if (r < 0)
		return bc_err_set(err, r, "cannot create a file in %s: %s", l->folder, strerror(-r));
	bc_codec_levels(l->codec, &min, &max, &level);
	return bc_encode_new(l->codec, level, t->store, &t->encode, err);
}

static int copy(struct target *t, const struct leftover *l, struct bc_err *err)
{
	struct bc_segment_info info;
	int r;

	r = scan(l, put_item, t, t->ret, err);
	if (r < 0)
		return r;
	r = bc_encode_end(t->encode);
	info = (struct bc_segment_info){
		.packets = t->ret->scan.records, .bytes = t->ret->scan.kept_bytes, .begin_ns = t->ret->scan.first_ns,
		.first_ns = t->ret->scan.first_ns, .last_ns = t->ret->scan.last_ns,
	};
	if (r == 0)
		r = bc_store_finish(t->store, &info);
	return r < 0 ? bc_err_set(err, r, "%s: cannot finish the new segment: %s", l->path, strerror(-r)) : 0;
}

/* Finishes the target; after a failure its file is removed, since the leftover still has everything in it. */
static int close_target(struct target *t, const struct leftover *l, int err_so_far, struct bc_err *err)
{
	struct bc_store_stats st = { 0 };
	int r;

	if (!t->store)
		return err_so_far;
	bc_encode_free(t->encode);
	bc_store_stats(t->store, &st);
	r = bc_store_close(t->store);
	if (err_so_far == 0 && r < 0)
		err_so_far = bc_err_set(err, r, "%s: cannot publish what was recovered: %s", l->path, strerror(-r));
	if (err_so_far < 0) {
		unlink(*st.path ? st.path : t->ret->path);
		t->ret->path[0] = '\0';
		t->ret->file_bytes = 0;
	}
	return err_so_far;
}

static void remove_leftover(const struct leftover *l, const struct bc_log *log)
{
	if (unlink(l->path) < 0)
		bc_log(log, BC_ERROR, "cannot remove %s: %s", l->path, strerror(errno));
}

static int recover(const struct leftover *l, const struct bc_recover_config *cfg, struct bc_recovered *ret,
		   struct bc_err *err)
{
	struct target t = { .ret = ret, .err = err, .log = cfg->log, .series = l->series[0] ? l->series : NULL };
	int r;

	if (cfg->dry_run)
		return scan(l, cfg->item, cfg->ctx, ret, err);
	t.found = bc_ack_found_new();
	r = t.found ? open_target(&t, l, cfg, err) : bc_err_set(err, -ENOMEM, "%s: no memory", l->path);
	if (r == 0)
		r = copy(&t, l, err);
	r = close_target(&t, l, r, err);
	bc_ack_found_free(t.found);
	return r;
}

int bc_recover(const char *path, const struct bc_recover_config *cfg, struct bc_recovered *ret, struct bc_err *err)
{
	struct leftover l = { .path = path, .fd = -1 };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = open_leftover(&l, err);
	if (r == 0 && l.bytes > 0 && l.own_ext)
		r = look_into(&l, err);
	if (r == 0 && l.bytes > 0)
		r = recover(&l, cfg, ret, err);
	if (r == 0) {
		ret->outcome = l.bytes > 0 ? BC_RECOVER_PUBLISHED : BC_RECOVER_REMOVED;
		if (!cfg->dry_run)
			remove_leftover(&l, cfg->log);
	}
	if (l.fd >= 0)
		close(l.fd);
	return r;
}
