/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_plan.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "bc_config.h"
#include "bc_help.h"
#include "bc_plan.h"
#include "bc_plan_json.h"
#include "bc_placement.h"
#include "plan_rate.h"

#define EXIT_USAGE 2

static const char plan_help[] =
	"usage: braidcap plan [--json] [--topology FILE.xml|DESCRIPTION] [options of braidcap capture]\n"
	"       braidcap plan --rate RATE [--packet BYTES] ...     how many cores, GiB and disks a link needs:\n"
	"                                                          see braidcap plan --rate 1G --help\n"
	"\n"
	"Show which CPUs a capture with these options would use. Nothing is started or written.\n"
	"  --topology T   plan for another machine: a file saved by lstopo, or hwloc's synthetic description,\n"
	"                 such as 'package:2 [numa] l3:1 core:16 pu:2'; default: this machine\n"
	"  --json         print one object in JSON instead\n"
	"Only -i, -w, -Z, --writers, --lcores and -C matter. The options of braidcap capture:\n"
	"\n";

/*
 * Take the last --topology T or --topology=T out of argv, up to "--". *ret is NULL without one. The number of
 * arguments left, or -EINVAL.
 */
static int take_topology(int argc, char **argv, const char **ret, struct bc_err *err)
{
	static const char option[] = "--topology";
	size_t len = strlen(option);
	bool ended = false;
	int n = 0;

	*ret = NULL;
	for (int i = 0; i < argc; i++) {
		ended = ended || !strcmp(argv[i], "--");
		if (ended || strncmp(argv[i], option, len) || (argv[i][len] && argv[i][len] != '=')) {
			argv[n++] = argv[i];
			continue;
		}
		if (argv[i][len])
			*ret = argv[i] + len + 1;
		else if (i + 1 < argc)
			*ret = argv[++i];
		else
			return bc_err_set(err, -EINVAL, "--topology: needs a file or a description");
	}
	argv[n] = NULL;
	return n;
}

/* Take --json out of argv, up to "--". The number of arguments left. */
static int take_json(int argc, char **argv, bool *ret)
{
	bool ended = false;
	int n = 0;

	*ret = false;
	for (int i = 0; i < argc; i++) {
		ended = ended || !strcmp(argv[i], "--");
		if (!ended && !strcmp(argv[i], "--json"))
			*ret = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

static bool locale_is_utf8(void)
{
	return setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
}

static int draw(const struct bc_config *cfg, const char *topology, bool json, struct bc_err *err)
{
	struct bc_topology *topo = malloc(sizeof(*topo));
	struct bc_plan_request req;
	struct bc_plan plan;
	int r;

	if (!topo)
		return bc_err_set(err, -ENOMEM, "no memory for the topology");
	r = topology ? bc_topology_describe(topology, topo, err) : bc_topology_read(true, topo, err);
	if (!r)
		r = bc_placement_request(cfg, topo, &req, err);
	if (!r)
		r = bc_plan_make(topo, &req, &plan, err);
	if (!r && json) {
		r = answer_print(bc_plan_json(&req, &plan)) ? -EIO : 0;
	} else if (!r) {
		bc_plan_print(stdout, topo, &req, &plan, locale_is_utf8());
		if (fflush(stdout) || ferror(stdout))
			r = bc_err_set(err, -EIO, "cannot write the picture");
	}
	free(topo);
	return r;
}

int cmd_plan(int argc, char **argv)
{
	struct bc_config cfg = { 0 };
	const char *topology;
	struct bc_err err = { .msg = "" };
	bool json;
	int r;

	if (plan_rate_asked(argc, argv))
		return plan_rate(argc, argv);
	argc = take_json(argc, argv, &json);
	r = take_topology(argc, argv, &topology, &err);
	if (r >= 0)
		r = bc_config_parse(r, argv, &cfg, &err);
	if (r == BC_CONFIG_DEVICES) {
		r = bc_err_set(&err, -EINVAL, "-D: is for 'braidcap capture', or type 'braidcap devices'");
	} else if (r == BC_CONFIG_HELP) {
		fputs(plan_help, stdout);
		bc_help_print(bc_config_help, stdout);
	} else if (!r) {
		r = draw(&cfg, topology, json, &err);
	}
	if (r < 0 && err.msg[0])
		fprintf(stderr, "braidcap: %s\n", err.msg);
	bc_config_free(&cfg);
	return r == -EIO ? EXIT_FAILURE : r < 0 ? EXIT_USAGE : EXIT_SUCCESS;
}
