/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices as tables for people, and as JSON. */
#ifndef BC_DEVICES_PRINT_H
#define BC_DEVICES_PRINT_H

#include <stdio.h>

#include <jansson.h>

#include "bc_devices.h"

/* Whatever the names are made of, a terminal is safe. Errors of f are the caller's to find. */
void bc_devices_print(FILE *f, const struct bc_devices *d);

/* {"interfaces":[...],"ports":[...],"others":[...]}: docs/operations.md. A new object, or NULL without memory. */
json_t *bc_devices_json(const struct bc_devices *d);

#endif
