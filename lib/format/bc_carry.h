/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What input files say beside their packets, and what every output that has a place for it says too: decryption secrets, resolved
 * names, custom blocks, comments of sections. A list of ready bytes of pcapng, little-endian, that only grows, within limits; an
 * index stays valid for ever.
 */
#ifndef BC_CARRY_H
#define BC_CARRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of the list, since each segment repeats it; a section header takes only so much of it. */
#define BC_CARRY_MAX 65536U
#define BC_CARRY_BYTES_MAX (16U * 1024 * 1024)
#define BC_CARRY_SECTION_BYTES_MAX (1024U * 1024)

enum bc_carry_kind {
	BC_CARRY_SECTION,	/* options of a section header, without their end */
	BC_CARRY_BLOCK,		/* a block that each segment needs */
	BC_CARRY_HERE,		/* a block about its place between the packets: one segment has it */
};

/* Immutable once it is in a list. */
struct bc_carried {
	enum bc_carry_kind kind;
	uint32_t len;		/* a multiple of 4 */
	struct bc_carried *next;	/* of those that are alike by their check sum; the list's own */
	uint8_t data[];
};

struct bc_carry;

/* NULL without memory; free takes NULL. */
struct bc_carry *bc_carry_new(void);
void bc_carry_free(struct bc_carry *c);

/*
 * Copy len bytes behind what is there, unless that has them already; only places are never alike. Any thread. 0, or -ENOSPC: it
 * would exceed a limit; or -ENOMEM.
 */
int bc_carry_add(struct bc_carry *c, enum bc_carry_kind kind, const uint8_t *data, uint32_t len);

/* Entries so far, 0 of NULL; what was added before a packet was enqueued is seen by whoever has that packet. Any thread. */
uint32_t bc_carry_count(const struct bc_carry *c);

/* i is less than the count. Good until bc_carry_free(). Any thread. */
const struct bc_carried *bc_carry_at(const struct bc_carry *c, uint32_t i);

#endif
