/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that keeps a session's private keys: made where there are any, and heard of when it ends. */
#include <pthread.h>

#include "bc_chain_key.h"
#include "bc_keyring.h"
#include "bc_session_priv.h"
#include "bc_tls.h"

/* As the outputs' other threads. */
static void begin(void *ctx)
{
	const struct bc_session *s = ctx;

	pthread_setaffinity_np(pthread_self(), sizeof(s->plan->control), &s->plan->control);
}

const struct bc_keyring_config *bc_session_signing(struct bc_session *s)
{
	s->signing_key = bc_chain_key_kept(s->cfg->sign);
	s->signing = (struct bc_keyring_config){ .key = &s->signing_key, .n = 1, .begin = begin, .ctx = s };
	return &s->signing;
}

/* Is it by the session's own keyring that records are signed? */
static bool signs(const struct bc_session *s)
{
	return s->cfg->sign && !s->keeper;
}

int bc_session_new_keyring(struct bc_session *s, struct bc_err *err)
{
	const struct bc_config *c = s->cfg;
	const struct bc_tls_files files = { c->tls_cert, c->tls_key, c->tls_ca, c->tls_crl };
	struct bc_keyring_config kc = { .key = s->key, .no_sandbox = c->no_sandbox, .begin = begin, .ctx = s };

	if (bc_tls_key(&files, &s->key[kc.n]))
		kc.n++;
	if (signs(s))
		s->key[kc.n++] = bc_chain_key_kept(c->sign);
	return kc.n ? bc_keyring_new(&kc, &s->keyring, err) : 0;
}

void bc_session_look_at_keyring(struct bc_session *s)
{
	if (!s->keyring || s->keyring_lost || !bc_keyring_has_ended(s->keyring))
		return;
	s->keyring_lost = true;
	bc_log(&s->log, BC_ERROR, BC_KEYRING_ENDED "; until then %s%s%s", s->cfg->tls_cert ? "TLS connections go on, and new ones fail" : "",
	       s->cfg->tls_cert && signs(s) ? "; " : "", signs(s) ? "segments get no record in the chain of custody" : "");
}
