/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_CAPTURE_H
#define CMD_CAPTURE_H

/* `braidcap capture`: the main job. argv[0] is "capture". Returns the exit status. */
int cmd_capture(int argc, char **argv);

struct bc_config;

/* --check: look at what the settings name, say so, and return the exit status. */
int cmd_capture_check(const struct bc_config *cfg);

#endif
