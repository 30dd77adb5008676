/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of age, as hostile ones: the first byte chooses. 0: the rest is a header, for an identity of 1s; 1: what follows the header, with a key
 * of zeros; 2: a recipient as text. Whatever they say, nothing is read behind them, and what is read fits the length that was told.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bc_age_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void read_header(const uint8_t *input, size_t len)
{
	struct bc_age_identities ids = { .n = 1 };
	uint8_t key[BC_AGE_FILE_KEY], *copy = malloc(len + 1);
	size_t header = 0;

	memcpy(copy, input, len);
	memset(ids.key[0].secret, 1, BC_AGE_KEY);
	check(bc_age_x25519(ids.key[0].secret, NULL, ids.key[0].public) == 0);
	/* With room for exactly what there is. */
	copy = realloc(copy, len ? len : 1);
	if (bc_age_header_read(copy, len, &ids, key, &header, NULL) == 0)
		check(header <= len);
	free(copy);
}

static void read_blocks(const uint8_t *input, size_t len)
{
	static const uint8_t key[BC_AGE_FILE_KEY];
	int fd = memfd_create("age", MFD_CLOEXEC);
	uint8_t piece[1000];
	struct bc_blob *b;

	check(fd >= 0 && write(fd, input, len) == (ssize_t)len && bc_blob_open_fd(fd, "", &b, NULL) == 0);
	if (bc_age_blob_wrap_key(&b, key, 0, NULL) == 0) {
		check(b->bytes < len);
		for (uint64_t at = 0; at < b->bytes; at += sizeof(piece)) {
			ptrdiff_t n = bc_blob_read(b, piece, sizeof(piece), at, NULL);

			check(n < 0 || (uint64_t)n == (b->bytes - at < sizeof(piece) ? b->bytes - at : sizeof(piece)));
		}
	}
	bc_blob_close(b);
}

static void read_recipient(const uint8_t *input, size_t len)
{
	static struct bc_age_recipients to;
	char *text = malloc(len + 1), again[BC_AGE_RECIPIENT_SIZE];

	memcpy(text, input, len);
	text[len] = '\0';
	to.n = 0;
	if (bc_age_recipient_add(&to, text, NULL) == 0) {
		bc_age_recipient_text(to.key[0], again);
		check(!strcasecmp(again, text));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	if (!len)
		return 0;
	if (input[0] % 3 == 0)
		read_header(input + 1, len - 1);
	else if (input[0] % 3 == 1)
		read_blocks(input + 1, len - 1);
	else
		read_recipient(input + 1, len - 1);
	return 0;
}
