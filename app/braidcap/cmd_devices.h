/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_DEVICES_H
#define CMD_DEVICES_H

/* braidcap devices, and braidcap capture -D. Returns the exit status. */
int cmd_devices(int argc, char **argv);

#endif
