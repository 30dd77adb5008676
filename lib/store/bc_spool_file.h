/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One file of a spool on disk: the messages from a place on that could not be given to a peer yet. All numbers are
 * little-endian.
 *
 *   64 bytes  "BCSPOOL1"; version u32, 1; length of the link header u32; the node's identity, 16 bytes; epoch u64;
 *             position u64 and number u64 of the first message (as in bc_spool.h); XXH32 of these 56 bytes, seeded with
 *             that of the link header, u32; 0 u32
 *             the message of the link header in force, if there is one
 *   records   length u32; XXH32 of the messages, seeded with that of the next 16 bytes, u32; position u64 and number
 *             u64 of the first message; that many bytes of whole messages, as in bc_wire.h
 *
 * Records follow one another in ascending positions; what was acknowledged before it was written is left out. What is
 * not whole at the end was being written when the node died.
 */
#ifndef BC_SPOOL_FILE_H
#define BC_SPOOL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "bc_wire.h"

#define BC_SPOOL_FILE_NAME 64U		/* with its end */
#define BC_SPOOL_RECORD_MAX (256U * 1024)	/* bytes of messages in a record */
#define BC_SPOOL_FILE_HEADER 64U
#define BC_SPOOL_RECORD_HEADER 24U

struct bc_spool_file_head {
	uint8_t node[BC_WIRE_ID];
	uint64_t epoch;
	uint64_t pos, number;
	uint32_t link_len;		/* 0: none */
	uint8_t link[BC_WIRE_MESSAGE_MAX];
};

struct bc_spool_record {
	uint64_t pos, number;
	uint32_t len;
	uint8_t bytes[BC_SPOOL_RECORD_MAX];
};

/* Names sort as epochs and numbers do. */
void bc_spool_file_name(uint64_t epoch, uint64_t number, char name[BC_SPOOL_FILE_NAME]);

/*
 * A new file in the folder, with its header; *ret_size are its bytes. A descriptor, or a negative errno: then there is
 * none.
 */
int bc_spool_file_create(int folder, const struct bc_spool_file_head *h, uint64_t *ret_size);

/* Append a record at *size, which then has its bytes too. 0; or a negative errno, and the file is as it was. */
int bc_spool_file_append(int fd, uint64_t *size, uint64_t pos, uint64_t number, const void *messages, uint32_t len);

/* 0; -EBADMSG: it is no such file, or damaged; or another negative errno. */
int bc_spool_file_read_head(int fd, struct bc_spool_file_head *ret);

/*
 * The record at off. skim: without its messages, which are not checked then. The offset behind it; 0 at size, the
 * file's end; -EBADMSG: there is none that is whole; or another negative errno.
 */
int64_t bc_spool_file_read(int fd, uint64_t off, uint64_t size, struct bc_spool_record *ret);
int64_t bc_spool_file_skim(int fd, uint64_t off, uint64_t size, struct bc_spool_record *ret);

#endif
