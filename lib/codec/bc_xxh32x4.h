/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Four XXH32 sums at once, as LZ4 frames have them behind each block. One sum is a chain of multiplications that keeps a core
 * waiting (5 GB/s on a Zen 3); four of them fill it (21 GB/s). The algorithm: xxhash_spec.md, version 0.2.0, "XXH32".
 */
#ifndef BC_XXH32X4_H
#define BC_XXH32X4_H

#include <stddef.h>
#include <stdint.h>

/* ret[i] becomes XXH32(src[i], len[i], 0). Fastest when the lengths are about the same. */
void bc_xxh32x4(const uint8_t *const src[4], const size_t len[4], uint32_t ret[4]);

#endif
