/* SPDX-License-Identifier: BSD-3-Clause */
/* What a mirror is given: chunks, and before them what makes them readable. One thread. */
#ifndef BC_MIRROR_FEED_H
#define BC_MIRROR_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_chunk.h"
#include "bc_codec.h"
#include "bc_mirror.h"
#include "bc_section.h"

struct bc_mirror_feed {
	struct bc_mirror *mirror;	/* not owned; NULL: nobody wants chunks */
	struct bc_section section;
	bool lz4;			/* chunks are LZ4 blocks */
	bool begun;			/* the mirror knows how the file begins, for section.linktype */
	uint32_t ifaces;		/* described to it */
	uint8_t *text;			/* of text_cap bytes */
	size_t text_cap;
};

void bc_mirror_feed_init(struct bc_mirror_feed *f, struct bc_mirror *mirror, const struct bc_section *section,
			 enum bc_codec codec);
void bc_mirror_feed_fini(struct bc_mirror_feed *f);

/* The capture starts: who waits for packets sees at once what the file begins with, as far as that is known. 0 or -ENOMEM. */
int bc_mirror_feed_begin(struct bc_mirror_feed *f);

/* packets of the chunk count. */
void bc_mirror_feed_chunk(struct bc_mirror_feed *f, const struct bc_chunk *k, uint64_t packets);

#endif
