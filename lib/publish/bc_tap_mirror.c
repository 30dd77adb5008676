/* SPDX-License-Identifier: BSD-3-Clause */
/* What an output puts, on its way into a tap's queue. */
#include <stdlib.h>
#include <string.h>

#include "bc_tap_priv.h"

struct tap_mirror {
	struct bc_mirror base;
	struct bc_tap *tap;
	struct bc_tap_input *input;	/* the tap's thread's */
	struct bc_tap_item *last;	/* allocated ahead, so that ending needs no memory */
};

static struct bc_tap_item *new_item(struct tap_mirror *m, enum bc_tap_what what, const uint8_t *data, size_t len)
{
	struct bc_tap_item *i = malloc(sizeof(*i) + len);

	if (!i)
		return NULL;
	*i = (struct bc_tap_item){ .input = m->input, .what = what, .dense = len, .len = len };
	if (len)
		memcpy(i->data, data, len);
	return i;
}

static bool mirror_wanted(const struct bc_mirror *m)
{
	return bc_tap_wanted(((const struct tap_mirror *)m)->tap);
}

static bool mirror_text(struct bc_mirror *m, const uint8_t *text, size_t len)
{
	struct tap_mirror *t = (struct tap_mirror *)m;
	struct bc_tap_item *i = new_item(t, BC_TAP_TEXT, text, len);

	if (i)
		bc_tap_put(t->tap, i);
	return i != NULL;
}

static void mirror_chunk(struct bc_mirror *m, bool lz4, const uint8_t *data, size_t len, size_t dense, uint32_t packets)
{
	struct tap_mirror *t = (struct tap_mirror *)m;
	struct bc_tap_item *i = new_item(t, BC_TAP_CHUNK, data, len);

	if (!i) {
		bc_tap_overflowed(t->tap, packets);
		return;
	}
	i->lz4 = lz4;
	i->dense = dense;
	i->packets = packets;
	bc_tap_put(t->tap, i);
}

/* What was put is still sent: the input ends behind it. */
static void mirror_free(struct bc_mirror *m)
{
	struct tap_mirror *t = (struct tap_mirror *)m;

	bc_tap_put(t->tap, t->last);
	free(t);
}

static const struct bc_mirror_ops tap_ops = {
	.wanted = mirror_wanted,
	.text = mirror_text,
	.chunk = mirror_chunk,
	.free = mirror_free,
};

struct bc_mirror *bc_tap_mirror_new(struct bc_tap *t, enum bc_format format)
{
	struct tap_mirror *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	*m = (struct tap_mirror){ .base.ops = &tap_ops, .tap = t, .input = calloc(1, sizeof(*m->input)) };
	m->last = m->input ? new_item(m, BC_TAP_LAST, NULL, 0) : NULL;
	if (m->last && !bc_tap_input_init(m->input, format))
		return &m->base;
	free(m->last);
	free(m->input);
	free(m);
	return NULL;
}
