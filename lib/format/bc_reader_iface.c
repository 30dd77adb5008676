/* SPDX-License-Identifier: BSD-3-Clause */
/* What a file says of its interfaces: the interface description block, and options in general. */
#include <stdlib.h>

#include "bc_pcapng.h"
#include "bc_reader_priv.h"
#include "bc_time.h"

#define IDB_FIXED 20U
#define TSRESOL_DEFAULT 6
#define TSRESOL_BINARY 0x80
#define EXP10_MAX 19 /* the greatest power of 10 in 64 bits */

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_MACADDR = 6,
	IF_SPEED = 8,
	IF_TSRESOL = 9,
	IF_FCSLEN = 13,
	IF_TSOFFSET = 14,
	IF_HARDWARE = 15,
};

int bc_reader_option_next(const uint8_t **p, const uint8_t *end, bool big_endian, struct bc_reader_option *ret,
			  struct bc_err *err)
{
	size_t left = (size_t)(end - *p);
	struct bc_reader_option o;

	if (left < 4)
		return 0;
	o.code = bc_get16(*p, big_endian);
	o.len = bc_get16(*p + 2, big_endian);
	o.value = *p + 4;
	if (o.code == OPT_END)
		return 0;
	if (o.len > left - 4)
		return bc_err_set(err, -EBADMSG, "option %u claims %u bytes, but its block has only %zu left", o.code,
				  o.len,
				  left - 4);
	*p += 4 + bc_pad4(o.len);
	*ret = o;
	return 1;
}

bool bc_reader_option_is(struct bc_reader *r, const struct bc_reader_option *o, uint16_t len)
{
	r->ignored += o->len != len;
	return o->len == len;
}

int bc_reader_iface_new(struct bc_reader_iface **ret, struct bc_err *err)
{
	struct bc_reader_iface *iface = calloc(1, sizeof(*iface));

	if (!iface)
		return bc_err_set(err, -ENOMEM, "no memory for an interface");
	iface->desc.stamp = BC_STAMP_FILE;
	*ret = iface;
	return 0;
}

/* The length of the UTF-8 sequence at p, and its character; 0 when it is none. */
static size_t utf8_decode(const uint8_t *p, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	uint32_t c = p[0] & (len > 1 ? 0x7fU >> len : 0x7fU);

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fU);
	}
	*ret = c;
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : len;
}

/* What is not text, or would command a terminal, becomes '?': it goes into logs and reports. */
static void copy_text(char *dst, size_t cap, const uint8_t *src, size_t n)
{
	size_t out = 0;

	while (n && *src) {
		uint32_t c = 0;
		size_t len = utf8_decode(src, n, &c);
		bool good = len && c >= 0x20 && !(c >= 0x7f && c < 0xa0);

		len = len ? len : 1;
		if (out + len >= cap)
			break;
		if (good)
			memcpy(dst + out, src, len);
		else
			dst[out] = '?';
		out += good ? len : 1;
		src += len;
		n -= len;
	}
	dst[out] = '\0';
}

/* Our own words on how the times were made live on when a file is read and written again. False: it says something else. */
static bool copy_stamp(struct bc_iface *iface, const struct bc_reader_option *o)
{
	static const char stamp[] = "stamp: ", again[] = "stamp: file; ";
	size_t skip = 0;

	if (o->len < sizeof(stamp) - 1 || memcmp(o->value, stamp, sizeof(stamp) - 1))
		return false;
	if (o->len >= sizeof(again) - 1 && !memcmp(o->value, again, sizeof(again) - 1))
		skip = sizeof(again) - 1;
	copy_text(iface->clock, sizeof(iface->clock), o->value + skip, o->len - skip);
	return true;
}

/* What braidcap makes no use of; it is kept, as far as there is room. */
static void keep(struct bc_reader *r, const struct bc_reader_option *o)
{
	const size_t before = r->kept_len;
	bool kept = bc_reader_keep_iface_option(r, o) && r->kept_len <= BC_IFACE_OPTIONS_MAX;

	if (!kept)
		r->kept_len = before;
	if (o->code == OPT_COMMENT) {
		r->found.comments++;
		r->left_out.comments += !kept;
	} else {
		r->found.options++;
		r->left_out.options += !kept;
	}
}

static uint64_t exp10_u64(unsigned int n)
{
	uint64_t v = 1;

	while (n--)
		v *= 10;
	return v;
}

static void set_resolution(struct bc_reader_clock *c, uint8_t tsresol)
{
	unsigned int n = tsresol & 0x7f;

	c->div = 1;
	c->shift = 0;
	if (tsresol & TSRESOL_BINARY) {
		c->mul = BC_NS_PER_S;
		c->shift = (uint8_t)n;
	} else if (n <= 9) {
		c->mul = exp10_u64(9 - n);
	} else {
		/* Beyond the 64 bits of a divisor no time reaches a nanosecond. */
		c->mul = n - 9 <= EXP10_MAX;
		c->div = c->mul ? exp10_u64(n - 9) : 1;
	}
}

static void take_option(struct bc_reader *r, struct bc_reader_iface *iface, const struct bc_reader_option *o)
{
	struct bc_iface *d = &iface->desc;

	switch (o->code) {
	case OPT_COMMENT:
		if (!copy_stamp(d, o))
			keep(r, o);
		break;
	case IF_NAME:
		copy_text(d->name, sizeof(d->name), o->value, o->len);
		break;
	case IF_DESCRIPTION:
		copy_text(d->description, sizeof(d->description), o->value, o->len);
		break;
	case IF_HARDWARE:
		copy_text(d->hardware, sizeof(d->hardware), o->value, o->len);
		break;
	case IF_MACADDR:
		if (bc_reader_option_is(r, o, sizeof(d->mac))) {
			memcpy(d->mac, o->value, sizeof(d->mac));
			d->has_mac = 1;
		}
		break;
	case IF_SPEED:
		if (bc_reader_option_is(r, o, 8))
			d->speed_bps = bc_get64(o->value, r->big_endian);
		break;
	case IF_FCSLEN:
		if (bc_reader_option_is(r, o, 1)) {
			d->fcs_len = o->value[0];
			d->has_fcs_len = 1;
		}
		break;
	case IF_TSRESOL:
		if (bc_reader_option_is(r, o, 1))
			set_resolution(&iface->clock, o->value[0]);
		break;
	case IF_TSOFFSET:
		if (bc_reader_option_is(r, o, 8))
			iface->clock.offset_s = (int64_t)bc_get64(o->value, r->big_endian);
		break;
	default:
		keep(r, o);
	}
}

static int take_options(struct bc_reader *r, struct bc_reader_iface *iface, const uint8_t *p, const uint8_t *end,
			struct bc_err *err)
{
	struct bc_reader_clock *c = &iface->clock;
	struct bc_reader_option o;
	int rc;

	set_resolution(c, TSRESOL_DEFAULT);
	r->kept_len = 0;
	while ((rc = bc_reader_option_next(&p, end, r->big_endian, &o, err)) > 0)
		take_option(r, iface, &o);
	iface->desc.options_len = (uint16_t)r->kept_len;
	if (r->kept_len)
		memcpy(iface->desc.options, r->kept, r->kept_len);
	c->plain = c->mul == 1 && c->div == 1 && !c->shift && !c->offset_s;
	return rc;
}

/*
 * Its number; r->count: there is none like it. Each section describes its interfaces anew, and two that are alike in one section are
 * two, hence the nth of a section is only ever the nth of another.
 */
static uint32_t find_alike(const struct bc_reader *r, const struct bc_reader_iface *iface)
{
	uint32_t i;

	for (i = 0; i < r->count; i++) {
		const struct bc_reader_iface *known = r->iface[i];

		if (known->section != r->section && !memcmp(&known->desc, &iface->desc, sizeof(iface->desc)) &&
		    !memcmp(&known->clock, &iface->clock, sizeof(iface->clock)))
			break;
	}
	return i;
}

/* The section's next interface is this, which is now the reader's. 1: it is new; 0: it is known; or a negative errno. */
static int add_local(struct bc_reader *r, struct bc_reader_iface *iface, struct bc_err *err)
{
	uint32_t i = find_alike(r, iface);
	const bool is_new = i == r->count;

	if (i == BC_MAX_IFACES) {
		free(iface);
		return bc_err_set(err, -EBADMSG, "it has more than %u interfaces; split it, for example with editcap",
				  BC_MAX_IFACES);
	}
	if (is_new)
		r->iface[r->count++] = iface;
	else
		free(iface);
	r->iface[i]->section = r->section;
	r->local[r->n_local++] = (uint16_t)i;
	return is_new;
}

int bc_reader_idb(struct bc_reader *r, const uint8_t *block, uint32_t total, struct bc_err *err)
{
	struct bc_reader_iface *iface;
	int rc;

	if (total < IDB_FIXED)
		return bc_err_set(err, -EBADMSG, "an interface description of %u bytes is too short", total);
	rc = bc_reader_iface_new(&iface, err);
	if (rc)
		return rc;
	iface->desc.linktype = bc_get16(block + 8, r->big_endian);
	iface->desc.snaplen = bc_get32(block + 12, r->big_endian);
	rc = take_options(r, iface, block + 16, block + total - 4, err);
	if (rc) {
		free(iface);
		return rc;
	}
	return add_local(r, iface, err);
}
