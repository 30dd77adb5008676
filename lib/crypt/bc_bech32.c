/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_bech32.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define SUM 6	/* characters */

static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t add(uint32_t sum, unsigned value)
{
	static const uint32_t generator[5] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3 };
	const uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (unsigned i = 0; i < 5; i++)
		sum ^= top >> i & 1 ? generator[i] : 0;
	return sum;
}

static uint32_t add_prefix(const char *prefix)
{
	uint32_t sum = 1;

	for (const char *c = prefix; *c; c++)
		sum = add(sum, (unsigned char)*c >> 5);
	sum = add(sum, 0);
	for (const char *c = prefix; *c; c++)
		sum = add(sum, *c & 31);
	return sum;
}

/* Five bits of them, the j-th; zeros behind the end. */
static unsigned group(const uint8_t *data, size_t len, size_t j)
{
	const size_t bit = 5 * j, byte = bit / 8;
	const unsigned two = (unsigned)data[byte] << 8 | (byte + 1 < len ? data[byte + 1] : 0);

	return two >> (11 - bit % 8) & 31;
}

void bc_bech32_encode(const char *prefix, const uint8_t *data, size_t len, char *ret)
{
	uint32_t sum = add_prefix(prefix);

	ret = stpcpy(ret, prefix);
	*ret++ = '1';
	for (size_t j = 0; 5 * j < 8 * len; j++) {
		sum = add(sum, group(data, len, j));
		*ret++ = digits[group(data, len, j)];
	}
	for (unsigned i = 0; i < SUM; i++)
		sum = add(sum, 0);
	sum ^= 1;
	for (unsigned i = 0; i < SUM; i++)
		*ret++ = digits[sum >> 5 * (SUM - 1 - i) & 31];
	*ret = '\0';
}

/* Is it the prefix in one case, which *ret_upper is, and a 1? */
static bool has_prefix(const char *text, const char *prefix, bool *ret_upper)
{
	const size_t n = strlen(prefix);

	*ret_upper = isupper((unsigned char)text[0]);
	for (size_t i = 0; i < n; i++)
		if (text[i] != (*ret_upper ? toupper((unsigned char)prefix[i]) : prefix[i]))
			return false;
	return text[n] == '1';
}

/* Of a character in that case; -1: it is none of the digits. */
static int value_of(char c, bool upper)
{
	const char *d;

	if (!c || (upper ? islower((unsigned char)c) : isupper((unsigned char)c)))
		return -1;
	d = strchr(digits, tolower((unsigned char)c));
	return d ? (int)(d - digits) : -1;
}

int bc_bech32_decode(const char *text, const char *prefix, uint8_t *ret, size_t len)
{
	const size_t head = strlen(prefix) + 1, groups = (8 * len + 4) / 5;
	uint32_t sum = add_prefix(prefix), bits = 0;
	unsigned have = 0;
	bool upper;

	if (strlen(text) != head + groups + SUM || !has_prefix(text, prefix, &upper))
		return -EINVAL;
	for (size_t j = 0; j < groups + SUM; j++) {
		int v = value_of(text[head + j], upper);

		if (v < 0)
			return -EINVAL;
		sum = add(sum, (unsigned)v);
		if (j >= groups)
			continue;
		bits = bits << 5 | (unsigned)v;
		have += 5;
		if (have >= 8)
			*ret++ = (uint8_t)(bits >> (have -= 8));
	}
	return sum == 1 && !(bits & ((1U << have) - 1)) ? 0 : -EINVAL;
}
