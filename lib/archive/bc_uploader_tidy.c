/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_file.h"
#include "bc_object_write.h"
#include "bc_series.h"
#include "bc_time.h"
#include "bc_upload_key.h"

#define STALE_NS (24 * 3600 * BC_NS_PER_S)	/* a multipart upload of ours that nobody goes on with */

static void abort_gone(void *ctx, const char *name, const char *id)
{
	const struct bc_upload_worker *const *w_and_f = ctx;
	const struct bc_upload_folder *f = (const struct bc_upload_folder *)w_and_f[1];
	const struct bc_upload_file file = { .name = name };
	char key[BC_KEY_MAX];
	struct bc_err err;
	int r = bc_upload_key(f->dest.key, f->node, name, f->utc, key);

	r = r ? -ENOENT : bc_object_abort(w_and_f[0]->client, f->dest.bucket, key, id, &err);
	/* What is not noted is aborted at each start. */
	if (!r || r == -ENOENT)
		bc_upload_log_begin(f->log, &file, "");
}

struct stale {
	struct bc_upload_worker *w;
	struct bc_upload_folder *f;
	struct { char *key, *id; } found[256];
	unsigned n;
};

/* Of a segment's name, below our own node, a day old: nobody else's. */
static int look_at_upload(void *ctx, const struct bc_object_upload *u)
{
	const char *slash = strrchr(u->key, '/');
	struct stale *s = ctx;
	char segment[BC_SERIES_MAX];
	struct bc_series series;
	const uint64_t now = bc_utc_ns();
	bool encrypted;

	if (!slash || !bc_upload_segment_of(slash + 1, segment) || !bc_series_parse_any(segment, &series, &encrypted) || !u->begun_ns || u->begun_ns > now || now - u->begun_ns < STALE_NS ||
	    s->n == sizeof(s->found) / sizeof(s->found[0]))
		return 0;
	s->found[s->n].key = strdup(u->key);
	s->found[s->n++].id = strdup(u->id);
	return 0;
}

/* One that we mean to go on with? */
static bool is_recorded(struct bc_upload_folder *f, const char *key, const char *id)
{
	const char *name = strrchr(key, '/') + 1;
	char begun[BC_OBJECT_TOKEN_MAX];
	struct bc_upload_file file = { .name = name };
	struct stat st;

	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file.size = (uint64_t)st.st_size;
	file.mtime_ns = bc_file_mtime_ns(&st);
	return bc_upload_log_begun(f->log, &file, begun) && strcmp(begun, id) == 0;
}

/* What the folder's own record tells of, then what the store does. A key without the right to list leaves that to a lifecycle rule. */
void bc_upload_tidy(struct bc_upload_worker *w, struct bc_upload_folder *f)
{
	const void *const gone[] = { w, f };
	struct stale *s = calloc(1, sizeof(*s));
	char prefix[BC_KEY_MAX];
	struct bc_err err;
	size_t n = strlen(f->dest.key);

	bc_upload_log_orphans(f->log, abort_gone, (void *)gone);
	if (!s || snprintf(prefix, sizeof(prefix), "%s%s%s/", f->dest.key, n && f->dest.key[n - 1] != '/' ? "/" : "", f->node) >= (int)sizeof(prefix)) {
		free(s);
		return;
	}
	bc_object_uploads(w->client, f->dest.bucket, prefix, look_at_upload, s, &err);
	for (unsigned i = 0; i < s->n; i++) {
		if (s->found[i].key && s->found[i].id && !is_recorded(f, s->found[i].key, s->found[i].id) &&
		    bc_object_abort(w->client, f->dest.bucket, s->found[i].key, s->found[i].id, &err) == 0)
			bc_log(w->u->log, BC_NOTICE, "upload: aborted what was begun over a day ago: %s", s->found[i].key);
		free(s->found[i].key);
		free(s->found[i].id);
	}
	free(s);
}
