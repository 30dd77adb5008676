/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_finding.h"

#include <stdarg.h>
#include <string.h>

#include "bc_table.h"
#include "bc_view_value.h"

void bc_finding_add(struct bc_findings *f, enum bc_finding_level level, const char *check, const char *what, ...)
{
	struct bc_finding *at = &f->finding[f->n];
	va_list ap;

	f->problems += level == BC_FINDING_PROBLEM;
	if (f->n == BC_MAX_FINDINGS)
		return;
	at->level = level;
	at->check = check;
	at->advice[0] = '\0';
	va_start(ap, what);
	vsnprintf(at->what, sizeof(at->what), what, ap);
	va_end(ap);
	f->n++;
}

void bc_finding_advise(struct bc_findings *f, const char *advice, ...)
{
	struct bc_finding *at = &f->finding[f->n - 1];
	va_list ap;

	va_start(ap, advice);
	vsnprintf(at->advice, sizeof(at->advice), advice, ap);
	va_end(ap);
}

void bc_findings_print(FILE *out, const struct bc_findings *f)
{
	static const char *const levels[] = { [BC_FINDING_OK] = "ok", [BC_FINDING_NOTE] = "note", [BC_FINDING_PROBLEM] = "PROBLEM" };

	for (uint32_t i = 0; i < f->n; i++) {
		struct bc_finding at = f->finding[i];

		bc_table_clean(at.what);
		bc_table_clean(at.advice);
		fprintf(out, "%-7s  %-8s  %s\n", levels[at.level], at.check, at.what);
		if (at.advice[0])
			fprintf(out, "%19s-> %s\n", "", at.advice);
	}
}

json_t *bc_findings_json(const struct bc_findings *f)
{
	static const char *const levels[] = { [BC_FINDING_OK] = "ok", [BC_FINDING_NOTE] = "note", [BC_FINDING_PROBLEM] = "problem" };
	json_t *list = json_array();

	for (uint32_t i = 0; i < f->n; i++) {
		const struct bc_finding *at = &f->finding[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "level", levels[at->level], "check", at->check, "what",
						      bc_view_string(at->what), "advice",
						      at->advice[0] ? bc_view_string(at->advice) : json_null()));
	}
	return list;
}
