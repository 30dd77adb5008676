/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_devices.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bc_devices_print.h"
#include "bc_option.h"

#define EXIT_USAGE 2

static const char help[] =
	"usage: braidcap devices [--json]        also: braidcap capture -D\n"
	"\n"
	"List what can be captured here, and what to type for it: interfaces of the kernel, ports for DPDK, other\n"
	"devices of libpcap. DPDK is not started, nothing is changed.\n"
	"      --json    as JSON\n"
	"  -h, --help    this text\n";

static int show(bool json)
{
	struct bc_devices *d = malloc(sizeof(*d));
	struct bc_nic_socket s;
	struct bc_nic_asker asker = bc_nic_open(&s);
	bool good = d;

	if (d) {
		bc_devices_read("", &asker, d);
		bc_devices_add_pcap(d);
	}
	bc_nic_close(&s);
	if (d && json) {
		json_t *o = bc_devices_json(d);

		good = o && json_dumpf(o, stdout, JSON_INDENT(1)) == 0 && putchar('\n') != EOF;
		json_decref(o);
	} else if (d) {
		bc_devices_print(stdout, d);
	}
	free(d);
	if (good && fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	fputs("braidcap devices: cannot write the list\n", stderr);
	return EXIT_FAILURE;
}

int cmd_devices(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct bc_err err = { "" };
	bool json = false;
	int o;

	optind = 0;
	while ((o = bc_option_next(argc, argv, ":h", options, "braidcap devices", &err)) != -1 && o != '?') {
		if (o == 'h') {
			fputs(help, stdout);
			return EXIT_SUCCESS;
		}
		json = true;
	}
	if (o != '?' && optind == argc)
		return show(json);
	if (o != '?')
		bc_err_set(&err, -EINVAL, "takes no arguments; see 'braidcap devices --help'");
	fprintf(stderr, "braidcap devices: %s\n", err.msg);
	return EXIT_USAGE;
}
