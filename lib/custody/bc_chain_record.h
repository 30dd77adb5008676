/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A record of a chain of custody: one line of a folder's ".chain", which says what a segment was when it was published.
 * docs/formats.md has its form. Hostile input. Pure.
 */
#ifndef BC_CHAIN_RECORD_H
#define BC_CHAIN_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BC_CHAIN_FILE ".chain"
#define BC_CHAIN_LINE_MAX 1024	/* with the final zero */
#define BC_CHAIN_NAME_MAX 256
#define BC_CHAIN_HASH 32	/* bytes of a SHA-256 */
#define BC_CHAIN_KEY_ID 8	/* the first of the SHA-256 of an Ed25519 public key */
#define BC_CHAIN_SIGNATURE 64	/* RFC 8032 */

enum bc_chain_kind {
	BC_CHAIN_PUBLISHED,	/* recorded as it was published */
	BC_CHAIN_FOUND,		/* it lay there when the capture began */
};

struct bc_chain_record {
	uint64_t number;			/* from 0 */
	uint64_t time_ns;			/* UTC, when the record was made */
	enum bc_chain_kind kind;
	uint64_t bytes;				/* of the file */
	uint8_t hash[BC_CHAIN_HASH];		/* of the file */
	uint8_t previous[BC_CHAIN_HASH];	/* of the line before, without its end; zeros before the first */
	uint8_t key[BC_CHAIN_KEY_ID];
	char name[BC_CHAIN_NAME_MAX];		/* of the file, without a folder */
	uint8_t signature[BC_CHAIN_SIGNATURE];	/* of the line up to and with the name */
};

/* 2 * n digits and a zero. */
void bc_chain_hex(const uint8_t *bytes, size_t n, char *ret);
/* Back; false: the first 2 * n characters are not all of 0 to 9 and a to f. */
bool bc_chain_unhex(const char *digits, size_t n, uint8_t *ret);

/* 0, or -EINVAL: a name with a slash or a control character cannot stand in a record. */
int bc_chain_name_check(const char *name);

/* What is signed: the line without the signature. Its length. */
size_t bc_chain_record_text(const struct bc_chain_record *r, char text[BC_CHAIN_LINE_MAX]);

/* Is this what bc_chain_record_text() makes? */
bool bc_chain_record_is_text(const char *text, size_t len);

/* The whole line, without a newline. Its length. */
size_t bc_chain_record_line(const struct bc_chain_record *r, char line[BC_CHAIN_LINE_MAX]);

/* 0 and *ret, of len bytes without a newline; or -EBADMSG: it is not what bc_chain_record_line() makes. */
int bc_chain_record_parse(const char *line, size_t len, struct bc_chain_record *ret);

#endif
