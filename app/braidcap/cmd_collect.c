/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_collect.h"

#include <stdio.h>

#include "bc_collect_session.h"
#include "bc_help.h"
#include "cmd_capture.h"

int cmd_collect(int argc, char **argv)
{
	struct bc_collect_config cfg;
	struct bc_err err = { .msg = "" };
	int r = bc_config_collect_parse(argc, argv, &cfg, &err), status = BC_EXIT_DONE;

	if (r > 0)
		bc_help_print(bc_config_collect_help, stdout);
	else if (r < 0)
		status = bc_session_fail("braidcap", &err, r, false);
	else if (cfg.common.check_only)
		status = cmd_capture_check(&cfg.common);
	else
		status = bc_collect_run(&cfg, "braidcap");
	bc_config_collect_free(&cfg);
	return status;
}
