/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_source_kind.h"

#include <string.h>

const struct bc_source_kind *const bc_source_kinds[BC_N_SOURCE_KINDS] = {
	&bc_source_dpdk, &bc_source_pcap, &bc_source_file, &bc_source_null, &bc_source_remote,
};

bool bc_source_can_wait(const struct bc_source_config *cfg)
{
	/* With a rate of its own, packets do not wait. */
	return cfg->kind->lossless && !cfg->rate && !cfg->idle;
}

const struct bc_source_key *bc_source_kind_key(const struct bc_source_kind *kind, const char *text)
{
	size_t n = strcspn(text, "=");

	if (text[n] != '=')
		return NULL;
	for (uint32_t i = 0; i < kind->n_keys; i++)
		if (strlen(kind->keys[i].name) == n && !memcmp(kind->keys[i].name, text, n))
			return &kind->keys[i];
	return NULL;
}
