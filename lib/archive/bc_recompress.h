/* SPDX-License-Identifier: BSD-3-Clause */
/* Recompresses one published segment. */
#ifndef BC_RECOMPRESS_H
#define BC_RECOMPRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_retention_rules.h"
#include "bc_series.h"

/*
 * file in folder_fd, open as fd for reading, becomes one of keep's codec, in steps: it is compressed into ".recompress-STEM";
 * that is decompressed again and compared with what is in file, byte by byte; it gets file's mode and time, is brought to disk, and is
 * given its name, which never replaces another; then file is removed. If a file of the new name is there already, as after a
 * crash before the last step, only that step is done, provided that both hold the same. A file of LZ4 that becomes one of LZ4 HC
 * keeps its name: the new file replaces it in one step. An index in it is made anew, and not compared. Where
 * the new file can hold no index, and the old one had one, it gets one beside it. 0 and *ret_bytes, of the new file;
 * or a negative errno with a line in err, and file as it was:
 *   -EEXIST    another file has the name;
 *   -EBADMSG   what is in file cannot be decompressed, or what was written could not be read back as it was;
 *   -EBUSY     another process is using it;
 *   -ECANCELED *cancel was set meanwhile (may be NULL).
 */
int bc_recompress(int folder_fd, const char *file, int fd, const struct bc_series *series, const struct bc_retention_rules *keep,
		  const _Atomic bool *cancel, uint64_t *ret_bytes, struct bc_err *err);

#endif
