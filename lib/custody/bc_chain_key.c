/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_chain_key.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_file.h"

#define PUBLIC_BYTES 32
#define NO_KEY "%s: no Ed25519 key in PEM without a passphrase: make it with '%s'"
#define IS_PUBLIC "%s: a public key, which cannot sign: name the secret one, of 'openssl genpkey -algorithm ed25519'"
#define HOW_PRIVATE "openssl genpkey -algorithm ed25519"

struct bc_chain_key {
	EVP_PKEY *pkey;
	uint8_t id[BC_CHAIN_KEY_ID];
};

int bc_chain_hash(const void *data, size_t len, uint8_t ret[BC_CHAIN_HASH])
{
	return EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

/* A passphrase is not asked for. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	return -1;
}

static int make(EVP_PKEY *pkey, const char *path, const char *how, struct bc_chain_key **ret, struct bc_err *err)
{
	uint8_t public[PUBLIC_BYTES], hash[BC_CHAIN_HASH];
	size_t len = sizeof(public);
	struct bc_chain_key *k;

	if (!pkey || !EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_get_raw_public_key(pkey, public, &len) != 1 ||
	    len != sizeof(public) || bc_chain_hash(public, len, hash)) {
		EVP_PKEY_free(pkey);
		return bc_err_set(err, -EINVAL, NO_KEY, path, how);
	}
	k = malloc(sizeof(*k));
	if (!k) {
		EVP_PKEY_free(pkey);
		return bc_err_set(err, -ENOMEM, "%s: no memory", path);
	}
	k->pkey = pkey;
	memcpy(k->id, hash, sizeof(k->id));
	*ret = k;
	return 0;
}

/* Is there a key of this kind in it? */
static bool holds(const char *path, EVP_PKEY *(*read_pem)(FILE *f, EVP_PKEY **ret, pem_password_cb *passphrase, void *ctx))
{
	FILE *f = bc_file_open_key(path, false, NULL);
	EVP_PKEY *pkey = f ? read_pem(f, NULL, no_passphrase, NULL) : NULL;

	if (f)
		fclose(f);
	EVP_PKEY_free(pkey);
	return pkey != NULL;
}

/* In the keyring's process. */
static int read_private(const char *path, const char *owner, int fd, EVP_PKEY **ret, struct bc_err *err)
{
	char own[32];
	FILE *f;

	snprintf(own, sizeof(own), "/proc/self/fd/%d", fd);
	f = bc_file_open_key(fd < 0 ? path : own, true, err);
	if (!f) {
		if (holds(path, PEM_read_PUBKEY))
			bc_err_set(err, -EINVAL, IS_PUBLIC, path);
		return -EINVAL;
	}
	*ret = bc_keyring_pem(path, fileno(f));
	fclose(f);
	if (*ret && EVP_PKEY_is_a(*ret, "ED25519"))
		return 0;
	if (!*ret && holds(path, PEM_read_PUBKEY))
		return bc_err_set(err, -EINVAL, IS_PUBLIC, path);
	EVP_PKEY_free(*ret);
	return bc_err_set(err, -EINVAL, NO_KEY, path, HOW_PRIVATE);
}

static bool is_record(const uint8_t *data, size_t len)
{
	return bc_chain_record_is_text((const char *)data, len);
}

struct bc_keyring_key bc_chain_key_kept(const char *path)
{
	static const struct bc_key_purpose purpose = { .read = read_private, .may_sign = is_record };

	return (struct bc_keyring_key){ .path = path, .owner = "", .purpose = &purpose };
}

int bc_chain_key_private(const char *path, struct bc_keyring *keyring, struct bc_chain_key **ret, struct bc_err *err)
{
	EVP_PKEY *pkey;
	int r = bc_keyring_pkey(keyring, path, &pkey, err);

	return r ? r : make(pkey, path, HOW_PRIVATE, ret, err);
}

int bc_chain_key_public(const char *path, struct bc_chain_key **ret, struct bc_err *err)
{
	FILE *f = bc_file_open_key(path, false, err);
	EVP_PKEY *pkey;

	if (!f)
		return -EINVAL;
	pkey = PEM_read_PUBKEY(f, NULL, no_passphrase, NULL);
	fclose(f);
	if (!pkey && holds(path, PEM_read_PrivateKey))
		return bc_err_set(err, -EINVAL, "%s: a secret key: name its public one, made with 'openssl pkey -pubout -in %s'", path, path);
	return make(pkey, path, "openssl pkey -pubout -in KEY", ret, err);
}

void bc_chain_key_free(struct bc_chain_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

int bc_chain_sign(const struct bc_chain_key *k, struct bc_chain_record *r)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = sizeof(r->signature), text_len;
	char text[BC_CHAIN_LINE_MAX];
	int ok;

	memcpy(r->key, k->id, sizeof(r->key));
	text_len = bc_chain_record_text(r, text);
	ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	     EVP_DigestSign(ctx, r->signature, &len, (const unsigned char *)text, text_len) == 1 && len == sizeof(r->signature);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

bool bc_chain_signed_by(const struct bc_chain_key *k, const struct bc_chain_record *r)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char text[BC_CHAIN_LINE_MAX];
	size_t len = bc_chain_record_text(r, text);
	bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
		  EVP_DigestVerify(ctx, r->signature, sizeof(r->signature), (const unsigned char *)text, len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok && !memcmp(r->key, k->id, sizeof(r->key));
}
