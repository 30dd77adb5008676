/* SPDX-License-Identifier: BSD-3-Clause */
/* The file ".chain.stamps" of a folder, to be added to, by whoever holds the lock of its chain. One thread at a time. */
#ifndef BC_STAMP_FILE_H
#define BC_STAMP_FILE_H

#include "bc_stamp_line.h"

struct bc_stamp_file;

/*
 * What a crash left of a last line is taken off. 0 and *ret, and in *ret_records and ret_last how many records the last stamp covers,
 * and the hash that it is of, zeros without one; or a negative errno with a line in err.
 */
int bc_stamp_file_open(const char *folder, struct bc_stamp_file **ret, uint64_t *ret_records, uint8_t ret_last[BC_CHAIN_HASH],
		       struct bc_err *err);
/* Takes NULL. */
void bc_stamp_file_close(struct bc_stamp_file *f);

/* On disk when 0 is returned; or a negative errno with a line in err, and the file as it was. */
int bc_stamp_file_add(struct bc_stamp_file *f, const struct bc_stamp_line *l, struct bc_err *err);

#endif
