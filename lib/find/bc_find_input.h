/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packets of one capture file, one after another: of any format and compression that is read here. One thread at a
 * time.
 */
#ifndef BC_FIND_INPUT_H
#define BC_FIND_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_find_plan.h"
#include "bc_reader.h"

/*
 * Of decoded bytes that are at hand: for reading much, and for a look at the beginning. It grows where a record is
 * longer.
 */
#define BC_FIND_WINDOW (128U * 1024)
#define BC_FIND_GLANCE (16U * 1024)

struct bc_depot;
struct bc_find_input;

/* Something that stands beside the packets, as BC_READ_KEEP has it. */
typedef void (*bc_find_kept)(void *ctx, const struct bc_record *rec);

/* 0 and *ret, or a negative errno with a line in err: as bc_depot_open(); -ENOMEM. */
int bc_find_input_open(struct bc_depot *depot, const char *path, size_t window, struct bc_find_input **ret, struct bc_err *err);
/*
 * Before the first packet: read no more of the file than bc_find_plan_make() says, and tell it in *ret, but for its
 * blocks, which are the input's. What it returns; the file is read whole then.
 */
int bc_find_input_plan(struct bc_find_input *in, struct bc_find_ifaces *ifaces, uint64_t from_ns, uint64_t to_ns, struct bc_find_plan *ret,
		       struct bc_err *err);

/*
 * What the index at the file's end says of the time of its first packet, without reading any. False: there is no index, or no
 * packet, or it has no time.
 */
bool bc_find_input_foot(struct bc_find_input *in, uint64_t *ret_first_ns);

/* Before the first packet: call kept for what of that is read, before the packet that follows it. */
void bc_find_input_keep(struct bc_find_input *in, bc_find_kept kept, void *ctx);

/* Takes NULL. */
void bc_find_input_close(struct bc_find_input *in);

/*
 * 1: the next packet is in *rec, whose data live until the next call; 0: the file has ended; or a negative errno, which
 * stays, with a line in err that names the file and the place: -EBADMSG, -ENODATA: damage, before which all was given;
 * else what reading it met.
 */
int bc_find_input_next(struct bc_find_input *in, struct bc_record *rec, struct bc_err *err);

/* The file's interfaces so far; those of packets that were given are known. As long as the input. */
uint32_t bc_find_input_ifaces(const struct bc_find_input *in);
const struct bc_iface *bc_find_input_iface(const struct bc_find_input *in, uint32_t i);

/* How many interfaces before number i are described as it is. */
uint32_t bc_find_nth_alike(const struct bc_find_input *in, uint32_t i);

/* Was it a capture file as far as it was read? */
bool bc_find_input_is_capture(const struct bc_find_input *in);

/* Bytes read from the file so far. */
uint64_t bc_find_input_taken(const struct bc_find_input *in);

#endif
