/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of mtracecap into a draft. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_mtracecap.h"
#include "bc_number.h"
#include "bc_option.h"

/* What getopt_long returns for a flag without a letter, and its place in the table. */
#define LONG_ONLY 256
#define MIB_IN_MB 1.048576
/* A packet of a kernel interface may come 40 ms late: a shorter wait would give up the order. */
#define MAX_WAIT_LEAST_MS 100

static const struct flag {
	const char *name;
	char letter;			/* 0: none */
	const struct bc_setting *setting;	/* NULL: of mtracecap alone */
} flags[] = {
	{ "baseuri", 'B', NULL },
	{ "libtrace-help", 'H', NULL },
	{ "help", 'h', NULL },
	{ "filter", 'F', &bc_output_settings[BC_OUT_FILTER] },
	{ "rotate-seconds", 'G', &bc_output_settings[BC_OUT_ROTATE_SECONDS] },
	{ "rotate-sizemb", 'S', &bc_output_settings[BC_OUT_ROTATE_SIZE] },
	{ "snaplen", 's', &bc_output_settings[BC_OUT_SNAPLEN] },
	{ "use-utc", 'U', &bc_output_settings[BC_OUT_UTC] },
	{ "verbose", 'v', &bc_capture_settings[BC_CAP_VERBOSE] },
	{ "maxwait_ms", 'w', &bc_capture_settings[BC_CAP_MAX_WAIT] },
	{ "compress-level", 'z', &bc_output_settings[BC_OUT_LEVEL] },
	{ "compress-type", 'Z', &bc_output_settings[BC_OUT_COMPRESS] },
	{ "file-ext", 0, &bc_output_settings[BC_OUT_FILE_EXT] },
	{ "seqfile", 'N', &bc_output_settings[BC_OUT_SEQFILE] },
	{ "watchfile", 'W', &bc_output_settings[BC_OUT_WATCHFILE] },
	{ "pipeout", 0, &bc_output_settings[BC_OUT_PIPEOUT] },
	{ "relinquish-privileges", 0, &bc_capture_settings[BC_CAP_USER] },
};

#define N_FLAGS (sizeof(flags) / sizeof(flags[0]))

struct line {
	struct bc_draft draft;
	const char *base;		/* -B */
	const char *text;		/* asked for */
};

static const char *option_name(const struct bc_setting *s)
{
	for (size_t i = 0; i < N_FLAGS; i++)
		if (flags[i].setting == s)
			return flags[i].name;
	return s->option;
}

static const struct bc_dialect dialect = { .source = "traceuri", .dest = "outputuri", .option = option_name };

static bool takes_value(const struct flag *f)
{
	if (!f->setting)
		return f->letter == 'B';
	return !bc_setting_is_flag(f->setting) && f->setting != &bc_capture_settings[BC_CAP_VERBOSE];
}

static void make_options(struct option longs[N_FLAGS + 1], char shorts[2 * N_FLAGS + 2])
{
	*shorts++ = ':';
	for (size_t i = 0; i < N_FLAGS; i++) {
		longs[i] = (struct option){ .name = flags[i].name, .val = LONG_ONLY + (int)i,
			.has_arg = takes_value(&flags[i]) ? required_argument : no_argument };
		if (flags[i].letter)
			*shorts++ = flags[i].letter;
		if (flags[i].letter && takes_value(&flags[i]))
			*shorts++ = ':';
	}
	longs[N_FLAGS] = (struct option){ .name = NULL };
	*shorts = '\0';
}

static const struct flag *flag_of(int c)
{
	for (size_t i = 0; c < LONG_ONLY; i++)
		if (flags[i].letter == c)
			return &flags[i];
	return &flags[c - LONG_ONLY];
}

/* Of a flag that is given twice the last one counts. */
static int take(struct line *l, const struct flag *f, const char *value, struct bc_err *err)
{
	const struct bc_setting *s = f->setting;

	if (s == &bc_capture_settings[BC_CAP_VERBOSE])
		return bc_draft_add_verbose(&l->draft, err);
	if (s >= bc_capture_settings && s < bc_capture_settings + BC_CAP_N)
		return bc_draft_replace(&l->draft.v[s - bc_capture_settings], value ? value : "yes", err);
	if (s)
		return bc_draft_replace(&l->draft.all.v[s - bc_output_settings], value ? value : "yes", err);
	if (f->letter == 'B')
		l->base = value;
	else
		l->text = f->letter == 'H' ? bc_mtracecap_uri_help : bc_mtracecap_help;
	return 0;
}

static int take_flags(struct line *l, int argc, char **argv, struct bc_err *err)
{
	struct option longs[N_FLAGS + 1];
	char shorts[2 * N_FLAGS + 2];
	int c, rc = 0;

	make_options(longs, shorts);
	optind = 0;
	while (!rc && !l->text && (c = bc_option_next(argc, argv, shorts, longs, "mtracecap", err)) != -1)
		rc = c == '?' ? -EINVAL : take(l, flag_of(c), optarg, err);
	return rc;
}

static int take_output(struct line *l, const char *uri, struct bc_err *err)
{
	const char *format;
	char *dest;
	int rc = bc_mtracecap_output(uri, l->base, &dest, &format, err);

	if (rc)
		return rc;
	rc = bc_draft_add_output(&l->draft, dest, err);
	free(dest);
	return rc ? rc : bc_draft_replace(&l->draft.all.v[BC_OUT_FORMAT], format, err);
}

static int take_uris(struct line *l, int n, char **uri, struct bc_err *err)
{
	int rc;

	if (n < (l->base ? 1 : 2))
		return bc_err_set(err, -EINVAL, "%s is missing: use mtracecap flags outputuri traceuri..., or -B "
				  "baseuri traceuri...; see --help", !l->base && !n ? "the outputuri" : "a traceuri");
	rc = take_output(l, l->base ? l->base : *uri, err);
	for (int i = l->base ? 0 : 1; !rc && i < n; i++) {
		char *spec;

		rc = bc_mtracecap_input(uri[i], &spec, err);
		if (rc)
			break;
		rc = bc_draft_add_source(&l->draft, spec, err);
		free(spec);
	}
	return rc;
}

/* A megabyte of mtracecap is 1,048,576 bytes. What is no number stays, and is refused later. */
static int convert_size(char **text, struct bc_err *err)
{
	char mb[64];
	double v;

	if (!*text || bc_parse_double("", *text, 0, 15e6, &v, NULL))
		return 0;
	snprintf(mb, sizeof(mb), "%.6f", v * MIB_IN_MB);
	return bc_draft_replace(text, mb, err);
}

static int convert_wait(char **text, struct bc_err *err)
{
	char ms[16];
	uint64_t v;

	if (!*text || bc_parse_u64("", *text, 0, MAX_WAIT_LEAST_MS, &v, NULL))
		return 0;
	snprintf(ms, sizeof(ms), "%d", MAX_WAIT_LEAST_MS);
	return bc_draft_replace(text, ms, err);
}

static int convert_type(struct line *l, struct bc_config *c, struct bc_err *err)
{
	char **type = &l->draft.all.v[BC_OUT_COMPRESS];
	enum bc_codec codec;

	if (!*type && l->draft.all.v[BC_OUT_LEVEL]) {
		c->remark = "a compression level without a type: gzip is taken (-Z gzip says so, -Z none takes it back)";
		return bc_draft_replace(type, "gzip", err);
	}
	if (!*type)
		return bc_draft_replace(type, "none", err);
	return bc_codec_from_type(*type, &codec) ? 0 : bc_draft_replace(type, bc_codec_name(codec), err);
}

/* 1 to 9 are legal for every type. As in libtrace, 0 means no compression, whatever the type. */
static int convert_level(struct line *l, struct bc_config *c, struct bc_err *err)
{
	char **text = &l->draft.all.v[BC_OUT_LEVEL], **type = &l->draft.all.v[BC_OUT_COMPRESS];
	enum bc_codec codec;
	uint64_t v;
	int rc;

	if (!*text)
		return 0;
	rc = bc_number("--compress-level", *text, true, 1, 9, &v, err);
	if (rc || bc_codec_from_name(*type, &codec))
		return rc;
	if (v == 0) {
		c->remark = NULL;
		codec = BC_CODEC_NONE;
		rc = bc_draft_replace(type, "none", err);
	}
	return rc || codec != BC_CODEC_NONE ? rc : bc_draft_replace(text, "0", err);
}

static int convert(struct line *l, struct bc_config *c, struct bc_err *err)
{
	char **snaplen = &l->draft.all.v[BC_OUT_SNAPLEN];
	char **ext = &l->draft.all.v[BC_OUT_FILE_EXT];
	int rc = *snaplen ? 0 : bc_draft_replace(snaplen, "64", err);

	if (!rc && !*ext && l->base)
		rc = bc_draft_replace(ext, "", err);
	if (!rc)
		rc = convert_size(&l->draft.all.v[BC_OUT_ROTATE_SIZE], err);
	if (!rc)
		rc = convert_wait(&l->draft.v[BC_CAP_MAX_WAIT], err);
	if (!rc)
		rc = convert_type(l, c, err);
	return rc ? rc : convert_level(l, c, err);
}

int bc_config_parse_mtracecap(int argc, char **argv, struct bc_config *ret, const char **ret_text, struct bc_err *err)
{
	struct line l = { .draft = { .dialect = &dialect } };
	const struct bc_draft none = { .file = NULL };
	int rc;

	bc_config_defaults(ret);
	rc = take_flags(&l, argc, argv, err);
	if (!rc && l.text) {
		*ret_text = l.text;
		rc = 1;
	}
	if (!rc)
		rc = take_uris(&l, argc - optind, argv + optind, err);
	if (!rc)
		rc = convert(&l, ret, err);
	if (!rc)
		rc = bc_config_build(&l.draft, &none, ret, err);
	if (!rc) {
		ret->outputs[0].name_first = true;
		ret->outputs[0].mode = 0600;
	}
	ret->quiet = true;
	ret->brief = !ret->verbose;
	ret->as_mtracecap = true;
	bc_draft_free(&l.draft);
	return rc;
}
