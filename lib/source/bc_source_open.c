/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "bc_source_kinds.h"

int bc_source_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		   uint32_t *ret_n, struct bc_err *err)
{
	switch (cfg->kind) {
	case BC_SOURCE_DPDK:
		return bc_source_dpdk_open(cfg, env, ret, ret_n, err);
	case BC_SOURCE_PCAP:
		return bc_source_pcap_open(cfg, env, ret, ret_n, err);
	case BC_SOURCE_FILE:
		return bc_source_file_open(cfg, env, ret, ret_n, err);
	case BC_SOURCE_NULL:
		return bc_source_null_open(cfg, env, ret, ret_n, err);
	case BC_SOURCE_REMOTE:
		return bc_source_remote_open(cfg, env, ret, ret_n, err);
	}
	return bc_err_set(err, -EINVAL, "%s: no such kind of source", cfg->spec);
}
