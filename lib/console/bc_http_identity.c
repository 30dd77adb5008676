/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_http_identity.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#define CHAIN_MAX 16U

struct bc_http_identity {
	struct bc_kept *kept;
	gnutls_privkey_t key;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n;
	gnutls_pk_algorithm_t kind;
};

static _Atomic(struct bc_http_identity *) shown;

/* ---- signing ---- */

static const struct scheme {
	gnutls_sign_algorithm_t id;
	gnutls_pk_algorithm_t kind;
	struct bc_how how;
} schemes[] = {
	{ GNUTLS_SIGN_RSA_SHA256, GNUTLS_PK_RSA, { NID_sha256, BC_PADDING_PKCS1 } },
	{ GNUTLS_SIGN_RSA_SHA384, GNUTLS_PK_RSA, { NID_sha384, BC_PADDING_PKCS1 } },
	{ GNUTLS_SIGN_RSA_SHA512, GNUTLS_PK_RSA, { NID_sha512, BC_PADDING_PKCS1 } },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, GNUTLS_PK_RSA, { NID_sha256, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, GNUTLS_PK_RSA, { NID_sha384, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, GNUTLS_PK_RSA, { NID_sha512, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_RSA_PSS_SHA256, GNUTLS_PK_RSA_PSS, { NID_sha256, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_RSA_PSS_SHA384, GNUTLS_PK_RSA_PSS, { NID_sha384, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_RSA_PSS_SHA512, GNUTLS_PK_RSA_PSS, { NID_sha512, BC_PADDING_PSS } },
	{ GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_PK_ECDSA, { NID_sha256, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_ECDSA_SHA384, GNUTLS_PK_ECDSA, { NID_sha384, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_ECDSA_SHA512, GNUTLS_PK_ECDSA, { NID_sha512, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, GNUTLS_PK_ECDSA, { NID_sha256, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, GNUTLS_PK_ECDSA, { NID_sha384, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, GNUTLS_PK_ECDSA, { NID_sha512, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_EDDSA_ED25519, GNUTLS_PK_EDDSA_ED25519, { 0, BC_PADDING_NONE } },
	{ GNUTLS_SIGN_EDDSA_ED448, GNUTLS_PK_EDDSA_ED448, { 0, BC_PADDING_NONE } },
};

static const struct scheme *find_scheme(const struct bc_http_identity *i, unsigned id)
{
	for (size_t s = 0; s < sizeof(schemes) / sizeof(schemes[0]); s++)
		if (schemes[s].id == id && schemes[s].kind == i->kind)
			return &schemes[s];
	return NULL;
}

static int sign(const struct bc_http_identity *i, const struct bc_how *how, const void *data, size_t len, gnutls_datum_t *ret)
{
	uint8_t signature[BC_KEYRING_SIGNATURE_MAX];
	size_t n = sizeof(signature);

	if (bc_kept_sign(i->kept, how, data, len, signature, &n))
		return GNUTLS_E_PK_SIGN_FAILED;
	/* GnuTLS frees it. */
	ret->data = malloc(n);
	if (!ret->data)
		return GNUTLS_E_MEMORY_ERROR;
	memcpy(ret->data, signature, n);
	ret->size = (unsigned)n;
	return 0;
}

static int sign_data(gnutls_privkey_t key, gnutls_sign_algorithm_t id, void *ctx, unsigned flags, const gnutls_datum_t *data,
		     gnutls_datum_t *ret)
{
	const struct scheme *s = find_scheme(ctx, id);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!s)
		return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
	if (!s->how.md)
		return sign(ctx, &s->how, data->data, data->size, ret);
	if (EVP_Digest(data->data, data->size, hash, &len, EVP_get_digestbynid(s->how.md), NULL) != 1)
		return GNUTLS_E_HASH_FAILED;
	return sign(ctx, &s->how, hash, len, ret);
}

/* RSA's older padding: the hash is in a DigestInfo then, which names it. */
static int sign_digest_info(const struct bc_http_identity *i, const gnutls_datum_t *info, gnutls_datum_t *ret)
{
	const unsigned char *at = info->data;
	X509_SIG *sig = d2i_X509_SIG(NULL, &at, (long)info->size);
	const ASN1_OCTET_STRING *hash;
	const X509_ALGOR *algorithm;
	const ASN1_OBJECT *of;
	int r = GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;

	if (!sig)
		return r;
	X509_SIG_get0(sig, &algorithm, &hash);
	X509_ALGOR_get0(&of, NULL, NULL, algorithm);
	r = sign(i, &(struct bc_how){ OBJ_obj2nid(of), BC_PADDING_PKCS1 }, ASN1_STRING_get0_data(hash), (size_t)ASN1_STRING_length(hash), ret);
	X509_SIG_free(sig);
	return r;
}

static int sign_hash(gnutls_privkey_t key, gnutls_sign_algorithm_t id, void *ctx, unsigned flags, const gnutls_datum_t *hash,
		     gnutls_datum_t *ret)
{
	const struct scheme *s = find_scheme(ctx, id);

	if (id == GNUTLS_SIGN_RSA_RAW)
		return sign_digest_info(ctx, hash, ret);
	return s ? sign(ctx, &s->how, hash->data, hash->size, ret) : GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
}

static int describe(gnutls_privkey_t key, unsigned flags, void *ctx)
{
	const struct bc_http_identity *i = ctx;

	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO)
		return (int)i->kind;
	if (flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS)
		return EVP_PKEY_get_bits(bc_kept_public(i->kept));
	if (flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO)
		return find_scheme(i, GNUTLS_FLAGS_TO_SIGN_ALGO(flags)) != NULL;
	return flags & GNUTLS_PRIVKEY_INFO_SIGN_ALGO ? 0 : -1;
}

/* ---- the identity ---- */

static int read_key(const char *path, const char *cert, int fd, EVP_PKEY **ret, struct bc_err *err)
{
	unsigned long e;

	ERR_clear_error();
	*ret = bc_keyring_pem(path, fd);
	if (*ret)
		return 0;
	e = ERR_peek_error();
	return bc_err_set(err, -EINVAL, "--tls-%s: %s: no usable key for %s: %s", strcmp(path, cert) ? "key" : "cert", path, cert, ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) :
			  "PEM without a passphrase is wanted");
}

struct bc_keyring_key bc_http_identity_key(const char *cert, const char *key)
{
	static const struct bc_key_purpose purpose = { .read = read_key };

	return (struct bc_keyring_key){ .path = key ? key : cert, .owner = cert, .purpose = &purpose };
}

static gnutls_pk_algorithm_t kind_of(const EVP_PKEY *key)
{
	static const struct { const char *name; gnutls_pk_algorithm_t kind; } kinds[] = {
		{ "RSA", GNUTLS_PK_RSA }, { "RSA-PSS", GNUTLS_PK_RSA_PSS }, { "EC", GNUTLS_PK_ECDSA },
		{ "ED25519", GNUTLS_PK_EDDSA_ED25519 }, { "ED448", GNUTLS_PK_EDDSA_ED448 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (EVP_PKEY_is_a(key, kinds[i].name))
			return kinds[i].kind;
	return GNUTLS_PK_UNKNOWN;
}

static bool is_pair(const char *cert, const EVP_PKEY *key)
{
	BIO *bio = BIO_new_mem_buf(cert, -1);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	bool pair = x && EVP_PKEY_eq(X509_get0_pubkey(x), key) == 1;

	X509_free(x);
	BIO_free(bio);
	return pair;
}

static int load(struct bc_http_identity *i, const char *cert, struct bc_err *err)
{
	const gnutls_datum_t pem = { (unsigned char *)(uintptr_t)cert, (unsigned)strlen(cert) };
	unsigned n = CHAIN_MAX;

	i->kind = kind_of(bc_kept_public(i->kept));
	if (!is_pair(cert, bc_kept_public(i->kept)))
		return bc_err_set(err, -EINVAL, "the server cannot start: are --tls-cert and --tls-key of a pair?");
	if (gnutls_pcert_list_import_x509_raw(i->chain, &n, &pem, GNUTLS_X509_FMT_PEM, 0) < 0)
		return bc_err_set(err, -EINVAL, "the server cannot start: --tls-cert is no chain of at most %u certificates", CHAIN_MAX);
	i->n = n;
	if (i->kind == GNUTLS_PK_UNKNOWN || gnutls_privkey_init(&i->key) < 0 ||
	    gnutls_privkey_import_ext4(i->key, i, sign_data, sign_hash, NULL, NULL, describe, 0) < 0)
		return bc_err_set(err, -EINVAL, "the server cannot start: GnuTLS does not take a key of this kind");
	return 0;
}

int bc_http_identity_new(const char *cert, const char *key, struct bc_keyring *keyring, struct bc_http_identity **ret, struct bc_err *err)
{
	struct bc_http_identity *i = calloc(1, sizeof(*i)), *none = NULL;
	int r = i ? bc_keyring_read(keyring, key, &i->kept, err) : bc_err_set(err, -ENOMEM, "no memory");

	if (!r)
		r = load(i, cert, err);
	if (!r && !atomic_compare_exchange_strong(&shown, &none, i))
		r = bc_err_set(err, -EBUSY, "there is another server with TLS in this process");
	if (r) {
		bc_http_identity_free(i);
		return r;
	}
	*ret = i;
	return 0;
}

void bc_http_identity_free(struct bc_http_identity *i)
{
	struct bc_http_identity *it = i;

	if (!i)
		return;
	atomic_compare_exchange_strong(&shown, &it, NULL);
	if (i->key)
		gnutls_privkey_deinit(i->key);
	for (unsigned c = 0; c < i->n; c++)
		gnutls_pcert_deinit(&i->chain[c]);
	bc_kept_free(i->kept);
	free(i);
}

int bc_http_identity_show(gnutls_session_t session, const gnutls_datum_t *names, int n_names, const gnutls_pk_algorithm_t *kinds, int n_kinds,
			  gnutls_pcert_st **ret, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
	struct bc_http_identity *i = atomic_load(&shown);

	if (!i)
		return -1;
	*ret = i->chain;
	*ret_n = i->n;
	*ret_key = i->key;
	return 0;
}
