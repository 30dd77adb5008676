/* SPDX-License-Identifier: BSD-3-Clause */
/* A time stamping authority by OpenSSL, which says whatever a test wants. */
#ifndef AUTHORITY_H
#define AUTHORITY_H

#include "bc_test.h"

#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct authority {
	EVP_PKEY *ca_key, *key;
	X509 *ca, *cert;
	long now_s;		/* what it takes for the time */
	long fraction_us;	/* of it, -1: none */
	long accuracy_s;	/* 0: not told */
	bool named;		/* it says who it is, beside its certificate */
};

static inline void authority_sign(X509 *cert, const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *by, time_t from, time_t to)
{
	X509_NAME *name = X509_NAME_new();

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)strlen(subject));
	X509_set_subject_name(cert, name);
	X509_set_issuer_name(cert, issuer == cert ? name : X509_get_subject_name(issuer));
	ASN1_TIME_set(X509_getm_notBefore(cert), from);
	ASN1_TIME_set(X509_getm_notAfter(cert), to);
	X509_set_pubkey(cert, key);
	X509_NAME_free(name);
	assert_true(X509_sign(cert, by, EVP_sha256()) > 0);
}

static inline void authority_extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
}

/* Its certificate is valid from from_s to to_s, that of who signed it ever. */
static inline void authority_make(struct authority *a, long from_s, long to_s)
{
	*a = (struct authority){ .ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), .key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"),
				 .ca = X509_new(), .cert = X509_new(), .now_s = from_s, .fraction_us = -1 };
	authority_extend(a->ca, NID_basic_constraints, "critical,CA:TRUE");
	authority_sign(a->ca, "root", a->ca_key, a->ca, a->ca_key, 0, 4000000000);
	authority_extend(a->cert, NID_ext_key_usage, "critical,timeStamping");
	authority_sign(a->cert, "clock", a->key, a->ca, a->ca_key, from_s, to_s);
}

static inline void authority_free(struct authority *a)
{
	EVP_PKEY_free(a->ca_key);
	EVP_PKEY_free(a->key);
	X509_free(a->ca);
	X509_free(a->cert);
}

/* The certificate of who signed it, for who is to trust it. */
static inline void authority_publish(const struct authority *a, const char *path)
{
	FILE *f = fopen(path, "w");

	PEM_write_X509(f, a->ca);
	fclose(f);
}

static inline ASN1_INTEGER *authority_serial(TS_RESP_CTX *ctx, void *data)
{
	ASN1_INTEGER *i = ASN1_INTEGER_new();

	ASN1_INTEGER_set(i, 1);
	return i;
}

static inline int authority_time(TS_RESP_CTX *ctx, void *data, long *sec, long *usec)
{
	const struct authority *a = data;

	*sec = a->now_s;
	*usec = a->fraction_us < 0 ? 0 : a->fraction_us;
	return 1;
}

/* The answer to a request in DER; its length. */
static inline size_t authority_answer(struct authority *a, const uint8_t *request, size_t len, uint8_t *answer)
{
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
	BIO *in = BIO_new_mem_buf(request, (int)len);
	TS_RESP_CTX *ctx = TS_RESP_CTX_new();
	TS_RESP *resp;
	int n;

	TS_RESP_CTX_set_serial_cb(ctx, authority_serial, NULL);
	TS_RESP_CTX_set_time_cb(ctx, authority_time, a);
	assert_int_equal(TS_RESP_CTX_set_signer_cert(ctx, a->cert), 1);
	TS_RESP_CTX_set_signer_key(ctx, a->key);
	TS_RESP_CTX_set_signer_digest(ctx, EVP_sha256());
	TS_RESP_CTX_set_ess_cert_id_digest(ctx, EVP_sha256());
	TS_RESP_CTX_set_def_policy(ctx, policy);
	TS_RESP_CTX_add_md(ctx, EVP_sha256());
	if (a->fraction_us >= 0)
		TS_RESP_CTX_set_clock_precision_digits(ctx, 6);
	if (a->named)
		TS_RESP_CTX_add_flags(ctx, TS_TSA_NAME);
	if (a->accuracy_s)
		TS_RESP_CTX_set_accuracy(ctx, (int)a->accuracy_s, 0, 0);
	resp = TS_RESP_create_response(ctx, in);
	assert_non_null(resp);
	n = i2d_TS_RESP(resp, &answer);
	assert_true(n > 0);
	TS_RESP_free(resp);
	TS_RESP_CTX_free(ctx);
	ASN1_OBJECT_free(policy);
	BIO_free(in);
	return (size_t)n;
}

#endif
