/* SPDX-License-Identifier: BSD-3-Clause */
/* What must hold for any packet that was anonymised, as told by the dissector of the index, which shares no code with it. */
#ifndef ANONYMISE_ORACLE_H
#define ANONYMISE_ORACLE_H

#include <stdlib.h>
#include <string.h>

#include "bc_anonymise.h"
#include "bc_tuple.h"

static inline struct bc_cryptopan *oracle_map(uint8_t seed)
{
	struct bc_anonymise_key key;

	for (uint32_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)(seed + 7 * i);
	return bc_cryptopan_new(&key);
}

/* Is the address replaced by its own, or gone? */
static inline bool oracle_address(struct bc_cryptopan *map, const uint8_t *before, const uint8_t *after, uint8_t len)
{
	static const uint8_t zeros[16];
	uint8_t a[16];

	memcpy(a, before, len);
	if (len == 4)
		bc_cryptopan_ip4(map, a);
	else
		bc_cryptopan_ip6(map, a);
	return !memcmp(after, a, len) || !memcmp(after, zeros, len);
}

/* Each address that the index knows of is replaced, and what is left unknown is the same when it is asked once more. */
static inline bool oracle_holds(struct bc_cryptopan *map, uint16_t linktype, const uint8_t *data, uint32_t len)
{
	/* Of exactly these bytes, so that sanitizers see one more. */
	uint8_t *p = memcpy(malloc(len + !len), data, len);
	bool ok = true;
	struct bc_tuple t;

	bc_tuple_of(linktype, data, len, false, &t);
	bc_anonymise(map, linktype, p, len, len);
	for (int i = 0; t.addr_len && i < 2; i++)
		ok &= oracle_address(map, data + t.addr_at[i], p + t.addr_at[i], t.addr_len);
	for (int i = 0; i < t.n_outer; i++)
		ok &= oracle_address(map, data + t.outer_at[i], p + t.outer_at[i], t.outer_len[i]);
	ok &= !bc_anonymise(map, linktype, p, len, len);
	free(p);
	return ok;
}

#endif
