/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_config_tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "bc_config_draft.h"

#define CLIENTS 16
#define CLIENTS_MAX 256
#define BUFFER_MIB 64
#define BUFFER_MIB_MAX 65536
#define ADDRESS_MAX 64
#define KEYS_MAX 256

static bool is_loopback(const struct bc_listen *l)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&l->address;
	const struct in6_addr *a6 = &((const struct sockaddr_in6 *)&l->address)->sin6_addr;

	if (l->address.ss_family == AF_INET)
		return ntohl(a4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(a6) || (IN6_IS_ADDR_V4MAPPED(a6) && a6->s6_addr[12] == IN_LOOPBACKNET);
}

/* A port alone is one of this host's own, as packets are nobody else's business. */
static int take_address(const char *what, const char *text, size_t len, struct bc_config_tap *ret, struct bc_err *err)
{
	char address[ADDRESS_MAX];
	int r;

	if (len >= sizeof(address) - sizeof("127.0.0.1:"))
		return bc_err_set(err, -EINVAL, "%s: '%.200s' is not ADDRESS:PORT, [IPv6 ADDRESS]:PORT or PORT", what, text);
	snprintf(address, sizeof(address), "%s%.*s", memchr(text, ':', len) ? "" : "127.0.0.1:", (int)len, text);
	r = bc_listen_parse(what, address, &ret->listen, err);
	if (!r)
		ret->loopback = is_loopback(&ret->listen);
	return r;
}

static int take_number(const char *what, const char *text, uint32_t max, uint32_t *ret, struct bc_err *err)
{
	uint64_t n;
	int r = bc_number(what, text, false, 1, max, &n, err);

	if (!r)
		*ret = (uint32_t)n;
	return r;
}

static int take_key(const char *what, const char *key, struct bc_config_tap *ret, struct bc_err *err)
{
	if (!strcmp(key, "tls")) {
		ret->tls = true;
		return 0;
	}
	if (!strncmp(key, "clients=", 8))
		return take_number(what, key + 8, CLIENTS_MAX, &ret->clients, err);
	if (!strncmp(key, "buffer=", 7))
		return take_number(what, key + 7, BUFFER_MIB_MAX, &ret->buffer_mib, err);
	if (!strncmp(key, "format=", 7) && !bc_format_from_name(key + 7, &ret->format) && ret->format != BC_FORMAT_ERF)
		return 0;
	return bc_err_set(err, -EINVAL, "%s: '%.100s' is unknown; the form is "
			  "[ADDRESS:]PORT[,format=pcapng|pcap|pcap-us][,tls][,clients=N][,buffer=MIB]", what, key);
}

int bc_config_tap_parse(const char *what, const char *text, struct bc_config_tap *ret, struct bc_err *err)
{
	struct bc_config_tap t = { .format = BC_FORMAT_PCAPNG, .clients = CLIENTS, .buffer_mib = BUFFER_MIB };
	const size_t len = strcspn(text, ",");
	char keys[KEYS_MAX], *rest = keys, *key;
	int r = take_address(what, text, len, &t, err);

	if (!r && strlen(text + len) >= sizeof(keys))
		r = bc_err_set(err, -EINVAL, "%s: is longer than %zu bytes", what, sizeof(keys) - 1);
	snprintf(keys, sizeof(keys), "%s", text + len);
	/* The first is what stands before the first comma: nothing. */
	for (strsep(&rest, ","); !r && (key = strsep(&rest, ","));)
		r = take_key(what, key, &t, err);
	if (!r)
		*ret = t;
	return r;
}

bool bc_config_tap_uses_tls(const char *text)
{
	struct bc_config_tap t;

	return text && !bc_config_tap_parse("", text, &t, NULL) && t.tls;
}
