/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_recover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "bc_age_file.h"
#include "bc_index_file.h"
#include "bc_option.h"
#include "bc_plural.h"
#include "bc_recover.h"
#include "bc_segname.h"
#include "confine.h"
#include "folder.h"
#include "identity.h"

#define INDEX_MEMORY (64U << 20)

static const char help[] =
	"usage: braidcap recover [options] FOLDER|FILE...\n"
	"\n"
	"Turn the temporary files (tmp-...) that a capture left behind when it was killed, or when the power failed,\n"
	"into complete segments. A temporary file is removed only when its packets are on disk under a final name.\n"
	"Files that a running capture is writing are left alone.\n"
	"\n"
	"      --json      print one object in JSON instead\n"
	"  -n, --dry-run   show what would be done, change nothing\n"
	"  -U, --utc       use UTC in names, otherwise local time\n"
	"      --identity FILE\n"
	"                  the key of encrypted ones (tmp-....age), again for more: what is recovered is encrypted for the\n"
	"                  same recipients; what a collector got once more, and published beside it, is left out\n"
	"      --no-sandbox\n"
	"                  do not give up the right to other files and system calls\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 everything is complete, 1 something could not be recovered, 2 bad usage.\n";

static void emit(void *ctx, enum bc_level level, const char *line)
{
	if (level <= BC_NOTICE)
		fprintf(stderr, "braidcap: %s\n", line);
}

/* As its capture would have made it; a format or codec that can have none has none. */
static void make_index(const char *path)
{
	const struct bc_index_file_config cfg = { .flows = true, .memory = INDEX_MEMORY };
	struct bc_index_file_result res;
	struct bc_err err;
	int r = bc_index_file(path, &cfg, &res, &err);

	if (r && r != -ENOTSUP)
		fprintf(stderr, "braidcap: no index was made: %s\n", err.msg);
}

/* What became of a leftover, in the answer. */
static void list(json_t *files, const char *path, int e, const struct bc_recovered *r, const struct bc_err *err)
{
	static const char *const words[] = {
		[BC_RECOVER_PUBLISHED] = "recovered", [BC_RECOVER_REMOVED] = "empty", [BC_RECOVER_REPEATED] = "repeated",
	};
	const char *outcome = e == -EBUSY ? "busy" : e ? "failed" : words[r->outcome];

	json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:I, s:I, s:s*, s:s*}", "path", path, "outcome", outcome, "packets",
					       (json_int_t)(r ? r->scan.records - r->repeated : 0), "repeated",
					       (json_int_t)(r ? r->repeated : 0), "lost_bytes",
					       (json_int_t)(r ? r->scan.lost_bytes + r->scan.unread_bytes : 0), "as", r && r->path[0] ? r->path : NULL,
					       "why", e ? err->msg : r->scan.why[0] ? r->scan.why : NULL));
}

/* What it had, and what became of that. */
static void say_packets(const char *path, const struct bc_recover_config *cfg, const struct bc_recovered *r)
{
	const uint64_t lost = r->scan.lost_bytes + r->scan.unread_bytes, packets = r->scan.records - r->repeated;

	if (r->outcome == BC_RECOVER_REPEATED)
		printf("%s: all %" PRIu64 " packet%s %s in other segments, too; %s", path, r->repeated, bc_plural(r->repeated, "", "s"),
		       bc_plural(r->repeated, "is", "are"), cfg->dry_run ? "would be removed" : "removed");
	else
		printf("%s: %" PRIu64 " packet%s %s%s%s", path, packets, bc_plural(packets, "", "s"), cfg->dry_run ? "can be recovered" : "recovered",
		       r->path[0] ? " as " : "", r->path);
	if (r->outcome != BC_RECOVER_REPEATED && r->repeated)
		printf("; %" PRIu64 " %s in other segments, too, and left out", r->repeated, bc_plural(r->repeated, "is", "are"));
	if (lost)
		printf("; %" PRIu64 " byte%s after them %s lost", lost, bc_plural(lost, "", "s"), bc_plural(lost, "is", "are"));
	printf("%s%s\n", r->scan.why[0] ? ": " : "", r->scan.why);
}

static void say(const char *path, const struct bc_recover_config *cfg, int e, const struct bc_recovered *r, const struct bc_err *err)
{
	if (e == -EBUSY)
		printf("%s: a running capture is writing it: left alone\n", path);
	else if (e)
		fprintf(stderr, "braidcap: %s\n", err->msg);
	else if (r->outcome == BC_RECOVER_REMOVED)
		printf("%s: empty, %s\n", path, cfg->dry_run ? "would be removed" : "removed");
	else
		say_packets(path, cfg, r);
}

/* It can have none from outside. */
static bool is_encrypted(const char *path)
{
	const size_t len = strlen(path), ext = strlen(BC_AGE_EXT);

	return len > ext && !strcmp(path + len - ext, BC_AGE_EXT);
}

struct recover {
	struct bc_recover_config cfg;
	json_t *files;		/* NULL: words instead */
	struct bc_age_files identity;	/* with keys */
	bool no_sandbox;
};

static int recover_file(void *ctx, const char *path)
{
	const struct recover *c = ctx;
	struct bc_recovered *r = calloc(1, sizeof(*r));
	struct bc_err err;
	int e = r ? bc_recover(path, &c->cfg, r, &err) : bc_err_set(&err, -ENOMEM, "no memory");

	if (c->files)
		list(c->files, path, e, r, &err);
	else
		say(path, &c->cfg, e, r, &err);
	if (!e && r->path[0] && !is_encrypted(r->path))
		make_index(r->path);
	free(r);
	return e && e != -EBUSY;
}

static int is_tmp(const struct dirent *e)
{
	uint64_t seq;

	return bc_segname_is_tmp(e->d_name, &seq);
}

/* A folder or a file. */
static int recover_path(struct recover *c, const char *path)
{
	struct stat st;
	bool there = stat(path, &st) == 0;

	if (!there && !c->files) {
		fprintf(stderr, "braidcap: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return there && S_ISDIR(st.st_mode) ? folder_each(path, c->files ? NULL : "nothing to recover", is_tmp, recover_file, c) :
	       recover_file(c, path);
}

/* 0; 1: --help; -EINVAL. */
static int parse(struct recover *c, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "utc", no_argument, NULL, 'U' },
		{ "no-sandbox", no_argument, NULL, 's' },
		{ "identity", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int o;

	while ((o = bc_option_next(argc, argv, ":nUh", options, "braidcap recover", err)) != -1) {
		if (o == 'h')
			return 1;
		if (o == '?')
			return -EINVAL;
		c->cfg.dry_run |= o == 'n';
		c->cfg.utc |= o == 'U';
		c->no_sandbox |= o == 's';
		if (o == 'i' && bc_age_files_add(&c->identity, optarg, err))
			return -EINVAL;
		if (o == 'j' && !c->files)
			c->files = json_array();
	}
	return optind < argc ? 0 : bc_err_set(err, -EINVAL, "no folder or temporary file to recover; see 'braidcap recover --help'");
}

int cmd_recover(int argc, char **argv)
{
	const struct bc_log log = { .emit = emit };
	struct recover c = { .cfg = { .pid = (uint32_t)getpid(), .log = &log } };
	struct bc_age_identities *ids = NULL;
	struct bc_err err;
	int status = 0, r = parse(&c, argc, argv, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	if (r || identity_read(&c.identity, &ids, &err)) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	c.cfg.identities = ids;
	if (!c.no_sandbox)
		confine_to_folders(BC_DUTY_TEND, argv + optind, (size_t)(argc - optind), false);
	for (int i = optind; i < argc; i++)
		status |= recover_path(&c, argv[i]);
	identity_forget(ids);
	if (c.files)
		status |= answer_print(json_pack("{s:i, s:b, s:o}", "version", 1, "dry_run", c.cfg.dry_run, "files", c.files));
	return status;
}
