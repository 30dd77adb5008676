/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_upload.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bc_breach.h"
#include "bc_config_s3.h"
#include "bc_number.h"
#include "bc_object_name.h"
#include "bc_option.h"
#include "bc_plural.h"
#include "bc_time.h"
#include "bc_upload_catalogue.h"
#include "bc_upload_key.h"
#include "bc_uploader.h"
#include "confine.h"

#define ROUND_NS 100000000L

static const char help[] =
	"usage: braidcap upload [options] FOLDER s3://BUCKET/PREFIX/\n"
	"       braidcap upload --catalogue s3://BUCKET/PREFIX/\n"
	"\n"
	"Bring the published segments in FOLDER to object storage, to PREFIX/NODE/YYYY/MM/DD/HH/SEGMENT (the hour in\n"
	"UTC). Those that are there already are not sent again, another object is never overwritten, and what was\n"
	"interrupted is gone on with. What is there safely is noted in FOLDER/.uploads, for 'expire --keep-uploaded'.\n"
	"Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or ~/.aws/credentials (docs/objects.md).\n"
	"\n"
	"      --catalogue         make the catalogues of hours anew from what is on the store, where they are missing or\n"
	"                          tell of too little\n"
	"      --node NAME         whose segments they are (default: the host's name)\n"
	"  -U, --utc               the segments' names have UTC (capture -U), not local time\n"
	"      --connections N     at once, 1 to 64 (default 8)\n"
	"      --rate MB           at most this many MB (1,000,000 bytes) a second\n"
	"      --wait SECONDS      how long to wait for a store that does not answer (default 60)\n"
	BC_S3_HELP
	CONFINE_HELP
	"  -v, --verbose           name each segment\n"
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 all segments are there, 1 some are not, 2 bad usage.\n";

struct upload {
	struct bc_uploader_config cfg;
	struct bc_upload_dest dest;
	uint64_t wait_s;
	bool catalogue;
	enum bc_level most;
	bool no_sandbox;
	char host[256];
};

static void say(void *ctx, enum bc_level level, const char *line)
{
	const struct upload *u = ctx;

	if (level <= u->most)
		fprintf(level <= BC_WARN ? stderr : stdout, "%s%s\n", level <= BC_WARN ? "braidcap: " : "", line);
}

enum { OPT_NODE = 256, OPT_CONNECTIONS, OPT_RATE, OPT_WAIT, OPT_CATALOGUE, OPT_NO_SANDBOX };

static int take(struct upload *u, int o, const char *text, struct bc_err *err)
{
	uint64_t connections;
	double mb;
	int r;

	switch (o) {
	case OPT_NODE:
		u->dest.node = text;
		return bc_upload_node_ok(text) ? 0 : bc_err_set(err, -EINVAL, "--node: '%s' cannot stand between two slashes", text);
	case OPT_CONNECTIONS:
		r = bc_parse_u64("--connections", text, 1, 64, &connections, err);
		u->cfg.connections = r ? 0 : (uint32_t)connections;
		return r;
	case OPT_RATE:
		r = bc_parse_double("--rate", text, 0.01, 1e6, &mb, err);
		u->cfg.bytes_per_s = r ? 0 : (uint64_t)(mb * 1e6);
		return r;
	case OPT_WAIT:
		return bc_parse_u64("--wait", text, 0, 31536000, &u->wait_s, err);
	case OPT_NO_SANDBOX:
		u->no_sandbox = true;
		return 0;
	case OPT_CATALOGUE:
		u->catalogue = true;
		return 0;
	case 'U':
		u->dest.utc = true;
		return 0;
	case 'v':
		u->most = BC_INFO;
		return 0;
	default:
		bc_config_s3_take(&u->cfg.store, o, text);
		return 0;
	}
}

static int parse(struct upload *u, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, OPT_NODE }, { "utc", no_argument, NULL, 'U' },
		{ "connections", required_argument, NULL, OPT_CONNECTIONS }, { "rate", required_argument, NULL, OPT_RATE },
		{ "wait", required_argument, NULL, OPT_WAIT }, { "catalogue", no_argument, NULL, OPT_CATALOGUE },
		{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
		BC_S3_OPTIONS, { "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct bc_object_name name;
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":Uvh", options, "braidcap upload", err)) != -1) {
		if (o == 'h')
			return 1;
		r = o == '?' ? -EINVAL : take(u, o, optarg, err);
	}
	if (r)
		return r;
	if (u->catalogue) {
		u->dest.url = argv[optind];
		return argc - optind == 1 ? bc_object_name_parse("upload", u->dest.url, &name, err) :
		       bc_err_set(err, -EINVAL, "upload --catalogue: name one s3://BUCKET/PREFIX/");
	}
	if (argc - optind != 2)
		return bc_err_set(err, -EINVAL, "upload: name one folder and one s3://BUCKET/PREFIX/");
	u->dest.folder = argv[optind];
	u->dest.url = argv[optind + 1];
	if (!u->dest.node && (gethostname(u->host, sizeof(u->host) - 1) < 0 || !bc_upload_node_ok(u->host)))
		return bc_err_set(err, -EINVAL, "this host has no usable name: use --node NAME");
	if (!u->dest.node)
		u->dest.node = u->host;
	return bc_object_name_parse("upload", u->dest.url, &name, err);
}

/* Until all is done, or a signal comes. */
static void wait_for(struct bc_uploader *up, const struct upload *u)
{
	const struct timespec round = { .tv_nsec = ROUND_NS };
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	while (!bc_uploader_finish(up, u->wait_s * BC_NS_PER_S)) {
		bc_breach_tell(u->cfg.log);
		if (sigtimedwait(&ends, NULL, &round) > 0)
			break;
	}
	bc_uploader_close(up);
}

static void print_sums(const char *folder, const struct bc_upload_stats *st)
{
	if (!st->uploaded && !st->indexes && !st->waiting) {
		printf("%s: nothing is left to upload\n", folder);
		return;
	}
	printf("%s: %" PRIu64 " uploaded (%" PRIu64 " bytes)", folder, st->uploaded, st->uploaded_bytes);
	if (st->indexes)
		printf(", and %" PRIu64 " %s beside them", st->indexes, bc_plural(st->indexes, "index", "indexes"));
	if (st->waiting)
		printf(", %" PRIu64 " not", st->waiting);
	if (st->failed)
		printf(" (%" PRIu64 " refused)", st->failed);
	putchar('\n');
}

/* Nothing was begun: -EINVAL unless the same may be begun later. */
static int refused(int r)
{
	return bc_err_may_pass(r) ? r : -EINVAL;
}

/* 0, 1: something is not there; or a negative errno. */
static int run(struct upload *u, struct bc_err *err)
{
	struct bc_upload_folder *f;
	struct bc_upload_stats st;
	struct bc_uploader *up;
	sigset_t ends;
	int r;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!u->no_sandbox)
		confine_to_folders(BC_DUTY_UPLOAD, (char *[]){ (char *)(uintptr_t)u->dest.folder }, 1, true);
	r = bc_uploader_new(&u->cfg, &up, err);
	if (r)
		return refused(r);
	r = bc_uploader_add(up, &u->dest, &f, err);
	if (r) {
		bc_uploader_close(up);
		r = refused(r);
	} else {
		wait_for(up, u);
		bc_uploader_stats(f, &st);
		print_sums(u->dest.folder, &st);
		r = st.waiting ? 1 : 0;
	}
	bc_uploader_free(up);
	return r;
}

static int make_catalogues(const struct upload *u, struct bc_err *err)
{
	struct bc_upload_catalogue_sums s;
	int r;

	if (!u->no_sandbox)
		confine_calls();
	r = bc_upload_catalogue(&u->cfg.store, u->dest.url, u->cfg.log, &s, err);

	if (r)
		return r;
	printf("%s: %" PRIu32 " segments, %" PRIu32 " %s of %" PRIu32 " objects", u->dest.url, s.objects, s.catalogues,
	       s.catalogues == 1 ? "catalogue tells" : "catalogues tell", s.told_of);
	if (s.failed)
		printf(", %" PRIu32 " could not be written", s.failed);
	putchar('\n');
	return s.failed ? 1 : 0;
}

int cmd_upload(int argc, char **argv)
{
	struct upload u = { .wait_s = 60, .most = BC_NOTICE };
	const struct bc_log log = { say, &u };
	struct bc_err err;
	int r = parse(&u, argc, argv, &err);

	if (r == 1) {
		fputs(help, stdout);
		return 0;
	}
	u.cfg.log = &log;
	if (r) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	r = u.catalogue ? make_catalogues(&u, &err) : run(&u, &err);
	if (r < 0)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	return r == -EINVAL ? 2 : r ? 1 : 0;
}
