/* SPDX-License-Identifier: BSD-3-Clause */
/* What captures that were killed left behind. Any thread. */
#ifndef BC_ABANDONED_H
#define BC_ABANDONED_H

#include <stdint.h>

/*
 * How many of a folder's temporary files have something in them, and no process that writes them (bc_recover.h): of the output file
 * that has this name there, or of all outputs with NULL. 0 also where the folder cannot be read.
 */
uint32_t bc_abandoned_count(const char *folder, const char *name);

#endif
