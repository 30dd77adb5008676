/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers, text and errors as JSON. Every object is new; NULL without memory. */
#ifndef BC_VIEW_VALUE_H
#define BC_VIEW_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/* A counter; what JSON's integers cannot hold becomes their largest. */
json_t *bc_view_u64(uint64_t v);
/* Any bytes: what is no UTF-8 is escaped as bc_view_escape does. */
json_t *bc_view_string(const char *s);

/* Printable ASCII as it is, every other byte as \xHH. Cut to size - 1 characters. */
void bc_view_escape(char *dst, size_t size, const char *src);

/* {"status":"error","error":"..."} */
json_t *bc_view_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
