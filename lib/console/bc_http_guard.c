/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#include "bc_http_priv.h"
#include "bc_time.h"

static const char *header(const struct bc_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

/* The host in a Host header, without its port and an IPv6 address's brackets. */
static bool host_of(const char *value, char ret[256])
{
	size_t len = value[0] == '[' ? strcspn(++value, "]") : strcspn(value, ":");

	if (!len || len > 255)
		return false;
	snprintf(ret, 256, "%.*s", (int)len, value);
	return true;
}

/*
 * A page of another site whose name was made to mean our address (DNS rebinding) calls us by that name. An address is nobody's name.
 */
static bool is_our_host(const struct bc_request *q)
{
	const struct bc_http_config *cfg = q->http->cfg;
	const char *value = header(q, "Host");
	struct in6_addr any;
	char host[256];

	if (!q->http->address.len)
		return true;
	if (!value || !host_of(value, host))
		return false;
	if (!strcasecmp(host, "localhost") || inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1)
		return true;
	for (uint32_t i = 0; i < cfg->n_hosts; i++)
		if (!strcasecmp(host, cfg->hosts[i]))
			return true;
	return false;
}

/* Did a page of another site make a browser ask this? A link to the page itself is all right. */
static bool is_from_elsewhere(const struct bc_request *q, const struct bc_route *route)
{
	const char *site = header(q, "Sec-Fetch-Site");

	return route->role != BC_ROLE_NOBODY && site && strcmp(site, "same-origin") && strcmp(site, "none");
}

/* What a form of another site cannot send without our leave, which nobody is given. */
static bool is_ours_to_post(const struct bc_request *q)
{
	const char *type = header(q, "Content-Type");

	return header(q, "X-Braidcap") && type && !strncasecmp(type, "application/json", 16);
}

static void say_from(struct bc_request *q)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (q->http->address.len && info && info->client_addr)
		bc_listen_text(info->client_addr, q->from, sizeof(q->from));
	else
		snprintf(q->from, sizeof(q->from), "unix");
}

/* The name in a certificate that an authority of ours has signed. */
static bool certified_name(const struct bc_request *q, char name[BC_USER_NAME_MAX])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(q->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const gnutls_datum_t *chain;
	unsigned status = 0, n = 0;
	/* One that was signed for servers is nobody's. */
	gnutls_typed_vdata_st is_client = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT };
	gnutls_x509_crt_t crt;
	size_t size = BC_USER_NAME_MAX;
	bool ok = false;

	if (!q->http->cfg->ca || !info || gnutls_certificate_verify_peers(info->tls_session, &is_client, 1, &status) < 0 || status)
		return false;
	chain = gnutls_certificate_get_peers(info->tls_session, &n);
	if (!chain || !n || gnutls_x509_crt_init(&crt) < 0)
		return false;
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) >= 0)
		ok = gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0 && strlen(name) == size;
	gnutls_x509_crt_deinit(crt);
	return ok;
}

static const struct bc_user *by_authorization(const struct bc_request *q, const char *value)
{
	const struct bc_users *users = q->http->cfg->users;
	const struct bc_user *u = NULL;
	char *name, *token = NULL;

	if (!strncasecmp(value, "Bearer ", 7))
		return bc_users_by_token(users, NULL, value + 7);
	name = MHD_basic_auth_get_username_password(q->connection, &token);
	if (name && token)
		u = bc_users_by_token(users, name, token);
	if (token)
		explicit_bzero(token, strlen(token));
	MHD_free(name);
	MHD_free(token);
	return u;
}

/* A wrong token is refused also where nobody needs one. */
static bool identify(struct bc_request *q)
{
	const char *authorization = header(q, "Authorization");
	char name[BC_USER_NAME_MAX];
	const struct bc_user *u = NULL;

	q->role = q->http->cfg->anybody;
	if (authorization)
		u = by_authorization(q, authorization);
	else if (certified_name(q, name))
		u = bc_users_by_certificate(q->http->cfg->users, name);
	if (!u)
		return !authorization;
	q->role = u->role;
	memcpy(q->user, u->name, sizeof(q->user));
	return true;
}

static void tell(const struct bc_request *q, const char *what)
{
	struct bc_http *h = q->http;

	pthread_mutex_lock(&h->lock);
	bc_log_limited(h->cfg->log, &h->limit, BC_WARN, q->from, "%s", what);
	pthread_mutex_unlock(&h->lock);
}

static const char *const too_little[BC_ROLES] = {
	[BC_ROLE_VIEWER] = "this needs the role viewer, analyst or operator",
	[BC_ROLE_ANALYST] = "this needs the role analyst or operator",
	[BC_ROLE_OPERATOR] = "this needs the role operator",
};

unsigned bc_http_guard(struct bc_request *q, const struct bc_route *route, const char *method, const char **ret_why)
{
	bool post = !strcmp(method, MHD_HTTP_METHOD_POST);

	say_from(q);
	if (!is_our_host(q)) {
		*ret_why = "this is not the name of the console: an address, localhost, or a name of --host";
		return MHD_HTTP_MISDIRECTED_REQUEST;
	}
	if (!route) {
		*ret_why = "there is nothing of that name";
		return MHD_HTTP_NOT_FOUND;
	}
	if (post != route->post || (!post && strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))) {
		*ret_why = "not this method";
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	}
	if (is_from_elsewhere(q, route)) {
		*ret_why = "a page of another site asked this";
		return MHD_HTTP_FORBIDDEN;
	}
	if (!identify(q)) {
		tell(q, "refused: a wrong token");
		*ret_why = "the name or the token is wrong";
		return MHD_HTTP_UNAUTHORIZED;
	}
	if (q->role < route->role || (q->role == BC_ROLE_NOBODY && q->http->cfg->users->tokens)) {
		*ret_why = q->user[0] || !q->http->cfg->users->tokens ? too_little[route->role] : "say who you are";
		return q->user[0] || !q->http->cfg->users->tokens ? MHD_HTTP_FORBIDDEN : MHD_HTTP_UNAUTHORIZED;
	}
	if (post && !is_ours_to_post(q)) {
		*ret_why = "a POST has the header X-Braidcap and is application/json";
		return MHD_HTTP_FORBIDDEN;
	}
	return 0;
}
