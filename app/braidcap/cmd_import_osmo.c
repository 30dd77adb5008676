/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_import_osmo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_import.h"
#include "bc_option.h"

static const char help[] =
	"usage: braidcap import-osmo FILE > CONFIG\n"
	"\n"
	"Convert an osmo-pcap-client configuration into YAML for 'braidcap capture -C', or an osmo-pcap-server\n"
	"configuration into a 'braidcap collect' command line, on standard output. Standard error lists, line by "
	"line, what\n"
	"cannot be carried over and what need not be. FILE is osmo-pcap-client.cfg, osmo-pcap-server.cfg or similar; "
	"- is\n"
	"standard input.\n"
	"\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 everything was carried over, 1 something was not, or differently, 2 bad usage, or not such a\n"
	"configuration.\n";

struct session {
	const char *name;
	bool remarked;
};

static void note(void *ctx, uint32_t line, enum bc_import_loss loss, const char *what, const char *why)
{
	static const char *const words[] = {
		[BC_IMPORT_NEEDLESS] = "not needed",
		[BC_IMPORT_OTHERWISE] = "carried over otherwise",
		[BC_IMPORT_LOST] = "not carried over",
	};
	struct session *s = ctx;

	s->remarked |= loss != BC_IMPORT_NEEDLESS;
	fprintf(stderr, "braidcap: %s:", s->name);
	if (line)
		fprintf(stderr, "%u:", line);
	if (what[0])
		fprintf(stderr, " '%.200s':", what);
	fprintf(stderr, " %s: %s\n", words[loss], why);
}

/* At most BC_IMPORT_MAX + 1 bytes, so that more than that is seen to be too much. 0 or a negative errno. */
static int read_all(const char *name, char **ret, size_t *ret_len)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;
	char *text = malloc(BC_IMPORT_MAX + 1);
	int r = f ? 0 : -errno;

	if (!r && !text)
		r = -ENOMEM;
	if (!r)
		*ret_len = fread(text, 1, BC_IMPORT_MAX + 1, f);
	if (!r && ferror(f))
		r = -errno;
	if (f && f != stdin)
		fclose(f);
	if (r)
		free(text);
	else
		*ret = text;
	return r;
}

static int import(const char *name)
{
	struct session s = { .name = strcmp(name, "-") ? name : "standard input" };
	const struct bc_import_notes notes = { .note = note, .ctx = &s };
	struct bc_err err;
	char *text, *out;
	size_t len;
	int r = read_all(name, &text, &len);

	if (r) {
		fprintf(stderr, "braidcap: %s: %s\n", s.name, strerror(-r));
		return 2;
	}
	r = bc_import_osmo(s.name, text, len, &notes, &out, &err);
	free(text);
	if (r) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	fputs(out, stdout);
	free(out);
	if (fflush(stdout)) {
		fprintf(stderr, "braidcap: standard output: %s\n", strerror(errno));
		return 2;
	}
	return s.remarked;
}

int cmd_import_osmo(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct bc_err err;
	int o = bc_option_next(argc, argv, ":h", options, "braidcap import-osmo", &err);

	if (o == 'h') {
		fputs(help, stdout);
		return 0;
	}
	if (o != -1) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	if (optind + 1 != argc) {
		fputs("braidcap: give one file, for example osmo-pcap-client.cfg\n", stderr);
		return 2;
	}
	return import(argv[optind]);
}
