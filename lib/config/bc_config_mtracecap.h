/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/config: the parts of mtracecap's command line. */
#ifndef BC_CONFIG_MTRACECAP_H
#define BC_CONFIG_MTRACECAP_H

#include "bc_config_draft.h"

extern const char bc_mtracecap_help[];
extern const char bc_mtracecap_uri_help[];

/* A libtrace URI to read from, as braidcap's spec of a source; *ret is to be freed. -EINVAL with a line in err, or -ENOMEM. */
int bc_mtracecap_input(const char *uri, char **ret, struct bc_err *err);

/*
 * A libtrace URI to write to, as a destination, to be freed, and the name of a format. folder: it must be one. -EINVAL with a
 * line in err, or -ENOMEM.
 */
int bc_mtracecap_output(const char *uri, bool folder, char **ret_dest, const char **ret_format, struct bc_err *err);

#endif
