/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamp.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ts.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NONCE_BITS 64
#define ACCURACY_MAX_S 86400

struct bc_stamp_request {
	TS_REQ *req;
	uint8_t *der;
	int len;
};

struct bc_stamp_trust {
	X509_STORE *store;
};

/* In OpenSSL's words, as far as it has some. */
static int refused(struct bc_err *err, const char *what)
{
	const char *data = NULL, *reason;
	int flags = 0, r;

	reason = ERR_reason_error_string(ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags));
	if (!data || !*data || !(flags & ERR_TXT_STRING))
		data = NULL;
	r = bc_err_set(err, -EBADMSG, "%s%s%s%s%s", what, reason ? ": " : "", reason ? reason : "", data ? ": " : "", data ? data : "");
	ERR_clear_error();
	return r;
}

static bool set_imprint(TS_REQ *req, const uint8_t *hash)
{
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *alg = X509_ALGOR_new();
	bool ok = imprint && alg && X509_ALGOR_set0(alg, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) == 1 &&
		  TS_MSG_IMPRINT_set_algo(imprint, alg) == 1 && TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)hash, BC_CHAIN_HASH) == 1 &&
		  TS_REQ_set_msg_imprint(req, imprint) == 1;

	TS_MSG_IMPRINT_free(imprint);
	X509_ALGOR_free(alg);
	return ok;
}

static bool set_nonce(TS_REQ *req)
{
	BIGNUM *n = BN_new();
	ASN1_INTEGER *nonce = n && BN_rand(n, NONCE_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	bool ok = nonce && TS_REQ_set_nonce(req, nonce) == 1;

	ASN1_INTEGER_free(nonce);
	BN_free(n);
	return ok;
}

int bc_stamp_request_new(const uint8_t hash[BC_CHAIN_HASH], struct bc_stamp_request **ret)
{
	struct bc_stamp_request *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->req = TS_REQ_new();
	if (r->req && TS_REQ_set_version(r->req, 1) == 1 && set_imprint(r->req, hash) && set_nonce(r->req) && TS_REQ_set_cert_req(r->req, 1) == 1)
		r->len = i2d_TS_REQ(r->req, &r->der);
	if (r->len <= 0) {
		bc_stamp_request_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void bc_stamp_request_free(struct bc_stamp_request *r)
{
	if (!r)
		return;
	TS_REQ_free(r->req);
	OPENSSL_free(r->der);
	free(r);
}

const uint8_t *bc_stamp_request_der(const struct bc_stamp_request *r, size_t *ret_len)
{
	*ret_len = (size_t)r->len;
	return r->der;
}

/* All of the bytes, and no more of them than one answer. */
static TS_RESP *parse(const uint8_t *answer, size_t len)
{
	const uint8_t *at = answer;
	TS_RESP *resp = len && len <= BC_STAMP_ANSWER_MAX ? d2i_TS_RESP(NULL, &at, (long)len) : NULL;

	if (!resp || at == answer + len)
		return resp;
	TS_RESP_free(resp);
	return NULL;
}

/*
 * Nothing about who signed: OpenSSL would check the certificate too, of an
 * authority that names itself, although here nobody is trusted yet.
 */
static TS_VERIFY_CTX *fits(const struct bc_stamp_request *r)
{
	TS_VERIFY_CTX *ctx = TS_REQ_to_TS_VERIFY_CTX(r->req, NULL);

	if (ctx)
		TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_IMPRINT | TS_VFY_NONCE);
	return ctx;
}

int bc_stamp_accept(const struct bc_stamp_request *r, const uint8_t *answer, size_t len, struct bc_err *err)
{
	TS_VERIFY_CTX *ctx;
	TS_RESP *resp;
	int rc = 0;

	ERR_clear_error();
	resp = parse(answer, len);
	if (!resp)
		return refused(err, "what came is no answer of RFC 3161");
	ctx = fits(r);
	if (!ctx || TS_RESP_verify_response(ctx, resp) != 1)
		rc = refused(err, "the answer does not fit the request, or grants nothing");
	else if (PKCS7_verify(TS_RESP_get_token(resp), NULL, NULL, NULL, NULL, PKCS7_NOVERIFY) != 1)
		rc = refused(err, "the answer is not signed by the certificate in it");
	TS_VERIFY_CTX_free(ctx);
	TS_RESP_free(resp);
	return rc;
}

int bc_stamp_trust_new(const char *path, struct bc_stamp_trust **ret, struct bc_err *err)
{
	struct bc_stamp_trust *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t || !(t->store = X509_STORE_new())) {
		free(t);
		return bc_err_set(err, -ENOMEM, "no memory for certificates");
	}
	ERR_clear_error();
	/* What is named there is trusted, whether or not it signed itself. */
	X509_STORE_set_flags(t->store, X509_V_FLAG_PARTIAL_CHAIN);
	if (path && X509_STORE_load_file(t->store, path) != 1)
		r = bc_err_set(err, -EINVAL, "%s: no certificates in PEM that can be read", path);
	ERR_clear_error();
	if (r)
		bc_stamp_trust_free(t);
	else
		*ret = t;
	return r;
}

void bc_stamp_trust_free(struct bc_stamp_trust *t)
{
	if (!t)
		return;
	X509_STORE_free(t->store);
	free(t);
}

/* Signature, certificates as of that time, version, and what was stamped. */
static bool holds_at(struct bc_stamp_trust *t, TS_RESP *resp, const uint8_t *hash, uint64_t time_s)
{
	TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
	unsigned char *imprint = OPENSSL_memdup(hash, BC_CHAIN_HASH);
	bool ok;

	if (!ctx || !imprint) {
		TS_VERIFY_CTX_free(ctx);
		OPENSSL_free(imprint);
		return false;
	}
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(t->store), (time_t)time_s);
	X509_STORE_up_ref(t->store);
	TS_VERIFY_CTX_set_store(ctx, t->store);
	TS_VERIFY_CTX_set_imprint(ctx, imprint, BC_CHAIN_HASH);
	TS_VERIFY_CTX_set_flags(ctx, TS_VFY_SIGNATURE | TS_VFY_VERSION | TS_VFY_IMPRINT);
	ok = TS_RESP_verify_response(ctx, resp) == 1;
	TS_VERIFY_CTX_free(ctx);
	return ok;
}

static bool is_sha256(TS_TST_INFO *info)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
	X509_ALGOR *alg = imprint ? TS_MSG_IMPRINT_get_algo(imprint) : NULL;
	const ASN1_OBJECT *name = NULL;

	if (alg)
		X509_ALGOR_get0(&name, NULL, NULL, alg);
	return name && OBJ_obj2nid(name) == NID_sha256;
}

/* Whole seconds, of which a begun one counts. Negative: it is none. */
static int64_t accuracy_of(TS_TST_INFO *info)
{
	const TS_ACCURACY *a = TS_TST_INFO_get_accuracy(info);
	int64_t s = 0;

	if (!a)
		return 0;
	if (TS_ACCURACY_get_seconds(a) && ASN1_INTEGER_get_int64(&s, TS_ACCURACY_get_seconds(a)) != 1)
		return -1;
	if (s < 0 || s > ACCURACY_MAX_S)
		return -1;
	return s + (TS_ACCURACY_get_millis(a) || TS_ACCURACY_get_micros(a));
}

/* When it was made, by the authority's clock, and when that is over for sure. */
static bool times_of(TS_TST_INFO *info, uint64_t *ret_made_s, uint64_t *ret_over_s)
{
	const ASN1_GENERALIZEDTIME *g = TS_TST_INFO_get_time(info);
	const int64_t accuracy = accuracy_of(info);
	struct tm tm;
	time_t made;

	if (!g || accuracy < 0 || ASN1_TIME_to_tm(g, &tm) != 1)
		return false;
	made = timegm(&tm);
	if (made < 0)
		return false;
	*ret_made_s = (uint64_t)made;
	*ret_over_s = (uint64_t)made + (uint64_t)accuracy + (memchr(ASN1_STRING_get0_data(g), '.', (size_t)ASN1_STRING_length(g)) != NULL);
	return true;
}

static void name_of(TS_RESP *resp, char ret[BC_STAMP_AUTHORITY_MAX])
{
	STACK_OF(X509) *signers = PKCS7_get0_signers(TS_RESP_get_token(resp), NULL, 0);
	BIO *text = BIO_new(BIO_s_mem());
	int n = 0;

	if (text && signers && sk_X509_num(signers) > 0 &&
	    X509_NAME_print_ex(text, X509_get_subject_name(sk_X509_value(signers, 0)), 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_read(text, ret, BC_STAMP_AUTHORITY_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
	BIO_free(text);
	sk_X509_free(signers);
}

static int check(struct bc_stamp_trust *t, const uint8_t *hash, TS_RESP *resp, uint64_t now_s, struct bc_stamp_said *ret, struct bc_err *err)
{
	TS_TST_INFO *info = TS_RESP_get_tst_info(resp);
	struct bc_stamp_said stamp = { .time_s = 0 };
	uint64_t made_s;

	if (!info || !is_sha256(info) || !times_of(info, &made_s, &stamp.time_s))
		return refused(err, "it is no time stamp of a SHA-256");
	if (!holds_at(t, resp, hash, made_s))
		return refused(err, "it does not hold");
	stamp.expired = now_s > made_s && !holds_at(t, resp, hash, now_s);
	name_of(resp, stamp.authority);
	*ret = stamp;
	ERR_clear_error();
	return 0;
}

int bc_stamp_check(struct bc_stamp_trust *t, const uint8_t hash[BC_CHAIN_HASH], const uint8_t *answer, size_t len, uint64_t now_s,
		   struct bc_stamp_said *ret, struct bc_err *err)
{
	TS_RESP *resp;
	int r;

	ERR_clear_error();
	resp = parse(answer, len);
	if (!resp)
		return refused(err, "it is no answer of RFC 3161");
	r = check(t, hash, resp, now_s, ret, err);
	TS_RESP_free(resp);
	return r;
}
