/* SPDX-License-Identifier: BSD-3-Clause */
/* --identity of the commands that read stored captures. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "bc_age_key.h"

#define IDENTITY_HELP \
	"      --identity FILE     read what is encrypted (FILE.age) with the key in there;\n" \
	"                          again for more\n"

/*
 * What is in the files, which are read now, before rights are given up. 0 and *ret, which is NULL without files and else for
 * identity_forget(); or a negative errno with a line in err.
 */
int identity_read(const struct bc_age_files *files, struct bc_age_identities **ret, struct bc_err *err);
/* Takes NULL. */
void identity_forget(struct bc_age_identities *ids);

#endif
