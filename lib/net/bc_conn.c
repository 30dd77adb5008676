/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_conn.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "bc_addr.h"
#include "bc_time.h"
#include "bc_tls_priv.h"

/* A silent other side is asked whether it is there still after so long, and given up when it does not answer. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3
/* What was sent is acknowledged within this time, or the other side is gone or stuck. */
#define USER_TIMEOUT_MS 60000

#define CONFIRM_MIN_NS (100 * BC_NS_PER_MS)
#define CONFIRM_MAX_NS (2 * BC_NS_PER_S)

struct bc_conn {
	int fd;
	bool connected;		/* TCP is up */
	bool ended;		/* bc_conn_end() has nothing left to do */
	SSL *ssl;		/* NULL: plain */
	char *host;		/* a client's, as asked for; else NULL */
	char address[INET6_ADDRSTRLEN + 16];
	char cert_name[256];
};

static void set_address(struct bc_conn *c, const struct sockaddr_storage *sa)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (sa->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)sa;

		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		snprintf(c->address, sizeof(c->address), "[%s]:%u", text, ntohs(v6->sin6_port));
	} else {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;

		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		snprintf(c->address, sizeof(c->address), "%s:%u", text, ntohs(v4->sin_port));
	}
}

static void set_options(int fd)
{
	const int yes = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
	const unsigned user_ms = USER_TIMEOUT_MS;

	/* Any of them may be missing: the connection is then only slower to notice an end. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof(user_ms));
}

/* A client insists on the host that it asked for, by name or by address. */
static int expect_host(SSL *ssl, const char *host)
{
	unsigned char raw[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -EINVAL;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1 ? 0 : -EINVAL;
}

static int begin_tls(struct bc_conn *c, struct bc_tls *tls, struct bc_err *err)
{
	if (!tls)
		return 0;
	ERR_clear_error();
	c->ssl = bc_tls_session(tls);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		return bc_err_set(err, -ENOMEM, "no memory for TLS");
	if (bc_tls_side_of(tls) == BC_TLS_SERVER) {
		SSL_set_accept_state(c->ssl);
		return 0;
	}
	SSL_set_connect_state(c->ssl);
	if (expect_host(c->ssl, c->host))
		return bc_err_set(err, -EINVAL, "'%s' is not a name that a certificate can be checked against",
				  c->host);
	return 0;
}

static const struct addrinfo *pick_address(const struct addrinfo *list, unsigned attempt)
{
	const struct addrinfo *ai = list;
	unsigned n = 0;

	for (; ai; ai = ai->ai_next)
		n++;
	for (attempt %= n, ai = list; attempt; attempt--)
		ai = ai->ai_next;
	return ai;
}

static int open_socket(struct bc_conn *c, const struct addrinfo *ai, const char *source, struct bc_err *err)
{
	struct sockaddr_storage sa;
	int r = 0;

	memcpy(&sa, ai->ai_addr, ai->ai_addrlen);
	set_address(c, &sa);
	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (c->fd < 0)
		return bc_err_set(err, -errno, "no socket: %s", strerror(errno));
	set_options(c->fd);
	if (source)
		r = bc_addr_bind(c->fd, ai->ai_family, source, err);
	if (!r && connect(c->fd, ai->ai_addr, ai->ai_addrlen) < 0 && errno != EINPROGRESS)
		r = bc_err_set(err, -errno, "%s: %s", c->address, strerror(errno));
	return r;
}

int bc_conn_connect(const struct bc_conn_target *target, unsigned attempt, struct bc_tls *tls, struct bc_conn **ret,
		    struct bc_err *err)
{
	struct bc_conn *c = calloc(1, sizeof(*c));
	struct addrinfo *list = NULL;
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for a connection");
	c->fd = -1;
	c->host = strdup(target->host);
	r = c->host ? bc_addr_resolve(target->host, target->port, SOCK_STREAM, &list, err) : bc_err_set(err, -ENOMEM, "no memory for a connection");
	if (!r) {
		r = open_socket(c, pick_address(list, attempt), target->source, err);
		freeaddrinfo(list);
	}
	if (!r)
		r = begin_tls(c, tls, err);
	if (r) {
		bc_conn_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

int bc_conn_accept(int fd, struct bc_tls *tls, struct bc_conn **ret, struct bc_err *err)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(sa);
	struct bc_conn *c;
	int r;

	if (getpeername(fd, (struct sockaddr *)&sa, &len) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return bc_err_set(err, -errno, "the connection is gone: %s", strerror(errno));
	c = calloc(1, sizeof(*c));
	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for a connection");
	c->fd = fd;
	c->connected = true;
	set_options(fd);
	set_address(c, &sa);
	r = begin_tls(c, tls, err);
	if (r) {
		c->fd = -1;
		bc_conn_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* TCP's own way up: 0, -EAGAIN, or why not. */
static int finish_connect(struct bc_conn *c, short *events, struct bc_err *err)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int e = 0;

	*events = POLLOUT;
	if (poll(&p, 1, 0) == 0)
		return -EAGAIN;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0)
		e = errno;
	if (e)
		return bc_err_set(err, -e, "%s", strerror(e));
	c->connected = true;
	return 0;
}

static bool is_certificate_alert(int alert)
{
	return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) || alert == SSL_AD_UNKNOWN_CA ||
	       alert == SSL_AD_ACCESS_DENIED || alert == SSL3_AD_NO_CERTIFICATE;
}

/* To a client that speaks no TLS, which may know an alert when it sees one; OpenSSL sends it none. */
static void send_alert(const struct bc_conn *c)
{
	static const uint8_t alert[] = { SSL3_RT_ALERT, SSL3_VERSION_MAJOR, 1, 0, 2, SSL3_AL_FATAL, SSL_AD_PROTOCOL_VERSION };

	if (SSL_is_server(c->ssl))
		send(c->fd, alert, sizeof(alert), MSG_NOSIGNAL);
}

/* OpenSSL gave up: in words of the person who has to mend it. */
static int tls_failure(struct bc_conn *c, struct bc_err *err)
{
	const char *said;
	int flags;
	unsigned long e = ERR_peek_error_data(&said, &flags);
	int why = ERR_GET_REASON(e), alert = why - SSL_AD_REASON_OFFSET;
	const char *text = ERR_reason_error_string(e);
	long verify = SSL_get_verify_result(c->ssl);

	/* Our own key's. */
	if (ERR_GET_LIB(e) == ERR_LIB_USER)
		bc_err_set(err, -EIO, "%s", said);
	ERR_clear_error();
	if (ERR_GET_LIB(e) == ERR_LIB_USER)
		return -EIO;
	if (why == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return bc_err_set(err, -EACCES, "its certificate is refused: %s", X509_verify_cert_error_string(verify));
	if (why == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
		return bc_err_set(err, -EACCES, "it presents no certificate, but one is required");
	if (alert == TLS13_AD_CERTIFICATE_REQUIRED)
		return bc_err_set(err, -EACCES, "it refuses our certificate: it requires one, and none is configured");
	if (alert > 0 && alert < 256 && is_certificate_alert(alert))
		return bc_err_set(err, -EACCES, "it refuses our certificate: %s", SSL_alert_desc_string_long(alert));
	if (alert > 0 && alert < 256)
		return bc_err_set(err, -EPROTO, "it closed TLS: %s", SSL_alert_desc_string_long(alert));
	/* After our own end it owes us nothing any more. */
	if (why == SSL_R_UNEXPECTED_EOF_WHILE_READING && c->ended)
		return 0;
	if (why == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return bc_err_set(err, -ECONNRESET, "the connection was cut off");
	if (why == SSL_R_WRONG_VERSION_NUMBER || why == SSL_R_HTTP_REQUEST) {
		send_alert(c);
		return bc_err_set(err, -EPROTO, "it does not speak TLS");
	}
	return bc_err_set(err, -EPROTO, "TLS: %s", text ? text : "broken");
}

/* After a call that did not succeed: -EAGAIN, 0 at the stream's end, or a negative errno. */
static int tls_result(struct bc_conn *c, int ret, short *events, struct bc_err *err)
{
	int e = errno;

	switch (SSL_get_error(c->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		*events = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*events = POLLOUT;
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return bc_err_set(err, e ? -e : -ECONNRESET, "%s", e ? strerror(e) : "the connection was cut off");
	default:
		return tls_failure(c, err);
	}
}

/* The certificate's common name, or its first DNS name. */
static void read_cert_name(struct bc_conn *c)
{
	X509 *x = SSL_get_verify_result(c->ssl) == X509_V_OK ? SSL_get0_peer_certificate(c->ssl) : NULL;
	GENERAL_NAMES *names;

	if (!x)
		return;
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, c->cert_name, sizeof(c->cert_name)) <= 0)
		c->cert_name[0] = '\0';
	names = c->cert_name[0] ? NULL : X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; names && !c->cert_name[0] && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS)
			snprintf(c->cert_name, sizeof(c->cert_name), "%.*s", ASN1_STRING_length(g->d.dNSName),
				 (const char *)ASN1_STRING_get0_data(g->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	for (char *p = c->cert_name; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
}

int bc_conn_handshake(struct bc_conn *c, short *events, struct bc_err *err)
{
	int r = c->connected ? 0 : finish_connect(c, events, err);

	if (r || !c->ssl)
		return r;
	ERR_clear_error();
	errno = 0;
	r = SSL_do_handshake(c->ssl);
	if (r != 1) {
		r = tls_result(c, r, events, err);
		if ((r == 0 || r == -ECONNRESET || r == -EPIPE) && !SSL_is_server(c->ssl) &&
		    !BIO_number_read(SSL_get_rbio(c->ssl)))
			return bc_err_set(err, -ECONNRESET, "it closed the connection without an answer: it does not speak TLS, or "
					  "does not allow this address");
		return r ? r : bc_err_set(err, -ECONNRESET, "the connection was closed");
	}
	read_cert_name(c);
	return 0;
}

static ptrdiff_t receive(struct bc_conn *c, void *buf, size_t len, bool peek, short *events, struct bc_err *err)
{
	ssize_t n;
	size_t got;

	if (c->ssl) {
		ERR_clear_error();
		errno = 0;
		n = peek ? SSL_peek_ex(c->ssl, buf, len, &got) : SSL_read_ex(c->ssl, buf, len, &got);
		return n == 1 ? (ptrdiff_t)got : tls_result(c, (int)n, events, err);
	}
	do
		n = recv(c->fd, buf, len, peek ? MSG_PEEK : 0);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	*events = POLLIN;
	return errno == EAGAIN ? -EAGAIN : bc_err_set(err, -errno, "%s", strerror(errno));
}

ptrdiff_t bc_conn_read(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *err)
{
	return receive(c, buf, len, false, events, err);
}

ptrdiff_t bc_conn_peek(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *err)
{
	return receive(c, buf, len, true, events, err);
}

ptrdiff_t bc_conn_write(struct bc_conn *c, const void *buf, size_t len, short *events, struct bc_err *err)
{
	size_t put;
	ssize_t n;

	if (c->ssl) {
		ERR_clear_error();
		errno = 0;
		n = SSL_write_ex(c->ssl, buf, len, &put);
		if (n == 1)
			return (ptrdiff_t)put;
		n = tls_result(c, (int)n, events, err);
		return n ? n : bc_err_set(err, -EPIPE, "the connection was closed");
	}
	do
		n = send(c->fd, buf, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	*events = POLLOUT;
	return errno == EAGAIN ? -EAGAIN : bc_err_set(err, -errno, "%s", strerror(errno));
}

int bc_conn_end(struct bc_conn *c, short *events)
{
	int r;

	if (c->ended)
		return 0;
	if (c->ssl) {
		ERR_clear_error();
		errno = 0;
		r = SSL_shutdown(c->ssl);
		if (r < 0) {
			r = tls_result(c, r, events, NULL);
			if (r)
				return r;
		}
	}
	c->ended = true;
	return shutdown(c->fd, SHUT_WR) < 0 ? -errno : 0;
}

uint64_t bc_conn_confirm_ns(const struct bc_conn *c)
{
	struct tcp_info info = { .tcpi_rtt = 0 };
	socklen_t len = sizeof(info);
	uint64_t ns;

	getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	ns = info.tcpi_rtt * 2 * BC_NS_PER_US;
	return ns < CONFIRM_MIN_NS ? CONFIRM_MIN_NS : ns > CONFIRM_MAX_NS ? CONFIRM_MAX_NS : ns;
}

uint32_t bc_conn_unacked(const struct bc_conn *c)
{
	int n = 0;

	return ioctl(c->fd, SIOCOUTQ, &n) < 0 || n < 0 ? 0 : (uint32_t)n;
}

void bc_conn_close(struct bc_conn *c)
{
	if (!c)
		return;
	SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c->host);
	free(c);
}

int bc_conn_fd(const struct bc_conn *c)
{
	return c->fd;
}

const char *bc_conn_address(const struct bc_conn *c)
{
	return c->address;
}

const char *bc_conn_cert_name(const struct bc_conn *c)
{
	return c->cert_name;
}

bool bc_conn_cert_is(const struct bc_conn *c, const char *name)
{
	X509 *x;

	if (!c->ssl || SSL_get_verify_result(c->ssl) != X509_V_OK)
		return false;
	x = SSL_get0_peer_certificate(c->ssl);
	return x && X509_check_host(x, name, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}
