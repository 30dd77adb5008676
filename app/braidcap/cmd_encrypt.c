/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_encrypt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_age_file.h"
#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_option.h"
#include "bc_retention_parse.h"
#include "bc_series.h"
#include "bc_time.h"
#include "folder.h"

static const char help[] =
	"usage: braidcap encrypt -r RECIPIENT [-r RECIPIENT...] [--remove] [--after AGE] FOLDER|FILE...\n"
	"\n"
	"Encrypt published segments, or any other file, for recipients: FILE becomes FILE.age, in the format of age\n"
	"(age-encryption.org/v1), so that 'age -d' decrypts it, too. In a folder, all published segments.\n"
	"\n"
	"  -r, --recipient KEY         who can read it: age1..., as 'braidcap keygen' prints it; again for more\n"
	"  -R, --recipients-file FILE  the same from a file, one a line\n"
	"      --remove                remove FILE, and an index beside it, once FILE.age is on disk, was read back\n"
	"                              and compared\n"
	"      --after AGE             in a folder: only segments that were last written so long ago: 90s, 15m, 12h, 7d, 4w\n"
	"      --quiet                 say only what fails\n"
	"  -h, --help                  this text\n"
	"\n"
	"Exit status: 0 done, 1 a file could not be encrypted, 2 bad usage.\n";

enum option_code { OPT_REMOVE = 256, OPT_QUIET, OPT_AFTER };

struct how {
	struct bc_age_recipients to;
	uint64_t after_ns;
	bool remove, quiet;
};

static int encrypt_file(const struct how *how, const char *path)
{
	struct bc_err err;
	uint64_t bytes;

	if (bc_age_encrypt_file(path, &how->to, how->remove ? BC_INDEX_BESIDE_EXT : NULL, &bytes, &err)) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 1;
	}
	if (!how->quiet)
		printf("%s" BC_AGE_EXT ": %" PRIu64 " bytes\n", path, bytes);
	return 0;
}

static int is_segment(const struct dirent *e)
{
	struct bc_series series;

	return bc_series_parse(e->d_name, &series);
}

static int encrypt_in_folder(void *ctx, const char *path)
{
	const struct how *how = ctx;
	const uint64_t now = bc_utc_ns();
	struct stat st;

	/* What is gone by now was removed or moved by retention. */
	if (stat(path, &st) < 0 || (how->after_ns && bc_file_mtime_ns(&st) + how->after_ns > now))
		return 0;
	return encrypt_file(how, path);
}

static int encrypt_path(struct how *how, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return folder_each(path, how->quiet ? NULL : "no segments", is_segment, encrypt_in_folder, how);
	return encrypt_file(how, path);
}

/* 0; 1: --help; -EINVAL. */
static int parse(struct how *how, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "recipient", required_argument, NULL, 'r' }, { "recipients-file", required_argument, NULL, 'R' },
		{ "remove", no_argument, NULL, OPT_REMOVE }, { "quiet", no_argument, NULL, OPT_QUIET },
		{ "after", required_argument, NULL, OPT_AFTER }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":r:R:h", options, "braidcap encrypt", err)) != -1) {
		if (o == 'h')
			return 1;
		if (o == '?')
			return -EINVAL;
		how->remove |= o == OPT_REMOVE;
		how->quiet |= o == OPT_QUIET;
		if (o == 'r')
			r = bc_age_recipient_add(&how->to, optarg, err);
		else if (o == 'R')
			r = bc_age_recipients_read(&how->to, optarg, err) ? bc_err_prefix(err, -EINVAL, "--recipients-file") : 0;
		else if (o == OPT_AFTER)
			r = bc_parse_age("--after", optarg, &how->after_ns, err);
	}
	if (r)
		return r;
	if (!how->to.n)
		return bc_err_set(err, -EINVAL, "nobody could read it: name a recipient with -r");
	return optind < argc ? 0 : bc_err_set(err, -EINVAL, "no folder or file to encrypt; see 'braidcap encrypt --help'");
}

int cmd_encrypt(int argc, char **argv)
{
	struct how how = { .remove = false };
	struct bc_err err;
	int status = 0, r = parse(&how, argc, argv, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	if (r) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	for (int i = optind; i < argc; i++)
		status |= encrypt_path(&how, argv[i]);
	return status;
}
