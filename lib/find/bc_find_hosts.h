/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where packets have addresses, so that a BPF program can be asked whether one matches whose hosts are known to be of a
 * set, and nothing else (bc_partial_packet's may_be). Pure.
 */
#ifndef BC_FIND_HOSTS_H
#define BC_FIND_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_index.h"

/* A set of hosts: may this one, of 4 or 16 bytes, be in it? */
struct bc_find_hosts {
	bool (*may_hold)(void *ctx, const uint8_t *addr, size_t len);
	void *ctx;
};

struct bc_find_type;

/* Packets that have a pattern, and two addresses at these places. */
struct bc_find_shape {
	struct bc_index_pattern pattern;
	uint8_t addr_len;	/* 0: they have none, as far as it is known */
	uint8_t addr_at[2];
	bool empty;		/* they have no byte */
	/* And at type_at none of these types, which other shapes have; NULL: nothing is said of that. */
	const struct bc_find_type *not;
	uint8_t type_at, type_len;
};

/* That of a template, whose addresses are not known. */
void bc_find_shape_of(const struct bc_index_template *t, struct bc_find_shape *ret);

/*
 * Call each with shapes that together are all packets of the link types that the index knows, until it returns true.
 * Whether it did. A packet of an IP version or ARP has its addresses in the filters of its part where a shape says that
 * it has addresses, unless the part is opaque (BC_INDEX_PART_OPAQUE): bc_tuple_of() looks there whatever else is in it.
 */
bool bc_find_shapes(bool (*each)(void *ctx, const struct bc_find_shape *shape), void *ctx);

/* May packets of the shape, with hosts of the set, have these bytes? */
bool bc_find_shape_may_be(const struct bc_find_shape *s, const struct bc_find_hosts *hosts, uint32_t at, const uint8_t *bytes, uint32_t len);

/* Some hosts; is_full: there were more. */
#define BC_FIND_ASKED_MAX 64U
struct bc_find_asked {
	uint32_t n;
	bool is_full;
	struct {
		uint8_t addr[16];
		uint8_t len;
	} host[BC_FIND_ASKED_MAX];
};

/* Puts addr into ctx, a bc_find_asked; true. */
bool bc_find_asked_add(void *ctx, const uint8_t *addr, size_t len);

#endif
