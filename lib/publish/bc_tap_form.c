/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tap_form.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_codec.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

#define SHB_MAX 256U
#define IDB_MAX (4096U + BC_IFACE_OPTIONS_MAX)
/* Interfaces come from other hosts, too. */
#define HEAD_MAX (16U << 20)
#define EPB_OPTIONS 28U		/* bytes of a packet block before its data */
#define OPTION_DROPCOUNT 4U

/* The block that describes it, in the head. */
struct bc_tap_iface {
	size_t at, len;
};

static bool reserve(struct bc_tap_bytes *b, size_t more)
{
	size_t cap = b->len + more;
	uint8_t *p;

	if (cap <= b->cap)
		return true;
	cap += cap / 2;
	p = realloc(b->data, cap);
	if (!p)
		return false;
	b->data = p;
	b->cap = cap;
	return true;
}

int bc_tap_form_init(struct bc_tap_form *f, enum bc_format format)
{
	*f = (struct bc_tap_form){ .format = format, .linktype = -1 };
	if (format != BC_FORMAT_PCAPNG)
		return 0;
	if (!reserve(&f->head, SHB_MAX))
		return -ENOMEM;
	f->head.len = bc_pcapng_shb(f->head.data, SHB_MAX, &(struct bc_pcapng_section){ .application = "braidcap " BC_VERSION });
	return 0;
}

void bc_tap_form_fini(struct bc_tap_form *f)
{
	free(f->head.data);
	free(f->out.data);
	free(f->iface);
}

static struct bc_reader *new_reader(enum bc_format format)
{
	return format == BC_FORMAT_ERF ? bc_reader_new_erf() : bc_reader_new();
}

int bc_tap_input_init(struct bc_tap_input *in, enum bc_format format)
{
	*in = (struct bc_tap_input){ .format = format, .reader = new_reader(format) };
	return in->reader ? 0 : -ENOMEM;
}

void bc_tap_input_fini(struct bc_tap_input *in)
{
	bc_reader_free(in->reader);
	free(in->plain.data);
	free(in->map);
}

static uint32_t known_iface(const struct bc_tap_form *f, const uint8_t *block, size_t len)
{
	for (uint32_t i = 0; i < f->n_ifaces; i++)
		if (f->iface[i].len == len && !memcmp(f->head.data + f->iface[i].at, block, len))
			return i;
	return BC_IFACE_NONE;
}

/* Describe an interface in the head, unless one is there that looks the same. Its number, or BC_IFACE_NONE. */
static uint32_t add_iface(struct bc_tap_form *f, const struct bc_iface *iface)
{
	uint8_t block[IDB_MAX];
	size_t len = bc_pcapng_idb(block, sizeof(block), iface, iface->snaplen, NULL);
	uint32_t n = known_iface(f, block, len);
	struct bc_tap_iface *p;

	if (n != BC_IFACE_NONE)
		return n;
	if (!len || f->head.len + len > HEAD_MAX || !reserve(&f->head, len))
		return BC_IFACE_NONE;
	p = realloc(f->iface, (f->n_ifaces + 1) * sizeof(*p));
	if (!p)
		return BC_IFACE_NONE;
	f->iface = p;
	p[f->n_ifaces] = (struct bc_tap_iface){ .at = f->head.len, .len = len };
	memcpy(f->head.data + f->head.len, block, len);
	f->head.len += len;
	return f->n_ifaces++;
}

/* Classic pcap has one link type, that of the first interface. */
static uint32_t fit_linktype(struct bc_tap_form *f, const struct bc_iface *iface)
{
	if (f->linktype < 0 && reserve(&f->head, BC_PCAP_FILE_HEADER)) {
		bc_pcap_file_header(f->head.data, f->format == BC_FORMAT_PCAP_NS,
				    iface->has_fcs_len ? bc_pcap_link(iface->linktype, iface->fcs_len) : iface->linktype, 0);
		f->head.len = BC_PCAP_FILE_HEADER;
		f->linktype = iface->linktype;
	}
	return f->linktype == iface->linktype ? 0 : BC_IFACE_NONE;
}

/* The reader has told of interface i. */
static bool map_iface(struct bc_tap_form *f, struct bc_tap_input *in, uint32_t i)
{
	const struct bc_iface *iface = bc_reader_iface(in->reader, i);
	uint32_t *p;

	if (i >= in->n_map) {
		p = realloc(in->map, (i + 1) * sizeof(*p));
		if (!p)
			return false;
		for (uint32_t k = in->n_map; k <= i; k++)
			p[k] = BC_IFACE_NONE;
		in->map = p;
		in->n_map = i + 1;
	}
	in->map[i] = f->format == BC_FORMAT_PCAPNG ? add_iface(f, iface) : fit_linktype(f, iface);
	return true;
}

/* A block with its options, which only has to say another interface. */
static void copy_block(struct bc_tap_form *f, const uint8_t *block, size_t len, uint32_t iface)
{
	uint8_t *to = f->out.data + f->out.len;

	memcpy(to, block, len);
	bc_put_le32(to + 8, iface);
	f->out.len += len;
}

static void make_block(struct bc_tap_form *f, const struct bc_record *r, uint32_t iface)
{
	const uint32_t opt_len = bc_epb_opt_len(r->dropcount, 0);
	uint8_t *to = f->out.data + f->out.len, *data = bc_epb_begin(to, iface, r->ts_ns, r->caplen, r->wirelen, opt_len);

	memcpy(data, r->data, r->caplen);
	f->out.len += (size_t)(bc_epb_end(data, r->caplen, opt_len, r->dropcount, 0, 0) - to);
}

static void make_record(struct bc_tap_form *f, const struct bc_record *r)
{
	uint8_t *to = f->out.data + f->out.len;

	memcpy(bc_pcap_record(to, r->ts_ns, f->format == BC_FORMAT_PCAP_NS, r->caplen, r->wirelen), r->data, r->caplen);
	f->out.len += BC_PCAP_RECORD_HEADER + r->caplen;
}

/* The record that is len bytes at block. False without memory. */
static bool add_record(struct bc_tap_form *f, struct bc_tap_input *in, const uint8_t *block, size_t len, const struct bc_record *r)
{
	const uint32_t iface = r->iface < in->n_map ? in->map[r->iface] : BC_IFACE_NONE;

	if (iface == BC_IFACE_NONE) {
		f->unfit++;
		return true;
	}
	if (!reserve(&f->out, len + r->caplen + BC_EPB_FIXED + BC_EPB_OPT_DROPCOUNT + BC_EPB_OPT_END + 4))
		return false;
	if (f->format != BC_FORMAT_PCAPNG)
		make_record(f, r);
	else if (in->format == BC_FORMAT_PCAPNG && bc_get_le32(block) == BC_PCAPNG_EPB)
		copy_block(f, block, len, iface);
	else
		make_block(f, r, iface);
	f->packets++;
	return true;
}

/* Take every item in these bytes. False if they do not consist of whole items, or without memory. */
static bool take_items(struct bc_tap_form *f, struct bc_tap_input *in, const uint8_t *data, size_t len)
{
	bool ok = true;

	while (ok && len) {
		struct bc_record rec;
		size_t consumed, need;
		int r = bc_reader_next(in->reader, data, len, &consumed, &need, &rec, NULL);

		if (r < 0 || r == BC_READ_MORE)
			return false;
		if (r == BC_READ_IFACE)
			ok = map_iface(f, in, rec.iface);
		else if (r == BC_READ_RECORD)
			ok = add_record(f, in, data, consumed, &rec);
		data += consumed;
		len -= consumed;
	}
	return ok;
}

/* In classic pcap each text begins a file, whose link type may be another. */
static void begin_again(struct bc_tap_input *in)
{
	bc_reader_free(in->reader);
	in->reader = new_reader(in->format);
	in->n_map = 0;
	in->broken = !in->reader;
}

void bc_tap_form_text(struct bc_tap_form *f, struct bc_tap_input *in, const uint8_t *text, size_t len)
{
	if (in->format == BC_FORMAT_PCAP_NS || in->format == BC_FORMAT_PCAP_US)
		begin_again(in);
	if (!in->broken)
		in->broken = !take_items(f, in, text, len);
}

/* All blocks of a chunk into plain. */
static bool decompress(struct bc_tap_input *in, const uint8_t *data, size_t len, size_t dense)
{
	size_t from = 0, to = 0;

	in->plain.len = 0;
	if (!reserve(&in->plain, dense))
		return false;
	while (from < len) {
		size_t consumed;
		ptrdiff_t n = bc_lz4_plain(data + from, len - from, in->plain.data + to, dense - to, &consumed);

		if (n < 0)
			return false;
		from += consumed;
		to += (size_t)n;
	}
	return to == dense;
}

bool bc_tap_form_chunk(struct bc_tap_form *f, struct bc_tap_input *in, bool lz4, const uint8_t *data, size_t len, size_t dense)
{
	f->out.len = 0;
	f->packets = 0;
	if (!in->broken && lz4)
		in->broken = !decompress(in, data, len, dense) || !take_items(f, in, in->plain.data, dense);
	else if (!in->broken)
		in->broken = !take_items(f, in, data, len);
	return !in->broken;
}

/* Where the first option says how many packets were lost: add to it. Otherwise put such an option before them. */
size_t bc_tap_form_tell_loss(const struct bc_tap_form *f, const uint8_t *block, size_t len, uint64_t lost, struct bc_tap_bytes *ret)
{
	uint32_t size, options, more;
	bool any, told;
	uint8_t *to;

	if (f->format != BC_FORMAT_PCAPNG || len < BC_EPB_FIXED)
		return 0;
	size = bc_get_le32(block + 4);
	options = EPB_OPTIONS + bc_pad4(bc_get_le32(block + 20));
	any = size > options + 4;
	told = any && bc_get_le32(block + options) == (OPTION_DROPCOUNT | 8U << 16);
	more = told ? 0 : BC_EPB_OPT_DROPCOUNT + (any ? 0 : BC_EPB_OPT_END);
	ret->len = 0;
	if (!reserve(ret, size + more))
		return 0;
	to = ret->data;
	memcpy(to, block, options);
	bc_put_le32(to + 4, size + more);
	to = bc_put_le32(to + options, OPTION_DROPCOUNT | 8U << 16);
	if (told)
		lost += bc_get64(block + options + 4, false);
	to = bc_put_le64(to, lost);
	options += told ? BC_EPB_OPT_DROPCOUNT : 0;
	if (any) {
		memcpy(to, block + options, size - 4 - options);
		to += size - 4 - options;
	} else {
		to = bc_put_le32(to, 0);
	}
	bc_put_le32(to, size + more);
	ret->len = size + more;
	return size;
}
