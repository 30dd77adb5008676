/* SPDX-License-Identifier: BSD-3-Clause */
/* Classic pcap: its header in all variants, and its records. */
#include "bc_pcap.h"
#include "bc_reader_priv.h"
#include "bc_time.h"

#define MAGIC_MODIFIED 0xa1b2cd34U
#define VERSION_DGUX 543U	/* of tcpdump there: its lengths are swapped */
#define MODIFIED_RECORD_HEADER 24U /* interface index, protocol and packet type follow the usual 16 bytes */

/* Whether magic, in the byte order tried, is one of pcap's. */
static bool set_variant(struct bc_reader *r, uint32_t magic)
{
	r->record_header = magic == MAGIC_MODIFIED ? MODIFIED_RECORD_HEADER : BC_PCAP_RECORD_HEADER;
	r->frac_ns = magic == BC_PCAP_MAGIC_NS ? 1 : BC_NS_PER_US;
	return magic == BC_PCAP_MAGIC_US || magic == BC_PCAP_MAGIC_NS || magic == MAGIC_MODIFIED;
}

static int read_file_header(struct bc_reader *r, const uint8_t *buf, struct bc_record *rec, struct bc_err *err)
{
	uint16_t major = bc_get16(buf + 4, r->big_endian), minor = bc_get16(buf + 6, r->big_endian);
	uint32_t link = bc_get32(buf + 20, r->big_endian);
	struct bc_reader_iface *iface;
	int rc;

	if (major != 2 && major != VERSION_DGUX)
		return bc_err_set(err, -EBADMSG, "unknown pcap version %u.%u: only 2.x is supported", major, minor);
	rc = bc_reader_iface_new(&iface, err);
	if (rc)
		return rc;
	/* Until 2.3 the two lengths stood the other way round; there, in the files of some writers. */
	r->lengths = minor < 3 || major == VERSION_DGUX ? BC_LENGTHS_SWAPPED : minor == 3 ? BC_LENGTHS_EITHER : BC_LENGTHS_USUAL;
	iface->desc.snaplen = bc_get32(buf + 16, r->big_endian);
	iface->desc.linktype = (uint16_t)link;
	iface->desc.has_fcs_len = (link & BC_PCAP_FCS_TOLD) != 0;
	iface->desc.fcs_len = link & BC_PCAP_FCS_TOLD ? (uint8_t)(link >> BC_PCAP_FCS_SHIFT) * 2 : 0;
	r->kind = BC_READER_PCAP;
	r->iface[r->count] = iface;
	rec->iface = r->count++;
	return BC_READ_IFACE;
}

int bc_reader_pcap_header(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
			  struct bc_record *rec, struct bc_err *err)
{
	int rc;

	r->big_endian = !set_variant(r, bc_get_le32(buf));
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

/* Both lengths of the record at buf, the captured one first. */
static inline void lengths(const struct bc_reader *r, const uint8_t *buf, uint32_t *caplen, uint32_t *wirelen)
{
	uint32_t a = bc_get32(buf + 8, r->big_endian), b = bc_get32(buf + 12, r->big_endian);
	bool swapped = bc_unlikely(r->lengths) && (r->lengths == BC_LENGTHS_SWAPPED || a > b);

	*caplen = swapped ? b : a;
	*wirelen = swapped ? a : b;
}

/* A file system may fill with zeros what it had not yet written when the power failed; they would be packets without a byte. */
static inline bool is_zeros(const uint8_t *head)
{
	static const uint8_t zeros[BC_PCAP_RECORD_HEADER];

	return !memcmp(head, zeros, sizeof(zeros));
}

int bc_reader_pcap(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		   struct bc_record *rec, struct bc_err *err)
{
	const uint32_t head = r->record_header;
	const bool be = r->big_endian;
	uint32_t caplen, wirelen;

	if (len < head)
		return bc_reader_more(consumed, need, head);
	lengths(r, buf, &caplen, &wirelen);
	if (bc_unlikely(!caplen) && is_zeros(buf))
		return bc_err_set(err, -EBADMSG, "zeros where a packet should be");
	if (bc_unlikely(caplen > BC_READER_MAX_BLOCK - head))
		return bc_err_set(err, -EBADMSG, "a record claims %u bytes; the limit is %u", caplen,
				  BC_READER_MAX_BLOCK - head);
	if (len - head < caplen)
		return bc_reader_more(consumed, need, head + caplen);
	rec->ts_ns = bc_get32(buf, be) * BC_NS_PER_S + (uint64_t)bc_get32(buf + 4, be) * r->frac_ns;
	rec->clamped = false;
	rec->comments = rec->options = rec->left_out = 0;
	rec->kept_len = 0;
	rec->dropcount = 0;
	rec->iface = 0;
	rec->caplen = caplen;
	rec->wirelen = wirelen;
	rec->data = buf + head;
	*consumed = head + caplen;
	return BC_READ_RECORD;
}
