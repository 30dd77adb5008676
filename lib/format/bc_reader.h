/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A parser of pcap (us, ns, both byte orders, also the longer records of the modified magic 0xa1b2cd34) and pcapng
 * (several sections, several interfaces and resolutions, EPB, SPB, the obsolete packet block), and of ERF's Ethernet
 * records, over bytes that the caller holds. It does no I/O and never reads outside the bytes given. Every field is hostile. One thread at a time uses a
 * reader.
 */
#ifndef BC_READER_H
#define BC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_carry.h"
#include "bc_err.h"
#include "bc_iface.h"

/* No record, block or header may be longer: what claims to be is corrupt. */
#define BC_READER_MAX_BLOCK (16U * 1024 * 1024)

struct bc_reader;

enum bc_read {
	BC_READ_MORE,	/* the bytes end inside a block: call again with more of them */
	BC_READ_RECORD,	/* rec is filled */
	BC_READ_IFACE,	/* a new interface, number rec->iface, is known; one that an earlier section described alike is not new */
	BC_READ_SKIP,	/* something else was passed over */
	BC_READ_KEEP,	/* something that stands beside packets, which another file can hold: rec->kept */
};

struct bc_record {
	uint64_t ts_ns;		/* UTC; 0 for a simple packet block, which has no time */
	bool clamped;		/* the time was out of range: ts_ns is the end of it that is nearer, 0 or UINT64_MAX */
	uint64_t dropcount;	/* epb_dropcount, or 0 */
	uint16_t comments;	/* that it has */
	uint16_t options;	/* and options of other kinds, such as flags */
	uint16_t left_out;	/* of these and of the comments, those that are not in kept */
	bool has_queue;		/* one in kept is epb_queue */
	uint32_t iface;		/* counts through the different ones of all sections, from 0 */
	uint32_t caplen;
	uint32_t wirelen;
	const uint8_t *data;	/* into the caller's bytes */
	enum bc_carry_kind keep;	/* BC_CARRY_BLOCK: secrets or names; BC_CARRY_HERE: a custom block */
	uint32_t kept_len;
	const uint8_t *kept;	/* as bc_carry_add() takes it, or a packet's options without their end; good until the reader's next item */
};

/* NULL without memory; free takes NULL. */
struct bc_reader *bc_reader_new(void);
/* ERF has no magic number. */
struct bc_reader *bc_reader_new_erf(void);
/* Is that the one to be taken for a file of this name? packed is the extension of a compression that ends it, or "". */
bool bc_reader_is_erf_name(const char *path, const char *packed);
void bc_reader_free(struct bc_reader *r);

/*
 * Parse one item at buf. At BC_READ_RECORD, _IFACE, _SKIP and _KEEP *consumed is its length (a pcap file header is an IFACE; one
 * of ERF has length 0, and comes before the first record of an interface);
 * all of rec but keep is set at BC_READ_RECORD, rec->iface at BC_READ_IFACE, only what is kept at BC_READ_KEEP. At BC_READ_MORE *consumed is 0 and *need a number of
 * bytes from buf to come back with: more than len, at most BC_READER_MAX_BLOCK; a first answer may only suffice to find
 * out the next. What comes out does not depend on how much of the file is given at once. Lengths are the file's: wirelen
 * may be less than caplen, and caplen more than the snaplen.
 *
 * -EBADMSG: corrupt; err says what, without the offset, which the caller knows. -ENOMEM: no memory for an interface.
 * rec and *consumed are then untouched, and the reader must not be used again.
 */
int bc_reader_next(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		   struct bc_record *rec, struct bc_err *err);

/*
 * What the file says of interface i: options that are kept, name, description, hardware, linktype, snaplen, speed, MAC, length of the FCS; in clock, what braidcap
 * once stated in it on the stamps. stamp is BC_STAMP_FILE. Text is UTF-8 without control characters. i must be known;
 * the pointer is good until bc_reader_free().
 */
const struct bc_iface *bc_reader_iface(const struct bc_reader *r, uint32_t i);

/* What a file says beside its packets. */
struct bc_reader_beside {
	uint64_t secrets;	/* blocks with keys for decryption */
	uint64_t names;		/* blocks with names of addresses */
	uint64_t custom;	/* custom blocks, and blocks of kinds that are not known */
	uint64_t comments;	/* of sections and interfaces; and custom options */
	uint64_t statistics;	/* blocks of them, but for braidcap's own */
	uint64_t options;	/* of interfaces, such as addresses, that braidcap makes no use of */
};

/* Was the file told to be one of its kind, whatever is wrong with it? */
bool bc_reader_is_known(const struct bc_reader *r);

/* What was found so far, and what of it was not told as BC_READ_KEEP. Grows with each item read. */
const struct bc_reader_beside *bc_reader_found(const struct bc_reader *r);
const struct bc_reader_beside *bc_reader_left_out(const struct bc_reader *r);
/* Options so far that were ignored because of a length that the format does not know. */
uint64_t bc_reader_ignored(const struct bc_reader *r);

#endif
