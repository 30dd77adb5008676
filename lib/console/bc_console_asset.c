/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_console_asset.h"

#include <string.h>

#include "bc_console_priv.h"

enum MHD_Result bc_console_asset(const struct bc_request *q)
{
	for (const struct bc_console_file *f = bc_console_files; f->url; f++)
		if (!strcmp(f->url, q->path))
			return bc_reply_static(q, f->type, f->data, f->len, f->etag);
	return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "there is nothing of that name");
}
