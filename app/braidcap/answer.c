/* SPDX-License-Identifier: BSD-3-Clause */
#include "answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int answer_print(json_t *o)
{
	int r = o ? json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

	json_decref(o);
	if (!r)
		putchar('\n');
	if (!r && !fflush(stdout) && !ferror(stdout))
		return 0;
	fprintf(stderr, "braidcap: cannot write the answer: %s\n", o ? strerror(errno) : "no memory");
	return 1;
}
