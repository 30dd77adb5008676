/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of lzo, in a build without liblzo2: its files are still known, and refused. */
#include <errno.h>
#include <stdlib.h>

#include "bc_codec_ops.h"

const struct bc_stream_ops bc_stream_lzo = { NULL };

static void *open_nothing(void)
{
	return malloc(1);
}

static void begin_nothing(void *state)
{
}

static int refuse(void *state, struct bc_flow *flow, const char **why)
{
	*why = "this is lzo, which this program was built without";
	return -ENOTSUP;
}

const struct bc_decoder_ops bc_decoder_lzo = {
	.magic = { 0x89, 'L', 'Z', 'O' },
	.magic_len = 4,
	.open = open_nothing,
	.begin = begin_nothing,
	.step = refuse,
	.close = free,
};
