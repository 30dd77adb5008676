/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of ISA-L, in a build without it: zlib takes all levels. */
#include "bc_gzip_isal.h"

#include <errno.h>
#include <stddef.h>

bool bc_gzip_isal_takes(int level)
{
	return false;
}

void *bc_gzip_isal_open(int level)
{
	return NULL;
}

void bc_gzip_isal_close(void *worker)
{
}

int bc_gzip_isal_compress(void *worker, struct bc_block *b)
{
	return -ENOTSUP;
}
