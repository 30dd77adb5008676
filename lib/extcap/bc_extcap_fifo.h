/* SPDX-License-Identifier: BSD-3-Clause */
/* The named pipe that Wireshark reads from, opened once it does. */
#ifndef BC_EXTCAP_FIFO_H
#define BC_EXTCAP_FIFO_H

#include <stdint.h>

#include "bc_err.h"

/* A reader may still be on its way for so long. */
#define BC_EXTCAP_READER_NS 60000000000ULL

/*
 * Writes do not wait. signals: a signalfd, which ends the waiting when it can be read; -1: none. 0 and *ret, to be closed; 1: a
 * signal has come; or a negative errno with a line in err: -EINVAL, it is no named pipe; -ETIMEDOUT, nobody reads from it in time.
 */
int bc_extcap_fifo_open(const char *path, int signals, uint64_t timeout_ns, int *ret, struct bc_err *err);

#endif
