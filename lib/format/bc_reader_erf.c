/* SPDX-License-Identifier: BSD-3-Clause */
/* The records of ERF. See bc_erf.h, and docs/formats.md for what is taken of them. */
#include <stdio.h>

#include "bc_erf.h"
#include "bc_reader_priv.h"

#define MORE_HEADERS 0x80U	/* in the type, and in the first byte of each extension header */
#define EXTENSION_HEADER 8U

enum {
	TYPE_COLOR_ETH = 11,
	TYPE_DSM_COLOR_ETH = 16,
	TYPE_COLOR_HASH_ETH = 20,
	TYPE_META = 27,
	TYPE_PAD = 48,
};

/* The number of the port's interface; a port's first record makes it known, and is then read again. */
static int iface_of(struct bc_reader *r, unsigned int port, size_t *consumed, struct bc_record *rec, struct bc_err *err)
{
	struct bc_reader_iface *iface;
	int rc;

	if (r->port[port] >= 0)
		return BC_READ_RECORD;
	rc = bc_reader_iface_new(&iface, err);
	if (rc)
		return rc;
	iface->desc.linktype = BC_ERF_LINKTYPE;
	snprintf(iface->desc.description, sizeof(iface->desc.description), "port %u", port);
	r->port[port] = (int32_t)r->count;
	r->iface[r->count] = iface;
	rec->iface = r->count++;
	*consumed = 0;
	return BC_READ_IFACE;
}

static uint64_t time_ns(const uint8_t *buf)
{
	uint64_t t = bc_get64(buf, false);

	return (t >> 32) * BC_NS_PER_S + (((t & UINT32_MAX) * BC_NS_PER_S + (1U << 31)) >> 32);
}

/* Where the frame begins; 0: not within the record. */
static uint32_t skip_headers(const uint8_t *buf, uint32_t rlen)
{
	uint32_t at = BC_ERF_HEADER;
	bool more = buf[8] & MORE_HEADERS;

	while (more && at + EXTENSION_HEADER <= rlen) {
		more = buf[at] & MORE_HEADERS;
		at += EXTENSION_HEADER;
	}
	at += BC_ERF_ETH_PAD;
	return more || at > rlen ? 0 : at;
}

/*
 * What is there of the frame, without its check sequence. Not every writer keeps to ERF's way of counting that: of a frame
 * that is there to its end the last 4 bytes are taken off only if they are one.
 */
static void take_frame(struct bc_record *rec, const uint8_t *data, uint32_t len, uint32_t wlen)
{
	const uint32_t without = wlen > BC_ERF_FCS ? wlen - BC_ERF_FCS : 0;
	uint32_t fcs;

	rec->data = data;
	rec->wirelen = without;
	rec->caplen = len < without ? len : without;
	if (wlen > len)
		return;
	fcs = bc_erf_fcs(data, without);
	if (wlen < BC_ERF_FCS || memcmp(data + without, &fcs, sizeof(fcs)) != 0)
		rec->caplen = rec->wirelen = wlen;
}

static int read_ethernet(struct bc_reader *r, unsigned int type, const uint8_t *buf, uint32_t rlen, size_t *consumed,
			 struct bc_record *rec, struct bc_err *err)
{
	const unsigned int port = buf[9] & 3U;
	const uint32_t at = skip_headers(buf, rlen);
	int rc;

	if (!at)
		return bc_err_set(err, -EBADMSG, "a record of %u bytes ends within its headers", rlen);
	rc = iface_of(r, port, consumed, rec, err);
	if (rc != BC_READ_RECORD)
		return rc;
	rec->ts_ns = time_ns(buf);
	rec->clamped = false;
	rec->comments = rec->options = rec->left_out = 0;
	rec->kept_len = 0;
	rec->dropcount = type == BC_ERF_TYPE_ETH ? bc_get_be16(buf + 12) : 0;
	rec->iface = (uint32_t)r->port[port];
	take_frame(rec, buf + at, rlen - at, bc_get_be16(buf + 14));
	*consumed = rlen;
	return BC_READ_RECORD;
}

int bc_reader_erf(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		  struct bc_record *rec, struct bc_err *err)
{
	unsigned int type;
	uint32_t rlen;

	if (len < BC_ERF_HEADER)
		return bc_reader_more(consumed, need, BC_ERF_HEADER);
	type = buf[8] & ~MORE_HEADERS;
	rlen = bc_get_be16(buf + 10);
	if (rlen < BC_ERF_HEADER)
		return bc_err_set(err, -EBADMSG, "not ERF: a record says that it has %u bytes", rlen);
	if (len < rlen)
		return bc_reader_more(consumed, need, rlen);
	switch (type) {
	case BC_ERF_TYPE_ETH:
	case TYPE_COLOR_ETH:
	case TYPE_DSM_COLOR_ETH:
	case TYPE_COLOR_HASH_ETH:
		return read_ethernet(r, type, buf, rlen, consumed, rec, err);
	case TYPE_META:
	case TYPE_PAD:
		*consumed = rlen;
		return BC_READ_SKIP;
	default:
		return bc_err_set(err, -EBADMSG, "an ERF record of type %u: only Ethernet is supported", type);
	}
}
