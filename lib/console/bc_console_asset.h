/* SPDX-License-Identifier: BSD-3-Clause */
/* What the console's page is made of: embed.py writes it at build, from page/. */
#ifndef BC_CONSOLE_ASSET_H
#define BC_CONSOLE_ASSET_H

#include <stddef.h>

struct bc_console_file {
	const char *url, *type, *etag;
	const unsigned char *data;
	size_t len;
};

extern const struct bc_console_file bc_console_files[];	/* up to one without a url */
extern const char bc_console_styles[];	/* of the style sheets in the page, as a policy names them */

#endif
