/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_blob.h"
#include "bc_chain_record.h"
#include "bc_index_beside.h"
#include "bc_index_file.h"
#include "bc_option.h"
#include "bc_plural.h"
#include "bc_segname.h"
#include "bc_series.h"
#include "confine.h"
#include "folder.h"

#define MEMORY (64U << 20)

static const char help[] =
	"usage: braidcap index [--anew] [--beside] [--time] [--no-sandbox] FOLDER|FILE...\n"
	"\n"
	"Give capture files an index of their flows, as a capture with --index has them. pcapng that braidcap wrote, and\n"
	"that is uncompressed or LZ4, has it inside: a copy with the index takes the file's place. Any other file stays\n"
	"as it is, and FILE.bcidx beside it has the index: pcap, pcapng of others, ERF, in any compression, and what is in\n"
	"a folder with a chain of custody (capture --sign). In a folder, files that have one are left alone, and so are\n"
	"those that are no captures or are being written.\n"
	"\n"
	"      --anew      also where there is an index of flows\n"
	"      --beside    leave all files as they are\n"
	"      --time      only the times of blocks\n"
	"      --no-sandbox\n"
	"                  do not give up the right to other files and system calls\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 done, 1 a file could not be given one, 2 bad usage.\n";

struct how {
	struct bc_index_file_config cfg;
	bool beside;
};

static bool is_ours(int folder, const char *name)
{
	const struct bc_series pcapng = { .format = BC_FORMAT_PCAPNG };
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (fd < 0)
		return false;
	r = bc_series_origin(fd, &pcapng, NULL);
	close(fd);
	return r == BC_ORIGIN_OURS;
}

static bool has_beside(const char *path, bool flows)
{
	struct bc_blob *b;
	bool has;

	if (bc_blob_open_file(path, &b, NULL))
		return false;
	has = !bc_index_beside_wrap(NULL, path, &b, NULL) && bc_index_has(b, flows);
	bc_blob_close(b);
	return has;
}

static int make_beside(const struct how *how, int folder, const char *name, const char *path, struct bc_index_file_result *ret, struct bc_err *err)
{
	const struct bc_index_beside_config cfg = { .flows = how->cfg.flows, .memory = how->cfg.memory };
	struct bc_index_beside_result res;
	int fd, r;

	*ret = (struct bc_index_file_result){ .had = !how->cfg.anew && has_beside(path, how->cfg.flows) };
	if (ret->had)
		return 0;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	r = bc_index_beside_make(folder, name, fd, &cfg, &res, err);
	close(fd);
	if (r)
		return bc_err_prefix(err, r, "%s", path);
	ret->packets = res.packets;
	ret->skipped = res.skipped;
	ret->index_bytes = res.index_bytes;
	return 0;
}

/* Has the folder a chain of custody? Its segments keep their bytes. */
static bool is_signed(int folder)
{
	struct stat st;

	return fstatat(folder, BC_CHAIN_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Inside, where it can be; else beside. */
static int make(const struct how *how, const char *path, struct bc_index_file_result *ret, bool *ret_beside, struct bc_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char dir[PATH_MAX] = ".";
	int folder, r = -ENOTSUP;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	*ret_beside = how->beside || is_signed(folder) || !is_ours(folder, name);
	if (!*ret_beside)
		r = bc_index_file(path, &how->cfg, ret, err);
	if (!*ret_beside && !r)
		bc_index_beside_remove(folder, name);
	if (r == -ENOTSUP) {
		*ret_beside = true;
		r = make_beside(how, folder, name, path, ret, err);
	}
	close(folder);
	return r;
}

static int say(const char *path, const struct bc_index_file_result *res, bool beside)
{
	if (res->had)
		printf("%s: has an index\n", path);
	else
		printf("%s: %" PRIu64 " packet%s, index of %" PRIu64 " bytes%s, %" PRIu64 " not in it\n", path, res->packets,
		       bc_plural(res->packets, "", "s"), res->index_bytes, beside ? " beside it" : "", res->skipped);
	return 0;
}

static int index_file(const struct how *how, const char *path)
{
	struct bc_index_file_result res;
	struct bc_err err;
	bool beside;

	if (!make(how, path, &res, &beside, &err))
		return say(path, &res, beside);
	fprintf(stderr, "braidcap: %s\n", err.msg);
	return 1;
}

static int index_in_folder(void *ctx, const char *path)
{
	struct bc_index_file_result res;
	struct bc_err err;
	struct stat st;
	bool beside;
	int r;

	if (lstat(path, &st) || !S_ISREG(st.st_mode))
		return 0;
	r = make(ctx, path, &res, &beside, &err);
	if (!r)
		return say(path, &res, beside);
	if (r == -ENOTSUP)
		return 0;
	fprintf(stderr, "braidcap: %s\n", err.msg);
	return 1;
}

static int is_final(const struct dirent *e)
{
	uint64_t seq;

	return e->d_name[0] != '.' && !bc_segname_is_tmp(e->d_name, &seq) && !bc_index_beside_is_name(e->d_name);
}

int cmd_index(int argc, char **argv)
{
	static const struct option options[] = {
		{ "anew", no_argument, NULL, 'a' }, { "beside", no_argument, NULL, 'b' }, { "time", no_argument, NULL, 't' },
		{ "no-sandbox", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct how how = { .cfg = { .flows = true, .memory = MEMORY } };
	struct bc_err err;
	bool no_sandbox = false;
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
		how.cfg.anew |= o == 'a';
		how.cfg.flows &= o != 't';
		how.beside |= o == 'b';
		no_sandbox |= o == 's';
	}
	if (optind == argc) {
		fputs("braidcap: no folder or file to index; see 'braidcap index --help'\n", stderr);
		return 2;
	}
	if (!no_sandbox)
		confine_to_folders(BC_DUTY_TEND, argv + optind, (size_t)(argc - optind), false);
	for (int i = optind; i < argc; i++) {
		struct stat st;

		status |= stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ?
			  folder_each(argv[i], "no files", is_final, index_in_folder, &how) : index_file(&how, argv[i]);
	}
	return status;
}
