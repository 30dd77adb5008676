/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyrings of one key each, which a test begins and ends all at once. */
#ifndef KEYRING_H
#define KEYRING_H

#include "bc_test.h"

#include <stdlib.h>
#include <string.h>

#include "bc_keyring.h"

#define KEYRINGS 64

static struct keyrings {
	char *path[KEYRINGS], *owner[KEYRINGS];
	struct bc_keyring_key key[KEYRINGS];
	struct bc_keyring *keyring[KEYRINGS];
	unsigned n;
} keyrings;

static inline struct bc_keyring *keyring_of(struct bc_keyring_key key)
{
	unsigned i = keyrings.n++;
	struct bc_err err;

	assert_true(i < KEYRINGS);
	keyrings.key[i] = key;
	keyrings.key[i].path = keyrings.path[i] = strdup(key.path);
	keyrings.key[i].owner = keyrings.owner[i] = strdup(key.owner);
	if (bc_keyring_new(&(struct bc_keyring_config){ .key = &keyrings.key[i], .n = 1 }, &keyrings.keyring[i], &err))
		fail_msg("%s", err.msg);
	return keyrings.keyring[i];
}

static inline void keyrings_end(void)
{
	while (keyrings.n) {
		bc_keyring_free(keyrings.keyring[--keyrings.n]);
		free(keyrings.path[keyrings.n]);
		free(keyrings.owner[keyrings.n]);
	}
}

#endif
