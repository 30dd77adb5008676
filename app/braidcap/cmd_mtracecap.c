/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_mtracecap.h"

#include <stdio.h>

#include "bc_capture_session.h"
#include "bc_help.h"

int cmd_mtracecap(int argc, char **argv)
{
	struct bc_config cfg;
	struct bc_err err = { .msg = "" };
	const char *text;
	int r = bc_config_parse_mtracecap(argc, argv, &cfg, &text, &err), status = BC_EXIT_DONE;

	if (r > 0)
		bc_help_print(text, stdout);
	else if (r < 0)
		status = bc_session_fail("mtracecap", &err, r, false);
	else
		status = bc_capture_run(&cfg, "mtracecap");
	bc_config_free(&cfg);
	return status;
}
