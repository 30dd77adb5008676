/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON as DPDK's telemetry can carry it. Telemetry has no array of objects, no fractions, no truth values, ASCII only, and strings
 * of at most 127 characters. So
 *   an array becomes an object with the keys 0, 1, ... (an empty one stays an array),
 *   true and false become 1 and 0, an integer below -2^31 a string,
 *   a byte that is not printable ASCII becomes \xHH, and a long string has its middle replaced by '~'.
 */
#ifndef BC_TEL_DATA_H
#define BC_TEL_DATA_H

#include <jansson.h>

#include "bc_compat.h"

#define BC_TEL_STRING_MAX (RTE_TEL_MAX_STRING_LEN - 1U)

/*
 * The same object or array with its strings as telemetry will send them; NULL without memory, or for what telemetry cannot carry:
 * null, fractions, keys of other characters than letters, digits, '_' and '/'.
 */
json_t *bc_tel_data_prepare(const json_t *json);

/*
 * Put a prepared object or array into a fresh d, as the answer to the command cmd. 0; -E2BIG if the reply would not fit,
 * -ENOMEM; d is then to be started anew.
 */
int bc_tel_data_fill(struct rte_tel_data *d, const json_t *prepared, const char *cmd);

#endif
