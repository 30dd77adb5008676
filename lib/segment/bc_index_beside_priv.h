/* SPDX-License-Identifier: BSD-3-Clause */
/* What reading and making an index beside its file share; nobody else includes this. */
#ifndef BC_INDEX_BESIDE_PRIV_H
#define BC_INDEX_BESIDE_PRIV_H

#include "bc_blob.h"

/* The checksums of the file's first bytes and of its last ones. 0, or a negative errno with a line in err. */
int bc_index_beside_edges(struct bc_blob *file, uint64_t *ret_begin, uint64_t *ret_end, struct bc_err *err);

#endif
