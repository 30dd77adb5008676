/* SPDX-License-Identifier: BSD-3-Clause */
/* Converts another program's configuration into braidcap's. Control threads. */
#ifndef BC_IMPORT_H
#define BC_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

#define BC_IMPORT_MAX (1024 * 1024)	/* bytes of a file */

enum bc_import_loss {
	BC_IMPORT_NEEDLESS,	/* braidcap does it anyway, or it concerns nothing that is captured */
	BC_IMPORT_OTHERWISE,	/* it is carried over, but depends on something that it did not depend on */
	BC_IMPORT_LOST,		/* it had an effect, and braidcap will not have it */
};

/*
 * Reports what was not carried over, or was changed. line: of the file, 0: of none; what: the command, as written;
 * why: one line.
 */
struct bc_import_notes {
	void (*note)(void *ctx, uint32_t line, enum bc_import_loss loss, const char *what, const char *why);
	void *ctx;
};

/*
 * Read len bytes of an osmo-pcap VTY configuration. For a client *ret becomes YAML for `braidcap capture -C`, for a server a
 * shell command, `braidcap collect ...`; it is freed with free(). name is the file's, for a comment in *ret.
 * 0; -EINVAL where it is neither a client's nor a server's, or no text, or larger than BC_IMPORT_MAX; -ENOMEM.
 */
int bc_import_osmo(const char *name, const char *text, size_t len, const struct bc_import_notes *notes, char **ret,
		   struct bc_err *err);

#endif
