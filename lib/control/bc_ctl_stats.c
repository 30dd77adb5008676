/* SPDX-License-Identifier: BSD-3-Clause */
/* Totals, shares of loss, and rates, from two ledgers a second apart. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "bc_ctl_ask.h"
#include "bc_field.h"
#include "bc_summary.h"
#include "bc_table.h"
#include "bc_tel_command.h"
#include "bc_time.h"

#define STATS_SECONDS 1

static int ask(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	json_t *before, *now;
	uint64_t begin_ns;
	int r = bc_ctl_ask_ledger(q, &before, err);

	if (r)
		return r;
	begin_ns = bc_mono_ns();
	sleep(STATS_SECONDS);
	r = bc_ctl_ask_ledger(q, &now, err);
	if (r) {
		json_decref(before);
		return r;
	}
	*ret = json_pack("{s:I, s:o, s:o}", "nanoseconds", (json_int_t)(bc_mono_ns() - begin_ns),
			 "before", before, "now", now);
	return *ret ? 0 : bc_err_set(err, -ENOMEM, "no memory");
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static uint64_t sum(const json_t *list, const char *key)
{
	uint64_t total = 0;
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		total += bc_field_u64(v, key);
	return total;
}

static void stats_row(struct bc_table *t, const char *name, uint64_t before, uint64_t now, uint64_t received,
		      double seconds)
{
	char share[BC_UNITS_MAX], per_second[BC_UNITS_MAX];

	bc_table_cell(t, "%s", name);
	bc_table_cell(t, "%" PRIu64, now);
	bc_table_cell(t, "%s", bc_percent(share, now, received));
	bc_table_cell(t, "%s/s", bc_units(per_second, rate(before, now, seconds)));
}

static void loss_rows(struct bc_table *t, const json_t *before, const json_t *now, const char *part, uint64_t received,
		      double seconds)
{
	const json_t *list = json_object_get(now, part), *old = json_object_get(before, part);
	const char *key;
	json_t *v, *n;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		json_object_foreach(json_object_get(v, "dropped"), key, n) {
			char name[320];

			snprintf(name, sizeof(name), "  %.40s: %s", key, bc_field_text(v, "name"));
			stats_row(t, name, bc_field_u64(json_object_get(json_array_get(old, i), "dropped"), key),
				  bc_field_u64(json_object_get(v, "dropped"), key), received, seconds);
		}
}

static void print(FILE *f, const json_t *answer)
{
	const json_t *before = json_object_get(answer, "before"), *now = json_object_get(answer, "now");
	double seconds = (double)bc_field_u64(answer, "nanoseconds") / (double)BC_NS_PER_S;
	static const char *const keys[] = { "received", "written", "filtered", "dropped" };
	const json_t *b = json_object_get(now, "balance"), *old = json_object_get(before, "balance");
	uint64_t received = bc_field_u64(b, "received");
	struct bc_table *t = bc_table_new("lrrr");
	char wire[BC_UNITS_MAX], disk[BC_UNITS_MAX];

	bc_table_cell(t, "%s", "");
	bc_table_cell(t, "PACKETS");
	bc_table_cell(t, "SHARE");
	bc_table_cell(t, "NOW");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		stats_row(t, keys[i], bc_field_u64(old, keys[i]), bc_field_u64(b, keys[i]), received, seconds);
	loss_rows(t, before, now, "sources", received, seconds);
	loss_rows(t, before, now, "outputs", received, seconds);
	bc_table_print(t, f);
	bc_table_free(t);
	fprintf(f, "on the wire %sbit/s, to disk %sB/s\n",
		bc_units(wire, 8 * rate(sum(json_object_get(before, "sources"), "received_bytes"),
				     sum(json_object_get(now, "sources"), "received_bytes"), seconds)),
		bc_units(disk, rate(sum(json_object_get(before, "outputs"), "file_bytes"),
				 sum(json_object_get(now, "outputs"), "file_bytes"), seconds)));
	bc_summary_balance(f, now);
	bc_summary_trouble(f, json_object_get(now, "outputs"));
}

const struct bc_tel_command bc_tel_command_stats = {
	.name = "stats",
	.ctl = { { "stats", "totals, loss percentages, rates over one second" } },
	.ask = ask,
	.print = print,
};
