/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_UPLOAD_H
#define CMD_UPLOAD_H

int cmd_upload(int argc, char **argv);

#endif
