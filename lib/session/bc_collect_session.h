/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_COLLECT_SESSION_H
#define BC_COLLECT_SESSION_H

#include "bc_config_collect.h"
#include "bc_session.h"

/* Store what cfg's clients send, to the end; name is the program's, for messages. */
enum bc_exit bc_collect_run(const struct bc_collect_config *cfg, const char *name);

#endif
