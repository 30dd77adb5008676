/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_blob.h"
#include "bc_age_blocks.h"
#include "bc_age_file.h"
#include "bc_decoder.h"
#include "bc_erf.h"
#include "bc_format.h"
#include "bc_segname.h"

#define LOCK_TRIES 25
#define LOCK_WAIT_US 20000

static bool ends_with(const char *name, const char *ext)
{
	size_t len = strlen(name), n = strlen(ext);

	return len > n && !strcmp(name + len - n, ext);
}

static void find_extension(struct bc_leftover *l, const char *name)
{
	const enum bc_format formats[] = { BC_FORMAT_PCAPNG, BC_FORMAT_PCAP_NS, BC_FORMAT_ERF };
	const char *age = "";

	l->encrypted = ends_with(name, BC_AGE_EXT);
	if (l->encrypted)
		age = BC_AGE_EXT;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		for (l->codec = 0; l->codec < BC_CODEC_COUNT; l->codec++) {
			snprintf(l->ext, sizeof(l->ext), "%s%s%s", bc_format_ext(formats[i]), bc_codec_ext(l->codec), age);
			if (ends_with(name, l->ext)) {
				l->erf = formats[i] == BC_FORMAT_ERF;
				return;
			}
		}
	snprintf(l->ext, sizeof(l->ext), "%s", bc_segname_tmp_ext(name));
	l->own_ext = true;
}

static int parse_path(struct bc_leftover *l, struct bc_err *err)
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

static int check_leftover(struct bc_leftover *l, struct bc_err *err)
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
static int look_into(struct bc_leftover *l, struct bc_err *err)
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

/* The head of an encrypted one, and its key; what is in it, as far as it is there. */
static int decrypt(struct bc_leftover *l, const struct bc_age_identities *ids, struct bc_err *err)
{
	int fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_err whole;
	ptrdiff_t n;

	if (fd < 0)
		return bc_err_set(err, -errno, "%s", strerror(errno));
	r = bc_blob_open_fd(fd, l->path, &l->blob, err);
	if (r)
		return r;
	l->blob->bytes = l->bytes;
	n = bc_blob_read(l->blob, l->head, sizeof(l->head), 0, err);
	r = n < 0 ? (int)n : bc_age_header_read(l->head, (size_t)n, ids, l->file_key, &l->head_len, err);
	if (r)
		return r;
	r = bc_age_blob_wrap(&l->blob, ids, &whole);
	l->torn = r == -ENODATA || r == -EBADMSG;
	return l->torn ? bc_age_blob_wrap_torn(&l->blob, ids, err) : r ? bc_err_set(err, r, "%s", whole.msg) : 0;
}

static int see_through(struct bc_leftover *l, const struct bc_age_identities *ids, struct bc_err *err)
{
	int r;

	if (!ids)
		return bc_err_set(err, -ENOKEY, "%s: it is encrypted, and stays as it is: recover it with its key (--identity), here or on another "
				  "host", l->path);
	if (l->own_ext)
		return bc_err_set(err, -EINVAL, "%s: its name does not say what is in it", l->path);
	r = decrypt(l, ids, err);
	return r ? bc_err_prefix(err, r, "%s", l->path) : 0;
}

int bc_leftover_open(struct bc_leftover *l, const char *path, const struct bc_age_identities *ids, struct bc_err *err)
{
	int r;

	*l = (struct bc_leftover){ .path = path, .fd = -1 };
	r = parse_path(l, err);
	if (r < 0)
		return r;
	l->fd = open(l->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (l->fd < 0) {
		r = -errno;
		return bc_err_set(err, r, "%s: %s", l->path, strerror(-r));
	}
	r = check_leftover(l, err);
	if (r == 0 && l->bytes > 0 && l->encrypted)
		return see_through(l, ids, err);
	return r == 0 && l->bytes > 0 && l->own_ext ? look_into(l, err) : r;
}

/* The bytes of the file behind its last whole block, for the one that bc_age_blob_wrap_torn() has there, so that reading ends in an error. */
static uint64_t torn_off(const struct bc_leftover *l)
{
	const uint64_t begin = l->head_len + BC_AGE_NONCE;

	return (l->bytes > begin ? (l->bytes - begin) % (BC_AGE_BLOCK + BC_AGE_TAG) : 0) - 1;
}

int bc_leftover_scan(const struct bc_leftover *l, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err)
{
	int fd, r;

	if (l->blob) {
		r = bc_scan_blob(l->blob, l->erf, item, ctx, ret, err);
		if (l->torn && ret->unread_bytes)
			ret->unread_bytes += torn_off(l);
		return r;
	}
	/* Of its own, which shares the lock. */
	fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", l->path, strerror(errno));
	return bc_scan(fd, l->erf, l->bytes, item, ctx, ret, err);
}

void bc_leftover_close(struct bc_leftover *l)
{
	bc_blob_close(l->blob);
	if (l->fd >= 0)
		close(l->fd);
	OPENSSL_cleanse(l->file_key, sizeof(l->file_key));
}
