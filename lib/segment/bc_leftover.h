/* SPDX-License-Identifier: BSD-3-Clause */
/* A temporary file that a dead capture left behind: what its name says, its lock, and what is in it. One thread. */
#ifndef BC_LEFTOVER_H
#define BC_LEFTOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_age_header.h"
#include "bc_codec.h"
#include "bc_err.h"
#include "bc_scan.h"
#include "bc_segname.h"
#include "bc_store.h"

/* Its lock is held as long as fd is open. */
struct bc_leftover {
	const char *path;
	char folder[BC_STORE_PATH_MAX];	/* "." or up to the last slash */
	uint64_t seq;
	enum bc_codec codec;
	char ext[BC_SEGNAME_MAX];
	char series[BC_SEGNAME_MAX];	/* "": none */
	bool erf;
	bool own_ext;		/* that of --file-ext: what is in it tells format and codec */
	int fd;
	uint64_t bytes;		/* without space behind them that was taken and never written */
	bool encrypted;
	struct bc_blob *blob;	/* what is in it then, as far as it is there; NULL: it is in clear */
	bool torn;		/* it has no last block */
	uint8_t file_key[BC_AGE_FILE_KEY];
	size_t head_len;	/* of these */
	uint8_t head[BC_AGE_HEADER_MAX];
};

/*
 * ids: of who may read it; NULL: none. 0; or a negative errno with a line in err: as bc_recover() has them. To be closed in any case. path is
 * borrowed.
 */
int bc_leftover_open(struct bc_leftover *l, const char *path, const struct bc_age_identities *ids, struct bc_err *err);
void bc_leftover_close(struct bc_leftover *l);

/* As bc_scan(). */
int bc_leftover_scan(const struct bc_leftover *l, bc_scan_item item, void *ctx, struct bc_scan *ret, struct bc_err *err);

#endif
