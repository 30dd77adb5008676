/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_config_s3.h"
#include "bc_depot.h"
#include "bc_option.h"
#include "bc_segname.h"
#include "bc_verify.h"
#include "folder.h"

static const char help[] =
	"usage: braidcap verify FOLDER|FILE|s3://BUCKET/KEY|s3://BUCKET/PREFIX/...\n"
	"\n"
	"Read capture files (pcapng, pcap; plain or compressed) to the last byte and report for each whether it is\n"
	"complete, how many packets it has, and how many go back in time. For a folder, check every file\n"
	"in it that is a capture by content or by name, but those that are being written.\n"
	"\n"
	BC_S3_HELP
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 all are complete, 1 one is not or a folder has none, 2 bad usage.\n";

/* What is said of the files of one folder. */
struct folder {
	uint32_t n;	/* captures among them */
};

static int say(const char *path, int r, const struct bc_scan *scan, const struct bc_err *err)
{
	if (r)
		fprintf(stderr, "braidcap: %s\n", err->msg);
	else
		printf("%s: complete, %" PRIu64 " packets, %" PRIu64 " back in time, %" PRIu64 " bytes\n", path, scan->records,
		       scan->backwards, scan->kept_bytes);
	return r ? 1 : 0;
}

static int verify(const char *path)
{
	struct bc_scan scan;
	struct bc_err err;
	int r = bc_verify(path, &scan, &err);

	return say(path, r, &scan, &err);
}

/* Everything but what is being written: names need not say what is in a file. */
static int is_final(const struct dirent *e)
{
	uint64_t seq;

	return e->d_name[0] != '.' && !bc_segname_is_tmp(e->d_name, &seq);
}

/* By its name it is a capture, whatever became of its content: YYYYMMDD-HHMMSS-..., trace-..., or with an extension of ours. */
static bool is_named_as_capture(const char *name)
{
	return strstr(name, ".pcap") || strstr(name, ".erf") || !strncmp(name, "trace-", 6) ||
	       (strspn(name, "0123456789") == 8 && name[8] == '-' && strspn(name + 9, "0123456789") == 6);
}

static int verify_in_folder(void *ctx, const char *path)
{
	struct folder *f = ctx;
	struct bc_scan scan;
	struct bc_err err;
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	r = bc_verify(path, &scan, &err);
	if (r && scan.items == 0 && !is_named_as_capture(strrchr(path, '/') + 1)) {
		printf("%s: no capture file, left out\n", path);
		return 0;
	}
	f->n++;
	return say(path, r, &scan, &err);
}

static int verify_folder(const char *path)
{
	struct folder f = { 0 };
	int status = folder_each(path, NULL, is_final, verify_in_folder, &f);

	if (status == 0 && f.n == 0) {
		fprintf(stderr, "braidcap: %s: no segments\n", path);
		status = 1;
	}
	return status;
}

struct objects {
	struct bc_depot *depot;
	int status;
};

static int verify_object(void *ctx, const struct bc_depot_entry *e)
{
	struct objects *o = ctx;
	struct bc_scan scan;
	struct bc_err err;
	int r = bc_verify_object(o->depot, e->name, &scan, &err);

	if (r && scan.items == 0 && r == -EBADMSG && !is_named_as_capture(strrchr(e->name, '/') + 1))
		printf("%s: no capture file, left out\n", e->name);
	else
		o->status |= say(e->name, r, &scan, &err);
	return 0;
}

static int verify_objects(const struct bc_object_settings *store, const char *name)
{
	const struct bc_depot_config cfg = { .store = store, .no_cache = true };
	struct objects o = { .status = 0 };
	struct bc_err err;
	int r = bc_depot_new(&cfg, &o.depot, &err);

	if (!r)
		r = bc_depot_list(o.depot, name, 0, UINT64_MAX, verify_object, &o, &err);
	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	bc_depot_free(o.depot);
	return r ? 1 : o.status;
}

static int verify_path(const struct bc_object_settings *store, const char *path)
{
	struct stat st;

	if (bc_depot_is_name(path))
		return verify_objects(store, path);
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? verify_folder(path) : verify(path);
}

int cmd_verify(int argc, char **argv)
{
	static const struct option options[] = { BC_S3_OPTIONS, { "help", no_argument, NULL, 'h' }, { 0 } };
	struct bc_object_settings store = { .endpoint = NULL };
	struct bc_err err;
	int status = 0, o;

	while ((o = bc_option_next(argc, argv, ":h", options, "braidcap verify", &err)) != -1) {
		if (bc_config_s3_take(&store, o, optarg))
			continue;
		if (o == 'h')
			fputs(help, stdout);
		else
			fprintf(stderr, "braidcap: %s\n", err.msg);
		return o == 'h' ? 0 : 2;
	}
	if (optind == argc) {
		fputs("braidcap: no folder or file to verify; see 'braidcap verify --help'\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++)
		status |= verify_path(&store, argv[i]);
	return status;
}
