/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_CAPTURE_H
#define CMD_CAPTURE_H

#include "bc_config.h"

/* `braidcap capture`: the main job. argv[0] is "capture". Returns the exit status. */
int cmd_capture(int argc, char **argv);

/* A capture as cfg says, of which the contents are taken; name stands before each message. Returns the exit status. */
int capture_run(struct bc_config *cfg, const char *name);

#endif
