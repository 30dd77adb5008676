/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_EXTCAP_H
#define CMD_EXTCAP_H

/* `braidcap extcap`, or the name braidcap-extcap. The exit status. */
int cmd_extcap(int argc, char **argv);

#endif
