/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_index_file.h"
#include "bc_option.h"
#include "bc_segname.h"
#include "folder.h"

#define MEMORY (64U << 20)

static const char help[] =
	"usage: braidcap index [--anew] [--time] FOLDER|FILE...\n"
	"\n"
	"Give capture files an index of their flows, as a capture with --index has them: pcapng that is uncompressed,\n"
	"or LZ4 as braidcap writes it. A copy with the index takes the file's place. In a folder, files that can have\n"
	"no index, or have one, are left alone, and so are those that are being written.\n"
	"\n"
	"      --anew      also where there is an index of flows\n"
	"      --time      only the times of blocks\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 done, 1 a file could not be given one, 2 bad usage.\n";

static int say(const char *path, const struct bc_index_file_result *res)
{
	if (res->had)
		printf("%s: has an index\n", path);
	else
		printf("%s: %" PRIu64 " packets, index of %" PRIu64 " bytes, %" PRIu64 " packets not in it\n", path, res->packets,
		       res->index_bytes, res->skipped);
	return 0;
}

static int index_file(const struct bc_index_file_config *cfg, const char *path)
{
	struct bc_index_file_result res;
	struct bc_err err;

	if (!bc_index_file(path, cfg, &res, &err))
		return say(path, &res);
	fprintf(stderr, "braidcap: %s\n", err.msg);
	return 1;
}

static int index_in_folder(void *ctx, const char *path)
{
	struct bc_index_file_result res;
	struct bc_err err;
	struct stat st;
	int r;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	r = bc_index_file(path, ctx, &res, &err);
	if (!r)
		return say(path, &res);
	if (r == -ENOTSUP)
		return 0;
	fprintf(stderr, "braidcap: %s\n", err.msg);
	return 1;
}

static int is_final(const struct dirent *e)
{
	uint64_t seq;

	return e->d_name[0] != '.' && !bc_segname_is_tmp(e->d_name, &seq);
}

int cmd_index(int argc, char **argv)
{
	static const struct option options[] = {
		{ "anew", no_argument, NULL, 'a' }, { "time", no_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct bc_index_file_config cfg = { .flows = true, .memory = MEMORY };
	struct bc_err err;
	int status = 0, o;

	while ((o = bc_option_next(argc, argv, ":h", options, "braidcap index", &err)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?') {
			fprintf(stderr, "braidcap: %s\n", err.msg);
			return 2;
		}
		cfg.anew |= o == 'a';
		cfg.flows &= o != 't';
	}
	if (optind == argc) {
		fputs("braidcap: no folder or file to index; see 'braidcap index --help'\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		struct stat st;

		status |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ?
			  folder_each(argv[i], "no files", is_final, index_in_folder, &cfg) : index_file(&cfg, argv[i]);
	}
	return status;
}
