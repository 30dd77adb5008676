/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_key.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bc_file.h"

#define RECIPIENT "age"
#define IDENTITY "age-secret-key-"
#define LINE_MAX_BYTES 512

static int public_of(const uint8_t *secret, uint8_t *ret)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BC_AGE_KEY);
	size_t len = BC_AGE_KEY;
	int ok = key && EVP_PKEY_get_raw_public_key(key, ret, &len) == 1;

	EVP_PKEY_free(key);
	return ok ? 0 : -EINVAL;
}

int bc_age_x25519(const uint8_t secret[BC_AGE_KEY], const uint8_t *public, uint8_t ret[BC_AGE_KEY])
{
	EVP_PKEY *ours, *theirs;
	EVP_PKEY_CTX *ctx;
	size_t len = BC_AGE_KEY;
	int ok;

	if (!public)
		return public_of(secret, ret);
	ours = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BC_AGE_KEY);
	theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public, BC_AGE_KEY);
	ctx = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;
	ok = ctx && theirs && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, theirs) == 1 &&
	     EVP_PKEY_derive(ctx, ret, &len) == 1 && len == BC_AGE_KEY;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	return ok ? 0 : -EINVAL;
}

int bc_age_recipient_add(struct bc_age_recipients *r, const char *text, struct bc_err *err)
{
	if (r->n == BC_AGE_KEYS_MAX)
		return bc_err_set(err, -E2BIG, "more than %u recipients", BC_AGE_KEYS_MAX);
	/* Errors get into logs: a secret must not. */
	if (!strncasecmp(text, IDENTITY, strlen(IDENTITY)))
		return bc_err_set(err, -EINVAL, "a secret key is no recipient: give age1..., which 'braidcap keygen' printed with it");
	if (bc_bech32_decode(text, RECIPIENT, r->key[r->n], BC_AGE_KEY))
		return bc_err_set(err, -EINVAL, "'%.80s' is no recipient: age1 and 58 characters, as 'braidcap keygen' prints it", text);
	r->n++;
	return 0;
}

static int add_recipient(void *ctx, const char *line, struct bc_err *err)
{
	return bc_age_recipient_add(ctx, line, err);
}

/* What is in the line is a secret, and is not told. */
static int add_identity(void *ctx, const char *line, struct bc_err *err)
{
	struct bc_age_identities *i = ctx;

	if (i->n == BC_AGE_KEYS_MAX)
		return bc_err_set(err, -E2BIG, "more than %u keys", BC_AGE_KEYS_MAX);
	if (bc_bech32_decode(line, IDENTITY, i->key[i->n].secret, BC_AGE_KEY) || public_of(i->key[i->n].secret, i->key[i->n].public))
		return bc_err_set(err, -EINVAL, "no key (AGE-SECRET-KEY-1...) as 'braidcap keygen' and 'age-keygen' make them");
	i->n++;
	return 0;
}

static int read_keys(const char *path, bool secret, int (*add)(void *ctx, const char *line, struct bc_err *err), void *ctx, struct bc_err *err)
{
	FILE *f = bc_file_open_key(path, secret, err);
	char line[LINE_MAX_BYTES];
	unsigned n = 0, keys = 0;
	int r = 0;

	if (!f)
		return -EINVAL;
	/* Secrets stay in one place. */
	setvbuf(f, NULL, _IONBF, 0);
	while (!r && fgets(line, sizeof(line), f)) {
		n++;
		line[strcspn(line, "\r\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		r = add(ctx, line, err);
		keys++;
	}
	OPENSSL_cleanse(line, sizeof(line));
	fclose(f);
	if (r)
		return bc_err_prefix(err, r, "%s:%u", path, n);
	return keys ? 0 : bc_err_set(err, -EINVAL, "%s: no key in it", path);
}

int bc_age_recipients_read(struct bc_age_recipients *r, const char *path, struct bc_err *err)
{
	return read_keys(path, false, add_recipient, r, err);
}

int bc_age_files_add(struct bc_age_files *f, const char *path, struct bc_err *err)
{
	if (f->n == BC_AGE_KEYS_MAX)
		return bc_err_set(err, -E2BIG, "more than %d files with keys", BC_AGE_KEYS_MAX);
	f->path[f->n++] = path;
	return 0;
}

int bc_age_identities_read(struct bc_age_identities *i, const char *path, struct bc_err *err)
{
	return read_keys(path, true, add_identity, i, err);
}

void bc_age_identities_wipe(struct bc_age_identities *i)
{
	OPENSSL_cleanse(i, sizeof(*i));
}

int bc_age_identity_make(struct bc_age_identity *ret)
{
	return RAND_priv_bytes(ret->secret, BC_AGE_KEY) == 1 && public_of(ret->secret, ret->public) == 0 ? 0 : -EIO;
}

void bc_age_recipient_text(const uint8_t public[BC_AGE_KEY], char ret[BC_AGE_RECIPIENT_SIZE])
{
	bc_bech32_encode(RECIPIENT, public, BC_AGE_KEY, ret);
}

void bc_age_identity_text(const struct bc_age_identity *i, char ret[BC_AGE_IDENTITY_SIZE])
{
	bc_bech32_encode(IDENTITY, i->secret, BC_AGE_KEY, ret);
	for (char *c = ret; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}
