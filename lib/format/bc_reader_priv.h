/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the reader share; nobody else includes this. Calls go one way: bc_reader.c calls the formats (_pcap, _block,
 * _erf), these call bc_reader_iface.c and bc_reader_keep.c, and that calls bc_reader_iface.c.
 */
#ifndef BC_READER_PRIV_H
#define BC_READER_PRIV_H

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "bc_bytes.h"
#include "bc_reader.h"

#define bc_likely(x) __builtin_expect(!!(x), 1)
#define bc_unlikely(x) __builtin_expect(!!(x), 0)

/* ns = raw * mul / div, or raw * mul >> shift; then the offset. plain: ns = raw. */
struct bc_reader_clock {
	uint64_t mul;
	uint64_t div;
	int64_t offset_s;
	uint8_t shift;
	bool plain;
};

struct bc_reader_iface {
	struct bc_reader_clock clock;
	struct bc_iface desc;
	uint64_t section;	/* of which it was an interface last */
};

struct bc_reader {
	enum { BC_READER_START, BC_READER_PCAP, BC_READER_PCAPNG, BC_READER_ERF } kind;
	bool big_endian;	/* pcapng: of the current section */
	uint32_t record_header;	/* pcap: its length */
	uint32_t frac_ns;	/* pcap: ns in a unit of the fraction */
	enum { BC_LENGTHS_USUAL, BC_LENGTHS_SWAPPED, BC_LENGTHS_EITHER } lengths;	/* pcap: of a record */
	uint64_t section;	/* pcapng: the current one, from 1 */
	uint32_t n_local;	/* and its interfaces, in iface */
	uint16_t local[BC_MAX_IFACES];
	uint64_t ignored;		/* options of a wrong length */
	struct bc_reader_beside found, left_out;
	uint8_t *kept;			/* of the last item, made ready: kept_len bytes */
	size_t kept_len, kept_cap;
	int32_t port[4];	/* ERF: interfaces by the number that records tell, -1: not seen yet */
	uint32_t count;
	struct bc_reader_iface *iface[BC_MAX_IFACES];
};

static inline int bc_reader_more(size_t *consumed, size_t *need, size_t n)
{
	*consumed = 0;
	*need = n;
	return BC_READ_MORE;
}

/* An option of a pcapng block. */
struct bc_reader_option {
	uint16_t code;
	uint16_t len;
	const uint8_t *value;
};

/* Take the option at *p and move on: 1; at the options' end 0; or -EBADMSG. end - *p is a multiple of 4. */
int bc_reader_option_next(const uint8_t **p, const uint8_t *end, bool big_endian, struct bc_reader_option *ret,
			  struct bc_err *err);
/* Is o of len bytes? Otherwise it is counted as ignored. */
bool bc_reader_option_is(struct bc_reader *r, const struct bc_reader_option *o, uint16_t len);

/* What is in an option that another file may have: len bytes (0: any number) that are integers of unit bytes. */
struct bc_reader_rule {
	uint16_t code;
	uint16_t len;
	uint8_t unit;
};

/* Append o to r->kept as n rules have it. False: it is left out. */
bool bc_reader_keep_option(struct bc_reader *r, const struct bc_reader_rule *rules, size_t n, const struct bc_reader_option *o);
/* A block that is no packet, no interface and no section header: BC_READ_KEEP and rec as bc_reader_next() has it, or BC_READ_SKIP. */
int bc_reader_keep_block(struct bc_reader *r, uint32_t type, const uint8_t *block, uint32_t total, struct bc_record *rec);
/* The same for an option of an interface, and of a packet. */
bool bc_reader_keep_iface_option(struct bc_reader *r, const struct bc_reader_option *o);
bool bc_reader_keep_packet_option(struct bc_reader *r, const struct bc_reader_option *o);
/* Statistics of an interface, which the output's own take the place of: another program's are counted as left out. */
void bc_reader_leave_statistics(struct bc_reader *r, const uint8_t *block, uint32_t total);
/* The same for the options of a section header. */
int bc_reader_keep_section(struct bc_reader *r, const uint8_t *p, const uint8_t *end, struct bc_record *rec);

/* An interface of which nothing is known, the caller's; or -ENOMEM. */
int bc_reader_iface_new(struct bc_reader_iface **ret, struct bc_err *err);
/* Parse an interface description block of total bytes. 1: its interface is new; 0: it is known from an earlier section. */
int bc_reader_idb(struct bc_reader *r, const uint8_t *block, uint32_t total, struct bc_err *err);
/* bc_reader_next() of a file that is no pcapng, at its beginning, of which 4 bytes are there. */
int bc_reader_pcap_header(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
			  struct bc_record *rec, struct bc_err *err);
/* bc_reader_next() of pcap, behind its header. */
int bc_reader_pcap(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		   struct bc_record *rec, struct bc_err *err);
/* bc_reader_next() of ERF. */
int bc_reader_erf(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		  struct bc_record *rec, struct bc_err *err);
/* bc_reader_next() between pcapng blocks. */
int bc_reader_block(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		    struct bc_record *rec, struct bc_err *err);

#endif
