/* SPDX-License-Identifier: BSD-3-Clause */
/* PCAP-over-IP beside a session's outputs. */
#include "bc_config_tap.h"
#include "bc_session_priv.h"
#include "bc_tap.h"

#define LINGER_MS 1000	/* for a client that has not taken everything, and takes nothing */
#define OPTION "--pcap-over-ip"

static void warn(const struct bc_session *s, const struct bc_config_tap *t)
{
	if (t->loopback || (t->tls && s->cfg->tls_ca))
		return;
	bc_log(&s->log, BC_WARN, OPTION ": %s can be reached from other hosts, and whoever connects sees all packets%s: listen on "
	       "127.0.0.1, or use ,tls and --tls-ca, so that only certificates of your own are let in", t->listen.text,
	       t->tls ? "" : ", unencrypted");
}

int bc_session_new_tap(struct bc_session *s, struct bc_err *err)
{
	const struct bc_config *c = s->cfg;
	const struct bc_tls_files files = { c->tls_cert, c->tls_key, c->tls_ca, c->tls_crl };
	struct bc_config_tap t;
	struct bc_tap_config tc;
	int r = c->pcap_over_ip ? bc_config_tap_parse(OPTION, c->pcap_over_ip, &t, err) : 0;

	if (r || !c->pcap_over_ip)
		return r;
	tc = (struct bc_tap_config){
		.listen = t.listen, .format = t.format, .clients = t.clients, .buffer_bytes = (size_t)t.buffer_mib << 20,
		.linger_ms = LINGER_MS, .log = &s->log,
	};
	r = t.tls ? bc_tls_new(BC_TLS_SERVER, &files, s->keyring, &tc.tls, err) : 0;
	if (!r)
		r = bc_tap_new(&tc, &s->tap, err);
	if (r) {
		bc_tls_free(tc.tls);
		return bc_err_prefix(err, r, OPTION);
	}
	warn(s, &t);
	return 0;
}

void bc_session_reload_tap(const struct bc_session *s)
{
	struct bc_err err;

	if (bc_tap_reload(s->tap, &err))
		bc_log(&s->log, BC_ERROR, OPTION ": keeping the current certificates: %s", err.msg);
}
