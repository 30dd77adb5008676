/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_gzip_isal.h"

#include <errno.h>
#include <stdlib.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#define LEVEL_MAX 3

struct isal_worker {
	struct isal_zstream z;
	uint8_t memory[ISAL_DEF_LVL2_DEFAULT];
};

_Static_assert(ISAL_DEF_LVL2_DEFAULT >= ISAL_DEF_LVL1_DEFAULT, "memory for both levels");

bool bc_gzip_isal_takes(int level)
{
	return level >= 1 && level <= LEVEL_MAX;
}

void *bc_gzip_isal_open(int level)
{
	struct isal_worker *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	isal_deflate_init(&w->z);
	/* Its third level is not always smaller than its second, and slower. */
	w->z.level = level == 1 ? 1 : 2;
	w->z.level_buf = w->memory;
	w->z.level_buf_size = level == 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT;
	w->z.flush = SYNC_FLUSH;
	return w;
}

void bc_gzip_isal_close(void *worker)
{
	free(worker);
}

int bc_gzip_isal_compress(void *worker, struct bc_block *b)
{
	struct isal_zstream *z = &((struct isal_worker *)worker)->z;
	const uint32_t room = (uint32_t)bc_gzip_out_max(b->len);

	isal_deflate_reset(z);
	if (b->window && isal_deflate_set_dict(z, (uint8_t *)b->in - b->window, (uint32_t)b->window) != COMP_OK)
		return -EIO;
	z->next_in = (uint8_t *)b->in;
	z->avail_in = (uint32_t)b->len;
	z->next_out = b->out;
	z->avail_out = room;
	/* Without room left the flush is not known to be whole. */
	if (isal_deflate(z) != COMP_OK || z->avail_in || !z->avail_out)
		return -EIO;
	b->out_len = room - z->avail_out;
	b->sum = crc32_gzip_refl(0, b->in, b->len);
	return 0;
}
