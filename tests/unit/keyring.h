/* SPDX-License-Identifier: BSD-3-Clause */
/* Keyrings of one key each, which a test begins and ends all at once. */
#ifndef KEYRING_H
#define KEYRING_H

#include "bc_test.h"

#include <stdlib.h>
#include <string.h>

#include "bc_keyring.h"
#include "bc_tls.h"

#define KEYRINGS 64

static struct keyrings {
	char *path[KEYRINGS], *owner[KEYRINGS];
	struct bc_keyring_key key[KEYRINGS];
	struct bc_keyring *keyring[KEYRINGS];
	unsigned n;
} keyrings;

/* NULL: there is no key. */
static inline struct bc_keyring *keyring_of(const struct bc_tls_files *files)
{
	unsigned i = keyrings.n;
	struct bc_err err;

	if (!bc_tls_key(files, &keyrings.key[i]))
		return NULL;
	assert_true(++keyrings.n < KEYRINGS);
	keyrings.key[i].path = keyrings.path[i] = strdup(keyrings.key[i].path);
	keyrings.key[i].owner = keyrings.owner[i] = strdup(keyrings.key[i].owner);
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
