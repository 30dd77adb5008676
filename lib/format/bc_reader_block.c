/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocks of pcapng: their extent, sections, packets. */
#include "bc_ack_block.h"
#include "bc_pcapng.h"
#include "bc_reader_priv.h"
#include "bc_time.h"

#define BLOCK_MIN 12U /* also as much of a section header as tells its byte order */
#define SHB_MIN 28U
#define SPB_FIXED 16U
#define BC_PCAPNG_PB 2U /* the obsolete packet block, as long as its successor */
#define OPT_COMMENT 1
#define EPB_DROPCOUNT 4
#define EPB_QUEUE 6
#define PB_DROPS_UNKNOWN 0xffffU

static int bad_size(uint32_t type, uint32_t total, struct bc_err *err)
{
	return bc_err_set(err, -EBADMSG, "a block of type 0x%08x claims an impossible %u bytes", type, total);
}

static int section_order(const uint8_t *block, bool *big_endian, struct bc_err *err)
{
	static const uint8_t little[4] = { 0x4d, 0x3c, 0x2b, 0x1a }, big[4] = { 0x1a, 0x2b, 0x3c, 0x4d };

	*big_endian = !memcmp(block + 8, big, 4);
	if (!*big_endian && memcmp(block + 8, little, 4))
		return bc_err_set(err, -EBADMSG, "a section header without a byte-order magic");
	return 0;
}

static int read_shb(struct bc_reader *r, const uint8_t *block, uint32_t total, bool big_endian, struct bc_record *rec,
		    struct bc_err *err)
{
	uint16_t major;

	if (total < SHB_MIN)
		return bad_size(BC_PCAPNG_SHB, total, err);
	major = bc_get16(block + 12, big_endian);
	if (major != 1)
		return bc_err_set(err, -EBADMSG, "unknown pcapng version %u.%u: only 1.x is supported", major,
				  bc_get16(block + 14, big_endian));
	r->big_endian = big_endian;
	r->section++;
	r->n_local = 0;
	return bc_reader_keep_section(r, block + SHB_MIN - 4, block + total - 4, rec);
}

/* With 128 bits nothing overflows on the way: raw * mul < 2^94, and so is the offset. */
static uint64_t to_ns(const struct bc_reader_clock *c, uint64_t raw, bool *clamped)
{
	unsigned __int128 t = (unsigned __int128)raw * c->mul;
	__int128 ns = (__int128)(c->div > 1 ? t / c->div : t >> c->shift);

	ns += (__int128)c->offset_s * (int64_t)BC_NS_PER_S;
	*clamped = ns < 0 || ns > UINT64_MAX;
	return ns < 0 ? 0 : ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/*
 * Enhanced and obsolete packet blocks have their times and lengths at the same places. First their data must be within
 * the block, then what is special to each is read, at last the packet, which fills rec or fails.
 */
static int check_caplen(uint32_t caplen, uint32_t total, struct bc_err *err)
{
	if (caplen > total - BC_EPB_FIXED)
		return bc_err_set(err, -EBADMSG, "a packet claims %u bytes, but its block has %u", caplen,
				  total - BC_EPB_FIXED);
	return 0;
}

static int read_packet(const struct bc_reader *r, const uint8_t *block, uint32_t id, const struct bc_record *told,
		       struct bc_record *rec, struct bc_err *err)
{
	const bool be = r->big_endian;
	uint64_t ts_ns = (uint64_t)bc_get32(block + 12, be) << 32 | bc_get32(block + 16, be);

	if (id >= r->n_local)
		return bc_err_set(err, -EBADMSG, "a packet of interface %u, but its section has declared %u", id, r->n_local);
	*rec = *told;
	rec->ts_ns = to_ns(&r->iface[r->local[id]]->clock, ts_ns, &rec->clamped);
	rec->iface = r->local[id];
	rec->caplen = bc_get32(block + 20, be);
	rec->wirelen = bc_get32(block + 24, be);
	rec->data = block + 28;
	return BC_READ_RECORD;
}

/* One of a packet's options that is not the count of drops. */
static void take_option(struct bc_reader *r, const struct bc_reader_option *o, struct bc_record *ret)
{
	uint16_t *count = o->code == OPT_COMMENT ? &ret->comments : &ret->options;
	bool kept = bc_reader_keep_packet_option(r, o);

	*count += *count < UINT16_MAX;
	ret->left_out += !kept && ret->left_out < UINT16_MAX;
	ret->has_queue |= kept && o->code == EPB_QUEUE;
}

/* The options behind a packet's data, which ret is told of; end - p is a multiple of 4. */
static int take_options(struct bc_reader *r, const uint8_t *p, const uint8_t *end, struct bc_record *ret, struct bc_err *err)
{
	struct bc_reader_option o;
	int rc;

	r->kept_len = 0;
	while ((rc = bc_reader_option_next(&p, end, r->big_endian, &o, err)) > 0)
		if (o.code != EPB_DROPCOUNT)
			take_option(r, &o, ret);
		else if (bc_reader_option_is(r, &o, 8))
			ret->dropcount = bc_get64(o.value, r->big_endian);
	ret->kept = r->kept;
	ret->kept_len = (uint32_t)r->kept_len;
	return rc;
}

static int read_epb(struct bc_reader *r, const uint8_t *block, uint32_t total, struct bc_record *rec,
		    struct bc_err *err)
{
	struct bc_record told = { .dropcount = 0 };
	uint32_t caplen;
	int rc;

	if (total < BC_EPB_FIXED)
		return bad_size(BC_PCAPNG_EPB, total, err);
	caplen = bc_get32(block + 20, r->big_endian);
	rc = check_caplen(caplen, total, err);
	if (!rc && bc_pad4(caplen) < total - BC_EPB_FIXED)
		rc = take_options(r, block + 28 + bc_pad4(caplen), block + total - 4, &told, err);
	if (rc)
		return rc;
	return read_packet(r, block, bc_get32(block + 8, r->big_endian), &told, rec, err);
}

/* Its options have the numbers of its successor's, but for the drops, which it has before them. */
static int read_pb(struct bc_reader *r, const uint8_t *block, uint32_t total, struct bc_record *rec,
		   struct bc_err *err)
{
	const bool be = r->big_endian;
	struct bc_record told = { .dropcount = 0 };
	uint32_t caplen;
	uint16_t drops;
	int rc;

	if (total < BC_EPB_FIXED)
		return bad_size(BC_PCAPNG_PB, total, err);
	caplen = bc_get32(block + 20, be);
	rc = check_caplen(caplen, total, err);
	if (rc)
		return rc;
	if (bc_pad4(caplen) < total - BC_EPB_FIXED)
		take_options(r, block + 28 + bc_pad4(caplen), block + total - 4, &told, NULL);
	drops = bc_get16(block + 10, be);
	told.dropcount = drops == PB_DROPS_UNKNOWN ? 0 : drops;
	return read_packet(r, block, bc_get16(block + 8, be), &told, rec, err);
}

static int read_spb(const struct bc_reader *r, const uint8_t *block, uint32_t total, struct bc_record *rec,
		    struct bc_err *err)
{
	uint32_t wirelen, caplen, snaplen;

	if (total < SPB_FIXED)
		return bad_size(BC_PCAPNG_SPB, total, err);
	if (!r->n_local)
		return bc_err_set(err, -EBADMSG, "a simple packet, but its section has declared no interface");
	wirelen = bc_get32(block + 8, r->big_endian);
	snaplen = r->iface[r->local[0]]->desc.snaplen;
	caplen = snaplen && snaplen < wirelen ? snaplen : wirelen;
	if (caplen > total - SPB_FIXED)
		return bc_err_set(err, -EBADMSG, "a simple packet of %u bytes, but its block has %u", caplen,
				  total - SPB_FIXED);
	*rec = (struct bc_record){
		.iface = r->local[0], .caplen = caplen, .wirelen = wirelen, .data = block + 12,
	};
	return BC_READ_RECORD;
}

static int read_whole(struct bc_reader *r, uint32_t type, const uint8_t *block, uint32_t total, bool big_endian,
		      struct bc_record *rec, struct bc_err *err)
{
	int rc;

	switch (type) {
	case BC_PCAPNG_SHB:
		return read_shb(r, block, total, big_endian, rec, err);
	case BC_PCAPNG_IDB:
		rc = bc_reader_idb(r, block, total, err);
		if (rc <= 0)
			return rc ? rc : BC_READ_SKIP;
		rec->iface = r->count - 1;
		return BC_READ_IFACE;
	case BC_PCAPNG_EPB:
		return read_epb(r, block, total, rec, err);
	case BC_PCAPNG_PB:
		return read_pb(r, block, total, rec, err);
	case BC_PCAPNG_SPB:
		return read_spb(r, block, total, rec, err);
	case BC_PCAPNG_ISB:
		bc_reader_leave_statistics(r, block, total);
		return BC_READ_SKIP;
	case BC_ACK_BLOCK_TYPE:
	case BC_PCAPNG_INDEX:
	case BC_PCAPNG_PADDING:
		return BC_READ_SKIP;
	default:
		return bc_reader_keep_block(r, type, block, total, rec);
	}
}

/*
 * The usual packet: little-endian, without options, its time in nanoseconds. Whatever is not so, what is wrong or
 * incomplete included, is left to the general way.
 */
static inline bool read_usual(const struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed,
			      struct bc_record *rec)
{
	uint32_t total, caplen, id;

	if (r->big_endian || len < BC_EPB_FIXED || bc_get_le32(buf) != BC_PCAPNG_EPB)
		return false;
	total = bc_get_le32(buf + 4);
	id = bc_get_le32(buf + 8);
	caplen = bc_get_le32(buf + 20);
	if (total > len || total > BC_READER_MAX_BLOCK || caplen > total || total != BC_EPB_FIXED + bc_pad4(caplen) ||
	    bc_get_le32(buf + total - 4) != total)
		return false;
	if (id >= r->n_local)
		return false;
	id = r->local[id];
	if (!r->iface[id]->clock.plain)
		return false;
	*consumed = total;
	rec->ts_ns = (uint64_t)bc_get_le32(buf + 12) << 32 | bc_get_le32(buf + 16);
	rec->clamped = false;
	rec->comments = rec->options = rec->left_out = 0;
	rec->kept_len = 0;
	rec->dropcount = 0;
	rec->iface = id;
	rec->caplen = caplen;
	rec->wirelen = bc_get_le32(buf + 24);
	rec->data = buf + 28;
	return true;
}

/* Out of line, so that the usual packet saves no registers for it. */
static __attribute__((noinline)) int read_block(struct bc_reader *r, const uint8_t *buf, size_t len,
						size_t *consumed, size_t *need, struct bc_record *rec,
						struct bc_err *err)
{
	bool be = r->big_endian;
	uint32_t type, total;
	int rc;

	if (len < BLOCK_MIN)
		return bc_reader_more(consumed, need, BLOCK_MIN);
	type = bc_get32(buf, be);
	if (type == BC_PCAPNG_SHB) {
		rc = section_order(buf, &be, err);
		if (rc)
			return rc;
	}
	total = bc_get32(buf + 4, be);
	if (total < BLOCK_MIN || total > BC_READER_MAX_BLOCK || total % 4)
		return bad_size(type, total, err);
	if (len < total)
		return bc_reader_more(consumed, need, total);
	if (bc_get32(buf + total - 4, be) != total)
		return bc_err_set(err, -EBADMSG, "a block of type 0x%08x has length %u at its start and %u at its end",
				  type,
				  total, bc_get32(buf + total - 4, be));
	rc = read_whole(r, type, buf, total, be, rec, err);
	if (rc >= 0)
		*consumed = total;
	return rc;
}

int bc_reader_block(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		    struct bc_record *rec, struct bc_err *err)
{
	if (bc_likely(read_usual(r, buf, len, consumed, rec)))
		return BC_READ_RECORD;
	return read_block(r, buf, len, consumed, need, rec, err);
}
