/* SPDX-License-Identifier: BSD-3-Clause */
/* In the process that keeps the keys: files are read, and signatures made. */
#include "bc_keyring_priv.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <openssl/crypto.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "bc_sandbox.h"
#include "bc_thread.h"

#define SECRET_BYTES (1U << 20)	/* locked in memory, in no core dump */
#define SECRET_LEAST 16U
#define STACK_BYTES (1U << 20)	/* more than anything here takes */
#define PAGE_BYTES 4096U

/* A stack that is locked does not grow beyond RLIMIT_MEMLOCK once the capability to lock is gone: a signature would end the process. */
static __attribute__((noinline)) void grow_stack(void)
{
	volatile uint8_t deep[STACK_BYTES];

	for (size_t i = 0; i < sizeof(deep); i += PAGE_BYTES)
		deep[i] = 0;
}

int bc_keyring_begin(void *ctx, struct bc_err *err)
{
	const struct bc_keyring_server *s = ctx;
	char *nothing[] = { NULL };
	const struct bc_sandbox box = { .duty = BC_DUTY_SIGN, .write = nothing };

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	grow_stack();
	/* As far as the limit goes: the keys themselves, which are few, are locked by OpenSSL. */
	mlockall(MCL_CURRENT | MCL_ONFAULT);
	if (!CRYPTO_secure_malloc_init(SECRET_BYTES, SECRET_LEAST))
		return bc_err_set(err, -ENOMEM, "no memory for private keys");
	if (s->cfg->begin)
		s->cfg->begin(s->cfg->ctx);
	bc_thread_shed_but(1ULL << CAP_DAC_READ_SEARCH);
	if (!s->cfg->no_sandbox)
		bc_sandbox_enter(&box);
	return 0;
}

/* The number by which it is held; the same key of the same file has one. Takes key. */
static int hold(struct bc_keyring_server *s, unsigned of, EVP_PKEY *key)
{
	unsigned at = BC_KEYRING_KEYS;

	for (unsigned i = 0; i < BC_KEYRING_KEYS; i++) {
		struct bc_keyring_held *h = &s->held[i];

		if (h->readers && h->of == of && EVP_PKEY_eq(h->key, key) == 1) {
			EVP_PKEY_free(key);
			h->readers++;
			return (int)i;
		}
		if (!h->readers && at == BC_KEYRING_KEYS)
			at = i;
	}
	if (at == BC_KEYRING_KEYS) {
		EVP_PKEY_free(key);
		return -ENOSPC;
	}
	s->held[at] = (struct bc_keyring_held){ .key = key, .of = of, .readers = 1 };
	return (int)at;
}

static void forget(struct bc_keyring_held *h)
{
	if (--h->readers == 0) {
		EVP_PKEY_free(h->key);
		h->key = NULL;
	}
}

static int put_public(EVP_PKEY *key, uint8_t *ret, size_t *len)
{
	int n = i2d_PUBKEY(key, NULL);

	if (n <= 0 || (size_t)n > *len)
		return -EINVAL;
	*len = (size_t)i2d_PUBKEY(key, &ret);
	return 0;
}

static int read_key(struct bc_keyring_server *s, const struct bc_keyring_ask *ask, struct bc_apart_message *m, uint8_t *ret, size_t *len)
{
	const struct bc_keyring_key *key = &s->cfg->key[ask->key];
	struct bc_err err = { .msg = "" };
	EVP_PKEY *pkey = NULL;
	int r = key->purpose->read(key->path, key->owner, m->n_fds ? m->fd[0] : -1, &pkey, &err);

	if (!r)
		r = hold(s, ask->key, pkey);
	if (r == -ENOSPC)
		bc_err_set(&err, r, "%s: too many connections have kept an older key of it: start again", key->path);
	if (r >= 0 && put_public(s->held[r].key, ret, len)) {
		forget(&s->held[r]);
		r = bc_err_set(&err, -EINVAL, "%s: no key of a kind that can be used", key->path);
	}
	if (r < 0) {
		*len = strlen(err.msg);
		memcpy(ret, err.msg, *len);
	}
	return r;
}

static int copy_certificates(const struct bc_keyring_server *s, const struct bc_keyring_ask *ask, const struct bc_apart_message *m,
			     struct bc_apart_message *answer)
{
	int fd = bc_keyring_copy_certificates(s->cfg->key[ask->key].path, m->n_fds ? m->fd[0] : -1);

	if (fd < 0)
		return fd;
	answer->fd[answer->n_fds++] = fd;
	return 0;
}

static const EVP_MD *find_hash(int nid)
{
	switch (nid) {
	case NID_sha224:
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		return EVP_get_digestbynid(nid);
	default:
		return NULL;
	}
}

static bool pad(EVP_PKEY_CTX *ctx, int padding)
{
	if (padding == BC_PADDING_PSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	return padding == BC_PADDING_NONE || (padding == BC_PADDING_PKCS1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1);
}

static int sign_hash(EVP_PKEY *key, const struct bc_keyring_ask *ask, const uint8_t *hash, size_t n, uint8_t *ret, size_t *len)
{
	const bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
	const EVP_MD *md = find_hash(ask->md);
	EVP_PKEY_CTX *ctx;
	int r;

	if (!md || n != (size_t)EVP_MD_get_size(md) || rsa != (ask->padding != BC_PADDING_NONE) || !(rsa || EVP_PKEY_is_a(key, "EC")))
		return -EINVAL;
	ctx = EVP_PKEY_CTX_new(key, NULL);
	r = ctx && EVP_PKEY_sign_init(ctx) == 1 && pad(ctx, ask->padding) && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
	    EVP_PKEY_sign(ctx, ret, len, hash, n) == 1 ? 0 : -EIO;
	EVP_PKEY_CTX_free(ctx);
	return r;
}

static int sign_text(EVP_PKEY *key, const uint8_t *text, size_t n, uint8_t *ret, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(ctx, ret, len, text, n) == 1 ? 0 : -EIO;

	EVP_MD_CTX_free(ctx);
	return r;
}

static int sign(const struct bc_keyring_server *s, const struct bc_keyring_ask *ask, const struct bc_apart_message *m, uint8_t *ret, size_t *len)
{
	const struct bc_keyring_held *h = &s->held[ask->key];
	const struct bc_key_purpose *purpose = s->cfg->key[h->of].purpose;
	const uint8_t *data = m->data + sizeof(*ask);
	const size_t n = m->len - sizeof(*ask);

	if (purpose->may_sign && !purpose->may_sign(data, n))
		return -EACCES;
	if (EVP_PKEY_is_a(h->key, "ED25519") || EVP_PKEY_is_a(h->key, "ED448"))
		return ask->md || ask->padding ? -EINVAL : sign_text(h->key, data, n, ret, len);
	return sign_hash(h->key, ask, data, n, ret, len);
}

void bc_keyring_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct bc_keyring_server *s = ctx;
	struct bc_keyring_answer a = { .result = -EINVAL };
	struct bc_keyring_ask ask = { .what = -1 };
	uint8_t *ret = answer->data + sizeof(a);
	size_t len = sizeof(answer->data) - sizeof(a), used = 0;
	bool held;

	if (request->len >= sizeof(ask))
		memcpy(&ask, request->data, sizeof(ask));
	held = ask.key < BC_KEYRING_KEYS && s->held[ask.key].readers;
	if (ask.what == BC_KEYRING_READ && ask.key < s->cfg->n) {
		a.result = read_key(s, &ask, request, ret, &len);
		used = len;
	} else if (ask.what == BC_KEYRING_CERTIFICATES && ask.key < s->cfg->n) {
		a.result = copy_certificates(s, &ask, request, answer);
	} else if (ask.what == BC_KEYRING_SIGN && held) {
		a.result = sign(s, &ask, request, ret, &len);
		used = a.result ? 0 : len;
	} else if (ask.what == BC_KEYRING_FORGET && held) {
		forget(&s->held[ask.key]);
		a.result = 0;
	}
	memcpy(answer->data, &a, sizeof(a));
	answer->len = sizeof(a) + used;
}
