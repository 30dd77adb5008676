/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linked in place of the library's bc_age_blocks_new() and bc_age_seal() (--wrap): no key and nonce seal two different plaintexts, or the test
 * fails.
 */
#ifndef SEALED_ONCE_H
#define SEALED_ONCE_H

#include "bc_age_blocks.h"

#define SEALED_ONCE_MAX 65536

static struct {
	const struct bc_age_blocks *key;
	uint64_t number, hash;
	bool last;
	size_t len;
} sealed_once[SEALED_ONCE_MAX];
static uint32_t sealed_once_n, sealed_once_again;

int __real_bc_age_blocks_new(const uint8_t *file_key, const uint8_t *nonce, struct bc_age_blocks **ret);
int __wrap_bc_age_blocks_new(const uint8_t *file_key, const uint8_t *nonce, struct bc_age_blocks **ret);
int __real_bc_age_seal(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *plain, size_t len, uint8_t *ret);
int __wrap_bc_age_seal(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *plain, size_t len, uint8_t *ret);

/* Another key, maybe where one was that is freed. */
int __wrap_bc_age_blocks_new(const uint8_t *file_key, const uint8_t *nonce, struct bc_age_blocks **ret)
{
	int r = __real_bc_age_blocks_new(file_key, nonce, ret);

	for (uint32_t i = 0; !r && i < sealed_once_n; i++)
		if (sealed_once[i].key == *ret)
			sealed_once[i].key = NULL;
	return r;
}

int __wrap_bc_age_seal(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *plain, size_t len, uint8_t *ret)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ plain[i]) * 1099511628211U;
	for (uint32_t i = 0; i < sealed_once_n; i++)
		if (sealed_once[i].key == b && sealed_once[i].number == number && sealed_once[i].last == last) {
			if (sealed_once[i].hash != hash || sealed_once[i].len != len)
				fail_msg("block %lu%s was sealed twice", (unsigned long)number, last ? ", the last," : "");
			sealed_once_again++;
			return __real_bc_age_seal(b, number, last, plain, len, ret);
		}
	assert_true(sealed_once_n < SEALED_ONCE_MAX);
	sealed_once[sealed_once_n].key = b;
	sealed_once[sealed_once_n].number = number;
	sealed_once[sealed_once_n].last = last;
	sealed_once[sealed_once_n].hash = hash;
	sealed_once[sealed_once_n++].len = len;
	return __real_bc_age_seal(b, number, last, plain, len, ret);
}

#endif
