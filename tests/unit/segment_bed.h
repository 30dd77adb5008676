/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture's bytes, with numbered packets and a second interface in the midst of it, and what a file has of them. */
#ifndef SEGMENT_BED_H
#define SEGMENT_BED_H

#include "store_fixture.h"

#include "bc_ack_block.h"
#include "bc_age_writer.h"
#include "bc_codec.h"
#include "bc_pcapng.h"
#include "index_packet.h"

#define PACKETS 300
#define BYTES (1U << 19)

/* A capture's bytes before compression, and as they lie in the file. */
static uint8_t plain[BYTES], packed[BYTES], seen[BYTES];
static size_t plain_len, packed_len;

static inline void make_plain(void)
{
	const struct bc_ack_entry e = { .mark = { .node = "a node", .epoch = 1, .next = 1 }, .stored = 1, .client = "eth0" };
	const struct bc_iface iface = { .name = "eth0", .linktype = 1, .snaplen = 65535 };
	struct random r = { 3 };

	plain_len = bc_pcapng_shb(plain, BYTES, &(struct bc_pcapng_section){ .application = "test" });
	plain_len += bc_pcapng_idb(plain + plain_len, BYTES - plain_len, &iface, 65535, NULL);
	plain_len += bc_ack_block_put(plain + plain_len, (const uint8_t *)"collector no. 01", &e, 1);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct packet k;
		uint8_t *p;

		/* Another interface in the midst of it. */
		if (i == PACKETS / 2)
			plain_len += bc_pcapng_idb(plain + plain_len, BYTES - plain_len, &iface, 65535, NULL);
		packet_any(&k, &r);
		p = bc_epb_begin(plain + plain_len, i / (PACKETS / 2), BEGIN_NS + i, k.len, k.len, 0);
		memcpy(p, k.data, k.len);
		plain_len = (size_t)(bc_epb_end(p, k.len, 0, 0, 0, 0) - plain);
	}
}

static inline int to_packed(void *ctx, const uint8_t *data, size_t len)
{
	assert_true(packed_len + len <= BYTES);
	memcpy(packed + packed_len, data, len);
	packed_len += len;
	return 0;
}

static inline void pack(enum bc_codec codec)
{
	packed_len = 0;
	if (codec == BC_CODEC_NONE) {
		to_packed(NULL, plain, plain_len);
	} else if (codec == BC_CODEC_LZ4) {
		struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
		bool stored;

		packed_len = bc_lz4_header(packed, BYTES);
		packed_len += bc_lz4_block(z, plain, plain_len, packed + packed_len, 1, &stored);
		bc_lz4_end(packed + packed_len);
		packed_len += BC_LZ4_END_SIZE;
		bc_lz4_free(z);
	} else {
		struct bc_stream *s = NULL;

		assert_int_equal(bc_stream_new(codec, 1, 1, to_packed, NULL, &s, NULL), 0);
		assert_true(!bc_stream_begin(s) && !bc_stream_feed(s, plain, plain_len) && !bc_stream_end(s));
		bc_stream_free(s);
	}
}

static inline void put(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static inline bool holds(const char *path, const uint8_t *data, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, seen, BYTES);

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)len && !memcmp(seen, data, len);
}

/* packed, encrypted: as a capture does it that ends well. */
static inline void seal(const struct bc_age_recipients *to)
{
	static uint8_t clear[BYTES], out[BC_AGE_WRITER_BOUND(BYTES)];
	struct bc_age_writer *w;
	struct bc_err err;
	size_t len = packed_len, n;

	memcpy(clear, packed, len);
	packed_len = 0;
	assert_int_equal(bc_age_writer_new(to, (const uint8_t *)"", 1, &w), 0);
	assert_int_equal(bc_age_writer_begin(w, out, &n, &err), 0);
	to_packed(NULL, out, n);
	assert_int_equal(bc_age_writer_put(w, clear, len, out, &n), 0);
	to_packed(NULL, out, n);
	assert_int_equal(bc_age_writer_end(w, out, &n), 0);
	to_packed(NULL, out, n);
	bc_age_writer_free(w);
}

/* One more who may read. */
static inline void add_reader(struct bc_age_identities *ids, struct bc_age_recipients *to)
{
	char text[BC_AGE_RECIPIENT_SIZE];
	struct bc_err err;

	assert_int_equal(bc_age_identity_make(&ids->key[ids->n]), 0);
	bc_age_recipient_text(ids->key[ids->n].public, text);
	assert_int_equal(bc_age_recipient_add(to, text, &err), 0);
	ids->n++;
}

/* For a group of tests. */
static inline int make_once(void **state)
{
	make_plain();
	return 0;
}

#endif
