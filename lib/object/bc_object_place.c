/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bc_credentials.h"

static const char *first_set(const char *given, const char *variable, const char *other)
{
	const char *v = given ? given : getenv(variable);

	if ((!v || !v[0]) && other)
		v = getenv(other);
	return v && v[0] ? v : NULL;
}

/* A setting of the profile in ~/.aws/config, or false. */
static bool from_config(const char *profile, const char *key, char *ret, size_t cap)
{
	char path[BC_OBJECT_PATH_MAX];

	return bc_aws_file_path("AWS_CONFIG_FILE", "config", path, sizeof(path)) == 0 &&
	       bc_aws_file_value(path, true, bc_aws_profile(profile), key, ret, cap) == 0;
}

static int find_region(const struct bc_object_settings *s, struct bc_object_place *p, struct bc_err *err)
{
	const char *region = first_set(s->region, "AWS_REGION", "AWS_DEFAULT_REGION");

	if (region && strlen(region) >= sizeof(p->region))
		return bc_err_set(err, -EINVAL, "the region \"%.80s\" is too long", region);
	if (region)
		strcpy(p->region, region);
	else if (!from_config(s->profile, "region", p->region, sizeof(p->region)))
		strcpy(p->region, "us-east-1");
	if (!p->region[0] || p->region[strspn(p->region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")])
		return bc_err_set(err, -EINVAL, "\"%s\" is no region: letters, digits and hyphens", p->region);
	return 0;
}

static bool is_loopback(const char *host)
{
	char name[BC_ENDPOINT_MAX];
	const char *end = host[0] == '[' ? strchr(host, ']') : strchr(host, ':');
	size_t len = end ? (size_t)(end - host) : strlen(host);
	struct in_addr v4;

	snprintf(name, sizeof(name), "%.*s", (int)len, host);
	if (strcmp(name, "localhost") == 0 || strcmp(name, "[::1") == 0)
		return true;
	return inet_pton(AF_INET, name, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

static bool host_ok(const char *host)
{
	const char *port = strrchr(host, ':');
	size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]");

	if (!host[0] || host[n] || host[0] == ':')
		return false;
	if (host[0] == '[')
		return strchr(host, ']') != NULL;
	if (!port)
		return true;
	return port == strchr(host, ':') && atoi(port + 1) > 0 && atoi(port + 1) < 65536 && strspn(port + 1, "0123456789") == strlen(port + 1);
}

static int take_endpoint(const char *url, struct bc_object_place *p, struct bc_err *err)
{
	const char *host = NULL;
	size_t len;

	if (strchr(url, '@'))
		return bc_err_set(err, -EINVAL, "the endpoint has a user or a password in it: it is https://HOST[:PORT] alone");
	if (strncasecmp(url, "https://", 8) == 0) {
		p->https = true;
		host = url + 8;
	} else if (strncasecmp(url, "http://", 7) == 0) {
		host = url + 7;
	}
	len = host ? strlen(host) : 0;
	if (len && host[len - 1] == '/')
		len--;
	if (!len || len >= sizeof(p->host))
		return bc_err_set(err, -EINVAL, "the endpoint \"%.200s\" is not https://HOST[:PORT]", url);
	memcpy(p->host, host, len);
	p->host[len] = '\0';
	if (!host_ok(p->host))
		return bc_err_set(err, -EINVAL, "the endpoint \"%.200s\" is not https://HOST[:PORT]", url);
	return 0;
}

/* curl leaves the scheme's own port out of the Host header, which is signed. */
static void drop_port(struct bc_object_place *p)
{
	const char *port = p->https ? ":443" : ":80";
	size_t n = strlen(p->host), m = strlen(port);

	if (n > m && strcmp(p->host + n - m, port) == 0 && p->host[n - m - 1] != ':')
		p->host[n - m] = '\0';
}

int bc_object_endpoint(const char *url, struct bc_object_place *ret, struct bc_err *err)
{
	int r = take_endpoint(url, ret, err);

	if (!r)
		ret->loopback = is_loopback(ret->host);
	return r;
}

static int find_endpoint(const struct bc_object_settings *s, struct bc_object_place *p, struct bc_err *err)
{
	const char *url = first_set(s->endpoint, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
	char of_config[BC_ENDPOINT_MAX];
	int r;

	if (!url && from_config(s->profile, "endpoint_url", of_config, sizeof(of_config)))
		url = of_config;
	if (!url) {
		p->https = true;
		snprintf(p->host, sizeof(p->host), "s3.%s.amazonaws.com", p->region);
		return 0;
	}
	r = bc_object_endpoint(url, p, err);
	if (r)
		return r;
	drop_port(p);
	if (!p->https && !p->loopback && !s->plain)
		return bc_err_set(err, -EINVAL, "the endpoint http://%s is not encrypted: use https://, or allow it with --s3-plain", p->host);
	return 0;
}

int bc_object_place_find(const struct bc_object_settings *s, struct bc_object_place *ret, struct bc_err *err)
{
	struct bc_object_place p = { .https = false };
	const char *ca = first_set(s->ca, "AWS_CA_BUNDLE", NULL), *dot;
	int r = find_region(s, &p, err);

	r = r ? r : find_endpoint(s, &p, err);
	if (r)
		return r;
	if (ca && snprintf(p.ca, sizeof(p.ca), "%s", ca) >= (int)sizeof(p.ca))
		return bc_err_set(err, -EINVAL, "the name of the CA file is too long");
	dot = strstr(p.host, ".amazonaws.com");
	p.by_host = s->addressing == BC_ADDRESSING_HOST || (s->addressing == BC_ADDRESSING_AUTO && dot);
	*ret = p;
	return 0;
}
