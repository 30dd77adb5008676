/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bytes of pcapng blocks, little-endian, as in draft-ietf-opsawg-pcapng. Nothing here allocates, fails after its
 * bounds check, or knows of files. Timestamps are nanoseconds (if_tsresol 9).
 */
#ifndef BC_PCAPNG_H
#define BC_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_carry.h"
#include "bc_iface.h"

#define BC_PCAPNG_SHB 0x0A0D0D0AU
#define BC_PCAPNG_IDB 1U
#define BC_PCAPNG_SPB 3U
#define BC_PCAPNG_NRB 4U
#define BC_PCAPNG_ISB 5U
#define BC_PCAPNG_EPB 6U
#define BC_PCAPNG_JOURNAL 9U		/* an entry of the systemd journal */
#define BC_PCAPNG_DSB 10U
#define BC_PCAPNG_INDEX 0xBCA90001U	/* ours, for local use: docs/formats.md */
#define BC_PCAPNG_PADDING 0xBCA90002U	/* the same */
#define BC_PCAPNG_CUSTOM 0xbadU		/* the custom block that may be copied into another file */

/* Bytes of an enhanced packet block without data and options; of two options; of the options' end. */
#define BC_EPB_FIXED 32U
#define BC_EPB_OPT_DROPCOUNT 12U
#define BC_EPB_OPT_QUEUE 8U
#define BC_EPB_OPT_END 4U

/* Section header: every string may be NULL. */
struct bc_pcapng_section {
	const char *hardware;
	const char *os;
	const char *application;
	const char *comment;	/* the first of its comments, which Wireshark and capinfos show first */
	const char *host;	/* another */
	const struct bc_carry *carry;	/* the options in its first n_carried entries follow; may be NULL if there are none */
	uint32_t n_carried;
};

/* An interface's statistics; counts are since the capture's start, as the draft has it. */
struct bc_pcapng_stats {
	uint32_t iface;
	uint64_t ts_ns;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t received;	/* isb_ifrecv: as in the ledger, what was lost included */
	uint64_t if_dropped;	/* isb_ifdrop: lost by the NIC */
	uint64_t accepted;	/* isb_filteraccept: received - if_dropped - filtered */
	uint64_t os_dropped;	/* isb_osdrop: lost by the kernel and by us */
	uint64_t delivered;	/* isb_usrdeliv: written */
	const char *comment;	/* the named losses for a person; may be NULL */
};

/*
 * Each writes one block at dst and returns its length, or 0 when cap does not hold it (nothing is then written).
 * Strings are cut so that an option never exceeds 65535 bytes.
 */
size_t bc_pcapng_shb(uint8_t *dst, size_t cap, const struct bc_pcapng_section *s);
/* snaplen and filter are those of the output (filter may be NULL or ""). */
size_t bc_pcapng_idb(uint8_t *dst, size_t cap, const struct bc_iface *iface, uint32_t snaplen, const char *filter);
size_t bc_pcapng_isb(uint8_t *dst, size_t cap, const struct bc_pcapng_stats *s);

static inline uint32_t bc_pad4(uint32_t n)
{
	return (n + 3U) & ~3U;
}

/*
 * An enhanced packet block in two steps, for the hot path. begin writes the header and the padding and returns where caplen
 * bytes of data go; end writes the options and the trailing length, and returns the byte after the block.
 * opt_len must be bc_epb_opt_len(dropcount, with_queue); dst holds BC_EPB_FIXED + pad4(caplen) + opt_len bytes.
 */
static inline uint32_t bc_epb_opt_len(uint64_t dropcount, int with_queue)
{
	uint32_t n = (dropcount ? BC_EPB_OPT_DROPCOUNT : 0U) + (with_queue ? BC_EPB_OPT_QUEUE : 0U);

	return n ? n + BC_EPB_OPT_END : 0U;
}

static inline uint8_t *bc_epb_begin(uint8_t *dst, uint32_t iface, uint64_t ts_ns, uint32_t caplen, uint32_t wirelen,
				    uint32_t opt_len)
{
	uint64_t len = BC_EPB_FIXED + bc_pad4(caplen) + opt_len;
	uint8_t *p = bc_put_le64(dst, BC_PCAPNG_EPB | len << 32);

	p = bc_put_le64(p, iface | ts_ns >> 32 << 32);
	p = bc_put_le64(p, (ts_ns & UINT32_MAX) | (uint64_t)caplen << 32);
	p = bc_put_le32(p, wirelen);
	/* The data go over the front of this, and what follows over its end. */
	bc_put_le32(p + (caplen & ~3U), 0);
	return p;
}

uint8_t *bc_epb_options(uint8_t *p, uint64_t dropcount, int with_queue, uint32_t queue);

static inline uint8_t *bc_epb_end(uint8_t *data, uint32_t caplen, uint32_t opt_len, uint64_t dropcount, int with_queue,
				  uint32_t queue)
{
	uint8_t *p = data + bc_pad4(caplen);

	if (__builtin_expect(opt_len != 0, 0))
		p = bc_epb_options(p, dropcount, with_queue, queue);
	return bc_put_le32(p, BC_EPB_FIXED + bc_pad4(caplen) + opt_len);
}

#endif
