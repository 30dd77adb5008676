/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as text with a checksum: Bech32, as BIP 173 has it, without its limit of 90 characters. Pure. */
#ifndef BC_BECH32_H
#define BC_BECH32_H

#include <stddef.h>
#include <stdint.h>

/* Characters of n bytes behind a prefix of p characters, with the final zero. */
#define BC_BECH32_SIZE(p, n) ((p) + 1 + ((n) * 8 + 4) / 5 + 6 + 1)

/* prefix: in lower case; ret: in lower case, BC_BECH32_SIZE(). */
void bc_bech32_encode(const char *prefix, const uint8_t *data, size_t len, char *ret);

/* text: all in lower case, or all in upper case. 0 and len bytes in ret; or -EINVAL: another prefix, another length, a wrong checksum. */
int bc_bech32_decode(const char *text, const char *prefix, uint8_t *ret, size_t len);

#endif
