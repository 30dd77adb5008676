/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_mirror_feed.h"

#include <errno.h>
#include <stdlib.h>

void bc_mirror_feed_init(struct bc_mirror_feed *f, struct bc_mirror *mirror, const struct bc_section *section,
			 enum bc_codec codec)
{
	*f = (struct bc_mirror_feed){ .mirror = mirror, .section = *section, .lz4 = codec == BC_CODEC_LZ4 };
	/* It shows packets as they come; a file that is read for its secrets is on disk. */
	f->section.carry = NULL;
}

void bc_mirror_feed_fini(struct bc_mirror_feed *f)
{
	free(f->text);
	f->text = NULL;
}

static bool reserve_text(struct bc_mirror_feed *f, size_t len)
{
	uint8_t *p;

	if (len <= f->text_cap)
		return true;
	p = realloc(f->text, len);
	if (!p)
		return false;
	f->text = p;
	f->text_cap = len;
	return true;
}

/*
 * Write the beginning of a file, or the interfaces that appeared since. With cap 0, only return the largest size it
 * could have.
 */
static size_t make_text(const struct bc_mirror_feed *f, uint32_t ifaces, size_t cap)
{
	if (f->begun)
		return bc_section_more(&f->section, f->ifaces, ifaces, NULL, f->text, cap);
	return bc_section_begin(&f->section, ifaces, NULL, f->text, cap);
}

/* Give the mirror the descriptions it needs before it can read a chunk with these interfaces. */
static bool describe(struct bc_mirror_feed *f, uint32_t ifaces, int32_t linktype)
{
	size_t len;

	if (linktype != f->section.linktype)
		f->begun = false;
	if (f->begun && ifaces <= f->ifaces)
		return true;
	f->section.linktype = linktype;
	len = make_text(f, ifaces, 0);
	if (!reserve_text(f, len))
		return false;
	if (!bc_mirror_text(f->mirror, f->text, make_text(f, ifaces, len)))
		return false;
	f->begun = true;
	f->ifaces = ifaces;
	return true;
}

int bc_mirror_feed_begin(struct bc_mirror_feed *f)
{
	uint32_t ifaces = f->mirror ? bc_iface_count(f->section.ifaces) : 0;

	return !ifaces || describe(f, ifaces, -1) ? 0 : -ENOMEM;
}

void bc_mirror_feed_chunk(struct bc_mirror_feed *f, const struct bc_chunk *k, uint64_t packets)
{
	if (f->mirror && k->len && bc_mirror_wanted(f->mirror) && describe(f, k->ifaces, k->linktype))
		bc_mirror_chunk(f->mirror, f->lz4, k->data, k->len, k->dense, (uint32_t)packets);
}
