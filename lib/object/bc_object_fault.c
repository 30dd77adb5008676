/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_object_fault.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bc_curl.h"
#include "bc_object_xml.h"

/* What stores name, and what is to be done. */
static const struct {
	const char *code;
	int r;
	const char *text;
} s3_codes[] = {
	{ "NoSuchKey", -ENOENT, "there is no such object" },
	{ "NoSuchUpload", -ENOENT, "there is no such multipart upload" },
	{ "NoSuchBucket", -ENODEV, "there is no such bucket" },
	{ "AccessDenied", -EACCES, "access denied: this key has no right to do it" },
	{ "AllAccessDisabled", -EACCES, "access denied: the bucket is closed" },
	{ "InvalidAccessKeyId", -EKEYREJECTED, "the store does not know this access key: look at the credentials" },
	{ "SignatureDoesNotMatch", -EKEYREJECTED, "the secret key is wrong: look at the credentials" },
	{ "InvalidToken", -EKEYREJECTED, "the session token is wrong: look at the credentials" },
	{ "InvalidSecurity", -EKEYREJECTED, "the credentials are not valid" },
	{ "ExpiredToken", -EKEYEXPIRED, "the session token has expired: renew the credentials" },
	{ "TokenRefreshRequired", -EKEYEXPIRED, "the session token has expired: renew the credentials" },
	{ "RequestTimeTooSkewed", -ETIME, "this machine's clock and the store's differ too much: set the clock" },
	{ "RequestExpired", -ETIME, "this machine's clock and the store's differ too much: set the clock" },
	{ "AuthorizationHeaderMalformed", -EXDEV, "the bucket is in another region" },
	{ "PermanentRedirect", -EXDEV, "the bucket is in another region, or at another endpoint" },
	{ "TemporaryRedirect", -EXDEV, "the bucket is in another region, or at another endpoint" },
	{ "IllegalLocationConstraintException", -EXDEV, "the bucket is in another region" },
	{ "InvalidRange", -ERANGE, "the range lies behind the object's end" },
	{ "SlowDown", -EAGAIN, "the store is overloaded" },
	{ "RequestLimitExceeded", -EAGAIN, "the store is overloaded" },
	{ "ServiceUnavailable", -EAGAIN, "the store is not available" },
	{ "InternalError", -EAGAIN, "the store has a fault of its own" },
	{ "RequestTimeout", -EAGAIN, "the store waited too long for the request's bytes" },
	{ "OperationAborted", -EAGAIN, "another request for the same object is being worked on" },
	{ "ConditionalRequestConflict", -EAGAIN, "another request for the same object is being worked on" },
	{ "BadDigest", -EAGAIN, "the bytes were changed on the way" },
	{ "XAmzContentSHA256Mismatch", -EAGAIN, "the bytes were changed on the way" },
	{ "InvalidObjectState", -EIO, "the object is in an archive, from which it must be restored first" },
};

/* What the status alone says, as after HEAD. */
static const struct {
	long status;
	int r;
	const char *text;
} statuses[] = {
	{ 301, -EXDEV, "the bucket is in another region, or at another endpoint" },
	{ 307, -EXDEV, "the bucket is in another region, or at another endpoint" },
	{ 400, -EIO, "the store does not take the request: an expired session token, another region?" },
	{ 401, -EKEYREJECTED, "the credentials are wrong" },
	{ 403, -EACCES, "access denied: this key has no right to do it, or is wrong" },
	{ 404, -ENOENT, "there is no such object" },
	{ 416, -ERANGE, "the range lies behind the object's end" },
	{ 429, -EAGAIN, "the store is overloaded" },
};

static int tell(const struct bc_object_outcome *o, struct bc_err *err, int r, const char *text)
{
	return bc_err_set(err, r, "s3://%s%s%s at %s: %s", o->bucket, o->key ? "/" : "", o->key ? o->key : "", o->where, text);
}

static int of_curl(const struct bc_object_outcome *o, struct bc_err *err)
{
	const char *text = o->curl_text[0] ? o->curl_text : curl_easy_strerror((CURLcode)o->curl);
	struct bc_err line;
	int r;

	switch (o->curl) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		r = -EHOSTUNREACH;
		break;
	case CURLE_COULDNT_CONNECT:
		r = -ECONNREFUSED;
		break;
	case CURLE_OPERATION_TIMEDOUT:
		r = -ETIMEDOUT;
		break;
	case CURLE_OUT_OF_MEMORY:
		r = -ENOMEM;
		break;
	case CURLE_PEER_FAILED_VERIFICATION:
		bc_err_set(&line, -EPROTO, "its certificate is not one that the CA file vouches for (%s)", text);
		return tell(o, err, -EPROTO, line.msg);
	case CURLE_SSL_CACERT_BADFILE:
		bc_err_set(&line, -EPROTO, "cannot read the CA file (%s)", text);
		return tell(o, err, -EPROTO, line.msg);
	case CURLE_SSL_CONNECT_ERROR:
		/* So does a connection end that is cut off while TLS is being agreed on. */
		r = strstr(text, "SSL_ERROR_SYSCALL") || strstr(text, "onnection reset") || strstr(text, "unexpected eof") ? -ECONNRESET : -EPROTO;
		break;
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_UNSUPPORTED_PROTOCOL:
		r = -EPROTO;
		break;
	case CURLE_WRITE_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
		r = -EBADMSG;
		text = "the answer is longer than what was asked for, or no HTTP";
		break;
	default:	/* sent, received, or nothing: cut off */
		r = -ECONNRESET;
		break;
	}
	return tell(o, err, r, text);
}

static int with_region(const struct bc_object_outcome *o, const char *region, const char *text, struct bc_err *err)
{
	struct bc_err line;

	if (!region[0])
		return tell(o, err, -EXDEV, text);
	bc_err_set(&line, -EXDEV, "the bucket is in the region %.60s: give --s3-region %.60s", region, region);
	return tell(o, err, -EXDEV, line.msg);
}

static int with_clock(const struct bc_object_outcome *o, struct bc_err *err)
{
	const int64_t s = o->clock_ahead_s;
	struct bc_err line;

	bc_err_set(&line, -ETIME, "this machine's clock is %" PRId64 " s %s the store's: set the clock", s < 0 ? -s : s, s < 0 ? "behind" : "ahead of");
	return tell(o, err, -ETIME, line.msg);
}

static int of_code(const struct bc_object_outcome *o, const struct bc_object_error *e, struct bc_err *err)
{
	struct bc_err line;

	if (strcmp(e->code, "PreconditionFailed") == 0)
		return tell(o, err, o->if_match ? -ESTALE : -EEXIST, o->if_match ? "the object has changed meanwhile" : "there is one already");
	for (size_t i = 0; i < sizeof(s3_codes) / sizeof(s3_codes[0]); i++) {
		if (strcmp(e->code, s3_codes[i].code))
			continue;
		if (s3_codes[i].r == -EXDEV)
			return with_region(o, e->region[0] ? e->region : o->region, s3_codes[i].text, err);
		if (s3_codes[i].r == -ETIME && o->clock_ahead_s)
			return with_clock(o, err);
		return tell(o, err, s3_codes[i].r, s3_codes[i].text);
	}
	bc_err_set(&line, -EIO, "the store refuses it: %s%s%s", e->code, e->message[0] ? ": " : "", e->message);
	return tell(o, err, o->status >= 500 ? -EAGAIN : -EIO, line.msg);
}

static int of_status(const struct bc_object_outcome *o, struct bc_err *err)
{
	struct bc_err line;

	if (o->status == 412)
		return tell(o, err, o->if_match ? -ESTALE : -EEXIST, o->if_match ? "the object has changed meanwhile" : "there is one already");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (o->status != statuses[i].status)
			continue;
		/* HEAD in another region has no other words. */
		if (o->region[0] && (statuses[i].r == -EXDEV || o->status == 400))
			return with_region(o, o->region, statuses[i].text, err);
		return tell(o, err, statuses[i].r, statuses[i].text);
	}
	bc_err_set(&line, -EIO, "the store answers with HTTP %ld", o->status);
	return tell(o, err, o->status >= 500 ? -EAGAIN : -EIO, line.msg);
}

int bc_object_fault(const struct bc_object_outcome *o, struct bc_err *err)
{
	struct bc_object_error e;

	if (o->curl != CURLE_OK)
		return of_curl(o, err);
	if (o->body_len && bc_object_xml_error(o->body, o->body_len, &e) == 0)
		return of_code(o, &e, err);
	if (o->status >= 200 && o->status < 300)
		return 0;
	return of_status(o, err);
}
