/* SPDX-License-Identifier: BSD-3-Clause */
/* The key under which addresses are anonymised, from a file that only its owner may read. Any thread. */
#ifndef BC_ANONYMISE_KEY_H
#define BC_ANONYMISE_KEY_H

#include <stdint.h>

#include "bc_err.h"

struct bc_anonymise_key {
	uint8_t bytes[32];	/* Crypto-PAn's: AES-128's key, then what the padding is made of */
};

/*
 * From a file of 64 hexadecimal digits, as `openssl rand -hex 32` makes it. 0 and *ret, or a negative errno with a line in err that
 * begins with what: also where others than its owner may read the file.
 */
int bc_anonymise_key_read(const char *what, const char *path, struct bc_anonymise_key *ret, struct bc_err *err);

/* Of one on the heap. Takes NULL. */
void bc_anonymise_key_free(struct bc_anonymise_key *k);

#endif
