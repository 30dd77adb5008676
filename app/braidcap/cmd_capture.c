/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_capture.h"

#include <stdio.h>

#include "bc_capture_session.h"
#include "bc_help.h"
#include "cmd_devices.h"

int cmd_capture(int argc, char **argv)
{
	struct bc_config cfg;
	struct bc_err err = { .msg = "" };
	int r = bc_config_parse(argc, argv, &cfg, &err), status = BC_EXIT_DONE;

	if (r == BC_CONFIG_DEVICES)
		status = cmd_devices(1, argv);
	else if (r > 0)
		bc_help_print(bc_config_help, stdout);
	else if (r < 0)
		status = bc_session_fail("braidcap", &err, r, false);
	else
		status = bc_capture_run(&cfg, "braidcap");
	bc_config_free(&cfg);
	return status;
}
