/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_summary.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bc_field.h"
#include "bc_ledger.h"
#include "bc_plural.h"
#include "bc_table.h"

/* "nic_missed 3, link_full 4", or "0"; the caller frees it. */
static char *losses(const json_t *dropped)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	const char *key;
	json_t *v;

	if (!f)
		return NULL;
	if (!json_object_size(dropped))
		fputs("0", f);
	json_object_foreach((json_t *)dropped, key, v)
		fprintf(f, "%s%.40s %" JSON_INTEGER_FORMAT, ftell(f) ? ", " : "", key, json_integer_value(v));
	fclose(f);
	return text;
}

static void losses_cell(struct bc_table *t, const json_t *of)
{
	char *text = losses(json_object_get(of, "dropped"));

	bc_table_cell(t, "%s", text ? text : "");
	free(text);
}

static void number_cell(struct bc_table *t, const json_t *of, const char *key)
{
	bc_table_cell(t, "%" PRIu64, bc_field_u64(of, key));
}

void bc_summary_sources(FILE *f, const json_t *sources)
{
	bool live = json_object_get(json_array_get(sources, 0), "link_size") != NULL;
	struct bc_table *t = bc_table_new(live ? "lrllrrrrrrl" : "lrlrrrrl");
	json_t *s;
	size_t i;

	bc_table_cell(t, "SOURCE");
	bc_table_cell(t, "QUEUE");
	bc_table_cell(t, "STAMP");
	if (live)
		bc_table_cell(t, "STATE");
	bc_table_cell(t, "RECEIVED");
	bc_table_cell(t, "FILTERED");
	bc_table_cell(t, "LATE");
	bc_table_cell(t, "FORCED");
	if (live) {
		bc_table_cell(t, "LATENESS");
		bc_table_cell(t, "LINK");
	}
	bc_table_cell(t, "DROPPED");
	json_array_foreach((json_t *)sources, i, s) {
		char share[BC_UNITS_MAX];

		bc_table_cell(t, "%s", bc_field_text(s, "name"));
		number_cell(t, s, "queue");
		bc_table_cell(t, "%s", bc_field_text(s, "stamp"));
		if (live)
			bc_table_cell(t, "%s", bc_field_text(s, "state"));
		number_cell(t, s, "received");
		number_cell(t, s, "filtered");
		number_cell(t, s, "late");
		number_cell(t, s, "forced");
		if (live) {
			bc_table_cell(t, "%" PRIu64 " us", bc_field_u64(s, "lateness_us"));
			bc_table_cell(t, "%s", bc_percent(share, bc_field_u64(s, "link_used"),
							  bc_field_u64(s, "link_size")));
		}
		losses_cell(t, s);
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

/* How many segments there are: as reported, or counted here. */
static uint64_t n_segments(const json_t *output)
{
	const json_t *told = json_object_get(output, "published");

	return told ? (uint64_t)json_integer_value(told) : json_array_size(json_object_get(output, "segments"));
}

static void ratio_cell(struct bc_table *t, const json_t *o)
{
	uint64_t dense = bc_field_u64(o, "written_bytes"), packed = bc_field_u64(o, "file_bytes");

	if (packed)
		bc_table_cell(t, "%.2f", (double)dense / (double)packed);
	else
		bc_table_cell(t, "-");
}

void bc_summary_outputs(FILE *f, const json_t *outputs)
{
	struct bc_table *t = bc_table_new("lllrrrrrl");
	json_t *o;
	size_t i;

	bc_table_cell(t, "OUTPUT");
	bc_table_cell(t, "FORMAT");
	bc_table_cell(t, "COMPRESS");
	bc_table_cell(t, "WRITTEN");
	bc_table_cell(t, "BYTES");
	bc_table_cell(t, "ON DISK");
	bc_table_cell(t, "RATIO");
	bc_table_cell(t, "SEGMENTS");
	bc_table_cell(t, "DROPPED");
	json_array_foreach((json_t *)outputs, i, o) {
		bc_table_cell(t, "%s", bc_field_text(o, "name"));
		bc_table_cell(t, "%s", bc_field_text(o, "format"));
		bc_table_cell(t, "%s", bc_field_text(o, "compress"));
		number_cell(t, o, "written");
		number_cell(t, o, "written_bytes");
		number_cell(t, o, "file_bytes");
		ratio_cell(t, o);
		bc_table_cell(t, "%" PRIu64, n_segments(o));
		losses_cell(t, o);
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

static void print_clean(FILE *f, const char *text)
{
	char *clean = strdup(text);

	if (clean) {
		bc_table_clean(clean);
		fputs(clean, f);
	}
	free(clean);
}

void bc_summary_trouble(FILE *f, const json_t *outputs)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)outputs, i, o) {
		const char *trouble = bc_field_text(o, "trouble");

		if (!*trouble)
			continue;
		print_clean(f, bc_field_text(o, "name"));
		fputs(": ", f);
		print_clean(f, trouble);
		fputc('\n', f);
	}
}

/* What the sources' devices lost is in none of the numbers where these do not count it. */
static void accounted(FILE *f, const json_t *sources)
{
	const char *first = NULL;
	size_t i, n = 0;
	json_t *s;

	json_array_foreach((json_t *)sources, i, s)
		if (!strcmp(bc_field_text(s, "losses"), "unknown") && !n++)
			first = bc_field_text(s, "name");
	if (!n) {
		fputs(": every packet is accounted for\n", f);
		return;
	}
	fputs(": every packet that was received is accounted for; losses at ", f);
	print_clean(f, first);
	if (n > 1)
		fprintf(f, " and %zu more source%s", n - 1, bc_plural(n - 1, "", "s"));
	fputs(" are not known, since the driver does not count them\n", f);
}

static void balance_line(FILE *f, const json_t *b, const json_t *sources)
{
	uint64_t received = bc_field_u64(b, "received");
	uint64_t dropped = bc_field_u64(b, "dropped");
	uint64_t in_flight = bc_field_u64(b, "in_flight");
	/* Computed here, rather than trusting "unaccounted". */
	int64_t unaccounted = (int64_t)(received - bc_field_u64(b, "written") - bc_field_u64(b, "filtered") - dropped -
					in_flight);
	char share[BC_UNITS_MAX];

	fprintf(f, "%" PRIu64 " received = %" PRIu64 " written + %" PRIu64 " filtered + %" PRIu64 " dropped (%s)", received,
		bc_field_u64(b, "written"), bc_field_u64(b, "filtered"), dropped, bc_percent(share, dropped, received));
	if (in_flight)
		fprintf(f, " + %" PRIu64 " in flight", in_flight);
	if (unaccounted)
		fprintf(f, " + %" PRId64 " NOT ACCOUNTED FOR: a bug in braidcap, please report it\n", unaccounted);
	else
		accounted(f, sources);
}

void bc_summary_balance(FILE *f, const json_t *ledger)
{
	const json_t *outputs = json_object_get(ledger, "outputs"), *sources = json_object_get(ledger, "sources");
	json_t *o;
	size_t i;

	if (json_array_size(outputs) < 2) {
		balance_line(f, json_object_get(ledger, "balance"), sources);
		return;
	}
	json_array_foreach((json_t *)outputs, i, o) {
		print_clean(f, bc_field_text(o, "name"));
		fputs(": ", f);
		balance_line(f, json_object_get(o, "balance"), sources);
	}
}

static uint64_t loss(const json_t *list, const char *name)
{
	uint64_t sum = 0;
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		sum += bc_field_u64(json_object_get(v, "dropped"), name);
	return sum;
}

/* Packets that were kept, but not with the time that their device gave them. */
static void stamps_ahead(FILE *f, const json_t *sources)
{
	uint64_t n = 0;
	json_t *s;
	size_t i;

	json_array_foreach((json_t *)sources, i, s)
		n += bc_field_u64(s, "stamp_ahead");
	if (n)
		fprintf(f, "stamp_ahead %" PRIu64 ": stamps more than 1 s ahead of this host's clock, so that these packets have the time of "
			"their arrival; compare the device's clock with this one's (ctl clock)\n", n);
}

void bc_summary_hints(FILE *f, const json_t *ledger)
{
	stamps_ahead(f, json_object_get(ledger, "sources"));
	for (int i = 0; i < BC_LOSS_COUNT; i++) {
		const char *name = bc_loss_name(i);
		uint64_t n = loss(json_object_get(ledger, "sources"), name) + loss(json_object_get(ledger, "outputs"), name);

		if (n)
			fprintf(f, "%s %" PRIu64 ": %s; %s\n", name, n, bc_loss_meaning(i), bc_loss_hint(i));
	}
}

/* Which writers compressed less under pressure. */
static void pressure(FILE *f, const json_t *outputs)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)outputs, i, o) {
		const json_t *w = json_object_get(o, "writers");
		uint64_t faster = bc_field_u64(w, "blocks_faster"), stored = bc_field_u64(w, "blocks_stored");

		if (faster || stored)
			fprintf(f, "output %zu: under pressure %" PRIu64 " %s compressed faster and %" PRIu64
				" not at all, of %" PRIu64 "; nothing is lost by it\n", i, faster,
				bc_plural(faster, "block was", "blocks were"), stored,
				faster + stored + bc_field_u64(w, "blocks") + bc_field_u64(w, "blocks_incompressible"));
	}
}

/* What was taken out of the packets beside their addresses. */
static void unparsed(FILE *f, const json_t *outputs)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)outputs, i, o) {
		uint64_t n = bc_field_u64(json_object_get(o, "anonymised"), "unparsed");

		if (n)
			fprintf(f, "output %zu: unparsed %" PRIu64 ": of these packets some bytes were overwritten with zeros, as there might "
				"be addresses in them\n", i, n);
	}
}

/* What clients of PCAP-over-IP missed is no loss of the capture. */
void bc_summary_tap(FILE *f, const json_t *tap)
{
	const uint64_t connected = bc_field_u64(tap, "connected"), sent = bc_field_u64(tap, "sent");

	if (!tap)
		return;
	fputs("pcap-over-ip ", f);
	print_clean(f, bc_field_text(tap, "address"));
	fprintf(f, ": %" PRIu64 " client%s, %" PRIu64 " packet%s sent", connected, bc_plural(connected, "", "s"), sent, bc_plural(sent, "", "s"));
	if (bc_field_u64(tap, "client_slow"))
		fprintf(f, "; client_slow %" PRIu64 ": missed by clients that read too slowly", bc_field_u64(tap, "client_slow"));
	if (bc_field_u64(tap, "overflowed"))
		fprintf(f, "; overflowed %" PRIu64 ": they came faster than they could be prepared", bc_field_u64(tap, "overflowed"));
	if (bc_field_u64(tap, "unfit"))
		fprintf(f, "; unfit %" PRIu64 ": of another link type than the stream's (format=pcapng has place for all)",
			bc_field_u64(tap, "unfit"));
	fputs("\n", f);
}

void bc_summary_print(FILE *f, const json_t *ledger)
{
	bc_summary_sources(f, json_object_get(ledger, "sources"));
	bc_summary_outputs(f, json_object_get(ledger, "outputs"));
	pressure(f, json_object_get(ledger, "outputs"));
	unparsed(f, json_object_get(ledger, "outputs"));
	bc_summary_balance(f, ledger);
	bc_summary_hints(f, ledger);
	bc_summary_tap(f, json_object_get(ledger, "pcap_over_ip"));
}
