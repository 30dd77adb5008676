/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which numbered packets of which clients there are in a folder, and the same as a block of bc_ack_block.h. One thread at
 * a time.
 */
#ifndef BC_ACK_TABLE_H
#define BC_ACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "bc_ack_block.h"

struct bc_ack_client {
	char name[BC_ACK_CLIENT_MAX];
	struct bc_ack_set set;
};

/* Zeroed memory is an empty one. */
struct bc_ack_table {
	uint8_t collector[BC_ACK_ID];	/* zeros: not known */
	struct bc_ack_client *client;
	uint32_t n;
};

void bc_ack_table_fini(struct bc_ack_table *t);

/* The client of this name, of len bytes, which is entered if it is not there; NULL without memory. */
struct bc_ack_client *bc_ack_table_client(struct bc_ack_table *t, const char *name, size_t len);

/* *ret is for free(). Ranges beyond what a block can hold are left out. 0 or -ENOMEM. */
int bc_ack_table_to_block(const struct bc_ack_table *t, uint8_t **ret, size_t *ret_len);

/* *ret is for bc_ack_table_fini(). 0; -EBADMSG: it is no such block; or -ENOMEM. */
int bc_ack_table_from_block(const uint8_t *block, size_t len, struct bc_ack_table *ret);

#endif
