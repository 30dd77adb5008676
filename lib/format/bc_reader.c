/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader's life, what a file is by its first bytes, and the records of classic pcap. */
#include "bc_reader.h"

#include <stdlib.h>

#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_reader_priv.h"
#include "bc_time.h"

#define MAGIC_MODIFIED 0xa1b2cd34U
#define MODIFIED_RECORD_HEADER 24U /* interface index, protocol and packet type follow the usual 16 bytes */

struct bc_reader *bc_reader_new(void)
{
	return calloc(1, sizeof(struct bc_reader));
}

void bc_reader_free(struct bc_reader *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->count; i++)
		free(r->iface[i]);
	free(r);
}

const struct bc_iface *bc_reader_iface(const struct bc_reader *r, uint32_t i)
{
	return &r->iface[i]->desc;
}

/* Whether magic, in the byte order tried, is one of pcap's. */
static bool set_variant(struct bc_reader *r, uint32_t magic)
{
	r->record_header = magic == MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER : BC_PCAP_RECORD_HEADER;
	r->frac_ns = magic == BC_PCAP_MAGIC_NS ? 1 : BC_NS_PER_US;
	return magic == BC_PCAP_MAGIC_US || magic == BC_PCAP_MAGIC_NS || magic == MAGIC_MODIFIED;
}

static int read_file_header(struct bc_reader *r, const uint8_t *buf, struct bc_record *rec, struct bc_err *err)
{
	uint16_t major = bc_get16(buf + 4, r->big_endian);
	struct bc_reader_iface *iface;
	int rc;

	if (major != 2)
		return bc_err_set(err, -EBADMSG, "pcap version %u.%u is not known, only 2.x is", major,
				  bc_get16(buf + 6, r->big_endian));
	rc = bc_reader_iface_new(r, &iface, err);
	if (rc)
		return rc;
	iface->desc.snaplen = bc_get32(buf + 16, r->big_endian);
	/* The upper half tells of the frame check sequence. */
	iface->desc.linktype = (uint16_t)bc_get32(buf + 20, r->big_endian);
	r->kind = BC_READER_PCAP;
	rec->iface = r->count++;
	return BC_READ_IFACE;
}

static int read_start(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		      struct bc_record *rec, struct bc_err *err)
{
	int rc;

	if (len < 4)
		return bc_reader_more(consumed, need, 4);
	if (bc_get32(buf, false) == BC_PCAPNG_SHB) {
		r->kind = BC_READER_PCAPNG;
		return bc_reader_block(r, buf, len, consumed, need, rec, err);
	}
	r->big_endian = !set_variant(r, bc_get32(buf, false));
	if (r->big_endian && !set_variant(r, bc_get32(buf, true)))
		return bc_err_set(err, -EBADMSG, "neither pcap nor pcapng: it begins with %02x %02x %02x %02x", buf[0],
				  buf[1], buf[2], buf[3]);
	if (len < BC_PCAP_FILE_HEADER)
		return bc_reader_more(consumed, need, BC_PCAP_FILE_HEADER);
	rc = read_file_header(r, buf, rec, err);
	if (rc >= 0)
		*consumed = BC_PCAP_FILE_HEADER;
	return rc;
}

static int read_pcap(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		     struct bc_record *rec, struct bc_err *err)
{
	const uint32_t head = r->record_header;
	const bool be = r->big_endian;
	uint32_t caplen;

	if (len < head)
		return bc_reader_more(consumed, need, head);
	caplen = bc_get32(buf + 8, be);
	if (bc_unlikely(caplen > BC_READER_MAX_BLOCK - head))
		return bc_err_set(err, -EBADMSG, "a record claims %u bytes, more than the %u that are believed", caplen,
				  BC_READER_MAX_BLOCK - head);
	if (len - head < caplen)
		return bc_reader_more(consumed, need, head + caplen);
	rec->ts_ns = bc_get32(buf, be) * BC_NS_PER_S + (uint64_t)bc_get32(buf + 4, be) * r->frac_ns;
	rec->dropcount = 0;
	rec->iface = 0;
	rec->caplen = caplen;
	rec->wirelen = bc_get32(buf + 12, be);
	rec->data = buf + head;
	*consumed = head + caplen;
	return BC_READ_RECORD;
}

int bc_reader_next(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		   struct bc_record *rec, struct bc_err *err)
{
	if (bc_likely(r->kind == BC_READER_PCAPNG))
		return bc_reader_block(r, buf, len, consumed, need, rec, err);
	if (r->kind == BC_READER_PCAP)
		return read_pcap(r, buf, len, consumed, need, rec, err);
	if (r->kind == BC_READER_ERF)
		return bc_reader_erf(r, buf, len, consumed, need, rec, err);
	return read_start(r, buf, len, consumed, need, rec, err);
}
