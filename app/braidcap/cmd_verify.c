/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_verify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "answer.h"
#include "bc_abandoned.h"
#include "bc_age_file.h"
#include "bc_colour.h"
#include "bc_config_s3.h"
#include "bc_depot.h"
#include "bc_index_beside.h"
#include "bc_option.h"
#include "bc_plural.h"
#include "bc_segname.h"
#include "bc_verify.h"
#include "confine.h"
#include "folder.h"
#include "identity.h"
#include "progress.h"
#include "verify_chain.h"

static const char help[] =
	"usage: braidcap verify [options] FOLDER|FILE|s3://BUCKET/KEY|s3://BUCKET/PREFIX/...\n"
	"       braidcap verify --chain PUBLIC.pem [--tsa-ca FILE] [--json] FOLDER...\n"
	"\n"
	"Read capture files (pcapng, pcap; plain or compressed) to the last byte and report for each whether it is\n"
	"complete, how many packets it has, and how many go back in time; of several, the sums. For a folder, check every\n"
	"file in it that is a capture by content or by name, but those that are being written.\n"
	"\n"
	"      --json              print one object in JSON instead\n"
	"      --quiet             no progress line, and nothing of complete files\n"
	"      --chain PUBLIC.pem  compare folders with the chain of custody that --sign made:\n"
	"                          what is missing, changed, reordered or added\n"
	"      --tsa-ca FILE       with --chain: who is trusted to stamp it; says by which\n"
	"                          time what was there, and what no stamp covers\n"
	BC_S3_HELP
	IDENTITY_HELP
	CONFINE_HELP
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 all are complete, 1 one is not or a folder has none, 2 bad usage.\n";

enum option_code { OPT_JSON = 256, OPT_QUIET, OPT_NO_SANDBOX, OPT_CHAIN, OPT_TSA_CA, OPT_IDENTITY };

struct verify {
	bool json, quiet, no_sandbox;
	const char *public_key;		/* of --chain; NULL: read the files alone */
	const char *tsa_ca;		/* NULL: time stamps are not looked at */
	struct bc_age_files identity;	/* with the keys for what is encrypted */
	struct bc_chain_key *key;	/* this and the next two: read from those files; NULL without one */
	struct bc_stamp_trust *trust;
	struct bc_age_identities *ids;
	struct bc_object_settings store;
	struct progress progress;
	uint64_t bytes, done_bytes;	/* of files, on disk: all, and those behind us */
	uint32_t files, complete;
	uint64_t packets, backwards, kept_bytes;
	json_t *list;			/* of files, if json */
};

static void fail(struct verify *v, const char *words)
{
	const bool colour = bc_colour_wanted(STDERR_FILENO);

	progress_erase(&v->progress);
	fprintf(stderr, "braidcap: %s%s%s\n", colour ? BC_COLOUR_ALARM : "", words, colour ? BC_COLOUR_END : "");
}

static void say(struct verify *v, const char *path, int r, const struct bc_scan *scan, const struct bc_err *err)
{
	v->files++;
	v->complete += !r;
	v->packets += scan->records;
	v->backwards += scan->backwards;
	v->kept_bytes += scan->kept_bytes;
	if (v->json) {
		json_array_append_new(v->list, json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s*}", "path", path, "complete", !r, "packets",
							 (json_int_t)scan->records, "backwards", (json_int_t)scan->backwards, "bytes",
							 (json_int_t)scan->kept_bytes, "first_ns", (json_int_t)scan->first_ns, "last_ns",
							 (json_int_t)scan->last_ns, "error", r ? err->msg : NULL));
	} else if (r) {
		fail(v, err->msg);
	} else if (!v->quiet) {
		progress_erase(&v->progress);
		printf("%s: complete, %" PRIu64 " packet%s, %" PRIu64 " back in time, %" PRIu64 " bytes\n", path, scan->records,
		       bc_plural(scan->records, "", "s"), scan->backwards, scan->kept_bytes);
	}
}

static void leave_out(struct verify *v, const char *path)
{
	progress_erase(&v->progress);
	if (!v->json && !v->quiet)
		printf("%s: no capture file, left out\n", path);
}

static void watch(void *ctx, uint64_t read_bytes)
{
	struct verify *v = ctx;
	char what[64];

	snprintf(what, sizeof(what), "%" PRIu32 " file%s verified", v->files, bc_plural(v->files, "", "s"));
	progress_show(&v->progress, v->done_bytes + read_bytes, v->bytes, what);
}

/* Everything but what is being written: names need not say what is in a file. */
static int is_final(const struct dirent *e)
{
	uint64_t seq;

	return e->d_name[0] != '.' && !bc_segname_is_tmp(e->d_name, &seq) && !bc_index_beside_is_name(e->d_name);
}

/* By its name it is a capture, whatever became of its content: YYYYMMDD-HHMMSS-..., trace-..., or with an extension of ours. */
static bool is_named_as_capture(const char *name)
{
	return strstr(name, ".pcap") || strstr(name, ".erf") || !strncmp(name, "trace-", 6) ||
	       (strspn(name, "0123456789") == 8 && name[8] == '-' && strspn(name + 9, "0123456789") == 6);
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static bool is_encrypted(const char *path)
{
	const size_t len = strlen(path), ext = strlen(BC_AGE_EXT);

	return len > ext && !strcmp(path + len - ext, BC_AGE_EXT);
}

static int verify_encrypted(struct verify *v, const char *path, struct bc_scan *scan, struct bc_err *err)
{
	const struct bc_depot_config cfg = { .no_cache = true, .identities = v->ids };
	struct bc_depot *depot;
	int r = bc_depot_new(&cfg, &depot, err);

	memset(scan, 0, sizeof(*scan));
	if (r)
		return r;
	r = bc_verify_object(depot, path, scan, err);
	bc_depot_free(depot);
	return r;
}

/* asked: the user named it, whatever it is. */
static void verify_file(struct verify *v, const char *path, bool asked)
{
	const char *slash = strrchr(path, '/');
	struct bc_scan scan;
	struct bc_err err;
	int r = is_encrypted(path) ? verify_encrypted(v, path, &scan, &err) : bc_verify_watched(path, watch, v, &scan, &err);

	v->done_bytes += size_of(path);
	if (r && !asked && scan.items == 0 && !is_named_as_capture(slash ? slash + 1 : path))
		leave_out(v, path);
	else
		say(v, path, r, &scan, &err);
}

static int verify_in_folder(void *ctx, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		verify_file(ctx, path, false);
	return 0;
}

static int is_tmp(const struct dirent *e)
{
	uint64_t seq;

	return bc_segname_is_tmp(e->d_name, &seq);
}

static int count(void *ctx, const char *path)
{
	++*(unsigned *)ctx;
	return 0;
}

/* What a crash left holds packets that nobody has verified. */
static void tell_leftovers(struct verify *v, const char *path)
{
	const uint32_t n = v->json || v->quiet ? 0 : bc_abandoned_count(path, NULL);

	if (!n)
		return;
	progress_erase(&v->progress);
	fprintf(stderr, "braidcap: %s: %" PRIu32 " temporary file%s of a capture that was killed %s not looked at: 'braidcap recover %s' completes %s\n", path, n,
		bc_plural(n, "", "s"), bc_plural(n, "is", "are"), path, bc_plural(n, "it", "them"));
}

static int verify_folder(struct verify *v, const char *path)
{
	uint32_t before = v->files;
	unsigned unfinished = 0;
	int status = folder_each(path, NULL, is_final, verify_in_folder, v);

	if (status == 0 && v->files == before) {
		char words[PATH_MAX + 128];

		folder_each(path, NULL, is_tmp, count, &unfinished);
		snprintf(words, sizeof(words), "%s: no segments%s", path, !unfinished ? "" :
			 "; files of a running capture, or of one that was killed: 'braidcap recover' completes those");
		fail(v, words);
		status = 1;
	} else {
		tell_leftovers(v, path);
	}
	return status;
}

struct objects {
	struct verify *v;
	struct bc_depot *depot;
};

static int verify_object(void *ctx, const struct bc_depot_entry *e)
{
	struct objects *o = ctx;
	struct bc_scan scan;
	struct bc_err err;
	int r = bc_verify_object(o->depot, e->name, &scan, &err);

	if (r && scan.items == 0 && r == -EBADMSG && !is_named_as_capture(strrchr(e->name, '/') + 1))
		leave_out(o->v, e->name);
	else
		say(o->v, e->name, r, &scan, &err);
	return 0;
}

static int verify_objects(struct verify *v, const char *name)
{
	const struct bc_depot_config cfg = { .store = &v->store, .no_cache = true, .identities = v->ids };
	struct objects o = { .v = v };
	struct bc_err err;
	int r = bc_depot_new(&cfg, &o.depot, &err);

	if (!r)
		r = bc_depot_list(o.depot, name, 0, UINT64_MAX, verify_object, &o, &err);
	if (r)
		fail(v, err.msg);
	bc_depot_free(o.depot);
	return r ? 1 : 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int verify_path(struct verify *v, const char *path)
{
	if (bc_depot_is_name(path))
		return verify_objects(v, path);
	if (is_folder(path))
		return verify_folder(v, path);
	verify_file(v, path, true);
	return 0;
}

static int add_size(void *ctx, const char *path)
{
	struct verify *v = ctx;

	v->bytes += size_of(path);
	return 0;
}

static int conclude(struct verify *v, int status)
{
	progress_erase(&v->progress);
	status |= v->complete < v->files;
	if (v->json)
		return status | answer_print(json_pack("{s:i, s:o, s:{s:i, s:i, s:I, s:I, s:I}}", "version", 1, "files", v->list, "total", "files",
						       (int)v->files, "complete", (int)v->complete, "packets", (json_int_t)v->packets,
						       "backwards", (json_int_t)v->backwards, "bytes", (json_int_t)v->kept_bytes));
	if (v->files > 1)
		printf("%" PRIu32 " files: %" PRIu32 " complete, %" PRIu32 " not; %" PRIu64 " packet%s, %" PRIu64 " back in time, %" PRIu64 " bytes\n",
		       v->files, v->complete, v->files - v->complete, v->packets, bc_plural(v->packets, "", "s"), v->backwards, v->kept_bytes);
	return status;
}

/* 0; 1: --help; -EINVAL. */
static int parse(struct verify *v, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPT_JSON }, { "quiet", no_argument, NULL, OPT_QUIET }, BC_S3_OPTIONS,
		{ "chain", required_argument, NULL, OPT_CHAIN }, { "tsa-ca", required_argument, NULL, OPT_TSA_CA },
		{ "identity", required_argument, NULL, OPT_IDENTITY }, { "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int o;

	while ((o = bc_option_next(argc, argv, ":h", options, "braidcap verify", err)) != -1) {
		if (o == 'h')
			return 1;
		if (o == '?')
			return -EINVAL;
		v->no_sandbox |= o == OPT_NO_SANDBOX;
		v->json |= o == OPT_JSON;
		v->quiet |= o == OPT_QUIET;
		if (o == OPT_CHAIN)
			v->public_key = optarg;
		if (o == OPT_IDENTITY && bc_age_files_add(&v->identity, optarg, err))
			return -EINVAL;
		if (o == OPT_TSA_CA)
			v->tsa_ca = optarg;
		bc_config_s3_take(&v->store, o, optarg);
	}
	if (v->tsa_ca && !v->public_key)
		return bc_err_set(err, -EINVAL, "--tsa-ca: time stamps are of a chain of custody: add --chain PUBLIC.pem");
	return optind < argc ? 0 : bc_err_set(err, -EINVAL, "no folder or file to verify; see 'braidcap verify --help'");
}

/* What is needed from files that cannot be read later. */
static int read_keys(struct verify *v, struct bc_err *err)
{
	int r = v->public_key ? bc_chain_key_public(v->public_key, &v->key, err) : 0;

	if (r)
		return bc_err_prefix(err, r, "--chain");
	r = v->tsa_ca ? bc_stamp_trust_new(v->tsa_ca, &v->trust, err) : 0;
	return r ? bc_err_prefix(err, r, "--tsa-ca") : identity_read(&v->identity, &v->ids, err);
}

static int verify_chains_of(const struct verify *v, char *const *folder, int n)
{
	const struct bc_chain_asked asked = { .key = v->key, .identities = v->ids };

	return verify_chains(folder, n, &asked, v->trust, v->json);
}

static int verify_all(struct verify *v, char *const *path, int n)
{
	int status = 0;

	progress_begin(&v->progress, v->quiet);
	v->list = v->json ? json_array() : NULL;
	for (int i = 0; i < n && v->progress.terminal; i++) {
		if (is_folder(path[i]) && access(path[i], R_OK) == 0)
			folder_each(path[i], NULL, is_final, add_size, v);
		else
			add_size(v, path[i]);
	}
	for (int i = 0; i < n; i++)
		status |= verify_path(v, path[i]);
	return conclude(v, status);
}

int cmd_verify(int argc, char **argv)
{
	struct verify v = { .files = 0 };
	struct bc_err err;
	int status = 2, r = parse(&v, argc, argv, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	r = r ? r : read_keys(&v, &err);
	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	if (!r && !v.no_sandbox)
		confine(argv + optind, (size_t)(argc - optind), NULL);
	if (!r)
		status = v.key ? verify_chains_of(&v, argv + optind, argc - optind) : verify_all(&v, argv + optind, argc - optind);
	bc_chain_key_free(v.key);
	bc_stamp_trust_free(v.trust);
	identity_forget(v.ids);
	return status;
}
