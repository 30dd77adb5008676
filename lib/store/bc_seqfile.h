/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that remembers the number of the last segment, so that the next capture continues after it: a decimal number
 * and a newline, as mtracecap writes it; leading zeros are read too. It is locked for as long as it is open, and
 * rewritten in place, so that it needs no right on its folder; a write torn by power loss is refused, never misread.
 */
#ifndef BC_SEQFILE_H
#define BC_SEQFILE_H

#include <stdint.h>

#include "bc_err.h"

struct bc_seqfile;

/*
 * Open path, or make it (mode 0644 less the umask). An empty one counts as none. 0, *ret and the number to begin with; or a
 * negative errno with a line in err: -EBUSY another capture has it, -EBADMSG what it holds is no number.
 */
int bc_seqfile_open(const char *path, struct bc_seqfile **ret, uint64_t *ret_first, struct bc_err *err);

/* The same in two steps: the descriptor of path, made and on disk, or a negative errno; then, where fd is that or such an errno, the rest. */
int bc_seqfile_make(const char *path);
int bc_seqfile_begin(int fd, const char *path, struct bc_seqfile **ret, uint64_t *ret_first, struct bc_err *err);

/*
 * All numbers up to seq are used up; it counts on from the first and does not wrap. On disk when this returns 0; nothing is done for
 * what was used before. A negative errno otherwise. One thread at a time.
 */
int bc_seqfile_used(struct bc_seqfile *f, uint64_t seq);

/* Takes NULL. */
void bc_seqfile_close(struct bc_seqfile *f);

#endif
