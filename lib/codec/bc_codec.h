/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compression of segments, of two kinds. A block codec (none, lz4) turns each block into bytes by itself, so
 * that many lanes can work on one segment. A stream codec (the others) takes a segment's bytes in order in the
 * committer's thread, and spreads the work over threads of its own. Either way a segment is ONE frame.
 */
#ifndef BC_CODEC_H
#define BC_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

enum bc_codec {
	BC_CODEC_NONE, BC_CODEC_LZ4, BC_CODEC_ZSTD, BC_CODEC_GZIP, BC_CODEC_XZ, BC_CODEC_BZIP2, BC_CODEC_LZO,
	BC_CODEC_COUNT,
};

/* Of an output that asks for none. */
#define BC_CODEC_DEFAULT BC_CODEC_LZ4

/* By its name or another name of it; -EINVAL for another word. */
int bc_codec_from_name(const char *name, enum bc_codec *ret);
/* As mtracecap: what libtrace has is known by its beginning, too ("gzip-9", "lzop"). */
int bc_codec_from_type(const char *type, enum bc_codec *ret);
const char *bc_codec_name(enum bc_codec c);
/* ".zst"; "" for none. */
const char *bc_codec_ext(enum bc_codec c);
/* The one whose extension path ends with, in capitals or not; without such an extension none. */
enum bc_codec bc_codec_of_path(const char *path);
/* Which of the two kinds; none is neither. */
bool bc_codec_is_stream(enum bc_codec c);
bool bc_codec_is_block(enum bc_codec c);
bool bc_codec_is_built(enum bc_codec c);
/* What must be said of a binary with it; NULL: nothing, or it is not built. */
const char *bc_codec_licence(enum bc_codec c);
/* The legal levels, and the default, that of the codec's own program but for lz4; none has 0 to 0. */
void bc_codec_levels(enum bc_codec c, int *min, int *max, int *def);

/*
 * LZ4 frame format 1.6.x (lz4_Frame_format.md): independent blocks, block checksums, no content size, no
 * content checksum. The header's maximum block size is the smallest legal one that holds block_max bytes (64
 * KiB, 256 KiB, 1 MiB, 4 MiB). bc_lz4_header returns the header's bytes, or 0 if block_max is more than 4 MiB.
 */
#define BC_LZ4_HEADER_MAX 19
#define BC_LZ4_END_SIZE 4
#define BC_LZ4_BLOCK_OVERHEAD 8	/* length before the block, checksum after it */

size_t bc_lz4_header(uint8_t dst[BC_LZ4_HEADER_MAX], size_t block_max);

/*
 * The same for a frame whose length before compression is known: with the content size. That is how a file is recognised that
 * was recompressed with LZ4 HC, as a capture does not know it when it begins a frame.
 */
size_t bc_lz4_header_sized(uint8_t dst[BC_LZ4_HEADER_MAX], size_t block_max, uint64_t plain_bytes);
/* Of BC_LZ4_HEADER_MAX bytes at a file's begin: the header's bytes if it is one of these two kinds, else 0. */
size_t bc_lz4_header_bytes(const uint8_t *src);
/* Is it of the latter? */
bool bc_lz4_header_is_sized(const uint8_t *src);
/* State another size in such a header. */
void bc_lz4_header_size(uint8_t *header, uint64_t plain_bytes);
void bc_lz4_end(uint8_t dst[BC_LZ4_END_SIZE]);

/* What a block consists of, from its begin on, if that is known. */
enum bc_lz4_records {
	BC_LZ4_ANY,
	BC_LZ4_PCAP,		/* records of pcap, in the host's order of bytes */
	BC_LZ4_PCAPNG,		/* enhanced packet blocks and the like */
};

/* A lane's working memory; one thread at a time. NULL without memory; free takes NULL. */
struct bc_lz4;
struct bc_lz4 *bc_lz4_new(enum bc_lz4_records records);
void bc_lz4_free(struct bc_lz4 *z);

#define BC_LZ4_SAMPLED_FROM 8
#define BC_LZ4_HEADERS_FROM 32

/*
 * One whole block, with its length and checksum, of len bytes at src (1 to the header's block_max) into dst,
 * which has len + BC_LZ4_BLOCK_OVERHEAD bytes. It is stored as it is when it does not get smaller. acceleration
 * 1 and above: LZ4's fast mode, or for records an encoder that knows packets, which from BC_LZ4_SAMPLED_FROM on only
 * samples their payload and from BC_LZ4_HEADERS_FROM on leaves it alone; 0: not even tried, stored; below 0: LZ4 HC at level -acceleration.
 * Returns the block's bytes; *ret_stored tells which.
 */
size_t bc_lz4_block(struct bc_lz4 *z, const uint8_t *src, size_t len, uint8_t *dst, int acceleration,
		    bool *ret_stored);

/*
 * The same, but for the checksum: its bytes are left for bc_lz4_seal(), which makes the checksums of len bytes of such
 * blocks, one behind the other, four at once; this is faster than to make each with its block.
 */
size_t bc_lz4_block_unsealed(struct bc_lz4 *z, const uint8_t *src, size_t len, uint8_t *dst, int acceleration,
			     bool *ret_stored);
void bc_lz4_seal(uint8_t *blocks, size_t len);

/*
 * A stored block made in place: the length goes into the 4 bytes before src and the checksum into the 4 bytes after
 * src + len, which the caller leaves free. Returns the block's bytes, which begin at src - 4.
 */
size_t bc_lz4_store_in_place(uint8_t *src, size_t len);

/* The same for four blocks at once, which is faster than one after the other; they get len[i] + BC_LZ4_BLOCK_OVERHEAD bytes long. */
void bc_lz4_store_four_in_place(uint8_t *const src[4], const size_t len[4]);

/*
 * The reverse: the block that begins at src, of which len bytes are at hand, into dst. Returns the plain bytes, at most cap, or
 * -EBADMSG; *consumed is the block's length. For one's own blocks: the checksum is not looked at.
 */
ptrdiff_t bc_lz4_plain(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *consumed);

/*
 * A stream codec's state, used by one thread. sink takes finished bytes and returns 0 or a negative errno,
 * which the call passes on. bc_stream_begin .. _feed (any number) .. _end makes one frame, with a checksum of
 * its content; then _begin again. After an error the other calls repeat it, and _begin starts anew. _flush
 * pushes out all that was fed so far in such a way that a reader of the unfinished file gets it.
 */
struct bc_stream;
typedef int (*bc_stream_sink)(void *ctx, const uint8_t *data, size_t len);

/*
 * workers: threads that compress, 1 to BC_STREAM_WORKERS_MAX. They are made by the first call that has work for them,
 * and inherit the CPU affinity of its thread. -EINVAL for a codec, level or number of workers out of range,
 * -ENOTSUP if it is not built, or if libzstd has no threads.
 */
#define BC_STREAM_WORKERS_MAX 128U
int bc_stream_new(enum bc_codec c, int level, unsigned workers, bc_stream_sink sink, void *ctx,
		  struct bc_stream **ret, struct bc_err *err);
/* Before _begin: frames have no checksum of their content, where the codec leaves the choice. */
void bc_stream_unchecked(struct bc_stream *s);
int bc_stream_begin(struct bc_stream *s);
int bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len);
int bc_stream_flush(struct bc_stream *s);
int bc_stream_end(struct bc_stream *s);
void bc_stream_free(struct bc_stream *s);

#endif
