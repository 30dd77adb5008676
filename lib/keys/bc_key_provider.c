/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_key_provider.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/conf.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#define NAME "braidcap"
#define PROPERTY "provider=" NAME
#define PARAM_KEPT "braidcap-kept"	/* a pointer to what becomes a key */

struct bc_key_provider {
	OSSL_LIB_CTX *library;
	OSSL_PROVIDER *provider;
};

/* ---- keys ---- */

enum kind { KIND_RSA, KIND_PSS, KIND_EC, KIND_ED25519, KIND_ED448, KINDS };

static const char *const names[KINDS] = { "RSA", "RSA-PSS", "EC", "ED25519", "ED448" };

/* One that OpenSSL only compares with ours has a public half, and none that is kept. */
struct key {
	enum kind kind;
	struct bc_kept *kept;
	EVP_PKEY *public;	/* of OpenSSL's own provider */
};

static void *new_key(enum kind kind)
{
	struct key *k = calloc(1, sizeof(*k));

	if (k)
		k->kind = kind;
	return k;
}

static void free_key(void *data)
{
	struct key *k = data;

	if (!k)
		return;
	bc_kept_free(k->kept);
	EVP_PKEY_free(k->public);
	free(k);
}

static int has(const void *data, int selection)
{
	const struct key *k = data;

	return k->public && (k->kept || !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY));
}

static int match(const void *a, const void *b, int selection)
{
	const struct key *k = a, *l = b;

	return EVP_PKEY_eq(k->public, l->public) == 1;
}

static int take_public(struct key *k, const OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, names[k->kind], NULL);
	int ok = ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
		 EVP_PKEY_fromdata(ctx, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int import(void *data, int selection, const OSSL_PARAM *params)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEPT);
	struct key *k = data;
	void *kept;

	if (!p)
		return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? 0 : take_public(k, params);
	if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(kept))
		return 0;
	memcpy(&kept, p->data, sizeof(kept));
	k->kept = kept;
	k->public = bc_kept_public(kept);
	return EVP_PKEY_up_ref(k->public);
}

/* Nobody else signs with it. */
static int export(void *data, int selection, OSSL_CALLBACK *take, void *arg)
{
	const struct key *k = data;

	return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? 0 : EVP_PKEY_export(k->public, EVP_PKEY_PUBLIC_KEY, take, arg);
}

static const OSSL_PARAM *importable(int selection)
{
	static const OSSL_PARAM list[] = { OSSL_PARAM_octet_string(PARAM_KEPT, NULL, 0), OSSL_PARAM_END };

	return list;
}

static int get_params(void *data, OSSL_PARAM params[])
{
	const struct key *k = data;

	return EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *gettable(void *provider)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL), OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL), OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0), OSSL_PARAM_END,
	};

	return list;
}

#define FUNCTION(id, f) { id, (void (*)(void))(f) }
#define KEYMGMT(which, kind, signature) \
	static void *new_##which(void *provider) { return new_key(kind); } \
	static const char *signature_of_##which(int operation) { return signature; } \
	static const OSSL_DISPATCH which##_keys[] = { \
		FUNCTION(OSSL_FUNC_KEYMGMT_NEW, new_##which), FUNCTION(OSSL_FUNC_KEYMGMT_FREE, free_key), FUNCTION(OSSL_FUNC_KEYMGMT_HAS, has), \
		FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, match), FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, import), \
		FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, importable), FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT, export), \
		FUNCTION(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, importable), FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params), \
		FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable), \
		FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, signature_of_##which), { 0, NULL } \
	}

KEYMGMT(rsa, KIND_RSA, "RSA");
KEYMGMT(pss, KIND_PSS, "RSA");
KEYMGMT(ec, KIND_EC, "ECDSA");
KEYMGMT(ed25519, KIND_ED25519, "ED25519");
KEYMGMT(ed448, KIND_ED448, "ED448");

/* ---- signatures ---- */

struct signing {
	const struct key *key;	/* OpenSSL holds it */
	const EVP_MD *md;
	enum bc_padding padding;
};

static void *new_signing(void *provider, const char *properties)
{
	return calloc(1, sizeof(struct signing));
}

static int set_params(void *ctx, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signing *s = ctx;
	int mode = 0;

	if (p && p->data_type == OSSL_PARAM_UTF8_STRING)
		mode = !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) ? RSA_PKCS1_PSS_PADDING :
		       !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) ? RSA_PKCS1_PADDING : 0;
	else if (p && !OSSL_PARAM_get_int(p, &mode))
		return 0;
	if (p && mode != RSA_PKCS1_PSS_PADDING && mode != RSA_PKCS1_PADDING)
		return 0;
	if (p)
		s->padding = mode == RSA_PKCS1_PADDING ? BC_PADDING_PKCS1 : BC_PADDING_PSS;
	return 1;
}

/* The length of the salt, too, which is that of the hash in TLS. */
static const OSSL_PARAM *settable(void *ctx, void *provider)
{
	static const OSSL_PARAM list[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0), OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_END,
	};

	return list;
}

/* A key of RSA-PSS may say with which hash alone it is used. OpenSSL asks for each, and takes one that is not refused. */
static bool allows(const struct key *k, const char *md)
{
	EVP_MD_CTX *ctx = k->kind == KIND_PSS ? EVP_MD_CTX_new() : NULL;
	bool ok = k->kind != KIND_PSS || (ctx && EVP_DigestVerifyInit_ex(ctx, NULL, md, NULL, NULL, k->public, NULL) == 1);

	EVP_MD_CTX_free(ctx);
	return ok;
}

static int begin(void *ctx, const char *md, void *key, const OSSL_PARAM params[])
{
	static const enum bc_padding usual[KINDS] = { [KIND_RSA] = BC_PADDING_PKCS1, [KIND_PSS] = BC_PADDING_PSS };
	struct signing *s = ctx;
	const bool hashed = ((struct key *)key)->kind < KIND_ED25519;

	*s = (struct signing){ .key = key, .md = hashed ? EVP_get_digestbyname(md ? md : "SHA256") : NULL };
	s->padding = usual[s->key->kind];
	return s->key->kept && (s->md || !hashed) && allows(s->key, md) && set_params(s, params);
}

static int complain(int r)
{
	ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "%s", r == -EPIPE ? BC_KEYRING_ENDED :
		       r == -E2BIG ? "too much to sign with this kind of key: use TLS 1.3, or a key of another kind" : strerror(-r));
	return 0;
}

static int sign(void *ctx, unsigned char *sig, size_t *len, size_t room, const unsigned char *text, size_t n)
{
	const struct signing *s = ctx;
	const struct bc_how how = { .md = s->md ? EVP_MD_get_type(s->md) : 0, .padding = s->padding };
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;
	int r;

	if (!sig) {
		*len = (size_t)EVP_PKEY_get_size(s->key->public);
		return 1;
	}
	if (s->md && EVP_Digest(text, n, hash, &hash_len, s->md, NULL) != 1)
		return 0;
	*len = room;
	r = bc_kept_sign(s->key->kept, &how, s->md ? hash : text, s->md ? hash_len : n, sig, len);
	return r ? complain(r) : 1;
}

static const OSSL_DISPATCH signatures[] = {
	FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, new_signing), FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, free),
	FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, begin), FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
	FUNCTION(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_params), FUNCTION(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, settable),
	{ 0, NULL }
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keys[] = {
		{ "RSA", PROPERTY, rsa_keys, NULL }, { "RSA-PSS", PROPERTY, pss_keys, NULL }, { "EC", PROPERTY, ec_keys, NULL },
		{ "ED25519", PROPERTY, ed25519_keys, NULL }, { "ED448", PROPERTY, ed448_keys, NULL }, { NULL, NULL, NULL, NULL },
	};
	static const OSSL_ALGORITHM signing[] = {
		{ "RSA", PROPERTY, signatures, NULL }, { "ECDSA", PROPERTY, signatures, NULL }, { "ED25519", PROPERTY, signatures, NULL },
		{ "ED448", PROPERTY, signatures, NULL }, { NULL, NULL, NULL, NULL },
	};

	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signing : NULL;
}

static int init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = { FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), { 0, NULL } };

	*out = functions;
	*provider = (void *)(uintptr_t)core;
	return 1;
}

int bc_key_provider_new(struct bc_key_provider **ret, struct bc_err *err)
{
	struct bc_key_provider *p = calloc(1, sizeof(*p));

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for TLS");
	p->library = OSSL_LIB_CTX_new();
	/* As OpenSSL does by itself for a program without library contexts: its providers are those that are set up, or its own. */
	if (p->library)
		CONF_modules_load_file_ex(p->library, NULL, NULL,
					  CONF_MFLAGS_DEFAULT_SECTION | CONF_MFLAGS_IGNORE_MISSING_FILE | CONF_MFLAGS_IGNORE_ERRORS);
	if (p->library && OSSL_PROVIDER_add_builtin(p->library, NAME, init) == 1)
		p->provider = OSSL_PROVIDER_try_load(p->library, NAME, 1);
	ERR_clear_error();
	if (!p->provider) {
		bc_key_provider_free(p);
		return bc_err_set(err, -EIO, "TLS: OpenSSL takes no provider");
	}
	*ret = p;
	return 0;
}

void bc_key_provider_free(struct bc_key_provider *p)
{
	if (!p)
		return;
	OSSL_PROVIDER_unload(p->provider);
	OSSL_LIB_CTX_free(p->library);
	free(p);
}

OSSL_LIB_CTX *bc_key_provider_library(const struct bc_key_provider *p)
{
	return p->library;
}

static EVP_PKEY *make(EVP_PKEY_CTX *ctx, struct bc_kept *key)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(PARAM_KEPT, &key, sizeof(key)), OSSL_PARAM_construct_end() };
	EVP_PKEY *pkey = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		return NULL;
	return pkey;
}

EVP_PKEY *bc_key_provider_wrap(const struct bc_key_provider *p, struct bc_kept *key)
{
	EVP_PKEY *pkey = NULL;

	for (enum kind i = 0; i < KINDS && !pkey; i++)
		if (EVP_PKEY_is_a(bc_kept_public(key), names[i])) {
			EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(p->library, names[i], PROPERTY);

			pkey = make(ctx, key);
			EVP_PKEY_CTX_free(ctx);
		}
	return pkey;
}
