/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_recover.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_ack_found.h"
#include "bc_age_writer.h"
#include "bc_encode.h"
#include "bc_folder.h"
#include "bc_leftover.h"
#include "bc_pcapng.h"

/* Where its items go. */
struct target {
	struct bc_store *store;
	struct bc_encode *encode;
	struct bc_age_writer *age;	/* NULL: in clear */
	const struct bc_log *log;
	const char *series;		/* NULL: none */
	struct bc_ack_found *found;	/* numbered packets among them */
	struct bc_recovered *ret;
	struct bc_err *err;
};

static int scan(const struct bc_leftover *l, bc_scan_item item, void *ctx, struct bc_recovered *ret, struct bc_err *err)
{
	int r = bc_leftover_scan(l, item, ctx, &ret->scan, err);

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

/* What the old file had of its index, which tells where blocks lie there; and padding. */
static bool is_left_out(const uint8_t *item, size_t len, const struct bc_record *rec)
{
	return !rec && len >= 4 && (bc_get_le32(item) == BC_PCAPNG_INDEX || bc_get_le32(item) == BC_PCAPNG_PADDING);
}

static int put_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	struct target *t = ctx;
	int r = is_left_out(item, len, rec) ? 0 : bc_encode_put(t->encode, item, len);

	if (!r)
		r = bc_ack_found_item(t->found, item, len, rec != NULL);

	return r < 0 ? bc_err_set(t->err, r, "cannot write the new segment: %s", strerror(-r)) : 0;
}

/* For whoever could read the leftover; its blocks get another key, so that no nonce is used again. */
static int begin_sealed(struct target *t, const struct bc_leftover *l, struct bc_err *err)
{
	static const uint8_t no_end[1];
	static const struct bc_age_recipients nobody;
	uint8_t *head = malloc(BC_AGE_WRITER_HEAD);
	size_t len = 0;
	int r = head ? bc_age_writer_new(&nobody, no_end, sizeof(no_end), &t->age) : -ENOMEM;

	if (r == 0)
		r = bc_age_writer_begin_like(t->age, l->head, l->head_len, l->file_key, head, &len);
	if (r == 0)
		r = bc_store_write(t->store, head, len);
	free(head);
	return r < 0 ? bc_err_set(err, r, "%s: cannot begin the new segment: %s", l->path, strerror(-r)) : 0;
}

static int open_target(struct target *t, const struct bc_leftover *l, const struct bc_recover_config *cfg,
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
	if (l->encrypted)
		r = begin_sealed(t, l, err);
	bc_codec_levels(l->codec, &min, &max, &level);
	return r < 0 ? r : bc_encode_new(l->codec, level, t->store, t->age, &t->encode, err);
}

static int copy(struct target *t, const struct bc_leftover *l, struct bc_err *err)
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
static int close_target(struct target *t, const struct bc_leftover *l, int err_so_far, struct bc_err *err)
{
	struct bc_store_stats st = { 0 };
	int r;

	if (!t->store)
		return err_so_far;
	bc_encode_free(t->encode);
	bc_age_writer_free(t->age);
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

static void remove_leftover(const struct bc_leftover *l, const struct bc_log *log)
{
	if (unlink(l->path) < 0)
		bc_log(log, BC_ERROR, "cannot remove %s: %s", l->path, strerror(errno));
}

static int recover(const struct bc_leftover *l, const struct bc_recover_config *cfg, struct bc_recovered *ret,
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
	struct bc_leftover *l = malloc(sizeof(*l));
	int r;

	memset(ret, 0, sizeof(*ret));
	if (!l)
		return bc_err_set(err, -ENOMEM, "%s: no memory", path);
	r = bc_leftover_open(l, path, cfg->identities, err);
	if (r == 0 && l->bytes > 0)
		r = recover(l, cfg, ret, err);
	if (r == 0) {
		ret->outcome = l->bytes > 0 ? BC_RECOVER_PUBLISHED : BC_RECOVER_REMOVED;
		if (!cfg->dry_run)
			remove_leftover(l, cfg->log);
	}
	bc_leftover_close(l);
	free(l);
	return r;
}
