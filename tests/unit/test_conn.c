/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "bc_conn.h"
#include "bc_time.h"
#include "keyring.h"
#include "scratch.h"

#define LIMIT_NS (60 * BC_NS_PER_S)

static char ca[SCRATCH_MAX];
static struct bc_err client_err, server_err;
static uint16_t port;
static int listener;

/* Names of files in the folder of the authority, which live until 32 more are made. Skips the test where there is no authority. */
static const char *in_ca(const char *name)
{
	static char names[32][128];
	static int next;
	char *at = names[next++ % 32];

	if (!*ca)
		BC_SKIP("there is no openssl(1)");
	snprintf(at, sizeof(names[0]), "%s/%s", ca, name);
	return at;
}

static struct bc_tls_files files(const char *name)
{
	char crt[64] = "", key[64] = "";

	if (name) {
		snprintf(crt, sizeof(crt), "%s.crt", name);
		snprintf(key, sizeof(key), "%s.key", name);
	}
	return (struct bc_tls_files){
		.cert = name ? in_ca(crt) : NULL, .key = name ? in_ca(key) : NULL, .ca = in_ca("ca.crt"),
	};
}

/* NULL: there is no key. */
static struct bc_keyring *keyring_for(const struct bc_tls_files *files)
{
	struct bc_keyring_key key;

	return bc_tls_key(files, &key) ? keyring_of(key) : NULL;
}

static struct bc_tls *new_tls(enum bc_tls_side side, struct bc_tls_files f)
{
	struct bc_tls *t = NULL;

	if (bc_tls_new(side, &f, keyring_for(&f), &t, &client_err))
		fail_msg("%s", client_err.msg);
	return t;
}

/* Two ends, and what each end's handshake came to. */
struct pair {
	struct bc_conn *client, *server;
	int client_rc, server_rc;
};

static int go_on(struct bc_conn *c, int rc, struct bc_err *err)
{
	short events;

	return rc == -EAGAIN ? bc_conn_handshake(c, &events, err) : rc;
}

static struct pair pair_up(const char *host, struct bc_tls *client, struct bc_tls *server)
{
	const struct bc_conn_target target = { .host = host, .port = port };
	struct pair p = { .client_rc = -EAGAIN, .server_rc = -EAGAIN };

	assert_int_equal(bc_conn_connect(&target, 0, client, &p.client, &client_err), 0);
	assert_int_equal(bc_conn_accept(net_accept(listener), server, &p.server, &server_err), 0);
	for (int i = 0; i < 2000 && (p.client_rc == -EAGAIN || p.server_rc == -EAGAIN); i++) {
		p.client_rc = go_on(p.client, p.client_rc, &client_err);
		p.server_rc = go_on(p.server, p.server_rc, &server_err);
		/* One that gives up is gone for the other. */
		if (p.server_rc < 0 && p.server_rc != -EAGAIN && p.server) {
			bc_conn_close(p.server);
			p.server = NULL;
		}
		if (p.client_rc < 0 && p.client_rc != -EAGAIN && p.client) {
			bc_conn_close(p.client);
			p.client = NULL;
		}
		if (!p.client || !p.server)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return p;
}

static void part(struct pair *p)
{
	bc_conn_close(p->client);
	bc_conn_close(p->server);
}

/* Many bytes from the client to the server, in whatever pieces, and the end behind them. */
static void carry(struct pair *p)
{
	enum { TOTAL = 3000000 };
	static uint8_t out[TOTAL], in[TOTAL + 1];
	uint64_t until_ns = bc_mono_ns() + LIMIT_NS;
	size_t sent = 0, got = 0;
	bool ended = false, over = false;
	short events;

	for (size_t i = 0; i < TOTAL; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	while (!over && bc_mono_ns() < until_ns) {
		ptrdiff_t n = sent < TOTAL ? bc_conn_write(p->client, out + sent, TOTAL - sent, &events, &client_err) : 0;

		assert_true(n >= 0 || n == -EAGAIN);
		sent += n > 0 ? (size_t)n : 0;
		if (sent == TOTAL && !ended)
			ended = bc_conn_end(p->client, &events) == 0;
		n = bc_conn_read(p->server, in + got, sizeof(in) - got, &events, &server_err);
		assert_true(n >= 0 || n == -EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		over = n == 0;
	}
	assert_true(over);
	assert_int_equal(got, TOTAL);
	assert_memory_equal(in, out, TOTAL);
}

static void plain_bytes_come_through(void **state)
{
	struct pair p = pair_up("127.0.0.1", NULL, NULL);

	assert_true(p.client_rc == 0 && p.server_rc == 0);
	carry(&p);
	assert_int_equal(strncmp(bc_conn_address(p.server), "127.0.0.1:", 10), 0);
	assert_string_equal(bc_conn_cert_name(p.server), "");
	assert_false(bc_conn_cert_is(p.server, "node1"));
	part(&p);
}

static void a_port_that_nobody_listens_on_is_told(void **state)
{
	struct bc_conn_target target = { .host = "127.0.0.1", .port = 1 };
	struct bc_conn *c = NULL;
	uint64_t until_ns = bc_mono_ns() + LIMIT_NS;
	short events;
	int r = bc_conn_connect(&target, 0, NULL, &c, &client_err);

	if (!r)
		do
			r = bc_conn_handshake(c, &events, &client_err);
		while (r == -EAGAIN && bc_mono_ns() < until_ns);
	assert_int_equal(r, -ECONNREFUSED);
	assert_non_null(strstr(client_err.msg, "Connection refused"));
	bc_conn_close(c);
	target.host = "there.is.no.such.host.invalid";
	assert_int_equal(bc_conn_connect(&target, 0, NULL, &c, &client_err), -EHOSTUNREACH);
	assert_non_null(strstr(client_err.msg, "cannot resolve"));
	target = (struct bc_conn_target){ .host = "127.0.0.1", .port = port, .source = "192.0.2.77" };
	assert_int_equal(bc_conn_connect(&target, 0, NULL, &c, &client_err), -EADDRNOTAVAIL);
}

static void mutual_tls_comes_through_and_tells_names(void **state)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, files("node1")), *server = new_tls(BC_TLS_SERVER, files("127.0.0.1"));
	struct pair p = pair_up("127.0.0.1", client, server);

	assert_true(p.client_rc == 0 && p.server_rc == 0);
	carry(&p);
	assert_string_equal(bc_conn_cert_name(p.server), "node1");
	assert_true(bc_conn_cert_is(p.server, "NODE1"));
	assert_false(bc_conn_cert_is(p.server, "node2"));
	assert_string_equal(bc_conn_cert_name(p.client), "127.0.0.1");
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void a_server_without_a_ca_asks_for_no_certificate(void **state)
{
	struct bc_tls_files f = files("localhost");
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, files(NULL)), *server;
	struct pair p;

	f.ca = NULL;
	server = new_tls(BC_TLS_SERVER, f);
	p = pair_up("localhost", client, server);
	assert_true(p.client_rc == 0 && p.server_rc == 0);
	assert_string_equal(bc_conn_cert_name(p.server), "");
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void the_authority_can_be_a_folder(void **state)
{
	struct bc_tls_files f = files("node1");
	struct bc_tls *client, *server = new_tls(BC_TLS_SERVER, files("127.0.0.1"));
	char command[512];
	struct pair p;

	f.ca = in_ca("hashed");
	snprintf(command, sizeof(command), "mkdir %s && cp %s %s/ && openssl rehash %s", f.ca, in_ca("ca.crt"), f.ca, f.ca);
	assert_int_equal(system(command), 0);
	client = new_tls(BC_TLS_CLIENT, f);
	p = pair_up("127.0.0.1", client, server);
	assert_true(p.client_rc == 0 && p.server_rc == 0);
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

/* The client refuses the server, for this reason. */
static void client_refuses(struct bc_tls_files client_files, const char *host, struct bc_tls_files server_files, const char *why)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, client_files), *server = new_tls(BC_TLS_SERVER, server_files);
	struct pair p = pair_up(host, client, server);

	assert_int_equal(p.client_rc, -EACCES);
	if (!strstr(client_err.msg, why))
		fail_msg("'%s' instead of '%s'", client_err.msg, why);
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void a_client_refuses_wrong_certificates(void **state)
{
	struct bc_tls_files with_crl = files("node1"), other = files("node1");

	client_refuses(files("node1"), "127.0.0.1", files("localhost"), "IP address mismatch");
	client_refuses(files("node1"), "localhost", files("127.0.0.1"), "hostname mismatch");
	client_refuses(files("node1"), "localhost", files("expired"), "certificate has expired");
	with_crl.crl = in_ca("ca.crl");
	client_refuses(with_crl, "localhost", files("revoked"), "certificate revoked");
	other.ca = in_ca("other/ca.crt");
	client_refuses(other, "localhost", files("localhost"), "self-signed certificate in certificate chain");
	other.ca = NULL;
	client_refuses(other, "localhost", files("localhost"), "self-signed certificate in certificate chain");
}

/* The server refuses the client, which may learn of it only when it reads. */
static void server_refuses(struct bc_tls_files client_files, struct bc_tls_files server_files, const char *why)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, client_files), *server = new_tls(BC_TLS_SERVER, server_files);
	struct pair p = pair_up("127.0.0.1", client, server);
	ptrdiff_t n = p.client_rc;
	uint8_t byte;
	short events;

	assert_int_equal(p.server_rc, -EACCES);
	if (!strstr(server_err.msg, why))
		fail_msg("'%s' instead of '%s'", server_err.msg, why);
	while (p.client && (n == 0 || n == -EAGAIN)) {
		n = p.client_rc == -EAGAIN ? p.client_rc = bc_conn_handshake(p.client, &events, &client_err)
					   : bc_conn_read(p.client, &byte, 1, &events, &client_err);
	}
	assert_int_equal(n, -EACCES);
	assert_non_null(strstr(client_err.msg, "it refuses our certificate"));
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void a_server_refuses_wrong_certificates(void **state)
{
	struct bc_tls_files server = files("127.0.0.1");

	server_refuses(files(NULL), server, "presents no certificate");
	server_refuses(files("expired"), files("127.0.0.1"), "certificate has expired");
	server = files("127.0.0.1");
	server.crl = in_ca("ca.crl");
	server_refuses(files("revoked"), server, "certificate revoked");
	server = files("127.0.0.1");
	server_refuses((struct bc_tls_files){ .cert = in_ca("other/node1.crt"), .key = in_ca("other/node1.key"), .ca = in_ca("ca.crt") },
		       server, "unable to get local issuer certificate");
}

static void what_is_no_tls_is_told(void **state)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, files(NULL));
	const struct bc_conn_target target = { .host = "127.0.0.1", .port = port };
	struct bc_conn *c;
	short events;
	int fd, r;

	assert_int_equal(bc_conn_connect(&target, 0, client, &c, &client_err), 0);
	fd = net_accept(listener);
	assert_int_equal(write(fd, "HTTP/1.0 400 what is this\r\n\r\n", 29), 29);
	do
		r = bc_conn_handshake(c, &events, &client_err);
	while (r == -EAGAIN);
	assert_int_equal(r, -EPROTO);
	assert_string_equal(client_err.msg, "it does not speak TLS");
	bc_conn_close(c);
	close(fd);
	bc_tls_free(client);
}

/* Without TLS's own end the stream may have been cut off by anybody. */
static void a_tls_stream_that_is_cut_off_is_no_end(void **state)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, files("node1")), *server = new_tls(BC_TLS_SERVER, files("127.0.0.1"));
	struct pair p = pair_up("127.0.0.1", client, server);
	ptrdiff_t n;
	uint8_t byte;
	short events;

	bc_conn_close(p.client);
	p.client = NULL;
	do
		n = bc_conn_read(p.server, &byte, 1, &events, &server_err);
	while (n == -EAGAIN);
	assert_int_equal(n, -ECONNRESET);
	part(&p);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void a_reload_holds_for_the_next_connections(void **state)
{
	struct bc_tls *client = new_tls(BC_TLS_CLIENT, files("node1")), *server;
	struct bc_tls_files f = files("127.0.0.1");
	struct pair before, after;
	uint8_t byte = 1;
	short events;
	char copy[512];

	snprintf(copy, sizeof(copy), "cp %s %s && cp %s %s", f.cert, in_ca("live.crt"), f.key, in_ca("live.key"));
	assert_int_equal(system(copy), 0);
	server = new_tls(BC_TLS_SERVER, files("live"));
	before = pair_up("127.0.0.1", client, server);
	assert_int_equal(before.client_rc, 0);
	/* A broken file changes nothing. */
	assert_int_equal(truncate(in_ca("live.crt"), 10), 0);
	assert_true(bc_tls_reload(server, &server_err) < 0);
	assert_non_null(strstr(server_err.msg, "live.crt"));
	after = pair_up("127.0.0.1", client, server);
	assert_int_equal(after.client_rc, 0);
	part(&after);
	f = files("localhost");
	snprintf(copy, sizeof(copy), "cp %s %s && cp %s %s", f.cert, in_ca("live.crt"), f.key, in_ca("live.key"));
	assert_int_equal(system(copy), 0);
	assert_int_equal(bc_tls_reload(server, &server_err), 0);
	after = pair_up("127.0.0.1", client, server);
	assert_int_equal(after.client_rc, -EACCES);
	part(&after);
	assert_int_equal(bc_conn_write(before.client, &byte, 1, &events, &client_err), 1);
	while (bc_conn_read(before.server, &byte, 1, &events, &server_err) == -EAGAIN)
		continue;
	part(&before);
	bc_tls_free(client);
	bc_tls_free(server);
}

static void files_that_are_not_right_are_named(void **state)
{
	struct bc_tls *t = NULL;
	struct bc_tls_files bad[] = {
		{ .cert = "/nowhere.crt" }, { .cert = in_ca("127.0.0.1.crt"), .key = in_ca("localhost.key") },
		{ .ca = "/nowhere.crt" }, { .ca = in_ca("ca.crt"), .crl = in_ca("ca.crt") }, { .key = in_ca("localhost.key") },
	};
	static const char *const want[] = {
		"--tls-cert: cannot load a certificate from '/nowhere.crt': No such file", "localhost.key' has no usable key for",
		"--tls-ca: '/nowhere.crt'", "--tls-crl: cannot load a revocation list from", "has no certificate",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(bc_tls_new(BC_TLS_CLIENT, &bad[i], keyring_for(&bad[i]), &t, &client_err) < 0);
		if (!strstr(client_err.msg, want[i]))
			fail_msg("'%s' instead of '%s'", client_err.msg, want[i]);
	}
	assert_true(bc_tls_new(BC_TLS_SERVER, &(struct bc_tls_files){ .ca = in_ca("ca.crt") }, NULL, &t, &client_err) < 0);
	assert_null(t);
}

/* Nobody writes it. */
static void a_named_pipe_is_not_waited_for(void **state)
{
	const char *fifo = in_ca("fifo");
	const struct bc_tls_files bad[] = { { .cert = fifo }, { .ca = fifo }, { .ca = in_ca("ca.crt"), .crl = fifo } };
	struct bc_tls *t = NULL;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bc_tls_new(BC_TLS_CLIENT, &bad[i], NULL, &t, &client_err), -EINVAL);
		assert_non_null(strstr(client_err.msg, "fifo' is a named pipe"));
	}
}

static void make_authorities(void)
{
	char other[SCRATCH_MAX + 8];

	scratch_folder(ca, "bc-conn");
	net_ca(ca, "127.0.0.1 localhost node1 revoked=localhost");
	net_ca(ca, "--revoke revoked");
	net_ca(ca, "--expired expired=localhost");
	snprintf(other, sizeof(other), "%s/other", ca);
	net_ca(other, "node1");
}

static int begin(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	if (system("command -v openssl >/dev/null") == 0)
		make_authorities();
	listener = net_listen(&port);
	return 0;
}

static int end(void **state)
{
	close(listener);
	keyrings_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_bytes_come_through),
		cmocka_unit_test(a_port_that_nobody_listens_on_is_told),
		cmocka_unit_test(mutual_tls_comes_through_and_tells_names),
		cmocka_unit_test(a_server_without_a_ca_asks_for_no_certificate),
		cmocka_unit_test(the_authority_can_be_a_folder),
		cmocka_unit_test(a_client_refuses_wrong_certificates),
		cmocka_unit_test(a_server_refuses_wrong_certificates),
		cmocka_unit_test(what_is_no_tls_is_told),
		cmocka_unit_test(a_tls_stream_that_is_cut_off_is_no_end),
		cmocka_unit_test(a_reload_holds_for_the_next_connections),
		cmocka_unit_test(files_that_are_not_right_are_named),
		cmocka_unit_test(a_named_pipe_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
