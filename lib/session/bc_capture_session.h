/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_CAPTURE_SESSION_H
#define BC_CAPTURE_SESSION_H

#include "bc_config.h"
#include "bc_session.h"

/* Capture as cfg says, to the end; name is the program's, for messages. */
enum bc_exit bc_capture_run(const struct bc_config *cfg, const char *name);

#endif
