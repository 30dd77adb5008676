/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_keyring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "bc_file.h"
#include "bc_keyring_priv.h"
#include "bc_key_provider.h"

/* Handshakes wait for it, and with them all that comes from the network. The longest signature takes a second. */
#define PATIENCE_MS 10000

struct bc_keyring {
	struct bc_keyring_config cfg;
	struct bc_apart *apart;
	struct bc_key_provider *provider;
};

struct bc_kept {
	struct bc_keyring *keyring;
	uint32_t number;
	EVP_PKEY *public;
};

int bc_keyring_new(const struct bc_keyring_config *cfg, struct bc_keyring **ret, struct bc_err *err)
{
	struct bc_keyring *k = calloc(1, sizeof(*k));
	struct bc_keyring_server server = { .cfg = cfg };
	int r;

	if (!k)
		return bc_err_set(err, -ENOMEM, "no memory for private keys");
	k->cfg = *cfg;
	r = bc_apart_new(&(struct bc_apart_config){
		.name = "bc-keyring", .begin = bc_keyring_begin, .serve = bc_keyring_serve, .ctx = &server,
		.patience_ms = PATIENCE_MS,
	}, &k->apart, err);
	if (!r)
		r = bc_key_provider_new(&k->provider, err);
	if (r)
		bc_keyring_free(k);
	else
		*ret = k;
	return r;
}

bool bc_keyring_has_ended(struct bc_keyring *k)
{
	return bc_apart_has_ended(k->apart);
}

int bc_keyring_pid(struct bc_keyring *k)
{
	return bc_apart_pid(k->apart);
}

void bc_keyring_free(struct bc_keyring *k)
{
	if (!k)
		return;
	bc_key_provider_free(k->provider);
	bc_apart_free(k->apart);
	free(k);
}

OSSL_LIB_CTX *bc_keyring_library(const struct bc_keyring *k)
{
	return k ? bc_key_provider_library(k->provider) : NULL;
}

/* The answer's number; *m becomes the answer, with *len bytes behind it. */
static int ask_for(struct bc_keyring *k, const struct bc_keyring_ask *ask, struct bc_apart_message *m, size_t *len)
{
	struct bc_keyring_answer a;
	int r;

	*len = 0;
	memcpy(m->data, ask, sizeof(*ask));
	r = bc_apart_ask(k->apart, m, m);
	if (!r && m->len < sizeof(a))
		r = -EPROTO;
	if (r)
		return r;
	memcpy(&a, m->data, sizeof(a));
	*len = m->len - sizeof(a);
	return a.result;
}

/* Takes what the keyring holds by this number. */
static int take(struct bc_keyring *k, uint32_t number, const uint8_t *der, size_t len, struct bc_kept **ret)
{
	struct bc_kept *key = malloc(sizeof(*key));

	if (!key)
		return -ENOMEM;
	*key = (struct bc_kept){ .keyring = k, .number = number, .public = d2i_PUBKEY(NULL, &der, (long)len) };
	*ret = key;
	return key->public ? 0 : -EINVAL;
}

/* Ask about a file: -ENOENT, it was not told of it. */
static int ask_about(struct bc_keyring *k, int what, const char *path, struct bc_apart_message *m, size_t *len)
{
	struct bc_keyring_ask ask = { .what = what };
	int fd = bc_file_descriptor(path);

	*m = (struct bc_apart_message){ .len = sizeof(ask) };
	*len = 0;
	while (ask.key < k->cfg.n && strcmp(k->cfg.key[ask.key].path, path) != 0)
		ask.key++;
	if (fd >= 0)
		m->fd[m->n_fds++] = fd;
	return ask.key < k->cfg.n ? ask_for(k, &ask, m, len) : -ENOENT;
}

int bc_keyring_certificates(struct bc_keyring *k, const char *path)
{
	struct bc_apart_message m;
	size_t len;
	int r = ask_about(k, BC_KEYRING_CERTIFICATES, path, &m, &len);

	return r ? r : m.n_fds == 1 ? m.fd[0] : -EPROTO;
}

int bc_keyring_read(struct bc_keyring *k, const char *path, struct bc_kept **ret, struct bc_err *err)
{
	struct bc_apart_message m;
	struct bc_kept *key = NULL;
	size_t len;
	int r = ask_about(k, BC_KEYRING_READ, path, &m, &len);

	if (r == -EPIPE)
		return bc_err_set(err, r, "%s: " BC_KEYRING_ENDED, path);
	if (r < 0 && !len)
		return bc_err_set(err, r, "%s: %s", path, strerror(-r));
	if (r < 0)
		return bc_err_set(err, r, "%.*s", (int)len, (const char *)m.data + sizeof(struct bc_keyring_answer));
	r = take(k, (uint32_t)r, m.data + sizeof(struct bc_keyring_answer), len, &key);
	if (r) {
		bc_kept_free(key);
		return bc_err_set(err, r, "%s: %s", path, strerror(-r));
	}
	*ret = key;
	return 0;
}

int bc_keyring_pkey(struct bc_keyring *k, const char *path, EVP_PKEY **ret, struct bc_err *err)
{
	struct bc_kept *key;
	EVP_PKEY *pkey;
	int r = bc_keyring_read(k, path, &key, err);

	if (r)
		return r;
	pkey = bc_key_provider_wrap(k->provider, key);
	if (!pkey) {
		bc_kept_free(key);
		return bc_err_set(err, -EINVAL, "%s: no key of a kind that can be used: take RSA, EC or Ed25519", path);
	}
	*ret = pkey;
	return 0;
}

EVP_PKEY *bc_kept_public(const struct bc_kept *key)
{
	return key->public;
}

int bc_kept_sign(struct bc_kept *key, const struct bc_how *how, const uint8_t *data, size_t len, uint8_t *ret, size_t *ret_len)
{
	const struct bc_keyring_ask ask = {
		.what = BC_KEYRING_SIGN, .key = key->number, .md = how->md, .padding = (int32_t)how->padding,
	};
	struct bc_apart_message m = { .len = sizeof(ask) + len };
	size_t n;
	int r;

	if (len > BC_KEYRING_TEXT_MAX)
		return -E2BIG;
	memcpy(m.data + sizeof(ask), data, len);
	r = ask_for(key->keyring, &ask, &m, &n);
	if (r)
		return r;
	if (n > *ret_len)
		return -E2BIG;
	memcpy(ret, m.data + sizeof(struct bc_keyring_answer), n);
	*ret_len = n;
	return 0;
}

void bc_kept_free(struct bc_kept *key)
{
	struct bc_apart_message m = { .len = sizeof(struct bc_keyring_ask) };
	size_t len;

	if (!key)
		return;
	ask_for(key->keyring, &(struct bc_keyring_ask){ .what = BC_KEYRING_FORGET, .key = key->number }, &m, &len);
	EVP_PKEY_free(key->public);
	free(key);
}
