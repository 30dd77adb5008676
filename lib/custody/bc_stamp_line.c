/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamp_line.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t bc_stamp_line_text(const struct bc_stamp_line *l, char text[BC_STAMP_LINE_MAX])
{
	char hash[2 * BC_CHAIN_HASH + 1];
	int n;

	bc_chain_hex(l->hash, BC_CHAIN_HASH, hash);
	n = sprintf(text, "%" PRIu64 " %s ", l->number, hash);
	return (size_t)n + (size_t)EVP_EncodeBlock((unsigned char *)text + n, l->answer, (int)l->len);
}

/* One answer has one form: what decodes to the same bytes is told apart by the caller. */
static bool take_answer(const char *digits, size_t len, struct bc_stamp_line *l)
{
	size_t padding = 0;
	int n;

	if (!len || len % 4 || len / 4 * 3 > BC_STAMP_ANSWER_MAX + 2)
		return false;
	while (padding < 2 && digits[len - 1 - padding] == '=')
		padding++;
	n = EVP_DecodeBlock(l->answer, (const unsigned char *)digits, (int)len);
	if (n <= (int)padding || (size_t)n - padding > BC_STAMP_ANSWER_MAX)
		return false;
	l->len = (size_t)n - padding;
	return true;
}

static bool is_same(const struct bc_stamp_line *l, const char *text, size_t len)
{
	char *again = malloc(BC_STAMP_LINE_MAX);
	bool same = again && bc_stamp_line_text(l, again) == len && !memcmp(again, text, len);

	free(again);
	return same;
}

int bc_stamp_line_parse(const char *text, size_t len, struct bc_stamp_line *ret)
{
	const char *hash = memchr(text, ' ', len < 21 ? len : 21);
	size_t head = hash ? (size_t)(hash + 1 - text) : 0;
	char number[21];

	if (!hash || len >= BC_STAMP_LINE_MAX || len - head < 2 * BC_CHAIN_HASH + 1 ||
	    !bc_chain_unhex(hash + 1, BC_CHAIN_HASH, ret->hash) || text[head + 2 * BC_CHAIN_HASH] != ' ')
		return -EBADMSG;
	memcpy(number, text, head - 1);
	number[head - 1] = '\0';
	ret->number = strtoull(number, NULL, 10);
	head += 2 * BC_CHAIN_HASH + 1;
	return take_answer(text + head, len - head, ret) && is_same(ret, text, len) ? 0 : -EBADMSG;
}
