/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_expire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "bc_codec_text.h"
#include "bc_expire.h"
#include "bc_option.h"
#include "bc_retention_parse.h"
#include "bc_thread.h"
#include "bc_number.h"
#include "folder.h"
#include "confine.h"
#include "progress.h"

static const char help[] =
	"usage: braidcap expire [options] FOLDER...\n"
	"\n"
	"Remove or recompress old segments in folders; for cron. Only segments that braidcap wrote and that\n"
	"nobody is writing are touched. Each limit removes the oldest first.\n"
	"\n"
	"      --keep-age AGE      remove what is older: 90s, 15m, 12h, 7d, 4w\n"
	"      --keep-number N     keep the newest N of each series\n"
	"      --keep-size SIZE    keep at most this much in total: 500M, 20G, 1.5T\n"
	"      --keep-free SIZE    keep this much of the file system free\n"
	"      --keep-uploaded AGE remove what is older, and safely on object storage\n"
	"      --recompress CODEC[:LEVEL][,after=AGE]\n"
	"                          recompress older segments: %s\n"
	"                          or lz4hc, which can still be searched by ranges\n"
	"      --expire-unmarked   include pcap and ERF files that have a segment's name: they cannot say who made "
	"them\n"
	"      --json              print one object in JSON instead\n"
	"  -n, --dry-run           show what would be done, change nothing\n"
	"  -v, --verbose           report what is left alone, and why\n"
	"      --quiet             report only failures\n"
	CONFINE_HELP
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 done, 1 something could not be done, 2 bad usage.\n";

enum option_code { OPT_AGE = 256, OPT_NUMBER, OPT_SIZE, OPT_FREE, OPT_UPLOADED, OPT_RECOMPRESS, OPT_UNMARKED, OPT_QUIET, OPT_JSON, OPT_NO_SANDBOX };

struct expire {
	struct bc_expire_config cfg;
	bool verbose, quiet, no_sandbox;
	json_t *files, *folders;	/* NULL: words instead */
	struct progress progress;
	uint64_t to_recompress, recompressed;	/* bytes of the folder at hand */
};

/* What was done with a file, in the answer. */
static void list(const struct expire *e, const struct bc_expire_act *a)
{
	static const char *const deeds[] = {
		[BC_EXPIRE_REMOVED] = "removed", [BC_EXPIRE_RECOMPRESSED] = "recompressed", [BC_EXPIRE_LEFT] = "left", [BC_EXPIRE_FAILED] = "failed",
	};

	json_array_append_new(e->files, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s*}", "folder", e->cfg.folder, "file", a->file, "deed",
						  deeds[a->deed], "bytes", (json_int_t)a->bytes, "bytes_after", (json_int_t)a->bytes_after,
						  "why", a->why));
}

static void list_folder(const struct expire *e, const char *folder, const struct bc_expired *s)
{
	json_array_append_new(e->folders, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "folder", folder, "removed",
						    (json_int_t)s->removed, "removed_bytes", (json_int_t)s->removed_bytes, "recompressed",
						    (json_int_t)s->recompressed, "saved_bytes", (json_int_t)s->saved_bytes, "kept",
						    (json_int_t)s->kept, "kept_bytes", (json_int_t)s->kept_bytes, "left", (json_int_t)s->left,
						    "failed", (json_int_t)s->failed));
}

static void say(const struct expire *e, const struct bc_expire_act *a)
{
	const char *would = e->cfg.dry_run ? "would be " : "", *in = e->cfg.folder, *joint = folder_joint(in);

	if (e->files)
		list(e, a);
	else if (a->deed == BC_EXPIRE_FAILED)
		fprintf(stderr, "braidcap: %s%s%s: neither removed nor recompressed: %s\n", in, joint, a->file, a->why);
	else if (a->deed == BC_EXPIRE_LEFT && e->verbose)
		printf("%s%s%s: left alone: %s\n", in, joint, a->file, a->why);
	else if (a->deed == BC_EXPIRE_REMOVED && !e->quiet)
		printf("%s%s%s: %sremoved (%" PRIu64 " bytes): %s\n", in, joint, a->file, would, a->bytes, a->why);
	else if (a->deed == BC_EXPIRE_RECOMPRESSED && !e->quiet && e->cfg.dry_run)
		printf("%s%s%s: would be recompressed (%" PRIu64 " bytes)\n", in, joint, a->file, a->bytes);
	else if (a->deed == BC_EXPIRE_RECOMPRESSED && !e->quiet)
		printf("%s%s%s: recompressed, %" PRIu64 " to %" PRIu64 " bytes\n", in, joint, a->file, a->bytes, a->bytes_after);
}

static void on_act(void *ctx, const struct bc_expire_act *a)
{
	struct expire *e = ctx;

	progress_erase(&e->progress);
	say(e, a);
	if (a->deed == BC_EXPIRE_RECOMPRESSED)
		e->recompressed += a->bytes;
	if (e->to_recompress)
		progress_show(&e->progress, e->recompressed, e->to_recompress, e->cfg.folder);
}

static void add_work(void *ctx, const struct bc_expire_act *a)
{
	struct expire *e = ctx;

	if (a->deed == BC_EXPIRE_RECOMPRESSED)
		e->to_recompress += a->bytes;
}

/* How much there is to do, for the progress line: a dry run tells. */
static void look_ahead(struct expire *e, struct bc_expire *x)
{
	struct bc_expire_config dry = e->cfg;
	struct bc_expired sum;

	e->to_recompress = e->recompressed = 0;
	if (!e->progress.terminal || !e->cfg.keep.recompress || e->cfg.dry_run)
		return;
	dry.dry_run = true;
	dry.act = add_work;
	bc_expire_run(x, &dry, &sum, NULL);
	if (e->to_recompress)
		progress_show(&e->progress, 0, e->to_recompress, e->cfg.folder);
}

static int expire_folder(struct expire *e, const char *folder)
{
	struct bc_expire *x = bc_expire_new();
	struct bc_expired sum;
	struct bc_err err;
	int r;

	e->cfg.folder = folder;
	if (x)
		look_ahead(e, x);
	r = x ? bc_expire_run(x, &e->cfg, &sum, &err) : bc_err_set(&err, -ENOMEM, "no memory");
	bc_expire_free(x);
	progress_erase(&e->progress);
	if (r) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 1;
	}
	if (e->folders)
		list_folder(e, folder, &sum);
	else if (!e->quiet)
		printf("%s: %" PRIu64 " %sremoved (%" PRIu64 " bytes), %" PRIu64 " %srecompressed, %" PRIu64 " kept (%" PRIu64 " bytes), %"
		       PRIu64 " left alone, %" PRIu64 " failed\n", folder, sum.removed, e->cfg.dry_run ? "would be " : "", sum.removed_bytes,
		       sum.recompressed, e->cfg.dry_run ? "would be " : "", sum.kept, sum.kept_bytes, sum.left, sum.failed);
	return sum.failed != 0;
}

static int take(struct expire *e, int o, const char *text, struct bc_err *err)
{
	struct bc_retention_rules *k = &e->cfg.keep;

	switch (o) {
	case OPT_AGE:
		return bc_parse_age("--keep-age", text, &k->age_ns, err);
	case OPT_NUMBER:
		return bc_parse_u64("--keep-number", text, 0, UINT32_MAX, &k->number, err);
	case OPT_SIZE:
		return bc_parse_size("--keep-size", text, &k->bytes, err);
	case OPT_FREE:
		return bc_parse_size("--keep-free", text, &k->free_bytes, err);
	case OPT_UPLOADED:
		return bc_parse_age("--keep-uploaded", text, &k->uploaded_age_ns, err);
	case OPT_RECOMPRESS:
		return bc_parse_recompress("--recompress", text, k, err);
	case OPT_UNMARKED:
		k->unmarked = true;
		break;
	case OPT_JSON:
		e->files = e->files ? e->files : json_array();
		e->folders = e->folders ? e->folders : json_array();
		break;
	case OPT_NO_SANDBOX:
		e->no_sandbox = true;
		break;
	case OPT_QUIET:
		e->quiet = true;
		break;
	case 'n':
		e->cfg.dry_run = true;
		break;
	case 'v':
		e->verbose = true;
		break;
	default:
		break;
	}
	return 0;
}

int cmd_expire(int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep-age", required_argument, NULL, OPT_AGE },
		{ "keep-number", required_argument, NULL, OPT_NUMBER },
		{ "keep-size", required_argument, NULL, OPT_SIZE },
		{ "keep-free", required_argument, NULL, OPT_FREE },
		{ "keep-uploaded", required_argument, NULL, OPT_UPLOADED },
		{ "recompress", required_argument, NULL, OPT_RECOMPRESS },
		{ "expire-unmarked", no_argument, NULL, OPT_UNMARKED },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, OPT_QUIET },
		{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct expire e = { .cfg = { .act = on_act } };
	char codecs[BC_CODEC_TEXT_MAX];
	struct bc_err err;
	int status = 0, o;

	e.cfg.ctx = &e;
	while ((o = bc_option_next(argc, argv, ":nvh", options, "braidcap expire", &err)) != -1) {
		if (o == 'h') {
			printf(help, bc_codec_archive_names(", ", codecs));
			return 0;
		}
		if (o == '?' || take(&e, o, optarg, &err) != 0) {
			fprintf(stderr, "braidcap: %s\n", err.msg);
			return 2;
		}
	}
	if (optind == argc || !bc_retention_wanted(&e.cfg.keep)) {
		fprintf(stderr, "braidcap: %s\n", optind == argc ? "no folder given; see 'braidcap expire --help'" :
			"no limit given: use --keep-age, --keep-number, --keep-size, --keep-free, --keep-uploaded or --recompress");
		return 2;
	}
	progress_begin(&e.progress, e.quiet);
	bc_thread_give_way();
	if (!e.no_sandbox)
		confine_to_folders(BC_DUTY_TEND, argv + optind, (size_t)(argc - optind), false);
	for (int i = optind; i < argc; i++)
		status |= expire_folder(&e, argv[i]);
	if (e.files)
		status |= answer_print(json_pack("{s:i, s:b, s:o, s:o}", "version", 1, "dry_run", e.cfg.dry_run, "files", e.files, "folders",
						 e.folders));
	return status;
}
