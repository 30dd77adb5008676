/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a pcapng file another one can hold unchanged: its blocks and options, little-endian and without what is not to be copied. */
#include <stdlib.h>

#include "bc_pcapng.h"
#include "bc_reader_priv.h"

#define BLOCK_HEADER 8U
#define DSB_FIXED 8U		/* type and length of the secrets */
#define PEN_BYTES 4U		/* the number of the enterprise, first in all that is custom */
#define NRB_END 0
#define ISB_FIXED 20U		/* its frame, interface and time */

enum {
	OPT_COMMENT = 1,
	EPB_VERDICT = 7,
	IF_FILTER = 11,
	OPT_CUSTOM_TEXT = 2988,
	OPT_CUSTOM_BYTES = 2989,
	OPT_CUSTOM_TEXT_NOT_COPIED = 19372,
	OPT_CUSTOM_BYTES_NOT_COPIED = 19373,
};

static const struct bc_reader_rule section_rules[] = { { OPT_COMMENT, 0, 1 } };
/* ns_dnsname, ns_dnsIP4addr, ns_dnsIP6addr */
static const struct bc_reader_rule nrb_rules[] = { { OPT_COMMENT, 0, 1 }, { 2, 0, 1 }, { 3, 4, 1 }, { 4, 16, 1 } };
static const struct bc_reader_rule dsb_rules[] = { { OPT_COMMENT, 0, 1 } };

/* if_IPv4addr, if_IPv6addr, if_EUIaddr, if_tzone, if_filter, if_os, if_txspeed, if_rxspeed, if_iana_tzname */
static const struct bc_reader_rule iface_rules[] = {
	{ OPT_COMMENT, 0, 1 }, { 4, 8, 1 }, { 5, 17, 1 }, { 7, 8, 1 }, { 10, 4, 4 }, { IF_FILTER, 0, 1 }, { 12, 0, 1 }, { 16, 8, 8 }, { 17, 8, 8 },
	{ 18, 0, 1 },
};
/* epb_flags, epb_hash, epb_packetid, epb_queue, epb_processid_threadid; the verdict has a rule of its own. */
static const struct bc_reader_rule packet_rules[] = { { OPT_COMMENT, 0, 1 }, { 2, 4, 4 }, { 3, 0, 1 }, { 5, 8, 8 }, { 6, 4, 4 }, { 8, 8, 4 } };

#define RULES(r) r, sizeof(r) / sizeof(r[0])

/* False: there is no memory for it. */
static bool put(struct bc_reader *r, const void *src, size_t n)
{
	if (r->kept_cap - r->kept_len < n) {
		size_t cap = 2 * (r->kept_len + n);
		uint8_t *p = realloc(r->kept, cap);

		if (!p)
			return false;
		r->kept = p;
		r->kept_cap = cap;
	}
	if (n)
		memcpy(r->kept + r->kept_len, src, n);
	r->kept_len += n;
	return true;
}

static bool put32(struct bc_reader *r, uint32_t v)
{
	uint8_t b[4];

	bc_put_le32(b, v);
	return put(r, b, sizeof(b));
}

/* Two of them, in their order. */
static bool put16(struct bc_reader *r, uint16_t a, uint16_t b)
{
	return put32(r, a | (uint32_t)b << 16);
}

static bool put_pad(struct bc_reader *r)
{
	static const uint8_t zeros[3];

	return put(r, zeros, bc_pad4((uint32_t)r->kept_len) - r->kept_len);
}

/* Integers of unit bytes each, from the section's byte order. */
static bool put_units(struct bc_reader *r, const uint8_t *p, size_t n, unsigned unit)
{
	if (unit <= 1 || !r->big_endian)
		return put(r, p, n);
	for (const uint8_t *end = p + n; p < end; p += unit)
		for (unsigned i = unit; i > 0; i--)
			if (!put(r, p + i - 1, 1))
				return false;
	return true;
}

static const struct bc_reader_rule *find_rule(const struct bc_reader_rule *rule, size_t n, uint16_t code)
{
	for (; n; n--, rule++)
		if (rule->code == code)
			return rule;
	return NULL;
}

static bool put_option(struct bc_reader *r, const struct bc_reader_option *o, size_t first, unsigned unit)
{
	return put16(r, o->code, o->len) && put_units(r, o->value, first, unit) &&
	       put(r, o->value + first, o->len - first) && put_pad(r);
}

static bool keep_option(struct bc_reader *r, const struct bc_reader_rule *rule, const struct bc_reader_option *o)
{

	switch (o->code) {
	case OPT_CUSTOM_TEXT:
	case OPT_CUSTOM_BYTES:
		return o->len >= PEN_BYTES && put_option(r, o, PEN_BYTES, PEN_BYTES);
	case OPT_CUSTOM_TEXT_NOT_COPIED:
	case OPT_CUSTOM_BYTES_NOT_COPIED:
		return false;
	}
	/* What integers are in it only who knows it could tell. */
	if (!rule)
		return !r->big_endian && put_option(r, o, 0, 1);
	if (rule->len && !bc_reader_option_is(r, o, rule->len))
		return false;
	return put_option(r, o, o->len, rule->unit);
}

bool bc_reader_keep_option(struct bc_reader *r, const struct bc_reader_rule *rules, size_t n, const struct bc_reader_option *o)
{
	const size_t before = r->kept_len;
	bool kept = keep_option(r, find_rule(rules, n, o->code), o);

	if (!kept)
		r->kept_len = before;
	return kept;
}

/* An octet says what follows: of the hardware bytes, of eBPF's hooks one integer. */
static bool keep_verdict(struct bc_reader *r, const struct bc_reader_option *o)
{
	const bool integer = o->len == 9 && o->value[0];

	if (!o->len || (r->big_endian && o->value[0] && !integer))
		return false;
	return put16(r, o->code, o->len) && put(r, o->value, 1) && put_units(r, o->value + 1, o->len - 1U, integer ? 8 : 1) && put_pad(r);
}

bool bc_reader_keep_iface_option(struct bc_reader *r, const struct bc_reader_option *o)
{
	/* A filter's first byte is its kind: text, or instructions in the section's byte order. */
	if (o->code == IF_FILTER && r->big_endian && o->len && o->value[0])
		return false;
	return bc_reader_keep_option(r, RULES(iface_rules), o);
}

bool bc_reader_keep_packet_option(struct bc_reader *r, const struct bc_reader_option *o)
{
	const size_t before = r->kept_len;

	if (o->code != EPB_VERDICT)
		return bc_reader_keep_option(r, RULES(packet_rules), o);
	if (keep_verdict(r, o))
		return true;
	r->kept_len = before;
	return false;
}

/* The options at p, and their end if there are any. False: they are not well-formed. */
static bool put_options(struct bc_reader *r, const uint8_t *p, const uint8_t *end, const struct bc_reader_rule *rules, size_t n)
{
	const size_t begin = r->kept_len;
	struct bc_reader_option o;
	int rc;

	while ((rc = bc_reader_option_next(&p, end, r->big_endian, &o, NULL)) > 0)
		bc_reader_keep_option(r, rules, n, &o);
	return rc == 0 && (r->kept_len == begin || put32(r, 0));
}

static bool begin_block(struct bc_reader *r, uint32_t type)
{
	r->kept_len = 0;
	return put32(r, type) && put32(r, 0);
}

static bool end_block(struct bc_reader *r)
{
	uint32_t total = (uint32_t)r->kept_len + 4;

	if (!put32(r, total))
		return false;
	bc_put_le32(r->kept + 4, total);
	return true;
}

static bool keep_secrets(struct bc_reader *r, const uint8_t *body, const uint8_t *end)
{
	uint32_t len, padded;

	if (end - body < (ptrdiff_t)DSB_FIXED)
		return false;
	len = bc_get32(body + 4, r->big_endian);
	if (len > (size_t)(end - body) - DSB_FIXED)
		return false;
	padded = bc_pad4(len);
	return begin_block(r, BC_PCAPNG_DSB) && put_units(r, body, DSB_FIXED, 4) && put(r, body + DSB_FIXED, padded) &&
	       put_options(r, body + DSB_FIXED + padded, end, RULES(dsb_rules)) && end_block(r);
}

static bool keep_names(struct bc_reader *r, const uint8_t *body, const uint8_t *end)
{
	bool good = begin_block(r, BC_PCAPNG_NRB);

	while (good && end - body >= 4) {
		uint16_t type = bc_get16(body, r->big_endian), len = bc_get16(body + 2, r->big_endian);

		body += 4;
		if (type == NRB_END)
			break;
		if (bc_pad4(len) > (size_t)(end - body))
			return false;
		good = put16(r, type, len) && put(r, body, bc_pad4(len));
		body += bc_pad4(len);
	}
	return good && put32(r, NRB_END) && put_options(r, body, end, RULES(nrb_rules)) && end_block(r);
}

/* Where its options begin, if it has any, only its enterprise knows. */
static bool keep_as_it_is(struct bc_reader *r, uint32_t type, const uint8_t *body, const uint8_t *end)
{
	if (type == BC_PCAPNG_CUSTOM && (r->big_endian || end - body < (ptrdiff_t)PEN_BYTES))
		return false;
	return begin_block(r, type) && put(r, body, (size_t)(end - body)) && end_block(r);
}

static int told_kept(const struct bc_reader *r, enum bc_carry_kind kind, struct bc_record *rec)
{
	rec->keep = kind;
	rec->kept = r->kept;
	rec->kept_len = (uint32_t)r->kept_len;
	return BC_READ_KEEP;
}

int bc_reader_keep_block(struct bc_reader *r, uint32_t type, const uint8_t *block, uint32_t total, struct bc_record *rec)
{
	const uint8_t *body = block + BLOCK_HEADER, *end = block + total - 4;
	enum bc_carry_kind kind = BC_CARRY_BLOCK;
	uint64_t *left = &r->left_out.custom;
	bool kept = false;

	switch (type) {
	case BC_PCAPNG_DSB:
		r->found.secrets++;
		left = &r->left_out.secrets;
		kept = keep_secrets(r, body, end);
		break;
	case BC_PCAPNG_NRB:
		r->found.names++;
		left = &r->left_out.names;
		kept = keep_names(r, body, end);
		break;
	case BC_PCAPNG_CUSTOM:
	case BC_PCAPNG_JOURNAL:
		kind = BC_CARRY_HERE;
		kept = keep_as_it_is(r, type, body, end);
		/* fallthrough */
	default:
		r->found.custom++;
	}
	*left += !kept;
	return kept ? told_kept(r, kind, rec) : BC_READ_SKIP;
}

void bc_reader_leave_statistics(struct bc_reader *r, const uint8_t *block, uint32_t total)
{
	static const char own[] = "received=";
	const uint8_t *p = block + ISB_FIXED, *end = block + total - 4;
	struct bc_reader_option o;

	while (p < end && bc_reader_option_next(&p, end, r->big_endian, &o, NULL) > 0)
		if (o.code == OPT_COMMENT && memmem(o.value, o.len, own, sizeof(own) - 1))
			return;
	r->found.statistics++;
	r->left_out.statistics++;
}

/* Our own comment, which says where the section was captured, is made anew, as are the options without a rule. */
static bool is_own(const struct bc_reader_option *o)
{
	static const char own[] = "host: ";

	return o->code == OPT_COMMENT && o->len >= sizeof(own) - 1 && !memcmp(o->value, own, sizeof(own) - 1);
}

int bc_reader_keep_section(struct bc_reader *r, const uint8_t *p, const uint8_t *end, struct bc_record *rec)
{
	struct bc_reader_option o;

	r->kept_len = 0;
	while (bc_reader_option_next(&p, end, r->big_endian, &o, NULL) > 0) {
		bool comment = o.code == OPT_COMMENT || o.code >= OPT_CUSTOM_TEXT, kept;

		if (!comment || is_own(&o))
			continue;
		r->found.comments++;
		/* The header of a segment that has begun cannot be told of them. */
		kept = r->section == 1 && bc_reader_keep_option(r, RULES(section_rules), &o);
		r->left_out.comments += !kept;
	}
	return r->kept_len ? told_kept(r, BC_CARRY_SECTION, rec) : BC_READ_SKIP;
}
