/* SPDX-License-Identifier: BSD-3-Clause */
/* What was found about this machine: a list of one-line statements, each with what to do. */
#ifndef BC_FINDING_H
#define BC_FINDING_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define BC_MAX_FINDINGS 256

enum bc_finding_level {
	BC_FINDING_OK,
	BC_FINDING_NOTE,	/* could be better */
	BC_FINDING_PROBLEM,	/* a capture will fail, lose packets or have wrong times */
};

struct bc_finding {
	enum bc_finding_level level;
	const char *check;	/* constant: what was looked at, in a word */
	char what[256];
	char advice[256];	/* "": nothing to do */
};

/* About 130 KiB. Start with zeroes. Those that find no room are left out, but for their number in problems. */
struct bc_findings {
	uint32_t n;
	uint32_t problems;
	struct bc_finding finding[BC_MAX_FINDINGS];
};

void bc_finding_add(struct bc_findings *f, enum bc_finding_level level, const char *check, const char *what, ...)
	__attribute__((format(printf, 4, 5)));
/* What to do about the one that was added last. */
void bc_finding_advise(struct bc_findings *f, const char *advice, ...) __attribute__((format(printf, 2, 3)));

/* For people: aligned, the advice on lines of its own. Safe on a terminal whatever the texts are made of. */
void bc_findings_print(FILE *out, const struct bc_findings *f);

/* [{"level":"ok","check":"..","what":"..","advice":".."|null}, ...]: a new array, or NULL without memory. */
json_t *bc_findings_json(const struct bc_findings *f);

#endif
