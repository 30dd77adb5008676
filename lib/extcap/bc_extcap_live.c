/* SPDX-License-Identifier: BSD-3-Clause */
/* From a capture's --pcap-over-ip into Wireshark's pipe. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "bc_conn.h"
#include "bc_ctl_client.h"
#include "bc_extcap.h"
#include "bc_extcap_fifo.h"
#include "bc_extcap_relay.h"
#include "bc_extcap_toolbar.h"
#include "bc_field.h"
#include "bc_keyring.h"
#include "bc_time.h"
#include "bc_tls.h"

#define HOST_MAX 256
#define CONNECT_NS (10 * BC_NS_PER_S)

struct live {
	const struct bc_extcap_request *q;
	struct bc_err *err;
	char host[HOST_MAX];
	unsigned short port;
	char prefix[BC_CTL_PREFIX_MAX];	/* of the capture, if it is known */
	int signals;
	int fifo;
	struct bc_keyring_key key;
	struct bc_keyring *keyring;
	struct bc_tls *tls;
	struct bc_conn *conn;
	struct bc_extcap_relay *relay;
	struct bc_extcap_toolbar toolbar;
	bool over;			/* the stream has ended */
	bool dry;			/* the connection has nothing more at present, in TLS not even where poll does not see it */
	short events;			/* what the connection waits for */
	uint8_t data[64 << 10];
};

/* The captures that serve packets, and are called so if a name is given; *ret_names is the line that lists them. */
static unsigned find_captures(const char *name, struct bc_ctl_capture *one, char *names, size_t size)
{
	struct bc_ctl_capture all[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find(name ? name : "", all);
	unsigned found = 0;

	names[0] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		if (!json_object_get(all[i].info, "pcap_over_ip") || (name && strcmp(all[i].prefix, name))) {
			json_decref(all[i].info);
			continue;
		}
		if (found++)
			json_decref(one->info);
		*one = all[i];
		snprintf(names + strlen(names), size - strlen(names), "%s%.63s", *names ? ", " : "", all[i].prefix);
	}
	return found;
}

static int find_server(struct live *l)
{
	struct bc_ctl_capture one = { .info = NULL };
	char names[512];
	unsigned n;
	int r;

	if (l->q->server)
		return bc_extcap_server(l->q->server, l->host, sizeof(l->host), &l->port, l->err);
	n = find_captures(l->q->prefix, &one, names, sizeof(names));
	if (n == 1) {
		snprintf(l->prefix, sizeof(l->prefix), "%s", one.prefix);
		r = bc_extcap_server(bc_field_text(json_object_get(one.info, "pcap_over_ip"), "address"), l->host, sizeof(l->host),
				     &l->port, l->err);
	} else if (n) {
		r = bc_err_set(l->err, -EINVAL, "several captures serve packets: choose one (--prefix): %s", names);
	} else if (l->q->prefix) {
		r = bc_err_set(l->err, -ENOENT, "no capture '%.64s' with --pcap-over-ip is running here", l->q->prefix);
	} else {
		r = bc_err_set(l->err, -ENOENT, "no capture with --pcap-over-ip is running here: start one with --pcap-over-ip 57012, or name "
			       "one elsewhere (--server HOST:PORT)");
	}
	json_decref(one.info);
	return r;
}

/* 1: a signal to end has come. */
static int wait_for(struct live *l, struct pollfd *p, unsigned n, int ms)
{
	p[0] = (struct pollfd){ .fd = l->signals, .events = POLLIN };
	poll(p, n, ms);
	return p[0].revents != 0;
}

static int open_signals(struct live *l)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	l->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return l->signals < 0 ? bc_err_set(l->err, -errno, "signalfd: %s", strerror(errno)) : 0;
}

static int shake_hands(struct live *l)
{
	const uint64_t until = bc_mono_ns() + CONNECT_NS;
	int r;

	while ((r = bc_conn_handshake(l->conn, &l->events, l->err)) == -EAGAIN) {
		struct pollfd p[2] = { [1] = { .fd = bc_conn_fd(l->conn), .events = l->events } };

		if (wait_for(l, p, 2, 1000))
			return 1;
		if (bc_mono_ns() > until)
			return bc_err_set(l->err, -ETIMEDOUT, "no answer within 10 s");
	}
	l->events = POLLIN;
	return r;
}

static int connect_to(struct live *l)
{
	const struct bc_tls_files files = { l->q->tls_cert, l->q->tls_key, l->q->tls_ca, NULL };
	const struct bc_conn_target target = { .host = l->host, .port = l->port };
	int r = l->q->tls && bc_tls_key(&files, &l->key) ?
		bc_keyring_new(&(struct bc_keyring_config){ .key = &l->key, .n = 1 }, &l->keyring, l->err) : 0;

	if (!r && l->q->tls)
		r = bc_tls_new(BC_TLS_CLIENT, &files, l->keyring, &l->tls, l->err);
	if (!r)
		r = bc_conn_connect(&target, 0, l->tls, &l->conn, l->err);
	if (!r)
		r = shake_hands(l);
	return r < 0 ? bc_err_prefix(l->err, r, "%s port %u", l->host, l->port) : r;
}

/* Read while nothing waits to be written: a slow reader is the capture's to notice. */
static int receive(struct live *l)
{
	ptrdiff_t n = bc_conn_read(l->conn, l->data, sizeof(l->data), &l->events, l->err);

	l->dry = n == -EAGAIN;
	l->over = n == 0;
	if (n <= 0)
		return l->dry ? 0 : (int)n;
	l->events = POLLIN;
	return bc_extcap_relay_put(l->relay, l->data, (size_t)n, l->err);
}

/* 1: the pipe's reader is gone. */
static int pass_on(struct live *l)
{
	size_t len;
	const uint8_t *data = bc_extcap_relay_get(l->relay, &len);
	ssize_t n = len ? write(l->fifo, data, len) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return errno == EPIPE ? 1 : bc_err_set(l->err, -errno, "--fifo: %s", strerror(errno));
	if (n > 0)
		bc_extcap_relay_passed(l->relay, (size_t)n);
	return 0;
}

static int relay(struct live *l)
{
	int r = 0;

	while (!r) {
		struct pollfd p[4] = {
			[1] = { .fd = l->fifo }, [2] = { .fd = bc_conn_fd(l->conn) }, [3] = { .fd = l->toolbar.in, .events = POLLIN },
		};
		size_t len;

		bc_extcap_relay_get(l->relay, &len);
		if (!len && l->over)
			return 0;
		if (len) {
			p[1].events = POLLOUT;
			p[2].fd = -1;
		} else {
			p[2].events = l->events;
		}
		if (wait_for(l, p, 4, len || l->dry ? -1 : 0) || (p[1].revents & POLLERR))
			return 0;
		if (p[3].revents)
			bc_extcap_toolbar_read(&l->toolbar);
		r = len ? pass_on(l) : receive(l);
	}
	return r < 0 ? r : 0;
}

static int run(struct live *l)
{
	int r = open_signals(l);

	if (!r)
		r = find_server(l);
	if (!r)
		r = bc_extcap_fifo_open(l->q->fifo, l->signals, BC_EXTCAP_READER_NS, &l->fifo, l->err);
	if (!r)
		r = connect_to(l);
	if (r)
		return r < 0 ? r : 0;
	l->relay = bc_extcap_relay_new(l->q->filter);
	if (!l->relay)
		return bc_err_set(l->err, -ENOMEM, "no memory");
	bc_extcap_toolbar_open(&l->toolbar, l->q->control_in, l->q->control_out, *l->prefix ? l->prefix : NULL);
	bc_extcap_toolbar_say(&l->toolbar, "braidcap: live from %s port %u", l->host, l->port);
	return relay(l);
}

int bc_extcap_live(const struct bc_extcap_request *q, struct bc_err *err)
{
	struct live l = { .q = q, .err = err, .signals = -1, .fifo = -1, .toolbar = { .in = -1, .out = -1 } };
	int r = run(&l);

	bc_extcap_toolbar_close(&l.toolbar);
	bc_extcap_relay_free(l.relay);
	bc_conn_close(l.conn);
	bc_tls_free(l.tls);
	bc_keyring_free(l.keyring);
	if (l.fifo >= 0)
		close(l.fifo);
	if (l.signals >= 0)
		close(l.signals);
	return r;
}
