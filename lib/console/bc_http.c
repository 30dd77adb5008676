/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_http.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_http_priv.h"
#include "bc_time.h"

#define UNIX_PREFIX "unix:"
#define STACK_BYTES (256U * 1024)
#define PEM_MAX (1024U * 1024)
/* Nothing has the key decrypt. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/* ---- a request ---- */

/* What came of it so far. */
struct arriving {
	size_t len;
	bool too_much;
	char body[BC_HTTP_BODY_MAX];
};

static const struct bc_route *route_of(const struct bc_http *h, const char *path)
{
	for (size_t i = 0; i < h->cfg->n_routes; i++)
		if (!strcmp(h->cfg->route[i].path, path))
			return &h->cfg->route[i];
	return NULL;
}

static enum MHD_Result answer(struct bc_request *q, const char *method, const struct arriving *a)
{
	const struct bc_route *route = route_of(q->http, q->path);
	const char *why = NULL;
	unsigned status = bc_http_guard(q, route, method, &why);
	enum MHD_Result r;

	if (status)
		return bc_reply_error(q, status, "%s", why);
	if (a->too_much)
		return bc_reply_error(q, MHD_HTTP_CONTENT_TOO_LARGE, "more than %u bytes", BC_HTTP_BODY_MAX);
	if (route->post) {
		q->body = json_loadb(a->body, a->len, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(q->body)) {
			json_decref(q->body);
			return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "not an object of JSON");
		}
	}
	r = route->handle(q);
	json_decref(q->body);
	return r;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path, const char *method, const char *version,
				  const char *upload, size_t *upload_len, void **con_cls)
{
	struct bc_http *h = cls;
	struct arriving *a = *con_cls;
	struct bc_request q = { .http = h, .connection = c, .path = path, .ctx = h->cfg->ctx };

	if (!a) {
		*con_cls = calloc(1, sizeof(*a));
		return *con_cls ? MHD_YES : MHD_NO;
	}
	if (*upload_len) {
		a->too_much |= *upload_len > sizeof(a->body) - a->len;
		if (!a->too_much) {
			memcpy(a->body + a->len, upload, *upload_len);
			a->len += *upload_len;
		}
		*upload_len = 0;
		return MHD_YES;
	}
	bc_http_patience(h, bc_http_connection_of(c), UINT64_MAX);
	if (answer(&q, method, a) == MHD_NO)
		return MHD_NO;
	bc_http_patience(h, bc_http_connection_of(c), BC_HTTP_PATIENCE_NS);
	return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **con_cls, enum MHD_RequestTerminationCode why)
{
	free(*con_cls);
	*con_cls = NULL;
	bc_http_patience(cls, bc_http_connection_of(c), BC_HTTP_IDLE_NS);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*socket_context = info ? bc_http_arrived(cls, info->connect_fd) : NULL;
	else if (*socket_context)
		bc_http_left(cls, *socket_context);
}

/* ---- listening ---- */

static bool is_loopback(const struct bc_listen *l)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&l->address;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&l->address;

	return l->address.ss_family == AF_INET ? ntohl(a4->sin_addr.s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&a6->sin6_addr);
}

/* What a console that others can reach must have. */
static int check(const struct bc_http *h, struct bc_err *err)
{
	const struct bc_http_config *cfg = h->cfg;

	if (cfg->users->certificates && !cfg->ca)
		return bc_err_set(err, -EINVAL, "users with certificates need --tls-ca, the authority that signs these");
	if (!h->address.len || is_loopback(&h->address))
		return 0;
	if (!cfg->cert)
		return bc_err_set(err, -EINVAL, "--listen %s: beyond this host only with TLS: give --tls-cert and --tls-key", cfg->listen);
	if (!cfg->users->n || cfg->anybody != BC_ROLE_NOBODY)
		return bc_err_set(err, -EINVAL, "--listen %s: beyond this host only for --users, without a --role for anybody",
				  cfg->listen);
	return 0;
}

/* A socket that nobody answers at is a dead console's. */
static bool is_dead(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool dead = fd >= 0 && connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return dead;
}

static int listen_unix(struct bc_http *h, struct bc_err *err)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = h->cfg->listen + strlen(UNIX_PREFIX);
	int fd, r = 0;
	mode_t mask;

	if (!path[0] || strlen(path) >= sizeof(sun.sun_path))
		return bc_err_set(err, -EINVAL, "--listen %.200s: a path of at most %zu bytes stands behind unix:", h->cfg->listen,
				  sizeof(sun.sun_path) - 1);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return bc_err_set(err, -errno, "no socket (%s)", strerror(errno));
	if (is_dead(&sun))
		unlink(path);
	mask = umask(0177);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(fd, 128) < 0)
		r = bc_err_set(err, -errno, "cannot listen at %s (%s)", path, strerror(errno));
	umask(mask);
	if (r) {
		close(fd);
		return r;
	}
	snprintf(h->path, sizeof(h->path), "%s", path);
	snprintf(h->url, sizeof(h->url), "%s", h->cfg->listen);
	return fd;
}

static int open_socket(struct bc_http *h, struct bc_err *err)
{
	bool local = !strncmp(h->cfg->listen, UNIX_PREFIX, strlen(UNIX_PREFIX));
	int r = local ? 0 : bc_listen_parse("--listen", h->cfg->listen, &h->address, err);

	if (!r)
		r = check(h, err);
	if (r)
		return r;
	if (local)
		return listen_unix(h, err);
	snprintf(h->url, sizeof(h->url), "%s://%s/", h->cfg->cert ? "https" : "http", h->address.text);
	return bc_listen_open(&h->address, err);
}

/* A file with a final zero; *ret is NULL without a path. */
static int read_pem(const char *path, char **ret, struct bc_err *err)
{
	FILE *f = path ? bc_file_open_key(path, false, err) : NULL;
	char *text = f ? malloc(PEM_MAX + 1) : NULL;
	size_t len = text ? fread(text, 1, PEM_MAX, f) : 0;
	int r = 0;

	if (!path)
		return 0;
	if (!f)
		return -EINVAL;
	if (!text)
		r = bc_err_set(err, -ENOMEM, "no memory");
	else if (ferror(f))
		r = bc_err_set(err, -EINVAL, "%s: %s", path, strerror(errno));
	else if (len == PEM_MAX)
		r = bc_err_set(err, -E2BIG, "%s: too long", path);
	fclose(f);
	if (r) {
		free(text);
		return r;
	}
	text[len] = '\0';
	*ret = text;
	return 0;
}

/* From a file that has the key, too, the keyring copies the certificates: the program does not read it. */
static int read_certificates(struct bc_http *h, struct bc_err *err)
{
	const struct bc_http_config *cfg = h->cfg;
	int fd, r;
	char own[32];

	if (!cfg->cert || (cfg->key && strcmp(cfg->key, cfg->cert) != 0))
		return read_pem(cfg->cert, &h->cert, err);
	fd = bc_keyring_certificates(cfg->keyring, cfg->cert);
	if (fd < 0)
		return bc_err_set(err, fd, "%s: %s", cfg->cert, strerror(-fd));
	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	r = read_pem(own, &h->cert, err);
	close(fd);
	return r;
}

static int read_tls(struct bc_http *h, struct bc_err *err)
{
	const struct bc_http_config *cfg = h->cfg;
	int r = read_certificates(h, err);

	if (r)
		return bc_err_prefix(err, r, "--tls-cert");
	r = read_pem(cfg->ca, &h->ca, err);
	if (r)
		return bc_err_prefix(err, r, "--tls-ca");
	if (cfg->cert)
		r = bc_http_identity_new(h->cert, cfg->key ? cfg->key : cfg->cert, cfg->keyring, &h->identity, err);
	return r;
}

static void on_message(void *cls, const char *fmt, va_list ap)
{
	const struct bc_http *h = cls;
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\r\n")] = '\0';
	bc_log(h->cfg->log, BC_DEBUG, "%s", line);
}

static struct MHD_Daemon *start_daemon(struct bc_http *h, int fd)
{
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC |
			 MHD_USE_ERROR_LOG | (h->cert ? MHD_USE_TLS : 0);
	bool apart = h->address.len && !is_loopback(&h->address);
	const struct MHD_OptionItem tls[] = {
		{ h->cert ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0, (void *)(uintptr_t)bc_http_identity_show },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)PRIORITIES },
		{ h->ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, h->ca },
		{ MHD_OPTION_END, 0, NULL },
	};

	/* The logger first: what the others say goes there. */
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_message, h,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, BC_HTTP_CONNECTIONS,
				MHD_OPTION_PER_IP_CONNECTION_LIMIT, apart ? BC_HTTP_CONNECTIONS_OF_ONE : 0,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)BC_HTTP_HEAD_BYTES,
				MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
				MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void init(struct bc_http *h, const struct bc_http_config *cfg)
{
	pthread_condattr_t attr;

	h->cfg = cfg;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->ending, &attr);
	pthread_condattr_destroy(&attr);
}

int bc_http_start(const struct bc_http_config *cfg, struct bc_http **ret, struct bc_err *err)
{
	struct bc_http *h = calloc(1, sizeof(*h));
	int fd, r;

	if (!h)
		return bc_err_set(err, -ENOMEM, "no memory");
	init(h, cfg);
	r = bc_mhd_load(err);
	r = r ? r : read_tls(h, err);
	fd = r ? r : open_socket(h, err);
	r = fd < 0 ? fd : bc_http_warden_start(h);
	if (!r) {
		h->daemon = start_daemon(h, fd);
		if (!h->daemon)
			r = bc_err_set(err, -EINVAL, "the server cannot start");
	}
	if (r) {
		if (fd >= 0)
			close(fd);
		bc_http_stop(h);
		return r;
	}
	*ret = h;
	return 0;
}

void bc_http_stop(struct bc_http *h)
{
	if (!h)
		return;
	bc_http_warden_stop(h);
	if (h->daemon)
		MHD_stop_daemon(h->daemon);
	if (h->path[0])
		unlink(h->path);
	bc_http_identity_free(h->identity);
	free(h->cert);
	free(h->ca);
	pthread_cond_destroy(&h->ending);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

const char *bc_http_url(const struct bc_http *h)
{
	return h->url;
}
