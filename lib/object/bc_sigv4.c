/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sigv4.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

struct mac {
	unsigned char b[32];
};

static void hex(const unsigned char *bytes, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

void bc_sigv4_date(time_t when, char ret[BC_SIGV4_DATE])
{
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(ret, BC_SIGV4_DATE, "%Y%m%dT%H%M%SZ", &tm);
}

int bc_sha256_hex(const void *data, size_t len, char ret[BC_SHA256_HEX])
{
	unsigned char sum[32];

	if (!EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL))
		return -EIO;
	hex(sum, sizeof(sum), ret);
	return 0;
}

static int hmac(const void *key, size_t key_len, const char *text, struct mac *ret)
{
	unsigned int len = sizeof(ret->b);

	return HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text, strlen(text), ret->b, &len) ? 0 : -EIO;
}

/* "host;x-amz-date" */
static int signed_names(const struct bc_sigv4_request *req, char *ret, size_t cap)
{
	size_t n = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < req->n_headers; i++) {
		n += (size_t)snprintf(ret + n, cap - n, "%s%s", i ? ";" : "", req->headers[i].name);
		if (n >= cap)
			return -ENAMETOOLONG;
	}
	return 0;
}

static int sum(EVP_MD_CTX *md, const char *text)
{
	return EVP_DigestUpdate(md, text, strlen(text)) ? 0 : -EIO;
}

static int sum_line(EVP_MD_CTX *md, const char *text)
{
	int r = sum(md, text);

	return r ? r : sum(md, "\n");
}

static int sum_request(EVP_MD_CTX *md, const struct bc_sigv4_request *req, const char *names)
{
	int r = sum_line(md, req->method);

	r = r ? r : sum_line(md, req->path);
	r = r ? r : sum_line(md, req->query);
	for (size_t i = 0; !r && i < req->n_headers; i++) {
		r = sum(md, req->headers[i].name);
		r = r ? r : sum(md, ":");
		r = r ? r : sum_line(md, req->headers[i].value);
	}
	r = r ? r : sum_line(md, "");
	r = r ? r : sum_line(md, names);
	return r ? r : sum(md, req->payload);
}

/* SHA-256 of the canonical request. */
static int request_hash(const struct bc_sigv4_request *req, const char *names, char ret[BC_SHA256_HEX])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char out[32];
	int r = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) ? 0 : -EIO;

	r = r ? r : sum_request(md, req, names);
	if (!r && !EVP_DigestFinal_ex(md, out, NULL))
		r = -EIO;
	if (!r)
		hex(out, sizeof(out), ret);
	EVP_MD_CTX_free(md);
	return r;
}

static int signing_key(const char *secret, const char *day, const char *region, const char *service, struct mac *ret)
{
	char first[BC_CREDENTIAL_MAX + 4];
	struct mac k;
	int n = snprintf(first, sizeof(first), "AWS4%s", secret);
	int r = n < (int)sizeof(first) ? hmac(first, (size_t)n, day, &k) : -ENAMETOOLONG;

	r = r ? r : hmac(k.b, sizeof(k.b), region, &k);
	r = r ? r : hmac(k.b, sizeof(k.b), service, &k);
	r = r ? r : hmac(k.b, sizeof(k.b), "aws4_request", ret);
	OPENSSL_cleanse(first, sizeof(first));
	OPENSSL_cleanse(&k, sizeof(k));
	return r;
}

int bc_sigv4_sign(const struct bc_credentials *key, const char *region, const char *service, const char *date,
		  const struct bc_sigv4_request *req, char ret[BC_SIGV4_MAX])
{
	char names[512], scope[192], hash[BC_SHA256_HEX], text[384], signature[BC_SHA256_HEX], day[9];
	struct mac k, mac;
	int r = signed_names(req, names, sizeof(names));

	snprintf(day, sizeof(day), "%.8s", date);
	r = r ? r : request_hash(req, names, hash);
	if (!r && snprintf(scope, sizeof(scope), "%s/%s/%s/aws4_request", day, region, service) >= (int)sizeof(scope))
		r = -ENAMETOOLONG;
	if (!r && snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s\n%s", date, scope, hash) >= (int)sizeof(text))
		r = -ENAMETOOLONG;
	r = r ? r : signing_key(key->secret, day, region, service, &k);
	r = r ? r : hmac(k.b, sizeof(k.b), text, &mac);
	OPENSSL_cleanse(&k, sizeof(k));
	if (r)
		return r;
	hex(mac.b, sizeof(mac.b), signature);
	if (snprintf(ret, BC_SIGV4_MAX, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", key->id, scope, names, signature) >=
	    BC_SIGV4_MAX)
		return -ENAMETOOLONG;
	return 0;
}
