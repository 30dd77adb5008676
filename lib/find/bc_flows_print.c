/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_flows_print.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "bc_plural.h"
#include "bc_time.h"

#define TEXT_MAX 96
_Static_assert(BC_FLOWS_TEXT_MAX >= 2 * TEXT_MAX + 32, "two ends with ports");

static const char *proto_name(uint8_t proto, char buf[16])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} known[] = { { 1, "icmp" }, { 2, "igmp" }, { 4, "ipip" }, { 6, "tcp" }, { 17, "udp" }, { 41, "ipv6" }, { 47, "gre" }, { 50, "esp" },
		      { 51, "ah" }, { 58, "icmp6" }, { 89, "ospf" }, { 112, "vrrp" }, { 132, "sctp" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].proto == proto)
			return known[i].name;
	snprintf(buf, 16, "%u", proto);
	return proto ? buf : "-";
}

static const char *addr_text(const struct bc_flow_key *k, int end, char buf[TEXT_MAX])
{
	if (k->addr_len)
		inet_ntop(k->addr_len == 4 ? AF_INET : AF_INET6, k->addr[end], buf, TEXT_MAX);
	else if (k->ethertype && !end)
		snprintf(buf, TEXT_MAX, "ethertype 0x%04x", k->ethertype);
	else
		strcpy(buf, "-");
	return buf;
}

void bc_flows_text(const struct bc_flow_key *k, enum bc_flows_by by, char buf[BC_FLOWS_TEXT_MAX])
{
	char a[TEXT_MAX], b[TEXT_MAX], proto[16];

	if (by == BC_FLOWS_BY_PORT)
		snprintf(buf, BC_FLOWS_TEXT_MAX, "%s %u", proto_name(k->proto, proto), k->port[0]);
	else if (by == BC_FLOWS_BY_HOST || !k->addr_len)
		snprintf(buf, BC_FLOWS_TEXT_MAX, "%s", addr_text(k, 0, a));
	else if (by == BC_FLOWS_BY_NETWORK)
		snprintf(buf, BC_FLOWS_TEXT_MAX, "%s/%u", addr_text(k, 0, a), k->addr_len == 4 ? BC_FLOWS_NET4 : BC_FLOWS_NET6);
	else if (k->port[0] || k->port[1])
		snprintf(buf, BC_FLOWS_TEXT_MAX, "%s %s.%u %s.%u", proto_name(k->proto, proto), addr_text(k, 0, a), k->port[0],
			 addr_text(k, 1, b), k->port[1]);
	else
		snprintf(buf, BC_FLOWS_TEXT_MAX, "%s %s %s", proto_name(k->proto, proto), addr_text(k, 0, a), addr_text(k, 1, b));
}

static void time_text(uint64_t ns, bool utc, char buf[32])
{
	time_t t = (time_t)(ns / BC_NS_PER_S);
	struct tm tm = { 0 };

	utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm);
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

static void print_table(FILE *f, const struct bc_flow *w, enum bc_flows_by by, bool utc)
{
	char name[BC_FLOWS_TEXT_MAX], first[32];

	bc_flows_text(&w->key, by, name);
	time_text(w->first_ns, utc, first);
	fprintf(f, "%12" PRIu64 "  %15" PRIu64 "  %s  %11.1f  %s\n", w->packets, w->bytes, first,
		(double)(w->last_ns - w->first_ns) / (double)BC_NS_PER_S, name);
}

/* As a field of CSV. */
static void print_field(FILE *f, const char *text)
{
	putc('"', f);
	for (; *text; text++)
		fputs(*text == '"' ? "\"\"" : (char[]){ *text, '\0' }, f);
	putc('"', f);
}

/* As a string of JSON. */
static void print_string(FILE *f, const char *text)
{
	putc('"', f);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			fprintf(f, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(f, "\\u%04x", *text);
		else
			putc(*text, f);
	putc('"', f);
}

/* A flow has two ends, all else one. */
static void print_json(FILE *f, const struct bc_flow *w, enum bc_flows_by by, const char *segment)
{
	const struct bc_flow_key *k = &w->key;
	char text[TEXT_MAX], proto[16];

	fprintf(f, "{\"proto\":\"%s\",\"a\":\"%s\",\"a_port\":%u", proto_name(k->proto, proto), addr_text(k, 0, text), k->port[0]);
	if (by == BC_FLOWS_BY_FLOW)
		fprintf(f, ",\"b\":\"%s\",\"b_port\":%u", addr_text(k, 1, text), k->port[1]);
	fprintf(f, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64 ",\"tcp_flags\":%u", w->packets,
		w->bytes, w->first_ns, w->last_ns, w->tcp_flags);
	if (segment) {
		fputs(",\"segment\":", f);
		print_string(f, segment);
	}
	fputs("}\n", f);
}

static void print_csv(FILE *f, const struct bc_flow *w, enum bc_flows_by by, const char *segment)
{
	const struct bc_flow_key *k = &w->key;
	char text[TEXT_MAX], proto[16];

	fprintf(f, "%s,%s,%u,", proto_name(k->proto, proto), addr_text(k, 0, text), k->port[0]);
	if (by == BC_FLOWS_BY_FLOW)
		fprintf(f, "%s,%u,", addr_text(k, 1, text), k->port[1]);
	else
		fputs(",,", f);
	fprintf(f, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%u,", w->packets, w->bytes, w->first_ns, w->last_ns, w->tcp_flags);
	if (segment)
		print_field(f, segment);
	putc('\n', f);
}

void bc_flows_print_head(FILE *f, const struct bc_flows_look *look)
{
	static const char *const heads[] = { "FLOW", "HOST", "PORT", "NETWORK" };

	if (look->form == BC_FLOWS_TABLE)
		fprintf(f, "%12s  %15s  %-19s  %11s  %s\n", "PACKETS", "BYTES", "FIRST", "SECONDS", heads[look->by]);
	else if (look->form == BC_FLOWS_CSV)
		fputs("proto,a,a_port,b,b_port,packets,bytes,first_ns,last_ns,tcp_flags,segment\n", f);
}

void bc_flows_print(FILE *f, const struct bc_flow *flow, uint32_t n, const struct bc_flows_look *look, const char *segment)
{
	for (uint32_t i = 0; i < n; i++)
		if (look->form == BC_FLOWS_TABLE)
			print_table(f, &flow[i], look->by, look->utc);
		else if (look->form == BC_FLOWS_JSON)
			print_json(f, &flow[i], look->by, segment);
		else
			print_csv(f, &flow[i], look->by, segment);
}

void bc_flows_print_extent(FILE *f, const struct bc_find_extent *e, uint64_t now_ns, enum bc_flows_form form, bool utc)
{
	double age_days = e->oldest_ns && now_ns > e->oldest_ns ? (double)(now_ns - e->oldest_ns) / 86400e9 : 0;
	double day = e->day_ns ? (double)e->day_bytes * 86400e9 / (double)e->day_ns : 0, days = day ? (double)e->bytes / day : 0;
	char oldest[32];

	if (form != BC_FLOWS_TABLE) {
		fprintf(f, form == BC_FLOWS_JSON ? "{\"segments\":%u,\"bytes\":%" PRIu64 ",\"oldest_ns\":%" PRIu64
			",\"bytes_per_day\":%.0f,\"days_at_this_rate\":%.2f}\n" : "segments,bytes,oldest_ns,bytes_per_day,days_at_this_rate\n%u,%"
			PRIu64 ",%" PRIu64 ",%.0f,%.2f\n", e->segments, e->bytes, e->oldest_ns, day, days);
		return;
	}
	if (!e->segments) {
		fputs("no segments\n", f);
		return;
	}
	time_text(e->oldest_ns, utc, oldest);
	fprintf(f, "%u segment%s, %.3f GB; the oldest packet is of %s, %.1f days ago\n", e->segments,
		bc_plural(e->segments, "", "s"), (double)e->bytes / 1e9, oldest, age_days);
	if (day)
		fprintf(f, "at the rate of the last 24 hours (%.3f GB a day) so much is %.1f days\n", day / 1e9, days);
}
