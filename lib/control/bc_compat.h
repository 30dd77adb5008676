/* SPDX-License-Identifier: BSD-3-Clause */
/* One spelling of DPDK's telemetry calls from 22.11 on: the *_u64 became *_uint in 23.03, and went in 25.11. */
#ifndef BC_COMPAT_H
#define BC_COMPAT_H

#include <rte_telemetry.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(23, 3, 0, 0)
#define RTE_TEL_UINT_VAL RTE_TEL_U64_VAL
#define rte_tel_data_add_dict_uint rte_tel_data_add_dict_u64
#endif

#endif
