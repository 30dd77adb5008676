/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the reader share; nobody else includes this. Calls go one way: bc_reader.c calls the formats (_pcap, _block,
 * _erf), and these call bc_reader_iface.c.
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
};

struct bc_reader {
	enum { BC_READER_START, BC_READER_PCAP, BC_READER_PCAPNG, BC_READER_ERF } kind;
	bool big_endian;	/* pcapng: of the current section */
	uint32_t record_header;	/* pcap: its length */
	uint32_t frac_ns;	/* pcap: ns in a unit of the fraction */
	uint32_t first;		/* pcapng: the current section's interface 0 */
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
/* 0, or -EBADMSG when o is not of len bytes. */
int bc_reader_option_check(const struct bc_reader_option *o, uint16_t len, const char *name, struct bc_err *err);

/* A new interface in r's table, zeroed, that becomes known when the caller raises r->count. -EBADMSG or -ENOMEM. */
int bc_reader_iface_new(struct bc_reader *r, struct bc_reader_iface **ret, struct bc_err *err);
/* Parse an interface description block of total bytes and add its interface. */
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
