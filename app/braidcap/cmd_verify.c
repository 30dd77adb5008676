/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_verify.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_segname.h"
#include "bc_verify.h"
#include "folder.h"

static const char help[] =
	"usage: braidcap verify FOLDER|FILE...\n"
	"\n"
	"Read capture files (pcapng, pcap; plain or compressed) to the last byte and report for each whether it is\n"
	"complete, how many packets it has, and how many go back in time. For a folder, check all published segments.\n"
	"\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 all are complete, 1 one is not, 2 bad usage.\n";

static int verify(void *ctx, const char *path)
{
	struct bc_scan scan;
	struct bc_err err;
	int r = bc_verify(path, &scan, &err);

	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	else
		printf("%s: complete, %" PRIu64 " packets, %" PRIu64 " back in time, %" PRIu64 " bytes\n", path,
		       scan.records,
		       scan.backwards, scan.kept_bytes);
	return r ? 1 : 0;
}

/* What a folder of segments has under a final name. */
static int is_segment(const struct dirent *e)
{
	uint64_t seq;

	return e->d_name[0] != '.' && !bc_segname_is_tmp(e->d_name, &seq) &&
	       (strstr(e->d_name, ".pcap") || strstr(e->d_name, ".pcapng"));
}

int cmd_verify(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int status = 0, o;

	while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (o != 'h')
			return 2;
		fputs(help, stdout);
		return 0;
	}
	if (optind == argc) {
		fputs("braidcap: verify: no folder given or files to verify\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		struct stat st;

		status |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ?
				  folder_each(argv[i], "no segments", is_segment, verify, NULL) : verify(NULL, argv[i]);
	}
	return status;
}
