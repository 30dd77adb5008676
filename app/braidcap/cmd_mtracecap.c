/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_mtracecap.h"

#include <stdio.h>

#include "bc_config.h"
#include "bc_help.h"
#include "cmd_capture.h"

#define EXIT_USAGE 2

int cmd_mtracecap(int argc, char **argv)
{
	struct bc_config cfg;
	struct bc_err err = { .msg = "" };
	const char *text;
	int r = bc_config_parse_mtracecap(argc, argv, &cfg, &text, &err), status = 0;

	if (r > 0) {
		bc_help_print(text, stdout);
	} else if (r < 0) {
		fprintf(stderr, "mtracecap: %s\n", err.msg);
		status = EXIT_USAGE;
	} else {
		status = capture_run(&cfg, "mtracecap");
	}
	bc_config_free(&cfg);
	return status;
}
