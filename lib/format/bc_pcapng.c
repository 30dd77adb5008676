/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pcapng.h"

#include <stdio.h>

#define OPT_END 0
#define OPT_COMMENT 1
#define SHB_HARDWARE 2
#define SHB_OS 3
#define SHB_USERAPPL 4
#define IF_NAME 2
#define IF_DESCRIPTION 3
#define IF_MACADDR 6
#define IF_SPEED 8
#define IF_TSRESOL 9
#define IF_FILTER 11
#define IF_FCSLEN 13
#define IF_HARDWARE 15
#define ISB_STARTTIME 2
#define ISB_ENDTIME 3
#define ISB_IFRECV 4
#define ISB_IFDROP 5
#define ISB_FILTERACCEPT 6
#define ISB_OSDROP 7
#define ISB_USRDELIV 8
#define EPB_DROPCOUNT 4
#define EPB_QUEUE 6

#define BLOCK_FRAME 12U /* type and both lengths */
#define BYTE_ORDER_MAGIC 0x1A2B3C4DU
#define OPTION_MAX 65535U
#define TSRESOL_NS 9

/* A block's body in the making; with p NULL it is only measured. */
struct out {
	uint8_t *p;
	size_t n;
};

static void put(struct out *o, const void *src, size_t n)
{
	if (o->p)
		memcpy(o->p + o->n, src, n);
	o->n += n;
}

static void put16(struct out *o, uint16_t v)
{
	v = htole16(v);
	put(o, &v, sizeof(v));
}

static void put32(struct out *o, uint32_t v)
{
	v = htole32(v);
	put(o, &v, sizeof(v));
}

/* The draft writes a time as two halves, the high one first, in either byte order. */
static void put_time(struct out *o, uint64_t ns)
{
	put32(o, (uint32_t)(ns >> 32));
	put32(o, (uint32_t)ns);
}

static void pad(struct out *o)
{
	static const uint8_t zero[3];

	put(o, zero, bc_pad4((uint32_t)o->n) - o->n);
}

static void put_option(struct out *o, uint16_t code, const void *value, uint16_t len)
{
	put16(o, code);
	put16(o, len);
	put(o, value, len);
	pad(o);
}

static void put_option_u64(struct out *o, uint16_t code, uint64_t v)
{
	v = htole64(v);
	put_option(o, code, &v, sizeof(v));
}

static void put_option_time(struct out *o, uint16_t code, uint64_t ns)
{
	put16(o, code);
	put16(o, 8);
	put_time(o, ns);
}

/* The length of s, cut to max without splitting a UTF-8 sequence. */
static uint16_t text_len(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n > max)
		for (n = max; n && ((uint8_t)s[n] & 0xc0) == 0x80; n--)
			;
	return (uint16_t)n;
}

static void put_option_text(struct out *o, uint16_t code, const char *s)
{
	if (s && *s)
		put_option(o, code, s, text_len(s, OPTION_MAX));
}

/* A filter's first byte is its kind: 0 is libpcap's language. */
static void put_option_filter(struct out *o, const char *filter)
{
	uint16_t n;

	if (!filter || !*filter)
		return;
	n = text_len(filter, OPTION_MAX - 1);
	put16(o, IF_FILTER);
	put16(o, n + 1);
	put(o, "", 1);
	put(o, filter, n);
	pad(o);
}

static void put_options_end(struct out *o)
{
	put16(o, OPT_END);
	put16(o, 0);
}

/* body is called twice: to measure, so that a block that does not fit leaves dst alone, and to write. */
static size_t write_block(uint8_t *dst, size_t cap, uint32_t type, void (*body)(struct out *o, const void *arg),
			  const void *arg)
{
	struct out o = { .p = NULL };
	uint32_t total;

	body(&o, arg);
	total = BLOCK_FRAME + (uint32_t)o.n;
	if (total > cap)
		return 0;
	bc_put_le32(dst, type);
	bc_put_le32(dst + 4, total);
	o = (struct out){ .p = dst + 8 };
	body(&o, arg);
	bc_put_le32(dst + total - 4, total);
	return total;
}

static void put_carried(struct out *o, const struct bc_carry *carry, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct bc_carried *e = bc_carry_at(carry, i);

		if (e->kind == BC_CARRY_SECTION)
			put(o, e->data, e->len);
	}
}

static void shb_body(struct out *o, const void *arg)
{
	const struct bc_pcapng_section *s = arg;
	size_t fixed;

	put32(o, BYTE_ORDER_MAGIC);
	put16(o, 1);
	put16(o, 0);
	put32(o, UINT32_MAX); /* the section's length, 64 bits: not stated */
	put32(o, UINT32_MAX);
	fixed = o->n;
	put_option_text(o, SHB_HARDWARE, s->hardware);
	put_option_text(o, SHB_OS, s->os);
	put_option_text(o, SHB_USERAPPL, s->application);
	put_option_text(o, OPT_COMMENT, s->comment);
	put_option_text(o, OPT_COMMENT, s->host);
	put_carried(o, s->carry, s->n_carried);
	if (o->n > fixed)
		put_options_end(o);
}

size_t bc_pcapng_shb(uint8_t *dst, size_t cap, const struct bc_pcapng_section *s)
{
	return write_block(dst, cap, BC_PCAPNG_SHB, shb_body, s);
}

struct idb {
	const struct bc_iface *iface;
	uint32_t snaplen;
	const char *filter;
};

static void put_stamp(struct out *o, const struct bc_iface *iface)
{
	char text[sizeof(iface->clock) + 32];

	snprintf(text, sizeof(text), "stamp: %s%s%s", bc_stamp_name(iface->stamp), *iface->clock ? "; " : "",
		 iface->clock);
	put_option_text(o, OPT_COMMENT, text);
}

/* The output's filter takes the place of one that a file was made with. */
static void put_iface_options(struct out *o, const struct bc_iface *iface, bool filtered)
{
	for (const uint8_t *p = iface->options, *end = p + iface->options_len; p < end;) {
		uint32_t len = 4 + bc_pad4(bc_get16(p + 2, false));

		if (!filtered || bc_get16(p, false) != IF_FILTER)
			put(o, p, len);
		p += len;
	}
}

/* A node's own limit is kept to by its packets, that of a file need not be. */
static uint32_t snaplen_of(const struct idb *d)
{
	const struct bc_iface *iface = d->iface;

	return iface->stamp == BC_STAMP_REMOTE && iface->snaplen && iface->snaplen < d->snaplen ? iface->snaplen : d->snaplen;
}

static void idb_body(struct out *o, const void *arg)
{
	const struct idb *d = arg;
	const struct bc_iface *iface = d->iface;
	const uint8_t tsresol = TSRESOL_NS;

	put16(o, iface->linktype);
	put16(o, 0);
	put32(o, snaplen_of(d));
	put_option_text(o, IF_NAME, iface->name);
	put_option_text(o, IF_DESCRIPTION, iface->description);
	if (iface->has_mac)
		put_option(o, IF_MACADDR, iface->mac, sizeof(iface->mac));
	if (iface->speed_bps)
		put_option_u64(o, IF_SPEED, iface->speed_bps);
	put_option(o, IF_TSRESOL, &tsresol, 1);
	put_option_filter(o, d->filter);
	if (iface->has_fcs_len)
		put_option(o, IF_FCSLEN, &iface->fcs_len, 1);
	put_option_text(o, IF_HARDWARE, iface->hardware);
	put_stamp(o, iface);
	put_iface_options(o, iface, d->filter && *d->filter);
	put_options_end(o);
}

size_t bc_pcapng_idb(uint8_t *dst, size_t cap, const struct bc_iface *iface, uint32_t snaplen, const char *filter)
{
	const struct idb d = { .iface = iface, .snaplen = snaplen, .filter = filter };

	return write_block(dst, cap, BC_PCAPNG_IDB, idb_body, &d);
}

static void isb_body(struct out *o, const void *arg)
{
	const struct bc_pcapng_stats *s = arg;

	put32(o, s->iface);
	put_time(o, s->ts_ns);
	put_option_time(o, ISB_STARTTIME, s->start_ns);
	put_option_time(o, ISB_ENDTIME, s->end_ns);
	put_option_u64(o, ISB_IFRECV, s->received);
	put_option_u64(o, ISB_IFDROP, s->if_dropped);
	put_option_u64(o, ISB_FILTERACCEPT, s->accepted);
	put_option_u64(o, ISB_OSDROP, s->os_dropped);
	put_option_u64(o, ISB_USRDELIV, s->delivered);
	put_option_text(o, OPT_COMMENT, s->comment);
	put_options_end(o);
}

size_t bc_pcapng_isb(uint8_t *dst, size_t cap, const struct bc_pcapng_stats *s)
{
	return write_block(dst, cap, BC_PCAPNG_ISB, isb_body, s);
}

uint8_t *bc_epb_options(uint8_t *p, uint64_t dropcount, int with_queue, uint32_t queue)
{
	struct out o = { .p = p };

	if (dropcount)
		put_option_u64(&o, EPB_DROPCOUNT, dropcount);
	if (with_queue) {
		queue = htole32(queue);
		put_option(&o, EPB_QUEUE, &queue, sizeof(queue));
	}
	put_options_end(&o);
	return p + o.n;
}
