/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_MTRACECAP_H
#define CMD_MTRACECAP_H

/* mtracecap's command line. argv[0] is skipped. Returns the exit status. */
int cmd_mtracecap(int argc, char **argv);

#endif
