/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines as time stamps of a chain of custody: each is refused, or is the very line that its stamp makes; nobody's stamp is believed. */
#include <stdlib.h>
#include <string.h>

#include "bc_stamp_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void ask_about(const struct bc_stamp_line *l)
{
	struct bc_stamp_request *req;
	struct bc_stamp_trust *nobody = NULL;
	struct bc_stamp_said said;

	check(bc_stamp_request_new(l->hash, &req) == 0 && bc_stamp_trust_new(NULL, &nobody, NULL) == 0);
	check(bc_stamp_accept(req, l->answer, l->len, NULL) != 0);
	check(bc_stamp_check(nobody, l->hash, l->answer, l->len, 1800000000, &said, NULL) != 0);
	bc_stamp_request_free(req);
	bc_stamp_trust_free(nobody);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct bc_stamp_line *l = malloc(sizeof(*l));
	char *line = malloc(len + 1), *again = malloc(BC_STAMP_LINE_MAX);

	memcpy(line, input, len);
	if (bc_stamp_line_parse(line, len, l) == 0) {
		check(bc_stamp_line_text(l, again) == len && !memcmp(again, line, len));
		ask_about(l);
	}
	free(again);
	free(line);
	free(l);
	return 0;
}
