/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_console.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_breach.h"
#include "bc_config_s3.h"
#include "bc_console.h"
#include "bc_ctl_client.h"
#include "bc_http_identity.h"
#include "bc_keyring.h"
#include "bc_option.h"
#include "bc_privileges.h"
#include "bc_retention_parse.h"
#include "bc_signals.h"
#include "bc_time.h"
#include "confine.h"
#include "bc_when.h"

#define DEFAULT_LISTEN "127.0.0.1:9470"
#define NAMES_MAX 64
#define LOOK_NS (10 * BC_NS_PER_S)	/* between looks at what the sandbox refused */
#define JOB_BYTES 2000000000U
#define JOB_KEEP_NS (86400 * BC_NS_PER_S)

static const char help[] =
	"usage: braidcap console [options] [PATH...]\n"
	"\n"
	"Serve a web page, a JSON API and Prometheus's metrics (/metrics) of this user's running captures, and of the\n"
	"segments under the paths: files, folders, s3://BUCKET/PREFIX/.\n"
	"\n"
	"  -l, --listen ADDRESS:PORT|unix:PATH\n"
	"                          where (default " DEFAULT_LISTEN "). Beyond this host only with TLS and --users\n"
	"      --host NAME         a name by which browsers may call it, beside localhost and addresses; repeatable\n"
	"      --prefix NAME       only the capture with this --prefix, also while it does not answer; repeatable\n"
	"      --users FILE        who may do what: lines of 'NAME ROLE token TOKEN' or 'NAME ROLE certificate'\n"
	"      --role ROLE         of who has not said who he is: viewer, analyst or operator (default: viewer at an\n"
	"                          address of this host, operator at unix:, nobody with --users)\n"
	"      --audit FILE        append a line for each find and each action (default: stderr)\n"
	"      --jobs DIR          queue large finds, and keep there what they find; not on the disk of a capture\n"
	"      --job-size SIZE     at most so much of each find (default 2G)\n"
	"      --job-keep SPAN     so long after it has ended (default 1d)\n"
	"      --tls-cert FILE     our certificate and the chain to its CA, PEM\n"
	"      --tls-key FILE      its private key, if it is not in the same file\n"
	"      --tls-ca FILE       the CA of users' certificates, PEM\n"
	BC_S3_HELP
	CONFINE_HELP
	"  -v, --verbose           say more\n"
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 ended by a signal, 1 it cannot serve, 2 bad usage.\n";

enum option_code { OPT_HOST = 256, OPT_PREFIX, OPT_USERS, OPT_ROLE, OPT_AUDIT, OPT_JOBS, OPT_JOB_SIZE, OPT_JOB_KEEP, OPT_CERT, OPT_KEY, OPT_CA, OPT_NO_SANDBOX };

struct console {
	struct bc_console_config cfg;
	const char *host[NAMES_MAX], *prefix[NAMES_MAX];
	struct bc_object_settings store;
	bool has_role, verbose, no_sandbox;
	struct bc_keyring_key key;
	bool keyring_lost;
};

static int add_name(const char *option, const char *name, const char **names, uint32_t *n, struct bc_err *err)
{
	if (*n == NAMES_MAX)
		return bc_err_set(err, -EINVAL, "%s: at most %d times", option, NAMES_MAX);
	names[(*n)++] = name;
	return 0;
}

static int take_job_size(struct bc_console_config *cfg, const char *text, struct bc_err *err)
{
	int r = bc_parse_size("--job-size", text, &cfg->job_bytes, err);

	return r || cfg->job_bytes ? r : bc_err_set(err, -EINVAL, "--job-size: more than 0");
}

static int take(struct console *c, int o, const char *text, struct bc_err *err)
{
	struct bc_console_config *cfg = &c->cfg;

	switch (o) {
	case 'l':
		cfg->listen = text;
		return 0;
	case OPT_HOST:
		return add_name("--host", text, c->host, &cfg->n_hosts, err);
	case OPT_PREFIX:
		return bc_ctl_check_prefix(text, err) ? -EINVAL : add_name("--prefix", text, c->prefix, &cfg->n_prefixes, err);
	case OPT_USERS:
		cfg->users = text;
		return 0;
	case OPT_ROLE:
		c->has_role = true;
		return bc_role_parse("--role", text, &cfg->anybody, err);
	case OPT_AUDIT:
		cfg->audit = text;
		return 0;
	case OPT_JOBS:
		cfg->jobs_folder = text;
		return 0;
	case OPT_JOB_SIZE:
		return take_job_size(cfg, text, err);
	case OPT_JOB_KEEP:
		return bc_when_parse_span("--job-keep", text, &cfg->job_keep_ns, err);
	case OPT_CERT:
		cfg->cert = text;
		return 0;
	case OPT_KEY:
		cfg->key = text;
		return 0;
	case OPT_CA:
		cfg->ca = text;
		return 0;
	case OPT_NO_SANDBOX:
		c->no_sandbox = true;
		return 0;
	case 'v':
		c->verbose = true;
		return 0;
	default:
		bc_config_s3_take(&c->store, o, text);
		return 0;
	}
}

static int parse(int argc, char **argv, struct console *c, struct bc_err *err)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "host", required_argument, NULL, OPT_HOST },
		{ "prefix", required_argument, NULL, OPT_PREFIX },
		{ "users", required_argument, NULL, OPT_USERS },
		{ "role", required_argument, NULL, OPT_ROLE },
		{ "audit", required_argument, NULL, OPT_AUDIT },
		{ "jobs", required_argument, NULL, OPT_JOBS },
		{ "job-size", required_argument, NULL, OPT_JOB_SIZE },
		{ "job-keep", required_argument, NULL, OPT_JOB_KEEP },
		{ "tls-cert", required_argument, NULL, OPT_CERT },
		{ "tls-key", required_argument, NULL, OPT_KEY },
		{ "tls-ca", required_argument, NULL, OPT_CA },
		BC_S3_OPTIONS,
		{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":l:vh", options, "braidcap console", err)) != -1) {
		if (o == 'h')
			return 1;
		r = o == '?' ? -EINVAL : take(c, o, optarg, err);
	}
	if (!r && (c->cfg.key || c->cfg.ca) && !c->cfg.cert)
		r = bc_err_set(err, -EINVAL, "--tls-key and --tls-ca need --tls-cert");
	if (!c->has_role && !c->cfg.users)
		c->cfg.anybody = strncmp(c->cfg.listen, "unix:", 5) ? BC_ROLE_VIEWER : BC_ROLE_OPERATOR;
	c->cfg.store = &c->store;
	c->cfg.paths = argv + optind;
	c->cfg.n_paths = (uint32_t)(argc - optind);
	c->cfg.hosts = c->host;
	c->cfg.prefixes = c->prefix;
	return r;
}

static void emit(void *ctx, enum bc_level level, const char *line)
{
	const struct console *c = ctx;

	if (level <= BC_NOTICE || c->verbose)
		fprintf(stderr, "braidcap: %s\n", line);
}

/* It writes marks beside segments, what finds have found, its audit, and removes its socket. */
static void restrict_writing(const struct console *c)
{
	const struct bc_console_config *cfg = &c->cfg;
	const char *unix_socket = strncmp(cfg->listen, "unix:", 5) ? NULL : cfg->listen + 5;
	const char *const more[] = { cfg->jobs_folder, cfg->audit, unix_socket };
	char **all = calloc(cfg->n_paths + 3, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; all && i < cfg->n_paths; i++)
		all[n++] = cfg->paths[i];
	for (size_t i = 0; all && i < 3; i++)
		if (more[i])
			all[n++] = (char *)(uintptr_t)more[i];
	confine_to_folders(BC_DUTY_CONSOLE, all, n, true);
	free(all);
}

static void look_at_keyring(struct console *c)
{
	if (!c->cfg.keyring || c->keyring_lost || !bc_keyring_has_ended(c->cfg.keyring))
		return;
	c->keyring_lost = true;
	bc_log(c->cfg.log, BC_ERROR, BC_KEYRING_ENDED "; until then connections go on, and new ones fail");
}

static void wait_for_the_end(struct console *c, struct bc_signals *signals)
{
	int sig;

	do {
		sig = bc_signals_wait(signals, LOOK_NS);
		bc_breach_tell(c->cfg.log);
		look_at_keyring(c);
	} while (sig != SIGINT && sig != SIGTERM && !(sig == SIGHUP && signals->hup_ends));
	/* A second one does not wait for searches. */
	pthread_sigmask(SIG_UNBLOCK, &signals->set, NULL);
}

/* Before rights are given up, which the keyring may need. */
static int new_keyring(struct console *c, struct bc_err *err)
{
	if (!c->cfg.cert)
		return 0;
	c->key = bc_http_identity_key(c->cfg.cert, c->cfg.key);
	return bc_keyring_new(&(struct bc_keyring_config){ .key = &c->key, .n = 1, .no_sandbox = c->no_sandbox }, &c->cfg.keyring, err);
}

static int run(struct console *c)
{
	const struct bc_log log = { .emit = emit, .ctx = c };
	struct bc_console *console;
	struct bc_signals signals;
	struct bc_err err;
	int r;

	c->cfg.log = &log;
	bc_signals_block(&signals, BC_HUP_CLOSES);
	r = new_keyring(c, &err);
	if (!r)
		r = bc_privileges_shed(&err);
	if (!r && !c->no_sandbox)
		restrict_writing(c);
	if (!r)
		r = bc_console_start(&c->cfg, &console, &err);
	if (r) {
		bc_keyring_free(c->cfg.keyring);
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return bc_err_may_pass(r) ? 1 : 2;
	}
	fprintf(stderr, "braidcap: serving at %s\n", bc_console_url(console));
	wait_for_the_end(c, &signals);
	bc_console_stop(console);
	bc_keyring_free(c->cfg.keyring);
	return 0;
}

int cmd_console(int argc, char **argv)
{
	struct console c = { .cfg = { .listen = DEFAULT_LISTEN, .job_bytes = JOB_BYTES, .job_keep_ns = JOB_KEEP_NS } };
	struct bc_err err;
	int r = parse(argc, argv, &c, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return 2;
	}
	return run(&c);
}
