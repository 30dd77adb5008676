/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A remote peer's address: "osmo://HOST:PORT[,tls][,source=IP][,queue=MIB][,spool=FOLDER][,spool-size=GIB]" and
 * "ipip://HOST[,source=IP][,queue=MIB]".
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"

#define QUEUE_MIB 64
#define QUEUE_MIB_MAX 65536
#define SPOOL_GIB 16
#define SPOOL_GIB_MAX 65536
#define HOST_MAX 253

struct parse {
	const char *what, *uri;
	struct bc_remote_config *r;
	struct bc_err *err;
};

bool bc_remote_is(const char *dest)
{
	return !strncmp(dest, "osmo://", 7) || !strncmp(dest, "ipip://", 7);
}

static int wrong(const struct parse *p, const char *why)
{
	return bc_err_set(p->err, -EINVAL, "%s: '%s': %s; the form is %s", p->what, p->uri, why,
			  p->r->ipip ? "ipip://HOST[,source=IP][,queue=MIB]"
				     : "osmo://HOST:PORT[,tls][,source=IP][,queue=MIB][,spool=FOLDER][,spool-size=GIB]");
}

static int keep(const struct parse *p, const char *text, size_t len, char **ret)
{
	*ret = strndup(text, len);
	return *ret ? 0 : bc_err_set(p->err, -ENOMEM, "%s: no memory", p->what);
}

static bool is_host(const char *text, size_t len)
{
	if (!len || len > HOST_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_", text[i]))
			return false;
	return true;
}

static bool is_address(const char *text)
{
	unsigned char raw[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1;
}

/* The host at *at, which is advanced past it. */
static int take_host(const struct parse *p, const char **at)
{
	const char *begin = *at, *end = begin + strcspn(begin, ":,");
	int rc;

	if (*begin == '[') {
		end = strchr(begin, ']');
		if (!end)
			return wrong(p, "a ] is missing");
		rc = keep(p, begin + 1, (size_t)(end - begin - 1), &p->r->host);
		*at = end + 1;
		return rc || is_address(p->r->host) ? rc : wrong(p, "there is no IPv6 address in the brackets");
	}
	if (!is_host(begin, (size_t)(end - begin)))
		return wrong(p, "it has no host");
	*at = end;
	return keep(p, begin, (size_t)(end - begin), &p->r->host);
}

static int take_port(const struct parse *p, const char **at)
{
	size_t digits = **at == ':' ? strspn(*at + 1, "0123456789") : 0;
	unsigned long port = digits && digits <= 5 ? strtoul(*at + 1, NULL, 10) : 0;

	if (p->r->ipip)
		return **at == ':' ? wrong(p, "ipip has no port") : 0;
	if (port < 1 || port > 65535)
		return wrong(p, "it has no port from 1 to 65535");
	p->r->port = (uint16_t)port;
	*at += 1 + digits;
	return 0;
}

static int take_number(const struct parse *p, const char *text, uint64_t max, uint32_t *ret)
{
	uint64_t n;
	int rc = bc_number(p->what, text, false, 1, max, &n, p->err);

	if (!rc)
		*ret = (uint32_t)n;
	return rc;
}

static int take_key(const struct parse *p, char *key)
{

	if (!strcmp(key, "tls") && !p->r->ipip) {
		p->r->tls = true;
		return 0;
	}
	if (!strncmp(key, "source=", 7)) {
		free(p->r->source);
		p->r->source = NULL;
		return is_address(key + 7) ? keep(p, key + 7, strlen(key + 7), &p->r->source) : wrong(p, "source= takes an IP address");
	}
	if (!strncmp(key, "queue=", 6))
		return take_number(p, key + 6, QUEUE_MIB_MAX, &p->r->queue_mib);
	if (!strncmp(key, "spool=", 6) && !p->r->ipip) {
		free(p->r->spool);
		p->r->spool = NULL;
		return key[6] ? keep(p, key + 6, strlen(key + 6), &p->r->spool) : wrong(p, "spool= takes a folder");
	}
	if (!strncmp(key, "spool-size=", 11) && !p->r->ipip)
		return take_number(p, key + 11, SPOOL_GIB_MAX, &p->r->spool_gib);
	return wrong(p, "it has a key that is unknown");
}

static int take_keys(const struct parse *p, const char *at)
{
	char *keys = strdup(at), *rest = keys, *key;
	int rc = keys ? 0 : bc_err_set(p->err, -ENOMEM, "%s: no memory", p->what);

	while (!rc && (key = strsep(&rest, ",")))
		rc = take_key(p, key);
	free(keys);
	return rc;
}

int bc_remote_parse(const char *what, const char *uri, struct bc_remote_config *ret, struct bc_err *err)
{
	const struct parse p = { .what = what, .uri = uri, .r = ret, .err = err };
	const char *at = uri + 7;
	int rc;

	*ret = (struct bc_remote_config){ .ipip = uri[0] == 'i', .queue_mib = QUEUE_MIB, .spool_gib = SPOOL_GIB };
	rc = take_host(&p, &at);
	if (!rc)
		rc = take_port(&p, &at);
	if (!rc && *at == ',')
		return take_keys(&p, at + 1);
	return rc || !*at ? rc : wrong(&p, "nothing else may follow the host");
}

void bc_remote_free(struct bc_remote_config *r)
{
	free(r->host);
	free(r->source);
	free(r->spool);
}
