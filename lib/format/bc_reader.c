/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader's life, and what a file is: each format's own file reads its items. */
#include "bc_reader.h"

#include <stdlib.h>

#include "bc_pcapng.h"
#include "bc_reader_priv.h"

struct bc_reader *bc_reader_new(void)
{
	return calloc(1, sizeof(struct bc_reader));
}

struct bc_reader *bc_reader_new_erf(void)
{
	struct bc_reader *r = bc_reader_new();

	if (r) {
		r->kind = BC_READER_ERF;
		memset(r->port, -1, sizeof(r->port));
	}
	return r;
}

bool bc_reader_is_erf_name(const char *path, const char *packed)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name), tail = strlen(packed);

	return len > 4 + tail && strncasecmp(name + len - tail - 4, ".erf", 4) == 0;
}

void bc_reader_free(struct bc_reader *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->count; i++)
		free(r->iface[i]);
	free(r->kept);
	free(r);
}

const struct bc_iface *bc_reader_iface(const struct bc_reader *r, uint32_t i)
{
	return &r->iface[i]->desc;
}

bool bc_reader_is_known(const struct bc_reader *r)
{
	return r->kind == BC_READER_PCAP || r->kind == BC_READER_PCAPNG;
}

const struct bc_reader_beside *bc_reader_found(const struct bc_reader *r)
{
	return &r->found;
}

const struct bc_reader_beside *bc_reader_left_out(const struct bc_reader *r)
{
	return &r->left_out;
}

uint64_t bc_reader_ignored(const struct bc_reader *r)
{
	return r->ignored;
}

static int read_start(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		      struct bc_record *rec, struct bc_err *err)
{
	if (len < 4)
		return bc_reader_more(consumed, need, 4);
	if (bc_get_le32(buf) == BC_PCAPNG_SHB) {
		r->kind = BC_READER_PCAPNG;
		return bc_reader_block(r, buf, len, consumed, need, rec, err);
	}
	return bc_reader_pcap_header(r, buf, len, consumed, need, rec, err);
}

int bc_reader_next(struct bc_reader *r, const uint8_t *buf, size_t len, size_t *consumed, size_t *need,
		   struct bc_record *rec, struct bc_err *err)
{
	if (bc_likely(r->kind == BC_READER_PCAPNG))
		return bc_reader_block(r, buf, len, consumed, need, rec, err);
	if (r->kind == BC_READER_PCAP)
		return bc_reader_pcap(r, buf, len, consumed, need, rec, err);
	if (r->kind == BC_READER_ERF)
		return bc_reader_erf(r, buf, len, consumed, need, rec, err);
	return read_start(r, buf, len, consumed, need, rec, err);
}
