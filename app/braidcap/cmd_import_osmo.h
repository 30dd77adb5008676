/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_IMPORT_OSMO_H
#define CMD_IMPORT_OSMO_H

/* `braidcap import-osmo FILE`; returns the exit status. */
int cmd_import_osmo(int argc, char **argv);

#endif
