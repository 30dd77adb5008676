/* SPDX-License-Identifier: BSD-3-Clause */
/* The lzop file format, as far as writer and reader share it; docs/compression.md has its bytes. Numbers are big-endian. */
#ifndef BC_LZOP_H
#define BC_LZOP_H

#define BC_LZOP_MAGIC "\x89LZO\0\r\n\x1a\n"
#define BC_LZOP_MAGIC_LEN 9U

#define BC_LZOP_VERSION_MIN 0x0940U	/* lzop of 1997: since then the header is as here */
#define BC_LZOP_VERSION 0x1040U

enum { BC_LZOP_1X_1 = 1, BC_LZOP_1X_1_15 = 2, BC_LZOP_1X_999 = 3 };

#define BC_LZOP_ADLER32_D 0x00000001U	/* of a block's data */
#define BC_LZOP_ADLER32_C 0x00000002U	/* of the data as compressed */
#define BC_LZOP_EXTRA_FIELD 0x00000040U
#define BC_LZOP_CRC32_D 0x00000100U
#define BC_LZOP_CRC32_C 0x00000200U
#define BC_LZOP_MULTIPART 0x00000400U
#define BC_LZOP_FILTER 0x00000800U
#define BC_LZOP_HEADER_CRC32 0x00001000U
#define BC_LZOP_UNIX 0x03000000U

/* Offsets in the header, whose name has its length before it and is followed by the header's checksum. */
enum {
	BC_LZOP_AT_VERSION = 9,
	BC_LZOP_AT_LIBRARY = 11,
	BC_LZOP_AT_NEEDED = 13,
	BC_LZOP_AT_METHOD = 15,
	BC_LZOP_AT_LEVEL = 16,
	BC_LZOP_AT_FLAGS = 17,
	BC_LZOP_AT_MODE = 21,
	BC_LZOP_AT_MTIME = 25,	/* 8 bytes, the low half first */
	BC_LZOP_AT_NAME_LEN = 33,
	BC_LZOP_AT_NAME = 34,
};

#endif
