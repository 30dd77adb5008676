/* SPDX-License-Identifier: BSD-3-Clause */
/* A file in the making, in either byte order, well-formed or not. */
#ifndef BC_BUILD_H
#define BC_BUILD_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct build {
	uint8_t b[8192];
	size_t n;
	size_t block;	/* where the open block begins */
	bool big_endian;
};

static inline void add_int(struct build *f, uint64_t v, unsigned int size)
{
	assert(f->n + size <= sizeof(f->b));
	for (unsigned int i = 0; i < size; i++)
		f->b[f->n + (f->big_endian ? size - 1 - i : i)] = (uint8_t)(v >> (8 * i));
	f->n += size;
}

static inline void add16(struct build *f, uint16_t v)
{
	add_int(f, v, 2);
}

static inline void add32(struct build *f, uint32_t v)
{
	add_int(f, v, 4);
}

static inline void add64(struct build *f, uint64_t v)
{
	add_int(f, v, 8);
}

static inline void add_bytes(struct build *f, const void *src, size_t n)
{
	assert(f->n + n <= sizeof(f->b));
	memcpy(f->b + f->n, src, n);
	f->n += n;
}

static inline void add_pad(struct build *f)
{
	while ((f->n - f->block) % 4)
		add_int(f, 0, 1);
}

static inline void begin_block(struct build *f, uint32_t type)
{
	f->block = f->n;
	add32(f, type);
	add32(f, 0);
}

static inline void end_block(struct build *f)
{
	uint32_t total;
	size_t end;

	add_pad(f);
	total = (uint32_t)(f->n + 4 - f->block);
	add32(f, total);
	end = f->n;
	f->n = f->block + 4;
	add32(f, total);
	f->n = end;
}

static inline void add_option(struct build *f, uint16_t code, const void *value, uint16_t len)
{
	add16(f, code);
	add16(f, len);
	add_bytes(f, value, len);
	add_pad(f);
}

static inline void add_option64(struct build *f, uint16_t code, uint64_t v)
{
	add16(f, code);
	add16(f, 8);
	add64(f, v);
}

static inline void add_shb(struct build *f, bool big_endian)
{
	f->big_endian = big_endian;
	begin_block(f, 0x0a0d0d0a);
	add32(f, 0x1a2b3c4d);
	add16(f, 1);
	add16(f, 0);
	add64(f, UINT64_MAX);
	end_block(f);
}

static inline void begin_idb(struct build *f, uint16_t linktype, uint32_t snaplen)
{
	begin_block(f, 1);
	add16(f, linktype);
	add16(f, 0);
	add32(f, snaplen);
}

/* An interface without options: microseconds. */
static inline void add_idb(struct build *f, uint16_t linktype, uint32_t snaplen)
{
	begin_idb(f, linktype, snaplen);
	end_block(f);
}

/* The clock options; resolution 6 is left out, as is an offset of 0. */
static inline void add_idb_clock(struct build *f, uint8_t tsresol, int64_t offset_s)
{
	begin_idb(f, 1, 0);
	if (tsresol != 6)
		add_option(f, 9, &tsresol, 1);
	if (offset_s)
		add_option64(f, 14, (uint64_t)offset_s);
	end_block(f);
}

static inline void begin_epb(struct build *f, uint32_t iface, uint64_t ts, const void *data, uint32_t caplen,
			     uint32_t wirelen)
{
	begin_block(f, 6);
	add32(f, iface);
	add32(f, (uint32_t)(ts >> 32));
	add32(f, (uint32_t)ts);
	add32(f, caplen);
	add32(f, wirelen);
	add_bytes(f, data, caplen);
	add_pad(f);
}

static inline void add_epb(struct build *f, uint32_t iface, uint64_t ts, const void *data, uint32_t caplen,
			   uint32_t wirelen)
{
	begin_epb(f, iface, ts, data, caplen, wirelen);
	end_block(f);
}

static inline void add_pb(struct build *f, uint16_t iface, uint16_t drops, uint64_t ts, const void *data,
			  uint32_t caplen, uint32_t wirelen)
{
	begin_block(f, 2);
	add16(f, iface);
	add16(f, drops);
	add32(f, (uint32_t)(ts >> 32));
	add32(f, (uint32_t)ts);
	add32(f, caplen);
	add32(f, wirelen);
	add_bytes(f, data, caplen);
	end_block(f);
}

/* A simple packet of wirelen bytes, of which there are len. */
static inline void add_spb(struct build *f, uint32_t wirelen, const void *data, uint32_t len)
{
	begin_block(f, 3);
	add32(f, wirelen);
	add_bytes(f, data, len);
	end_block(f);
}

static inline void add_pcap_header(struct build *f, uint32_t magic, uint32_t snaplen, uint32_t network)
{
	add32(f, magic);
	add16(f, 2);
	add16(f, 4);
	add64(f, 0);
	add32(f, snaplen);
	add32(f, network);
}

static inline void add_pcap_record(struct build *f, uint32_t sec, uint32_t frac, const void *data, uint32_t caplen,
				   uint32_t wirelen)
{
	add32(f, sec);
	add32(f, frac);
	add32(f, caplen);
	add32(f, wirelen);
	add_bytes(f, data, caplen);
}

#endif
