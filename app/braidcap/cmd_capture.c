/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_capture.h"

#include <stdio.h>

#include "bc_capture_session.h"
#include "bc_help.h"
#include "bc_kernel.h"
#include "bc_prefixes.h"
#include "cmd_devices.h"

static int list_linktypes(const struct bc_config *cfg)
{
	struct bc_err err;
	int r = 0;

	for (uint32_t i = 0; !r && i < cfg->n_sources; i++)
		r = bc_linktypes_print(stdout, cfg->sources[i].target, &err);
	return r ? (int)bc_session_fail("braidcap", &err, r, false) : 0;
}

int cmd_capture_check(const struct bc_config *cfg)
{
	struct bc_err err;
	int r = bc_config_probe(cfg, &err);

	if (r)
		return (int)bc_session_fail("braidcap", &err, r, false);
	puts("the configuration is good");
	return BC_EXIT_DONE;
}

static enum bc_exit run(struct bc_config *cfg)
{
	struct bc_err err;
	int r = bc_prefixes_expand(cfg, &err);

	return r ? bc_session_fail("braidcap", &err, r, false) : bc_capture_run(cfg, "braidcap");
}

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
	else if (cfg.list_linktypes)
		status = list_linktypes(&cfg);
	else if (cfg.check_only)
		status = cmd_capture_check(&cfg);
	else
		status = run(&cfg);
	bc_config_free(&cfg);
	return status;
}
