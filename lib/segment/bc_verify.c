/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_depot.h"

/* Packets between two calls of watch. */
#define WATCH_ITEMS 4096

struct watch {
	void (*tell)(void *ctx, uint64_t read_bytes);
	void *ctx;
	int fd;
	uint32_t items;
};

static int watch_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	struct watch *w = ctx;
	off_t at;

	(void)item, (void)len, (void)rec;
	if (++w->items % WATCH_ITEMS == 0 && (at = lseek(w->fd, 0, SEEK_CUR)) > 0)
		w->tell(w->ctx, (uint64_t)at);
	return 0;
}

/* ERF has no magic number, and a name need not say that it is. */
static int scan(const char *path, int fd, bool erf, struct watch *w, struct bc_scan *ret, struct bc_err *err)
{
	struct bc_scan other;
	int r = bc_scan(fd, erf, UINT64_MAX, w->tell ? watch_item : NULL, w, ret, err), again;

	if (r < 0 || erf || ret->items)
		return r;
	again = open(path, O_RDONLY | O_CLOEXEC);
	if (again >= 0 && bc_scan(again, true, UINT64_MAX, NULL, NULL, &other, NULL) == 0 && other.end == BC_SCAN_WHOLE &&
	    other.records)
		*ret = other;
	return r;
}

/* What it is by what was found. */
static int judge(const char *path, bool erf, int r, const struct bc_scan *found, struct bc_err *err)
{
	if (r < 0)
		return bc_err_prefix(err, r, "%s", path);
	if (found->end != BC_SCAN_WHOLE)
		return bc_err_set(err, -EBADMSG, "%s: not complete: %s", path, found->why);
	if (found->items == 0 && !erf)
		return bc_err_set(err, -ENODATA, "%s: it is empty: not even a header", path);
	return 0;
}

int bc_verify(const char *path, struct bc_scan *ret, struct bc_err *err)
{
	return bc_verify_watched(path, NULL, NULL, ret, err);
}

int bc_verify_watched(const char *path, void (*watch)(void *ctx, uint64_t read_bytes), void *ctx, struct bc_scan *ret, struct bc_err *err)
{
	bool erf = bc_reader_is_erf_name(path, bc_codec_ext(bc_codec_of_path(path)));
	struct watch w = { .tell = watch, .ctx = ctx, .fd = open(path, O_RDONLY | O_CLOEXEC) };
	int r;

	memset(ret, 0, sizeof(*ret));
	if (w.fd < 0) {
		r = -errno;
		return bc_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	r = scan(path, w.fd, erf, &w, ret, err);
	return judge(path, erf, r, ret, err);
}

int bc_verify_object(struct bc_depot *depot, const char *name, struct bc_scan *ret, struct bc_err *err)
{
	bool erf = bc_reader_is_erf_name(name, bc_codec_ext(bc_codec_of_path(name)));
	struct bc_blob *blob;
	int r = bc_depot_open(depot, name, &blob, err);

	memset(ret, 0, sizeof(*ret));
	if (r)
		return r;
	r = bc_scan_blob(blob, erf, NULL, NULL, ret, err);
	bc_blob_close(blob);
	return judge(name, erf, r, ret, err);
}
