/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lz4_packets.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "bc_bytes.h"

/* lz4_Block_format.md: a match has at least 4 bytes, begins 12 before the end or earlier, and leaves the last 5. */
#define MATCH_MIN 4U
#define MATCH_BEGIN_BEFORE_END 12U
#define LITERALS_AT_END 5U

/*
 * Payload is looked up by five bytes. An entry holds the position, and bits of the hash and of the block's number that must
 * agree: a probe that fails touches no other memory, 1.5 times as fast on mixed traffic as reading the bytes there.
 */
#define PAYLOAD_LOG 12
#define TAG_SHIFT 20
#define BLOCK_SHIFT 16
#define BLOCKS 16U		/* that are told apart; then the table is cleared */

#define FLOW_LOG 10
#define LINK_LOG 8

/* Header bytes are compared so many at a time; equal ones are a match from this number on: four gain one byte. */
#define SPAN 64U
#define RUN_MIN 5U

/* A record's bytes that the keys of its flow and its link are made of. */
#define KEY_BYTES 96U

/* Payload shorter than this is not judged. */
#define JUDGED_MIN 64U
/* Of 480 pairs among the judged bytes, so many are equal at the most in random ones: 2 are expected, in text 30. */
#define RANDOM_PAIRS 5U
/* So much of the payload is compared as headers are: what an application puts before its data, and all of small packets. */
#define APPLICATION 64U
/* Random payload is probed at four places, no closer than this. */
#define RANDOM_STEP 16U

/* So many records tell whether a block is text. */
#define TEXT_SAMPLE 16

/* Failed probes, as a power of two, after which the step between probes grows by one. */
#define PATIENCE_FULL 4
#define PATIENCE_SAMPLED 1

struct bc_lz4_packets {
	uint32_t block;				/* of BLOCKS */
	/* Of records, positions count on from block to block: below base they are of an older one. */
	uint32_t base;
	uint32_t flow[1U << FLOW_LOG];		/* the last record of a flow */
	uint32_t link[1U << LINK_LOG];		/* the last between two link addresses */
	uint32_t payload[1U << PAYLOAD_LOG];
};

/* The block under way. */
struct block {
	struct bc_lz4_packets *z;
	const uint8_t *src;
	const uint8_t *end;
	const uint8_t *anchor;		/* first byte that is not written yet */
	uint8_t *out;
	uint8_t *out_end;
};

/* One of the block's records. */
struct record {
	const uint8_t *begin;
	const uint8_t *payload;		/* behind the packet's headers */
	const uint8_t *tail;		/* what the format puts behind the packet; the record's end, if nothing */
	const uint8_t *end;
};

struct bc_lz4_packets *bc_lz4_packets_new(void)
{
	return calloc(1, sizeof(struct bc_lz4_packets));
}

void bc_lz4_packets_free(struct bc_lz4_packets *z)
{
	free(z);
}

#define ALWAYS static inline __attribute__((always_inline))

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t slot(uint64_t v, unsigned log)
{
	return (uint32_t)(v * 0x9e3779b97f4a7c15U >> (64 - log));
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef signed char mask16 __attribute__((vector_size(16)));

static inline bytes16 load16(const uint8_t *p)
{
	bytes16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Bit i: byte i of a and b is the same. */
static inline uint32_t equal16(const uint8_t *a, const uint8_t *b)
{
#ifdef __SSE2__
	return (uint32_t)_mm_movemask_epi8((__m128i)(load16(a) == load16(b)));
#else
	uint32_t m = 0;

	for (uint32_t i = 0; i < 16; i++)
		m |= (uint32_t)(a[i] == b[i]) << i;
	return m;
#endif
}

static inline uint64_t equal_span(const uint8_t *a, const uint8_t *b)
{
	uint64_t m = 0;

	for (uint32_t i = 0; i < SPAN / 16; i++)
		m |= (uint64_t)equal16(a + 16 * i, b + 16 * i) << (16 * i);
	return m;
}

/* How many bytes from a on, before limit, are those from b on. */
static inline uint32_t count_equal(const uint8_t *a, const uint8_t *b, const uint8_t *limit)
{
	const uint8_t *begin = a;

	for (; limit - a >= 16; a += 16, b += 16) {
		uint32_t differ = equal16(a, b) ^ 0xffff;

		if (__builtin_expect(differ != 0, 1))
			return (uint32_t)(a - begin) + (uint32_t)__builtin_ctz(differ);
	}
	while (a < limit && *a == *b) {
		a++;
		b++;
	}
	return (uint32_t)(a - begin);
}

/* How many bytes before a and b are the same, at most 8. */
static inline uint32_t count_equal_before(const uint8_t *a, const uint8_t *b)
{
	uint64_t differ = le64toh(load64(a - 8) ^ load64(b - 8));

	return differ ? (uint32_t)__builtin_clzll(differ) >> 3 : 8;
}

/* A length beyond its four bits of the token. */
static inline uint8_t *put_length(uint8_t *out, uint32_t n)
{
	for (; n >= 255; n -= 255)
		*out++ = 255;
	*out++ = (uint8_t)n;
	return out;
}

/* The literals [anchor, at), then length bytes as they stand distance before at. False: there is no room. */
ALWAYS bool put_match(struct block *b, const uint8_t *at, uint32_t distance, uint32_t length)
{
	uint32_t literals = (uint32_t)(at - b->anchor), more = length - MATCH_MIN;
	uint8_t *out = b->out, *token = out++;

	if (__builtin_expect(literals + (literals >> 7) + (length >> 7) + 32 > (size_t)(b->out_end - b->out), 0))
		return false;
	*token = (uint8_t)((literals < 15 ? literals : 15) << 4 | (more < 15 ? more : 15));
	if (__builtin_expect(literals < 15 && b->end - at >= 16, 1)) {
		memcpy(out, b->anchor, 16);
	} else {
		if (literals >= 15)
			out = put_length(out, literals - 15);
		memcpy(out, b->anchor, literals);
	}
	b->anchor = at + length;
	out += literals;
	if (__builtin_expect(more < 15 + 255, 1)) {
		/* The byte of a length beyond the token is written in any case. */
		bc_put_le32(out, (uint16_t)distance | (more - 15) << 16);
		b->out = out + 2 + (more >= 15);
	} else {
		b->out = put_length(bc_put_le16(out, (uint16_t)distance), more - 15);
	}
	return true;
}

static size_t put_rest(struct block *b, const uint8_t *dst)
{
	uint32_t literals = (uint32_t)(b->end - b->anchor);
	uint8_t *out = b->out, *token = out++;

	if (literals + literals / 255 + 2 > (size_t)(b->out_end - b->out))
		return 0;
	*token = (uint8_t)((literals < 15 ? literals : 15) << 4);
	if (literals >= 15)
		out = put_length(out, literals - 15);
	memcpy(out, b->anchor, literals);
	return (size_t)(out + literals - dst);
}

/* Where position pos of the tables stands in the block; it is not of an older one. */
static inline const uint8_t *place(const struct block *b, uint32_t pos)
{
	return b->src + (pos - b->z->base);
}

static inline uint32_t position(const struct block *b, const uint8_t *p)
{
	return b->z->base + (uint32_t)(p - b->src);
}

static inline bool of_this_block(const struct block *b, uint32_t pos)
{
	return pos >= b->z->base;
}

/* The bytes at `at` stood at `old` before: write the longest match around both. */
ALWAYS bool match_around(struct block *b, const uint8_t *at, const uint8_t *old)
{
	const uint8_t *end = at + MATCH_MIN + count_equal(at + MATCH_MIN, old + MATCH_MIN, b->end - LITERALS_AT_END);
	uint32_t before = 0;

	if (old - b->src >= 8) {
		before = count_equal_before(at, old);
		if (before > at - b->anchor)
			before = (uint32_t)(at - b->anchor);
	}
	return put_match(b, at - before, (uint32_t)(at - old), (uint32_t)(end - at) + before);
}

static inline uint64_t hash5(const uint8_t *p)
{
	return (load64(p) << 24) * 0x9e3779b97f4a7c15U;
}

/* Note that these bytes stand at p, as *ret_new; returns what was noted in their place before. */
static inline uint32_t note(struct block *b, const uint8_t *p, uint32_t *ret_new)
{
	uint64_t h = hash5(p);
	uint32_t *at = &b->z->payload[h >> (64 - PAYLOAD_LOG)], old = *at;

	*ret_new = (uint32_t)(h >> (64 - PAYLOAD_LOG - (32 - TAG_SHIFT))) << TAG_SHIFT | b->z->block << BLOCK_SHIFT |
		   (uint32_t)(p - b->src);
	*at = *ret_new;
	return old;
}

/* Find matches that begin at [at, end), in steps that grow while there are none. False: there is no room. */
static bool search(struct block *whole, const uint8_t *at, const uint8_t *end, uint32_t step, unsigned patience)
{
	struct block b = *whole;	/* in registers */
	uint32_t failed = step << patience;
	bool room = true;

	while (at < end) {
		uint32_t new, old = note(&b, at, &new);

		if ((old ^ new) >> BLOCK_SHIFT || load32(b.src + (uint16_t)old) != load32(at)) {
			at += failed++ >> patience;
			continue;
		}
		room = match_around(&b, at, b.src + (uint16_t)old);
		if (!room)
			break;
		at = b.anchor;
		failed = step << patience;
		if (at < end)
			note(&b, at - 2, &(uint32_t){ 0 });
	}
	whole->anchor = b.anchor;
	whole->out = b.out;
	return room;
}

/*
 * Are few of these bytes, at least JUDGED_MIN, the same? Judged by 16 at four places, each turned against itself. Not at
 * the begin, where encrypted payload has a header, too.
 */
static inline bool looks_random(const uint8_t *p, size_t n)
{
	const uint8_t *at[4] = { p + n / 5, p + n / 5 * 2, p + n / 5 * 3, p + n - 16 };
	mask16 equal = { 0 };
	uint32_t pairs = 0;

	for (int i = 0; i < 4; i++) {
		bytes16 v = load16(at[i]);

#define TURNED(k) (v == __builtin_shufflevector(v, v, k, k + 1, k + 2, k + 3, k + 4, k + 5, k + 6, k + 7, k + 8, k + 9, k + 10, \
						k + 11, k + 12, k + 13, k + 14, k + 15))
		equal -= TURNED(1) + TURNED(2) + TURNED(3) + TURNED(4) + TURNED(5) + TURNED(6) + TURNED(7) + TURNED(8);
#undef TURNED
	}
	for (int i = 0; i < 16; i++)
		pairs += (uint8_t)equal[i];
	return pairs <= RANDOM_PAIRS;
}

static bool search_payload(struct block *b, const uint8_t *at, const uint8_t *end, enum bc_lz4_effort effort)
{
	size_t n;

	if (end > b->end - MATCH_BEGIN_BEFORE_END)
		end = b->end - MATCH_BEGIN_BEFORE_END;
	if (at >= end)
		return true;
	n = (size_t)(end - at);
	/* The step stays: no payload of a block has so many places to fail at. */
	if (n >= JUDGED_MIN && looks_random(at, n))
		return search(b, at, end, n / 4 > RANDOM_STEP ? (uint32_t)(n / 4) : RANDOM_STEP, 8);
	return search(b, at, end, 1, effort == BC_LZ4_FULL ? PATIENCE_FULL : PATIENCE_SAMPLED);
}

/* Write the runs of the SPAN bytes at `at` that stand distance before, too, and begin before upto. False: there is no room. */
ALWAYS bool match_span(struct block *b, const uint8_t *at, uint32_t distance, const uint8_t *upto)
{
	uint64_t equal = equal_span(at, at - distance), runs = equal & equal >> 1;

	runs &= runs >> 2 & equal >> 4;
	if (upto - at < (ptrdiff_t)SPAN)
		runs &= ~(~0ULL << (upto - at));
	while (runs) {
		uint32_t begin = (uint32_t)__builtin_ctzll(runs), length;
		uint64_t differ = ~(equal >> begin);

		length = differ ? (uint32_t)__builtin_ctzll(differ) : SPAN;
		if (__builtin_expect(begin + length == SPAN, 0)) {
			length += count_equal(at + SPAN, at + SPAN - distance, b->end - LITERALS_AT_END);
			runs = 0;
		} else {
			runs &= ~0ULL << (begin + length);
		}
		if (!put_match(b, at + begin, distance, length))
			return false;
	}
	return true;
}

/* Match what is the same in the record at r->begin and the older one at old, and where it is longer, beyond. */
ALWAYS bool match_headers(struct block *whole, const struct record *r, const uint8_t *old)
{
	struct block b = *whole;	/* in registers */
	uint32_t distance = (uint32_t)(r->begin - old);
	const uint8_t *upto = r->tail - r->payload < (ptrdiff_t)APPLICATION ? r->tail : r->payload + APPLICATION;
	const uint8_t *at = r->begin, *last = b.end - SPAN - MATCH_BEGIN_BEFORE_END;
	bool room = true;

	if (upto > last)
		upto = last;
	/* The tail of the record before belongs to it: its end and this beginning are often one match. */
	if (old - b.src >= 4)
		at -= 4;
	if (at < b.anchor)
		at = b.anchor;
	while (at < upto && room) {
		room = match_span(&b, at, distance, upto);
		at += SPAN - RUN_MIN + 1;
		if (at < b.anchor)
			at = b.anchor;
	}
	whole->anchor = b.anchor;
	whole->out = b.out;
	return room;
}

/* The record to compare with: the last of the flow, else between the same link addresses, else the one before. */
static const uint8_t *predict(struct block *b, const uint8_t *record, const uint8_t *packet, const uint8_t *before)
{
	/* Where IPv4 in Ethernet has addresses and ports; the same bytes tell flows apart elsewhere, too. */
	uint64_t flow_key = load64(packet + 26) ^ (uint64_t)load32(packet + 34) << 17;
	uint64_t link_key = load64(packet) * 0xc2b2ae3d27d4eb4fU ^ load64(packet + 6);
	uint32_t *flow = &b->z->flow[slot(flow_key, FLOW_LOG)], *link = &b->z->link[slot(link_key, LINK_LOG)];
	const uint8_t *old = of_this_block(b, *flow) ? place(b, *flow) : of_this_block(b, *link) ? place(b, *link) : before;

	*flow = *link = position(b, record);
	return old;
}

/* Bytes of the headers of a packet of n bytes, as far as they are looked for: Ethernet, VLAN, IP, TCP, UDP. */
static uint32_t header_bytes(const uint8_t *p, size_t n)
{
	uint32_t l3 = 14, l4, type, tcp;

	if (n < 54)
		return (uint32_t)n;
	type = bc_get_be16(p + 12);
	if (type == 0x8100 || type == 0x88a8) {
		type = bc_get_be16(p + 16);
		l3 = 18;
	}
	if (type == 0x0800) {
		l4 = l3 + (p[l3] & 15) * 4U;
		tcp = p[l3 + 9] == 6;
	} else if (type == 0x86dd) {
		l4 = l3 + 40;
		tcp = p[l3 + 6] == 6;
	} else {
		return l3 + 20;
	}
	if (!tcp)
		return l4 + 8;
	return l4 + (l4 + 12 < n ? (p[l4 + 12] >> 4) * 4U : 20);
}

/* The record at p; what is none is one record to the end. *ret_packet: where its packet begins. */
static void take_record(const struct block *b, enum bc_lz4_records records, const uint8_t *p, struct record *ret,
			const uint8_t **ret_packet)
{
	size_t left = (size_t)(b->end - p), header = records == BC_LZ4_PCAPNG ? 28 : 16, total = left, tail = 0;

	if (left >= header) {
		total = records == BC_LZ4_PCAPNG ? bc_get_le32(p + 4) : 16 + (size_t)bc_get_le32(p + 8);
		tail = records == BC_LZ4_PCAPNG ? 4 : 0;
	}
	if (total < header + tail || total > left) {
		total = left;
		tail = 0;
		header = header < left ? header : left;
	}
	ret->begin = p;
	ret->end = p + total;
	ret->tail = ret->end - tail;
	*ret_packet = p + header;
	ret->payload = *ret_packet + header_bytes(*ret_packet, (size_t)(ret->tail - *ret_packet));
	if (ret->payload > ret->tail)
		ret->payload = ret->tail;
}

bool bc_lz4_packets_mostly_text(enum bc_lz4_records records, const uint8_t *src, size_t len)
{
	const struct block b = { .src = src, .end = src + len };
	const uint8_t *packet;
	struct record r = { .end = src };
	size_t text = 0, all = 0;

	for (int i = 0; i < TEXT_SAMPLE && r.end < b.end; i++) {
		take_record(&b, records, r.end, &r, &packet);
		all += (size_t)(r.end - r.begin);
		if ((size_t)(r.tail - r.payload) >= JUDGED_MIN && !looks_random(r.payload, (size_t)(r.tail - r.payload)))
			text += (size_t)(r.tail - r.payload);
	}
	return text > all / 4 * 3;
}

static bool encode_record(struct block *b, const struct record *r, const uint8_t *packet, const uint8_t *before,
			  enum bc_lz4_effort effort)
{
	const uint8_t *old = NULL, *at;

	if (b->end - r->begin >= (ptrdiff_t)KEY_BYTES)
		old = predict(b, r->begin, packet, before);
	if (old && !match_headers(b, r, old))
		return false;
	at = old ? r->payload : r->begin;
	if (at < b->anchor)
		at = b->anchor;
	return effort == BC_LZ4_HEADERS || search_payload(b, at, r->tail, effort);
}

size_t bc_lz4_packets_block(struct bc_lz4_packets *z, enum bc_lz4_records records, enum bc_lz4_effort effort,
			    const uint8_t *src, size_t len, uint8_t *dst, size_t cap)
{
	struct block b = { .z = z, .src = src, .end = src + len, .anchor = src, .out = dst, .out_end = dst + cap };
	const uint8_t *packet, *before = NULL;
	struct record r;

	if (z->base > UINT32_MAX - 3 * BC_LZ4_PACKETS_MAX)
		memset(z, 0, sizeof(*z));
	z->base += BC_LZ4_PACKETS_MAX;
	if (++z->block == BLOCKS) {
		memset(z->payload, 0, sizeof(z->payload));
		z->block = 1;
	}
	for (r.end = src; len > MATCH_BEGIN_BEFORE_END && r.end < b.end; before = r.begin) {
		take_record(&b, records, r.end, &r, &packet);
		if (r.end > b.anchor && !encode_record(&b, &r, packet, before, effort))
			return 0;
	}
	return put_rest(&b, dst);
}
