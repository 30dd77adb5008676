/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of sources there are. */
#ifndef BC_SOURCE_KINDS_H
#define BC_SOURCE_KINDS_H

#include "bc_source.h"

/* The drivers. Each opens all sources of one cfg, as bc_source_open does. */
int bc_source_null_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
			uint32_t *ret_n, struct bc_err *err);
int bc_source_dpdk_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
			uint32_t *ret_n, struct bc_err *err);
int bc_source_pcap_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
			uint32_t *ret_n, struct bc_err *err);
int bc_source_file_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
			uint32_t *ret_n, struct bc_err *err);
int bc_source_remote_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
			  uint32_t *ret_n, struct bc_err *err);

#endif
