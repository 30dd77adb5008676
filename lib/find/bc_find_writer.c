/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_anonymise.h"
#include "bc_counter.h"
#include "bc_encode.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_section.h"

#define NOT_WRITTEN UINT32_MAX
/* Publishing is behind. */
#define AGAIN_US 10000

struct bc_find_writer {
	struct bc_find_dest dest;
	const char *expression;
	bc_find_written written;
	void *ctx;
	char ext[64];
	pthread_mutex_t lock;
	struct bc_store *store;		/* under the lock for whoever cancels; NULL: it is closed */
	struct bc_encode *encode;	/* NULL: no segment is begun */
	struct bc_iface_table *ifaces;	/* of the output */
	struct bc_section section;
	struct bc_carry *carry;		/* what the inputs say beside their packets; NULL: nothing, or there is no place for it */
	uint32_t carried;		/* of these, in the segment or earlier ones */
	struct bc_cryptopan *anonymise;	/* NULL: packets are written as they are */
	bc_counter_t unparsed;
	bool carry_full;		/* some was left out */
	const struct bc_log *log;
	uint32_t described;		/* of these, in the segment */
	uint32_t *number;		/* in the output, by that of bc_find_iface */
	uint32_t n_number;
	uint8_t *item;			/* a record in the making */
	size_t item_cap;
	struct bc_segment_info info;	/* of the segment */
	uint64_t due_ns;		/* when the next one begins; UINT64_MAX: never; 0: not known yet */
	bool unflushed;
	int failed;			/* a negative errno: nothing more can be written */
};

static void published(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	struct bc_find_writer *w = ctx;

	if (w->written)
		w->written(w->ctx, path, info, err);
}

static int open_store(struct bc_find_writer *w, const struct bc_log *log, struct bc_err *err)
{
	const struct bc_find_dest *d = &w->dest;
	struct bc_store_config sc = {
		.kind = d->kind, .dest = d->path, .fd = STDOUT_FILENO, .ext = w->ext, .mode = d->mode, .io = d->io, .utc = d->utc,
		.name_first = true, .pid = (uint32_t)getpid(), .log = log, .published = published, .ctx = w,
	};

	if (d->ext)
		snprintf(w->ext, sizeof(w->ext), "%s", d->ext);
	else
		snprintf(w->ext, sizeof(w->ext), "%s%s", bc_format_ext(d->format), bc_codec_ext(d->codec));
	return bc_store_open(&sc, &w->store, err);
}

int bc_find_writer_new(const struct bc_find_dest *dest, const char *expression, const struct bc_log *log, bc_find_written written,
		       void *ctx, struct bc_find_writer **ret, struct bc_err *err)
{
	struct bc_find_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bc_err_set(err, -ENOMEM, "no memory for writing");
	pthread_mutex_init(&w->lock, NULL);
	w->dest = *dest;
	w->expression = expression;
	w->written = written;
	w->ctx = ctx;
	w->log = log;
	w->ifaces = bc_iface_table_new();
	w->section = (struct bc_section){ .format = dest->format, .linktype = -1, .ifaces = w->ifaces, .anonymised = dest->anonymise != NULL };
	w->anonymise = dest->anonymise ? bc_cryptopan_new(dest->anonymise) : NULL;
	r = w->ifaces && (w->anonymise || !dest->anonymise) ? open_store(w, log, err) : bc_err_set(err, -ENOMEM, "no memory for writing");
	if (r) {
		bc_find_writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

static int write_failed(struct bc_find_writer *w, int r, struct bc_err *err)
{
	w->failed = r;
	return bc_err_set(err, r, "cannot write %s: %s", w->dest.path ? w->dest.path : "standard output", strerror(-r));
}

static int make_room(struct bc_find_writer *w, size_t len)
{
	uint8_t *grown;

	if (len <= w->item_cap)
		return 0;
	grown = realloc(w->item, 2 * len);
	if (!grown)
		return -ENOMEM;
	w->item = grown;
	w->item_cap = 2 * len;
	return 0;
}

static int put_item(struct bc_find_writer *w, size_t len)
{
	int r = len ? bc_encode_put(w->encode, w->item, len) : 0;

	if (!r)
		w->info.bytes += len;
	w->unflushed = true;
	return r;
}

void bc_find_writer_keep(struct bc_find_writer *w, const struct bc_find_packet *p, const uint8_t *data)
{
	if (w->dest.format != BC_FORMAT_PCAPNG || w->anonymise || w->carry_full)
		return;
	if (!w->carry)
		w->section.carry = w->carry = bc_carry_new();
	if (w->carry && !bc_carry_add(w->carry, p->keep, data, p->caplen))
		return;
	w->carry_full = true;
	bc_log(w->log, BC_WARN, "too much stands beside the packets: some secrets, names or comments are left out");
}

/* What was kept since then, for the segment that is open. */
static int carry(struct bc_find_writer *w)
{
	uint32_t n = bc_carry_count(w->carry);
	size_t len = n == w->carried ? 0 : bc_section_carried(&w->section, w->carried, n, w->carried, NULL, 0);
	int r = make_room(w, len);

	if (r)
		return r;
	bc_section_carried(&w->section, w->carried, n, w->carried, w->item, len);
	w->carried = n;
	return put_item(w, len);
}

/* Describe the interfaces that the segment does not know yet. */
static int describe(struct bc_find_writer *w)
{
	uint32_t n = bc_iface_count(w->ifaces);
	int r;

	if (n == w->described)
		return 0;
	r = make_room(w, bc_section_more(&w->section, w->described, n, w->expression, NULL, 0));
	if (!r)
		r = put_item(w, bc_section_more(&w->section, w->described, n, w->expression, w->item, w->item_cap));
	if (!r)
		w->described = n;
	return r;
}

static int begin(struct bc_find_writer *w, uint64_t begin_ns)
{
	uint32_t n = bc_iface_count(w->ifaces), carried = bc_carry_count(w->carry);
	size_t len, blocks;
	int r;

	while ((r = bc_store_begin(w->store)) == -EAGAIN)
		usleep(AGAIN_US);
	if (!r)
		r = bc_encode_new(w->dest.codec, w->dest.level, w->store, NULL, &w->encode, NULL);
	if (r)
		return r;
	w->section.n_carried = carried;
	len = bc_section_begin(&w->section, n, w->expression, NULL, 0);
	blocks = bc_section_carried(&w->section, 0, carried, w->carried, NULL, 0);
	r = make_room(w, len + blocks);
	if (r)
		return r;
	w->info = (struct bc_segment_info){ .begin_ns = begin_ns };
	w->described = n;
	len = bc_section_begin(&w->section, n, w->expression, w->item, len);
	bc_section_carried(&w->section, 0, carried, w->carried, w->item + len, blocks);
	w->carried = carried;
	return put_item(w, len + blocks);
}

static int finish(struct bc_find_writer *w)
{
	int r = bc_encode_end(w->encode);

	bc_encode_free(w->encode);
	w->encode = NULL;
	/* What could not be closed is not published, nor what lacks packets in its midst or at its end. */
	if (r || w->failed)
		bc_store_spoil(w->store, r ? r : w->failed);
	bc_store_finish(w->store, &w->info);
	return r;
}

static uint64_t due_after(const struct bc_find_dest *d, uint64_t ns)
{
	if (d->rotate_clock.unit)
		return bc_calendar_next(&d->rotate_clock, ns);
	return d->rotate_ns && ns < UINT64_MAX - d->rotate_ns ? ns + d->rotate_ns : UINT64_MAX;
}

/* The begin of the period that has ts_ns in it. */
static uint64_t period(const struct bc_find_writer *w, uint64_t ts_ns)
{
	if (w->dest.rotate_clock.unit)
		return bc_calendar_begin(&w->dest.rotate_clock, ts_ns);
	return w->due_ns + (ts_ns - w->due_ns) / w->dest.rotate_ns * w->dest.rotate_ns;
}

/* A record of so many bytes at ts_ns is next: begin a segment for it, if it is not for the one that is open. */
static int rotate(struct bc_find_writer *w, uint64_t ts_ns, size_t len)
{
	const bool due = w->due_ns && ts_ns >= w->due_ns;
	const bool full = w->dest.rotate_bytes && w->info.packets && w->info.bytes + len > w->dest.rotate_bytes;
	uint64_t begin_ns = due ? period(w, ts_ns) : ts_ns;
	int r = 0;

	if (w->encode && !due && !full)
		return 0;
	if (w->encode)
		r = finish(w);
	if (due || !w->due_ns)
		w->due_ns = due_after(&w->dest, begin_ns);
	return r ? r : begin(w, begin_ns);
}

/* The interface's number in the output. */
static int number_of(struct bc_find_writer *w, const struct bc_find_iface *iface, uint32_t *ret)
{
	if (iface->number >= w->n_number) {
		uint32_t n = 2 * (iface->number + 8);
		uint32_t *grown = realloc(w->number, n * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		for (uint32_t i = w->n_number; i < n; i++)
			grown[i] = NOT_WRITTEN;
		w->number = grown;
		w->n_number = n;
	}
	if (w->number[iface->number] == NOT_WRITTEN) {
		int i = bc_iface_add(w->ifaces, &iface->desc);

		if (i < 0)
			return i;
		w->number[iface->number] = (uint32_t)i;
	}
	*ret = w->number[iface->number];
	return 0;
}

/* Classic pcap has one link type. */
static int check_linktype(struct bc_find_writer *w, const struct bc_find_iface *iface, struct bc_err *err)
{
	if (w->dest.format == BC_FORMAT_PCAPNG)
		return 0;
	if (w->section.linktype < 0)
		w->section.linktype = iface->desc.linktype;
	if (w->section.linktype == iface->desc.linktype)
		return 0;
	return bc_err_set(err, -EMEDIUMTYPE, "packets of link types %d and %u: pcap can have only one of them in a file: use pcapng",
			  w->section.linktype, iface->desc.linktype);
}

int bc_find_writer_describe(struct bc_find_writer *w, const struct bc_find_iface *iface, struct bc_err *err)
{
	uint32_t number;
	int r = number_of(w, iface, &number);

	return r ? write_failed(w, r, err) : 0;
}

/* Those that are kept, the drop count, and their end. */
static uint32_t options_len(const struct bc_find_packet *p)
{
	uint32_t drops = bc_epb_opt_len(p->dropcount, 0);

	return p->opt_len + (drops || !p->opt_len ? drops : BC_EPB_OPT_END);
}

static size_t record_len(const struct bc_find_writer *w, const struct bc_find_packet *p)
{
	if (w->dest.format == BC_FORMAT_PCAPNG)
		return (size_t)BC_EPB_FIXED + bc_pad4(p->caplen) + options_len(p);
	return (size_t)BC_PCAP_RECORD_HEADER + p->caplen;
}

/* Returns where the packet's bytes are. */
static uint8_t *put_pcapng(uint8_t *dst, const struct bc_find_packet *p, uint32_t number, const uint8_t *data)
{
	uint32_t opt_len = options_len(p);
	uint8_t *begin = bc_epb_begin(dst, number, p->ts_ns, p->caplen, p->wirelen, opt_len), *at = begin;

	memcpy(at, data, p->caplen);
	at += bc_pad4(p->caplen);
	if (p->opt_len)
		memcpy(at, data + p->caplen, p->opt_len);
	if (opt_len)
		at = bc_epb_options(at + p->opt_len, p->dropcount, 0, 0);
	bc_put_le32(at, BC_EPB_FIXED + bc_pad4(p->caplen) + opt_len);
	return begin;
}

static uint8_t *put_pcap(uint8_t *dst, const struct bc_find_packet *p, bool nanoseconds, const uint8_t *data)
{
	return memcpy(bc_pcap_record(dst, p->ts_ns, nanoseconds, p->caplen, p->wirelen), data, p->caplen);
}

static int put_packet(struct bc_find_writer *w, const struct bc_find_packet *p, const uint8_t *data)
{
	const size_t len = record_len(w, p);
	uint32_t number;
	uint8_t *at;
	int r = number_of(w, p->iface, &number);

	if (!r)
		r = rotate(w, p->ts_ns, len);
	if (!r)
		r = describe(w);
	if (!r)
		r = carry(w);
	if (!r)
		/* What begins a record goes a little beyond a short one. */
		r = make_room(w, len + BC_EPB_FIXED);
	if (r)
		return r;
	if (w->dest.format == BC_FORMAT_PCAPNG)
		at = put_pcapng(w->item, p, number, data);
	else
		at = put_pcap(w->item, p, w->dest.format == BC_FORMAT_PCAP_NS, data);
	if (w->anonymise)
		bc_counter_add(&w->unparsed, bc_anonymise(w->anonymise, p->iface->desc.linktype, at, p->caplen, p->wirelen));
	r = put_item(w, len);
	if (r)
		return r;
	if (!w->info.packets++)
		w->info.first_ns = p->ts_ns;
	w->info.last_ns = p->ts_ns;
	return 0;
}

int bc_find_writer_put(struct bc_find_writer *w, const struct bc_find_packet *p, const uint8_t *data, struct bc_err *err)
{
	struct bc_find_packet bare = *p;
	int r = check_linktype(w, p->iface, err);

	if (r)
		return r;
	if (w->anonymise)
		bare.opt_len = 0;
	r = put_packet(w, &bare, data);
	return r ? write_failed(w, r, err) : 0;
}

uint64_t bc_find_writer_bytes(const struct bc_find_writer *w)
{
	return w->info.bytes;
}

uint64_t bc_find_writer_unparsed(const struct bc_find_writer *w)
{
	return bc_counter_get(&w->unparsed);
}

int bc_find_writer_flush(struct bc_find_writer *w, struct bc_err *err)
{
	int r;

	if (w->dest.kind != BC_STORE_FD || !w->unflushed || !w->encode)
		return 0;
	w->unflushed = false;
	r = bc_encode_flush(w->encode);
	return r ? write_failed(w, r, err) : 0;
}

int bc_find_writer_end(struct bc_find_writer *w, struct bc_err *err)
{
	struct bc_store *store = w->store;
	int r = 0, closed;

	if (!w->encode && !w->failed && w->dest.kind != BC_STORE_DIR)
		r = begin(w, 0);
	if (w->encode && w->failed != -EPIPE)
		r = r ? r : finish(w);
	pthread_mutex_lock(&w->lock);
	w->store = NULL;
	pthread_mutex_unlock(&w->lock);
	closed = bc_store_close(store);
	r = r ? r : w->failed == -EPIPE ? 0 : closed;
	return r ? write_failed(w, r, err) : 0;
}

void bc_find_writer_cancel(struct bc_find_writer *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->store)
		bc_store_cancel(w->store);
	pthread_mutex_unlock(&w->lock);
}

void bc_find_writer_free(struct bc_find_writer *w)
{
	if (!w)
		return;
	bc_encode_free(w->encode);
	bc_store_abort(w->store);
	pthread_mutex_destroy(&w->lock);
	bc_carry_free(w->carry);
	bc_cryptopan_free(w->anonymise);
	free(w->ifaces);
	free(w->number);
	free(w->item);
	free(w);
}
