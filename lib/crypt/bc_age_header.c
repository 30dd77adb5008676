/* SPDX-License-Identifier: BSD-3-Clause */
/* The form is that of https://age-encryption.org/v1, section "file format"; RFC 4648's base64 without padding. */
#include "bc_age_header.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define TAG 16
#define WRAPPED (BC_AGE_FILE_KEY + TAG)
#define BASE64_32 43	/* characters of 32 bytes, without padding */
#define MAC 32
#define COLUMNS 64

_Static_assert(WRAPPED == 32, "a wrapped key is one line");

int bc_age_hkdf(const uint8_t *secret, size_t secret_len, const uint8_t *salt, size_t salt_len, const char *info, uint8_t ret[32])
{
	/* What the RFC has none stand for, and OpenSSL 3.0 does not know. */
	static const uint8_t none[32];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)(salt_len ? salt : none), salt_len ? salt_len : sizeof(none)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	int ok = ctx && EVP_KDF_derive(ctx, ret, 32, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? 0 : -EIO;
}

static void encode_32(const uint8_t *bytes, char *ret)
{
	char text[48];

	EVP_EncodeBlock((unsigned char *)text, bytes, 32);
	memcpy(ret, text, BASE64_32);
	ret[BASE64_32] = '\0';
}

/* There is one way to write them. */
static bool decode_32(const char *text, size_t len, uint8_t *ret)
{
	unsigned char padded[44], bytes[33];
	char again[BASE64_32 + 1];

	if (len != BASE64_32)
		return false;
	memcpy(padded, text, BASE64_32);
	padded[BASE64_32] = '=';
	if (EVP_DecodeBlock(bytes, padded, sizeof(padded)) != 33)
		return false;
	memcpy(ret, bytes, 32);
	encode_32(ret, again);
	return !memcmp(again, text, BASE64_32);
}

/* A key that wraps one file's key, and no other. */
static int wrapping_key(const uint8_t *shared, const uint8_t *share, const uint8_t *recipient, uint8_t *ret)
{
	uint8_t salt[2 * BC_AGE_KEY];

	memcpy(salt, share, BC_AGE_KEY);
	memcpy(salt + BC_AGE_KEY, recipient, BC_AGE_KEY);
	return bc_age_hkdf(shared, BC_AGE_KEY, salt, sizeof(salt), "age-encryption.org/v1/X25519", ret);
}

/* ChaCha20-Poly1305 (RFC 8439) with a nonce of zeros. */
static bool wrap(const uint8_t *key, const uint8_t *file_key, uint8_t *ret)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;
	bool ok = c && EVP_EncryptInit_ex2(c, EVP_chacha20_poly1305(), key, nonce, NULL) == 1 &&
		  EVP_EncryptUpdate(c, ret, &n, file_key, BC_AGE_FILE_KEY) == 1 && EVP_EncryptFinal_ex(c, ret + n, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, ret + BC_AGE_FILE_KEY) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool unwrap(const uint8_t *key, uint8_t *wrapped, uint8_t *ret)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;
	bool ok = c && EVP_DecryptInit_ex2(c, EVP_chacha20_poly1305(), key, nonce, NULL) == 1 &&
		  EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, wrapped + BC_AGE_FILE_KEY) == 1 &&
		  EVP_DecryptUpdate(c, ret, &n, wrapped, BC_AGE_FILE_KEY) == 1 && EVP_DecryptFinal_ex(c, ret + n, &n) == 1;

	EVP_CIPHER_CTX_free(c);
	return ok;
}

static int header_mac(const uint8_t *file_key, const void *head, size_t len, uint8_t *ret)
{
	uint8_t key[32];
	unsigned n = MAC;
	int r = bc_age_hkdf(file_key, BC_AGE_FILE_KEY, NULL, 0, "header", key);

	if (!r && !HMAC(EVP_sha256(), key, sizeof(key), head, len, ret, &n))
		r = -EIO;
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

/* Two lines; their length. */
static int stanza(const uint8_t *recipient, const uint8_t *file_key, char *ret)
{
	uint8_t shared[BC_AGE_KEY], key[32], wrapped[WRAPPED];
	struct bc_age_identity once;
	char share[BASE64_32 + 1], body[BASE64_32 + 1];
	int r = bc_age_identity_make(&once);

	if (!r)
		r = bc_age_x25519(once.secret, recipient, shared);
	if (!r)
		r = wrapping_key(shared, once.public, recipient, key);
	if (!r && !wrap(key, file_key, wrapped))
		r = -EIO;
	if (!r) {
		encode_32(once.public, share);
		encode_32(wrapped, body);
		r = sprintf(ret, "-> X25519 %s\n%s\n", share, body);
	}
	OPENSSL_cleanse(&once, sizeof(once));
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(key, sizeof(key));
	return r;
}

int bc_age_header_make(const struct bc_age_recipients *to, uint8_t ret_file_key[BC_AGE_FILE_KEY], char ret[BC_AGE_HEADER_MAX], size_t *ret_len,
		       struct bc_err *err)
{
	char *at = stpcpy(ret, BC_AGE_MAGIC), text[BASE64_32 + 1];
	uint8_t mac[MAC];
	int n = RAND_priv_bytes(ret_file_key, BC_AGE_FILE_KEY) == 1 ? 0 : -EIO;

	for (size_t i = 0; n >= 0 && i < to->n; i++) {
		n = stanza(to->key[i], ret_file_key, at);
		at += n > 0 ? n : 0;
	}
	at = stpcpy(at, "---");
	if (n >= 0)
		n = header_mac(ret_file_key, ret, (size_t)(at - ret), mac);
	if (n < 0)
		return bc_err_set(err, n, n == -EINVAL ? "a recipient's key is none" : "OpenSSL does not make a key");
	encode_32(mac, text);
	at += sprintf(at, " %s\n", text);
	*ret_len = (size_t)(at - ret);
	return 0;
}

struct reading {
	const char *at, *end;
	const struct bc_age_identities *ids;
	uint8_t *file_key;
	bool found;
};

/* The next line without its end; NULL: there is no whole one. */
static const char *line_of(struct reading *r, size_t *ret_len)
{
	const char *line = r->at, *end = memchr(line, '\n', (size_t)(r->end - line));

	if (!end)
		return NULL;
	*ret_len = (size_t)(end - line);
	r->at = end + 1;
	return line;
}

static int try_identities(struct reading *r, const uint8_t *share, uint8_t *wrapped)
{
	uint8_t shared[BC_AGE_KEY], key[32];
	int rc = 0;

	for (size_t i = 0; !rc && !r->found && i < r->ids->n; i++) {
		rc = bc_age_x25519(r->ids->key[i].secret, share, shared);
		if (!rc)
			rc = wrapping_key(shared, share, r->ids->key[i].public, key);
		r->found = !rc && unwrap(key, wrapped, r->file_key);
	}
	OPENSSL_cleanse(shared, sizeof(shared));
	OPENSSL_cleanse(key, sizeof(key));
	return rc ? -EBADMSG : 0;
}

/* Words of printable characters, one space between them. */
static bool are_words(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' || (text[i] == ' ' && (!i || i + 1 == len || text[i + 1] == ' ')))
			return false;
	return len > 0;
}

/* base64 without padding, whose last character has no bits to spare. */
static bool is_base64(const char *text, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const unsigned spare[4] = { 0, 63, 15, 3 };
	size_t last = 0;

	for (size_t i = 0; i < len; i++) {
		const char *d = text[i] ? strchr(digits, text[i]) : NULL;

		if (!d)
			return false;
		last = (size_t)(d - digits);
	}
	return len % 4 != 1 && !(last & spare[len % 4]);
}

/* The lines behind a stanza's first: all are full but the last. *ret: that one, of a stanza that has no more. */
static int skip_body(struct reading *r, const char **ret, size_t *ret_len)
{
	unsigned lines = 0;

	do {
		*ret = line_of(r, ret_len);
		if (!*ret)
			return -ENODATA;
		if (*ret_len > COLUMNS || !is_base64(*ret, *ret_len))
			return -EBADMSG;
		lines++;
	} while (*ret_len == COLUMNS);
	if (lines > 1)
		*ret = NULL;
	return 0;
}

/* Stanzas of other kinds are for others. */
static int read_stanza(struct reading *r, const char *line, size_t len)
{
	static const char kind[] = "-> X25519 ";
	uint8_t share[BC_AGE_KEY], wrapped[WRAPPED];
	const char *body;
	size_t body_len;
	int rc = are_words(line + 3, len - 3) ? skip_body(r, &body, &body_len) : -EBADMSG;

	if (rc || len < sizeof(kind) - 1 || memcmp(line, kind, sizeof(kind) - 1))
		return rc;
	if (!body || !decode_32(line + sizeof(kind) - 1, len - (sizeof(kind) - 1), share) || !decode_32(body, body_len, wrapped))
		return -EBADMSG;
	return r->found ? 0 : try_identities(r, share, wrapped);
}

static int read_stanzas(struct reading *r, const char **ret_mac, size_t *ret_len)
{
	size_t len;
	const char *line;
	int rc = 0;

	while (!rc) {
		line = line_of(r, &len);
		if (!line)
			return -ENODATA;
		if (len >= 4 && !memcmp(line, "--- ", 4)) {
			*ret_mac = line;
			*ret_len = len;
			return 0;
		}
		rc = len > 3 && !memcmp(line, "-> ", 3) ? read_stanza(r, line, len) : -EBADMSG;
	}
	return rc;
}

static int fail(int code, struct bc_err *err)
{
	if (code == -ENODATA)
		return bc_err_set(err, code, "its header is cut off");
	return bc_err_set(err, -EBADMSG, "its header is damaged");
}

int bc_age_header_read(const uint8_t *head, size_t len, const struct bc_age_identities *ids, uint8_t ret_file_key[BC_AGE_FILE_KEY],
		       size_t *ret_len, struct bc_err *err)
{
	const char *begin = (const char *)head, *mac;
	struct reading r = { .ids = ids, .file_key = ret_file_key };
	uint8_t told[MAC], made[MAC];
	size_t mac_len;
	int rc;

	if (len < BC_AGE_MAGIC_LEN || memcmp(head, BC_AGE_MAGIC, BC_AGE_MAGIC_LEN))
		return bc_err_set(err, -EBADMSG, "it is not encrypted in the format of age");
	r.at = begin + BC_AGE_MAGIC_LEN;
	r.end = begin + (len < BC_AGE_HEADER_MAX ? len : BC_AGE_HEADER_MAX);
	rc = read_stanzas(&r, &mac, &mac_len);
	if (rc)
		return fail(rc == -ENODATA && len >= BC_AGE_HEADER_MAX ? -EBADMSG : rc, err);
	if (!decode_32(mac + 4, mac_len - 4, told))
		return fail(-EBADMSG, err);
	if (!r.found)
		return bc_err_set(err, -EACCES, "it is encrypted for others: none of the keys fits");
	if (header_mac(ret_file_key, head, (size_t)(mac + 3 - begin), made) || CRYPTO_memcmp(told, made, MAC))
		return fail(-EBADMSG, err);
	*ret_len = (size_t)(r.at - begin);
	return 0;
}
