/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_DOCTOR_H
#define CMD_DOCTOR_H

/* `braidcap doctor`: is this machine fit for capturing? argv[0] is "doctor". Returns the exit status. */
int cmd_doctor(int argc, char **argv);

#endif
