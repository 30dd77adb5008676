/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Somebody who gets a copy of all that an output packs, beside the store, and also of what the store refuses. What
 * that is, a library above decides. One thread, the committer's, calls; nothing here ever waits.
 */
#ifndef BC_MIRROR_H
#define BC_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* That one output can have. */
#define BC_MIRRORS 2

struct bc_mirror;

struct bc_mirror_ops {
	bool (*wanted)(const struct bc_mirror *m);
	bool (*text)(struct bc_mirror *m, const uint8_t *text, size_t len);
	void (*chunk)(struct bc_mirror *m, bool lz4, const uint8_t *data, size_t len, size_t dense, uint32_t packets);
	void (*free)(struct bc_mirror *m);
};

/* First in the struct of whoever implements it. */
struct bc_mirror {
	const struct bc_mirror_ops *ops;
};

/* Is somebody there to have what is put? */
static inline bool bc_mirror_wanted(const struct bc_mirror *m)
{
	return m->ops->wanted(m);
}

/*
 * What begins a file (in classic pcap each time, in pcapng the first time), or describes more interfaces in it:
 * uncompressed whole items. Copied. False without memory: nothing that needs it may be put before it was put again.
 */
static inline bool bc_mirror_text(struct bc_mirror *m, const uint8_t *text, size_t len)
{
	return m->ops->text(m, text, len);
}

/*
 * Whole records: as they are, or whole LZ4 blocks of them, dense bytes when decompressed. Copied. A chunk for which
 * there is no room is missing from the stream, and the next one is good again.
 */
static inline void bc_mirror_chunk(struct bc_mirror *m, bool lz4, const uint8_t *data, size_t len, size_t dense,
				   uint32_t packets)
{
	m->ops->chunk(m, lz4, data, len, dense, packets);
}

/* What was put may still be on its way. Takes NULL. */
static inline void bc_mirror_free(struct bc_mirror *m)
{
	if (m)
		m->ops->free(m);
}

#endif
