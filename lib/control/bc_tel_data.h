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

#include <stdbool.h>

#include <jansson.h>

#include "bc_compat.h"

#define BC_TEL_STRING_MAX (RTE_TEL_MAX_STRING_LEN - 1U)

/*
 * The same object or array with its strings as telemetry will send them; NULL without memory, or for what telemetry cannot carry:
 * null, fractions, keys of other characters than letters, digits, '_' and '/'.
 */
json_t *bc_tel_data_prepare(const json_t *json);

/* What DPDK sends at the most. */
#define BC_TEL_REPLY_MAX (16U * 1024)

/* Can telemetry send it, prepared, as the answer to the command cmd? */
bool bc_tel_data_fits(const json_t *prepared, const char *cmd);

/* Put a prepared object or array that fits into a fresh d. 0, or -ENOMEM. */
int bc_tel_data_fill(struct rte_tel_data *d, const json_t *prepared);

#endif
