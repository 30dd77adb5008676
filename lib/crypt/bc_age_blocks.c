/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_blocks.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define NONCE 12

struct bc_age_blocks {
	EVP_CIPHER_CTX *seal, *open;
};

int bc_age_blocks_new(const uint8_t file_key[BC_AGE_FILE_KEY], const uint8_t nonce[BC_AGE_NONCE], struct bc_age_blocks **ret)
{
	struct bc_age_blocks *b = calloc(1, sizeof(*b));
	uint8_t key[32];
	bool ok;

	if (!b)
		return -ENOMEM;
	b->seal = EVP_CIPHER_CTX_new();
	b->open = EVP_CIPHER_CTX_new();
	ok = b->seal && b->open && bc_age_hkdf(file_key, BC_AGE_FILE_KEY, nonce, BC_AGE_NONCE, "payload", key) == 0 &&
	     EVP_EncryptInit_ex2(b->seal, EVP_chacha20_poly1305(), key, NULL, NULL) == 1 &&
	     EVP_DecryptInit_ex2(b->open, EVP_chacha20_poly1305(), key, NULL, NULL) == 1;
	OPENSSL_cleanse(key, sizeof(key));
	if (!ok) {
		bc_age_blocks_free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void bc_age_blocks_free(struct bc_age_blocks *b)
{
	if (!b)
		return;
	EVP_CIPHER_CTX_free(b->seal);
	EVP_CIPHER_CTX_free(b->open);
	free(b);
}

/* 11 bytes, of which the number has the last 8, most significant first; and whether it is the last. */
static void nonce_of(uint64_t number, bool last, uint8_t ret[NONCE])
{
	for (unsigned i = 0; i < NONCE - 1; i++)
		ret[i] = i < 3 ? 0 : (uint8_t)(number >> 8 * (10 - i));
	ret[NONCE - 1] = last;
}

int bc_age_seal(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *plain, size_t len, uint8_t *ret)
{
	uint8_t nonce[NONCE];
	int n = 0, more = 0;

	nonce_of(number, last, nonce);
	return EVP_EncryptInit_ex2(b->seal, NULL, NULL, nonce, NULL) == 1 &&
	       (!len || EVP_EncryptUpdate(b->seal, ret, &n, plain, (int)len) == 1) && EVP_EncryptFinal_ex(b->seal, ret + n, &more) == 1 &&
	       EVP_CIPHER_CTX_ctrl(b->seal, EVP_CTRL_AEAD_GET_TAG, BC_AGE_TAG, ret + len) == 1 ? 0 : -EIO;
}

int bc_age_open(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *sealed, size_t len, uint8_t *ret)
{
	const size_t plain = len - BC_AGE_TAG;
	uint8_t nonce[NONCE], none[1];
	int n = 0, more = 0;

	nonce_of(number, last, nonce);
	return EVP_DecryptInit_ex2(b->open, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(b->open, EVP_CTRL_AEAD_SET_TAG, BC_AGE_TAG, (void *)(uintptr_t)(sealed + plain)) == 1 &&
	       (!plain || EVP_DecryptUpdate(b->open, ret, &n, sealed, (int)plain) == 1) &&
	       EVP_DecryptFinal_ex(b->open, plain ? ret + n : none, &more) == 1 ? 0 : -EBADMSG;
}
