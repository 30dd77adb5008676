/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dense buffers of one output, which absorb bursts and a slow disk. Last in, first out, so that a busy capture goes round in the
 * buffers that are still in the cache. Any thread; taken and given back once for each chunk, not for each packet.
 */
#ifndef BC_BUFPOOL_H
#define BC_BUFPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_bufpool;

/*
 * n buffers of size bytes (rounded up to 4 KiB), each aligned to 4 KiB, in huge pages where huge asks for them and the kernel gives them.
 * Memory is touched only as it is used. NULL with a line in err; free takes NULL.
 */
struct bc_bufpool *bc_bufpool_new(uint32_t n, uint32_t size, bool huge, struct bc_err *err);
void bc_bufpool_free(struct bc_bufpool *p);

/* NULL when no more than keep are left. */
uint8_t *bc_bufpool_get(struct bc_bufpool *p, uint32_t keep);
void bc_bufpool_put(struct bc_bufpool *p, uint8_t *buf);

/*
 * Give memory back to the system, which takes it anew as it is used, a system call a buffer: that of one buffer, whose content
 * is lost; that of all that are free, while no other thread is kept waiting for one.
 */
void bc_bufpool_discard(const struct bc_bufpool *p, uint8_t *buf);
void bc_bufpool_trim(struct bc_bufpool *p);

/* Wait until n are free, but no longer than ns, less than a second. One thread at a time. */
void bc_bufpool_await(struct bc_bufpool *p, uint32_t n, uint64_t ns);

uint32_t bc_bufpool_size(const struct bc_bufpool *p);	/* of a buffer, in bytes */
uint32_t bc_bufpool_total(const struct bc_bufpool *p);	/* buffers */
uint32_t bc_bufpool_available(const struct bc_bufpool *p);

#endif
