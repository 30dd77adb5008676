/* SPDX-License-Identifier: BSD-3-Clause */
/* Kernel interfaces that are not there yet when a capture is started. */
#ifndef BC_AWAIT_H
#define BC_AWAIT_H

#include "bc_config.h"
#include "bc_log.h"

/*
 * Wait until each interface that is a source is there and up, for cfg->wait_interface_s at the most. 0; -ENODEV with a line in err. A signal
 * has its default action meanwhile: nothing has been started.
 */
int bc_await_interfaces(const struct bc_config *cfg, const struct bc_log *log, struct bc_err *err);

#endif
