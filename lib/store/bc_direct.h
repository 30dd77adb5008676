/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes into a file past the page cache (O_DIRECT): gathered in aligned buffers, and written while the next ones fill, by
 * io_uring where there is one, else by pwrite(2). One thread at a time; the file belongs to the caller.
 */
#ifndef BC_DIRECT_H
#define BC_DIRECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of offsets, lengths and memory; a multiple of what any common disk and file system asks for. */
#define BC_DIRECT_TINY 16384U	/* a file of no more bytes goes through the page cache */
#define BC_DIRECT_ALIGN 4096U
#define BC_DIRECT_BUFFER (1U << 20)
#define BC_DIRECT_DEPTH 4U
#define BC_DIRECT_DEPTH_MAX 64U

struct bc_direct;

/*
 * depth: writes in flight, 1 to BC_DIRECT_DEPTH_MAX; 1 is pwrite(2), one at a time. Where io_uring is refused (old kernel,
 * seccomp, sysctl) or was left out of the build, depth counts as 1. 0 or -ENOMEM.
 */
int bc_direct_new(uint32_t depth, struct bc_direct **ret);
/* Waits for what is in flight. Takes NULL. */
void bc_direct_free(struct bc_direct *d);
/* Does it use io_uring? Any thread; it may stop doing so. */
bool bc_direct_has_ring(const struct bc_direct *d);

/* Can this file be written this way, into preallocated space? Writes to its beginning, then truncates it to 0. */
bool bc_direct_probe(struct bc_direct *d, int fd);

/*
 * From now on bytes go to fd, open with O_DIRECT and for reading too, after its first size bytes. Nothing may
 * be in flight, nor failed. 0, or the negative errno of reading the last page.
 */
int bc_direct_begin(struct bc_direct *d, int fd, uint64_t size);

/*
 * What was put behind the first size bytes is forgotten; these stay, in the file or not. The same conditions and errors. The file may
 * hold anything behind what was settled.
 */
int bc_direct_cut(struct bc_direct *d, uint64_t size);

/*
 * Takes 1 to len bytes, and returns how many. A negative errno is that of a write that failed twice, now or earlier; it
 * stays until bc_direct_settle() has returned it, too. It is then unknown which bytes since the last settle are in the
 * file.
 */
ptrdiff_t bc_direct_put(struct bc_direct *d, const uint8_t *data, size_t len);

/*
 * Wait until all bytes put are in the file, padded with zeros to the next multiple of BC_DIRECT_ALIGN. 0, or
 * the negative errno as above, after which bc_direct_begin() or _cut() must come.
 */
int bc_direct_settle(struct bc_direct *d);

/* The negative errno that bc_direct_put() and _settle() would return, or 0. */
int bc_direct_failed(const struct bc_direct *d);
/* What the file has, or will have. */
uint64_t bc_direct_size(const struct bc_direct *d);

/* Wait until nothing is in flight, whatever the outcome. */
void bc_direct_drain(struct bc_direct *d);

#endif
