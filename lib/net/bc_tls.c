/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tls_priv.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "bc_file.h"
#include "bc_keyring.h"

struct bc_tls {
	enum bc_tls_side side;
	char *cert, *key, *ca, *crl;	/* names of files */
	struct bc_keyring *keyring;
	pthread_mutex_t lock;
	SSL_CTX *ctx;			/* under lock; sessions hold references of their own */
};

/* What OpenSSL says is wrong, without its codes; "it cannot be used" when it says nothing. */
static const char *reason(void)
{
	unsigned long e = ERR_peek_error();
	const char *text = ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	ERR_clear_error();
	return text ? text : "it cannot be used";
}

#define LOCKED "it has a passphrase, for which nobody is there to ask: take it off with 'openssl pkey -in KEY -out NEW'"

#define NO_KEY "%s: '%s' has no usable key for '%s': %s"

/* One file may have both. */
static const char *key_option(const char *path, const char *cert)
{
	return strcmp(path, cert) ? "--tls-key" : "--tls-cert";
}

/* In the keyring's process. */
static int read_key(const char *path, const char *cert, int fd, EVP_PKEY **ret, struct bc_err *err)
{
	ERR_clear_error();
	*ret = bc_keyring_pem(path, fd);
	if (*ret)
		return 0;
	return bc_err_set(err, -EINVAL, NO_KEY, key_option(path, cert), path, cert, ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_PEM &&
			  ERR_GET_REASON(ERR_peek_error()) == PEM_R_BAD_PASSWORD_READ ? LOCKED : reason());
}

bool bc_tls_key(const struct bc_tls_files *files, struct bc_keyring_key *ret)
{
	static const struct bc_key_purpose purpose = { .read = read_key };

	*ret = (struct bc_keyring_key){ .path = files->key ? files->key : files->cert, .owner = files->cert, .purpose = &purpose };
	return files->cert;
}

static int load_key(const struct bc_tls *t, SSL_CTX *ctx, const char *path, struct bc_err *err)
{
	EVP_PKEY *key;
	int r = bc_keyring_pkey(t->keyring, path, &key, err);

	if (r)
		return r;
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		r = bc_err_set(err, -EINVAL, NO_KEY, key_option(path, t->cert), path, t->cert, reason());
	EVP_PKEY_free(key);
	return r;
}

/* OpenSSL would wait for whoever writes a FIFO, possibly forever. A pipe that the shell has made for us has its writer. */
static int check_no_fifo(const char *option, const char *path, struct bc_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode) && bc_file_descriptor(path) < 0)
		return bc_err_set(err, -EINVAL, "%s: '%s' is a named pipe: name a file", option, path);
	return 0;
}

/* From a file that has the key, too, the keyring copies them: the program does not read it. */
static int load_chain(const struct bc_tls *t, SSL_CTX *ctx, struct bc_err *err)
{
	const bool beside_key = !t->key || !strcmp(t->key, t->cert);
	int fd = beside_key ? bc_keyring_certificates(t->keyring, t->cert) : -1, ok;
	char own[32];

	if (beside_key && fd < 0)
		return bc_err_set(err, -EINVAL, "--tls-cert: cannot load a certificate from '%s': %s", t->cert, fd == -EPIPE ? BC_KEYRING_ENDED : strerror(-fd));
	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	ok = SSL_CTX_use_certificate_chain_file(ctx, beside_key ? own : t->cert);
	if (fd >= 0)
		close(fd);
	return ok == 1 ? 0 : bc_err_set(err, -EINVAL, "--tls-cert: cannot load a certificate from '%s': %s", t->cert, reason());
}

static int load_identity(const struct bc_tls *t, SSL_CTX *ctx, struct bc_err *err)
{
	const char *key = t->key ? t->key : t->cert;
	int r;

	if (!t->cert && t->key)
		return bc_err_set(err, -EINVAL, "--tls-key: '%s' has no certificate: name it with --tls-cert", t->key);
	if (!t->cert)
		return t->side == BC_TLS_CLIENT ? 0 : bc_err_set(err, -EINVAL, "--tls-cert: a server needs a certificate");
	r = check_no_fifo("--tls-cert", t->cert, err);
	if (!r)
		r = load_chain(t, ctx, err);
	return r ? r : load_key(t, ctx, key, err);
}

static int load_trust(const struct bc_tls *t, SSL_CTX *ctx, struct bc_err *err)
{
	struct stat st;
	int ok;

	if (!t->ca) {
		if (t->side == BC_TLS_CLIENT && SSL_CTX_set_default_verify_paths(ctx) != 1)
			return bc_err_set(err, -EINVAL, "TLS: cannot read the system's CAs: %s", reason());
		return 0;
	}
	if (stat(t->ca, &st) < 0)
		return bc_err_set(err, -EINVAL, "--tls-ca: '%s': %s", t->ca, strerror(errno));
	if (check_no_fifo("--tls-ca", t->ca, err))
		return -EINVAL;
	ok = S_ISDIR(st.st_mode) ? SSL_CTX_load_verify_dir(ctx, t->ca) : SSL_CTX_load_verify_file(ctx, t->ca);
	if (ok != 1)
		return bc_err_set(err, -EINVAL, "--tls-ca: cannot load a CA from '%s': %s", t->ca, reason());
	/* A server tells its clients whose certificates it takes. */
	if (t->side == BC_TLS_SERVER && !S_ISDIR(st.st_mode))
		SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(t->ca));
	return 0;
}

static int load_crl(const struct bc_tls *t, SSL_CTX *ctx, struct bc_err *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup;

	if (!t->crl)
		return 0;
	if (t->side == BC_TLS_SERVER && !t->ca)
		return bc_err_set(err, -EINVAL, "--tls-crl: a revocation list needs the CA whose certificates it revokes: name it with --tls-ca");
	if (check_no_fifo("--tls-crl", t->crl, err))
		return -EINVAL;
	lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (!lookup || X509_load_crl_file(lookup, t->crl, X509_FILETYPE_PEM) < 1)
		return bc_err_set(err, -EINVAL, "--tls-crl: cannot load a revocation list from '%s': %s", t->crl, reason());
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

static void set_rules(const struct bc_tls *t, SSL_CTX *ctx)
{
	int verify = SSL_VERIFY_NONE;

	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* The caller's bytes move in its queue between attempts. */
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Nothing is resumed: each connection is verified anew. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	if (t->side == BC_TLS_CLIENT)
		verify = SSL_VERIFY_PEER;
	else if (t->ca)
		verify = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, verify, NULL);
}

/* Those that would have the server's key decrypt. */
static int leave_out_decrypting(SSL_CTX *ctx, struct bc_err *err)
{
	const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	char names[8192] = "";
	size_t len = 0;

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);

		if (SSL_CIPHER_get_kx_nid(c) != NID_kx_rsa && len < sizeof(names))
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ":" : "", SSL_CIPHER_get_name(c));
	}
	if (len >= sizeof(names) || SSL_CTX_set_cipher_list(ctx, names) != 1)
		return bc_err_set(err, -EINVAL, "TLS: OpenSSL's configuration leaves no cipher with forward secrecy: %s", reason());
	return 0;
}

static int load(const struct bc_tls *t, SSL_CTX **ret, struct bc_err *err)
{
	SSL_CTX *ctx;
	int r;

	ERR_clear_error();
	ctx = SSL_CTX_new_ex(bc_keyring_library(t->keyring), BC_KEYRING_PROPERTIES,
			     t->side == BC_TLS_CLIENT ? TLS_client_method() : TLS_server_method());
	if (!ctx)
		return bc_err_set(err, -ENOMEM, "TLS: %s", reason());
	set_rules(t, ctx);
	r = t->side == BC_TLS_SERVER ? leave_out_decrypting(ctx, err) : 0;
	if (!r)
		r = load_identity(t, ctx, err);
	if (!r)
		r = load_trust(t, ctx, err);
	if (!r)
		r = load_crl(t, ctx, err);
	if (r) {
		SSL_CTX_free(ctx);
		return r;
	}
	*ret = ctx;
	return 0;
}

static int copy(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

int bc_tls_new(enum bc_tls_side side, const struct bc_tls_files *files, struct bc_keyring *keyring, struct bc_tls **ret, struct bc_err *err)
{
	struct bc_tls *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return bc_err_set(err, -ENOMEM, "no memory for TLS");
	t->side = side;
	t->keyring = keyring;
	pthread_mutex_init(&t->lock, NULL);
	if (copy(files->cert, &t->cert) || copy(files->key, &t->key) || copy(files->ca, &t->ca) || copy(files->crl, &t->crl))
		r = bc_err_set(err, -ENOMEM, "no memory for TLS");
	else
		r = load(t, &t->ctx, err);
	if (r) {
		bc_tls_free(t);
		return r;
	}
	*ret = t;
	return 0;
}

void bc_tls_free(struct bc_tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	pthread_mutex_destroy(&t->lock);
	free(t->cert);
	free(t->key);
	free(t->ca);
	free(t->crl);
	free(t);
}

int bc_tls_reload(struct bc_tls *t, struct bc_err *err)
{
	SSL_CTX *fresh, *old;
	int r = load(t, &fresh, err);

	if (r)
		return r;
	pthread_mutex_lock(&t->lock);
	old = t->ctx;
	t->ctx = fresh;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return 0;
}

SSL *bc_tls_session(struct bc_tls *t)
{
	SSL *ssl;

	pthread_mutex_lock(&t->lock);
	ssl = SSL_new(t->ctx);
	pthread_mutex_unlock(&t->lock);
	return ssl;
}

enum bc_tls_side bc_tls_side_of(const struct bc_tls *t)
{
	return t->side;
}
