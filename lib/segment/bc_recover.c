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
#include "bc_repeats.h"

/* Where its items go. */
struct target {
	struct bc_store *store;
	struct bc_encode *encode;
	struct bc_age_writer *age;	/* NULL: in clear */
	const struct bc_log *log;
	const char *series;		/* NULL: none */
	struct bc_ack_found *found;	/* numbered packets among them */
	struct bc_ack_found *in, *elsewhere;	/* those of an encrypted leftover, and of segments beside it; NULL: it is in clear */
	struct bc_segment_info info;
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
static bool is_left_out(const uint8_t *item, size_t len)
{
	return len >= 4 && (bc_get_le32(item) == BC_PCAPNG_INDEX || bc_get_le32(item) == BC_PCAPNG_PADDING);
}

static int put(struct target *t, const uint8_t *item, size_t len, bool packet)
{
	int r = bc_encode_put(t->encode, item, len);

	t->info.bytes += len;
	return r ? r : bc_ack_found_item(t->found, item, len, packet);
}

/* Packets before it may have been left out: its number is what is counted, or is said. */
static int put_number(struct target *t, const uint8_t *packet, size_t len)
{
	const struct bc_ack_entry *is = bc_ack_found_next(t->in, packet, len), *counted = bc_ack_found_next(t->found, packet, len);
	uint8_t block[BC_ACK_BLOCK_FIXED + BC_ACK_ENTRY_SIZE];

	if (!is || (counted && bc_ack_same(&is->mark, &counted->mark) && is->mark.next == counted->mark.next))
		return 0;
	return put(t, block, bc_ack_block_put(block, bc_ack_found_collector(t->in), is, 1), false);
}

static int put_packet(struct target *t, const uint8_t *packet, size_t len, uint64_t ns)
{
	int r = t->in ? put_number(t, packet, len) : 0;

	t->info.packets++;
	if (!t->info.first_ns)
		t->info.begin_ns = t->info.first_ns = ns;
	if (ns)
		t->info.last_ns = ns;
	return r ? r : put(t, packet, len, true);
}

static int put_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	struct target *t = ctx;
	int r = 0;

	if (!rec)
		r = is_left_out(item, len) ? 0 : put(t, item, len, false);
	else if (!t->in || !bc_ack_found_repeats(t->in, t->elsewhere, item, len))
		r = put_packet(t, item, len, rec->ts_ns);
	if (!r && t->in)
		r = bc_ack_found_item(t->in, item, len, rec != NULL);
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
	int r = scan(l, put_item, t, t->ret, err);

	if (r < 0)
		return r;
	r = bc_encode_end(t->encode);
	if (r == 0)
		r = bc_store_finish(t->store, &t->info);
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

static int number_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	struct target *t = ctx;

	return bc_ack_found_item(t->in, item, len, rec != NULL) ? bc_err_set(t->err, -ENOMEM, "no memory") : 0;
}

/* What published segments have of it, too. What the file beside them says of them may be ahead of their names. */
static int find_repeats(struct target *t, const struct bc_leftover *l, const struct bc_recover_config *cfg, struct bc_err *err)
{
	int r;

	t->in = bc_ack_found_new();
	t->elsewhere = bc_ack_found_new();
	if (!t->in || !t->elsewhere)
		return bc_err_set(err, -ENOMEM, "%s: no memory", l->path);
	r = scan(l, number_item, t, t->ret, err);
	if (r)
		return r;
	bc_repeats_look(l, cfg->identities, t->ret->scan.first_ns, cfg->utc, t->in, t->elsewhere);
	t->ret->repeated = bc_ack_found_common(t->in, t->elsewhere);
	bc_ack_found_again(t->in);
	return 0;
}

static int publish(struct target *t, const struct bc_leftover *l, const struct bc_recover_config *cfg, struct bc_err *err)
{
	int r;

	t->found = bc_ack_found_new();
	r = t->found ? open_target(t, l, cfg, err) : bc_err_set(err, -ENOMEM, "%s: no memory", l->path);
	if (r == 0)
		r = copy(t, l, err);
	return close_target(t, l, r, err);
}

static int recover(const struct bc_leftover *l, const struct bc_recover_config *cfg, struct bc_recovered *ret,
		   struct bc_err *err)
{
	struct target t = { .ret = ret, .err = err, .log = cfg->log, .series = l->series[0] ? l->series : NULL };
	int r = l->encrypted ? find_repeats(&t, l, cfg, err) : 0;

	if (r == 0 && cfg->dry_run)
		r = scan(l, cfg->item, cfg->ctx, ret, err);
	else if (r == 0 && (!l->encrypted || ret->repeated < ret->scan.records))
		r = publish(&t, l, cfg, err);
	bc_ack_found_free(t.found);
	bc_ack_found_free(t.in);
	bc_ack_found_free(t.elsewhere);
	return r;
}

static enum bc_recover_outcome outcome(const struct bc_leftover *l, const struct bc_recovered *r)
{
	if (!l->bytes)
		return BC_RECOVER_REMOVED;
	return r->repeated == r->scan.records ? BC_RECOVER_REPEATED : BC_RECOVER_PUBLISHED;
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
		ret->outcome = outcome(l, ret);
		if (!cfg->dry_run)
			remove_leftover(l, cfg->log);
	}
	bc_leftover_close(l);
	free(l);
	return r;
}
