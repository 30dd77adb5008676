/* SPDX-License-Identifier: BSD-3-Clause */
/* The numbers of interfaces that tcpdump and dumpcap take for names. */
#ifndef BC_NUMBERED_H
#define BC_NUMBERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The n-th interface as tcpdump -D and dumpcap -D list them, from 1; false: there is none, or its name is longer. Any thread. */
bool bc_numbered_interface(uint64_t n, char *buf, size_t size);

#endif
