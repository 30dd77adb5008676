/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bc_extcap.h"
#include "bc_number.h"

#define TEXT_MAX 4095

enum {
	OPT_INTERFACES = 256, OPT_VERSION, OPT_INTERFACE, OPT_DLTS, OPT_CONFIG, OPT_CAPTURE, OPT_TLS, OPT_HELP, OPT_IGNORED,
	OPT_TEXT,	/* and on: texts, by their number */
};

/* Options whose value is kept as it is. */
static const struct {
	const char *name;
	size_t offset;
} texts[] = {
#define TEXT(option, member) { option, offsetof(struct bc_extcap_request, member) }
	TEXT("fifo", fifo), TEXT("extcap-capture-filter", filter), TEXT("extcap-control-in", control_in),
	TEXT("extcap-control-out", control_out), TEXT("prefix", prefix), TEXT("server", server), TEXT("tls-ca", tls_ca),
	TEXT("tls-cert", tls_cert), TEXT("tls-key", tls_key), TEXT("folder", folder), TEXT("from", from), TEXT("to", to),
	TEXT("last", last), TEXT("priority", priority), TEXT("s3-endpoint", s3_endpoint), TEXT("s3-profile", s3_profile),
#undef TEXT
};

#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static const struct option own[] = {
	{ "extcap-interfaces", no_argument, NULL, OPT_INTERFACES },
	/* Wireshark tells its own version, and an old one asks for ours. */
	{ "extcap-version", optional_argument, NULL, OPT_VERSION },
	{ "extcap-interface", required_argument, NULL, OPT_INTERFACE },
	{ "extcap-dlts", no_argument, NULL, OPT_DLTS },
	{ "extcap-config", no_argument, NULL, OPT_CONFIG },
	{ "extcap-reload-option", required_argument, NULL, OPT_IGNORED },
	{ "extcap-cleanup-postkill", no_argument, NULL, OPT_IGNORED },
	{ "capture", no_argument, NULL, OPT_CAPTURE },
	{ "tls", no_argument, NULL, OPT_TLS },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
};

#define N_OWN (sizeof(own) / sizeof(own[0]))

struct parse {
	struct bc_extcap_request *q;
	const char *iface;
	bool interfaces, version, dlts, config, capture, help;
};

static int take_text(struct parse *p, unsigned i, const char *text, struct bc_err *err)
{
	if (strlen(text) > TEXT_MAX)
		return bc_err_set(err, -EINVAL, "--%s: is longer than %d bytes", texts[i].name, TEXT_MAX);
	*(const char **)((char *)p->q + texts[i].offset) = *text ? text : NULL;
	return 0;
}

static int take(struct parse *p, int c, const char *text, const char *arg, struct bc_err *err)
{
	switch (c) {
	case OPT_INTERFACES:
		p->interfaces = true;
		return 0;
	case OPT_VERSION:
		p->version = true;
		return 0;
	case OPT_INTERFACE:
		p->iface = text;
		return 0;
	case OPT_DLTS:
		p->dlts = true;
		return 0;
	case OPT_CONFIG:
		p->config = true;
		return 0;
	case OPT_CAPTURE:
		p->capture = true;
		return 0;
	case OPT_TLS:
		p->q->tls = true;
		return 0;
	case OPT_HELP:
	case 'h':
		p->help = true;
		return 0;
	case OPT_IGNORED:
		return 0;
	case '?':
	case ':':
		return bc_err_set(err, -EINVAL, c == ':' ? "'%s' needs a value" : "unknown option '%s'; see 'braidcap extcap --help'", arg);
	default:
		return take_text(p, (unsigned)(c - OPT_TEXT), text, err);
	}
}

static int find_iface(struct parse *p, struct bc_err *err)
{
	if (p->iface && !strcmp(p->iface, "braidcap-live"))
		p->q->iface = BC_EXTCAP_LIVE;
	else if (p->iface && !strcmp(p->iface, "braidcap-find"))
		p->q->iface = BC_EXTCAP_FIND;
	else
		return bc_err_set(err, -EINVAL, p->iface ? "--extcap-interface: '%.64s' is neither braidcap-live nor braidcap-find" :
				  "--extcap-interface is missing: braidcap-live or braidcap-find", p->iface);
	return 0;
}

static int find_task(struct parse *p, struct bc_err *err)
{
	struct bc_extcap_request *q = p->q;
	int r;

	q->task = p->help ? BC_EXTCAP_HELP : p->interfaces ? BC_EXTCAP_INTERFACES : BC_EXTCAP_VERSION;
	if (p->help || p->interfaces)
		return 0;
	if (!p->dlts && !p->config && !p->capture && !q->filter)
		return p->version ? 0 : bc_err_set(err, -EINVAL, "nothing to do: this is a program for Wireshark, which calls it; see "
						   "'braidcap extcap --help'");
	r = find_iface(p, err);
	if (r)
		return r;
	q->task = p->dlts ? BC_EXTCAP_DLTS : p->config ? BC_EXTCAP_CONFIG : p->capture ? BC_EXTCAP_CAPTURE : BC_EXTCAP_CHECK;
	if (q->task == BC_EXTCAP_CAPTURE && !q->fifo)
		return bc_err_set(err, -EINVAL, "--capture: --fifo is missing: a named pipe to write to");
	return 0;
}

int bc_extcap_parse(int argc, char **argv, struct bc_extcap_request *ret, struct bc_err *err)
{
	struct bc_extcap_request q = { .task = BC_EXTCAP_HELP };
	struct parse p = { .q = &q };
	struct option longs[N_OWN + N_TEXTS + 1];
	int c, r = 0;

	memcpy(longs, own, sizeof(own));
	for (unsigned i = 0; i < N_TEXTS; i++)
		longs[N_OWN + i] = (struct option){ texts[i].name, required_argument, NULL, OPT_TEXT + (int)i };
	longs[N_OWN + N_TEXTS] = (struct option){ .name = NULL };
	opterr = 0;
	optind = 0;
	while (!r && (c = getopt_long(argc, argv, "+:h", longs, NULL)) != -1)
		r = take(&p, c, optarg, optind > 0 && optind <= argc ? argv[optind - 1] : "", err);
	if (!r && optind < argc)
		r = bc_err_set(err, -EINVAL, "unexpected argument '%s'; see 'braidcap extcap --help'", argv[optind]);
	if (!r)
		r = find_task(&p, err);
	if (!r)
		*ret = q;
	return r;
}

int bc_extcap_server(const char *text, char *host, size_t size, unsigned short *ret_port, struct bc_err *err)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	const bool six = len > 2 && text[0] == '[' && text[len - 1] == ']';
	uint64_t n;
	int r = bc_parse_u64("the port", port, 1, 65535, &n, err);

	if (r)
		return bc_err_prefix(err, r, "'%.200s' is not HOST:PORT", text);
	if (six) {
		text++;
		len -= 2;
	}
	if (len >= size || (!six && memchr(text, ':', len)))
		return bc_err_set(err, -EINVAL, "'%.200s' is not HOST:PORT; an IPv6 address is in brackets", text);
	snprintf(host, size, "%.*s", (int)len, text);
	/* Where a capture listens on all addresses, this host's own will do. */
	if (!*host || !strcmp(host, "0.0.0.0"))
		snprintf(host, size, "127.0.0.1");
	else if (!strcmp(host, "::"))
		snprintf(host, size, "::1");
	*ret_port = (unsigned short)n;
	return 0;
}
