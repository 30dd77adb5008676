/* SPDX-License-Identifier: BSD-3-Clause */
/* --json: one object on standard output, in one line. */
#ifndef ANSWER_H
#define ANSWER_H

#include <jansson.h>

/* Prints and frees o, which may be NULL for want of memory. 0; 1 with a line on stderr. */
int answer_print(json_t *o);

#endif
