/* SPDX-License-Identifier: BSD-3-Clause */
#include "identity.h"

#include <errno.h>
#include <stdlib.h>

int identity_read(const struct bc_age_files *files, struct bc_age_identities **ret, struct bc_err *err)
{
	struct bc_age_identities *ids;
	int r = 0;

	*ret = NULL;
	if (!files->n)
		return 0;
	ids = calloc(1, sizeof(*ids));
	if (!ids)
		return bc_err_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; !r && i < files->n; i++)
		r = bc_age_identities_read(ids, files->path[i], err);
	if (r) {
		identity_forget(ids);
		return bc_err_prefix(err, r, "--identity");
	}
	*ret = ids;
	return 0;
}

void identity_forget(struct bc_age_identities *ids)
{
	if (ids)
		bc_age_identities_wipe(ids);
	free(ids);
}
