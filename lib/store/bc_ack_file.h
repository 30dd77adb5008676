/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file beside an output's segments that says which numbered packets are in them: one block of bc_ack_block.h, for all
 * published segments. Called .acknowledged, or .acknowledged~SERIES. Any thread, one at a time.
 */
#ifndef BC_ACK_FILE_H
#define BC_ACK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_ack_table.h"

/*
 * Read the file in this folder; series may be NULL. *ret is for bc_ack_table_fini(). 0; -ENOENT: there is none; -EBADMSG:
 * it is damaged or something else; or another negative errno.
 */
int bc_ack_file_read(int folder, const char *series, struct bc_ack_table *ret);

/*
 * Replace it in one step by this block. Its bytes are on disk when this returns 0, its name is when the folder has been
 * synced. A negative errno: what was there is untouched.
 */
int bc_ack_file_write(int folder, const char *series, const uint8_t *block, size_t len);

/* The same in two steps: the descriptor of its new file, to be written, synced and closed; it takes its place if it is good, or is removed. */
int bc_ack_file_begin(int folder, const char *series);
int bc_ack_file_end(int folder, const char *series, bool good);

/* The same with a table. */
int bc_ack_file_put(int folder, const char *series, const struct bc_ack_table *t);

#endif
