/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_habit.h"

#include <string.h>

enum { TCPDUMP = 1, DUMPCAP = 2 };

static const char *const programs[] = { "tcpdump", "dumpcap" };

enum kind {
	SAME,		/* taken, and means the same; the text says what is particular, or is empty */
	OTHER,		/* has another name here: the text */
	NOTHING,	/* means nothing here: the text says why */
};

#define NO_PRINTING "packets are not printed; pipe -w - into 'tcpdump -r -' or 'tshark -r -'"
#define STAMPS "stamp=adapter or stamp=host; behind the interface, as in eth0,stamp=adapter"

/* In the order of their letters. */
static const struct habit {
	unsigned of;
	char letter;		/* 0: none */
	const char *name;	/* long, without the dashes; NULL: none */
	const char *value;	/* what it takes; NULL: nothing */
	enum kind kind;
	const char *here;
} habits[] = {
	{ DUMPCAP, 'a', "autostop", "COND:N", SAME, "duration, packets, files and filesize" },
	{ TCPDUMP, 'A', NULL, NULL, NOTHING, NO_PRINTING },
	{ DUMPCAP, 'b', "ring-buffer", "COND:N", SAME, "duration, interval, packets, filesize and files, of which the newest are kept; in a folder" },
	{ TCPDUMP, 'b', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP | DUMPCAP, 'B', "buffer-size", "N", SAME, "in MB, as dumpcap has it, not in KiB" },
	{ TCPDUMP | DUMPCAP, 'c', NULL, "N", SAME, "" },
	{ TCPDUMP, 'C', NULL, "N", OTHER, "--rotate-size (-S)" },
	{ DUMPCAP, 'C', NULL, "N", OTHER, "--memory (MiB)" },
	{ TCPDUMP, 0, "count", NULL, NOTHING, "the summary at the end counts; --count N is -c N" },
	{ DUMPCAP, 0, "capture-comment", "TEXT", SAME, "as --comment" },
	{ TCPDUMP | DUMPCAP, 'd', NULL, NULL, NOTHING, "'tcpdump -d EXPRESSION' prints a filter's program; -d is --duration" },
	{ TCPDUMP | DUMPCAP, 'D', "list-interfaces", NULL, SAME, "" },
	{ TCPDUMP, 'e', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'E', NULL, "KEYS", NOTHING, NO_PRINTING },
	{ DUMPCAP, 'f', NULL, "FILTER", SAME, "" },
	{ TCPDUMP, 'f', NULL, NULL, NOTHING, "addresses are not printed; -f is --filter" },
	{ TCPDUMP, 'F', NULL, "FILE", SAME, "" },
	{ DUMPCAP, 'g', NULL, NULL, OTHER, "--mode 0640" },
	{ TCPDUMP, 'g', "ip-oneline", NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'G', NULL, "N", SAME, "into a folder, whose files get their names by their time" },
	{ TCPDUMP | DUMPCAP, 'h', "help", NULL, SAME, "" },
	{ TCPDUMP, 'H', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP | DUMPCAP, 'i', "interface", "NAME", SAME, "once for each interface or file" },
	{ DUMPCAP, 0, "ifdescr", "TEXT", NOTHING, "a pipe is read as a file; --comment describes the capture" },
	{ DUMPCAP, 0, "ifname", "NAME", NOTHING, "a pipe is read as a file; --comment describes the capture" },
	{ TCPDUMP, 0, "immediate-mode", NULL, SAME, "" },
	{ TCPDUMP | DUMPCAP, 'I', "monitor-mode", NULL, NOTHING, "put the interface into monitor mode first: 'iw dev wlan0 set type monitor'" },
	{ TCPDUMP, 'j', "time-stamp-type", "TYPE", OTHER, STAMPS },
	{ DUMPCAP, 0, "time-stamp-type", "TYPE", OTHER, STAMPS },
	{ TCPDUMP, 'J', "list-time-stamp-types", NULL, OTHER, "'ethtool -T INTERFACE'" },
	{ DUMPCAP, 0, "list-time-stamp-types", NULL, OTHER, "'ethtool -T INTERFACE'" },
	{ DUMPCAP, 'k', NULL, "FREQ", NOTHING, "set the channel first: 'iw dev wlan0 set freq 2412'" },
	{ TCPDUMP, 'K', "dont-verify-checksums", NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'l', NULL, NULL, OTHER, "--flush-ms 1" },
	{ TCPDUMP, 0, "lengths", NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP | DUMPCAP, 'L', "list-data-link-types", NULL, SAME, "" },
	{ DUMPCAP, 0, "log-debug", "LIST", OTHER, "-v" },
	{ DUMPCAP, 0, "log-domains", "LIST", OTHER, "-v" },
	{ DUMPCAP, 0, "log-fatal", "LEVEL", OTHER, "-v" },
	{ DUMPCAP, 0, "log-file", "FILE", OTHER, "2> FILE" },
	{ DUMPCAP, 0, "log-level", "LEVEL", OTHER, "-v" },
	{ DUMPCAP, 0, "log-noisy", "LIST", OTHER, "-v" },
	{ TCPDUMP, 'm', NULL, "MODULE", NOTHING, NO_PRINTING },
	{ TCPDUMP, 0, "micro", NULL, OTHER, "--format pcap-us" },
	{ TCPDUMP, 'M', NULL, "SECRET", NOTHING, NO_PRINTING },
	{ DUMPCAP, 'M', NULL, NULL, OTHER, "'braidcap ctl stats --json', or --report FILE" },
	{ TCPDUMP, 'n', NULL, NULL, SAME, "no name is ever looked up" },
	{ DUMPCAP, 'n', NULL, NULL, SAME, "pcapng is the default" },
	{ TCPDUMP, 0, "nano", NULL, NOTHING, "timestamps have nanoseconds" },
	{ TCPDUMP, '#', "number", NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'N', NULL, NULL, NOTHING, "names are not printed; -N is --seqfile" },
	{ DUMPCAP, 'N', NULL, "N", OTHER, "--mbufs" },
	{ TCPDUMP, 'O', "no-optimize", NULL, NOTHING, "filters are always optimized" },
	{ TCPDUMP | DUMPCAP, 'p', "no-promiscuous-mode", NULL, SAME, "" },
	{ TCPDUMP, 0, "print", NULL, NOTHING, NO_PRINTING },
	{ DUMPCAP, 'P', NULL, NULL, SAME, "" },
	{ TCPDUMP, 'q', NULL, NULL, SAME, "as --quiet: no progress line" },
	{ DUMPCAP, 'q', NULL, NULL, SAME, "as --quiet: no progress line" },
	{ TCPDUMP, 'Q', "direction", "in|out|inout", SAME, "" },
	{ TCPDUMP, 'r', NULL, "FILE", SAME, "as -i FILE" },
	{ TCPDUMP | DUMPCAP, 's', "snapshot-length", "N", SAME, "" },
	{ TCPDUMP, 'S', "absolute-tcp-sequence-numbers", NULL, NOTHING, "packets are not printed; -S is --rotate-size" },
	{ DUMPCAP, 'S', NULL, NULL, OTHER, "'braidcap ctl stats'" },
	{ TCPDUMP, 't', NULL, NULL, NOTHING, NO_PRINTING },
	{ DUMPCAP, 't', NULL, NULL, NOTHING, "the plan gives sources threads of their own: see 'braidcap plan'" },
	{ DUMPCAP, 0, "temp-dir", "FOLDER", NOTHING, "a segment is written where it stays" },
	{ TCPDUMP, 0, "time-stamp-precision", "UNIT", OTHER, "--format pcap-us; nanoseconds are the default" },
	{ TCPDUMP, 'T', NULL, "TYPE", NOTHING, NO_PRINTING },
	{ TCPDUMP, 'u', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'U', "packet-buffered", NULL, OTHER, "--flush-ms 1; -U is --utc" },
	{ TCPDUMP, 'v', NULL, NULL, SAME, "says more of the capture" },
	{ DUMPCAP, 'v', "version", NULL, OTHER, "'braidcap version'; -v is --verbose" },
	{ TCPDUMP, 0, "version", NULL, OTHER, "'braidcap version'" },
	{ TCPDUMP, 'V', NULL, "FILE", OTHER, "-i FILE for each of the files" },
	{ TCPDUMP | DUMPCAP, 'w', NULL, "FILE", SAME, "or a folder; the name decides format and compression" },
	{ TCPDUMP, 'W', NULL, "N", OTHER, "--keep-number with -S, --stop-files with -G; -W is --watchfile" },
	{ TCPDUMP, 'x', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP, 'X', NULL, NULL, NOTHING, NO_PRINTING },
	{ TCPDUMP | DUMPCAP, 'y', "linktype", "NAME", SAME, "" },
	{ TCPDUMP, 'z', NULL, "COMMAND", OTHER, "--on-segment; -z is --compress-level" },
	{ TCPDUMP, 'Z', "relinquish-privileges", "USER", OTHER, "--user; -Z is --compress" },
};

#define N_HABITS (sizeof(habits) / sizeof(habits[0]))

static bool has(const struct habit *h, int letter, const char *name)
{
	return (letter && h->letter == letter) || (name && h->name && !strcmp(name, h->name));
}

static void whose(const struct habit *h, char text[32])
{
	snprintf(text, 32, "%s", h->of == (TCPDUMP | DUMPCAP) ? "tcpdump's and dumpcap's" : h->of == TCPDUMP ? "tcpdump's" : "dumpcap's");
}

/* "tcpdump's -z is --on-segment here; -z is --compress-level" */
static size_t answer(const struct habit *h, const char *option, char *text, size_t size)
{
	size_t first = h->kind == OTHER ? strcspn(h->here, ";") : 0;
	char of[32];

	whose(h, of);
	if (h->kind == OTHER)
		return (size_t)snprintf(text, size, "%s %s is %.*s here%s", of, option, (int)first, h->here, h->here + first);
	return (size_t)snprintf(text, size, "%s %s has no meaning here: %s", of, option, h->here);
}

const char *bc_habit_answer(int letter, const char *name, char text[BC_HABIT_MAX])
{
	char option[64];
	size_t len = 0;

	if (letter)
		snprintf(option, sizeof(option), "-%c", letter);
	else
		snprintf(option, sizeof(option), "--%s", name ? name : "");
	text[0] = '\0';
	for (const struct habit *h = habits; h < habits + N_HABITS && len < BC_HABIT_MAX; h++) {
		if (h->kind == SAME || !has(h, letter, name))
			continue;
		if (len)
			len += (size_t)snprintf(text + len, BC_HABIT_MAX - len, "; ");
		if (len < BC_HABIT_MAX)
			len += answer(h, option, text + len, BC_HABIT_MAX - len);
	}
	return text;
}

static void print(FILE *f, const struct habit *h)
{
	static const char *const what[] = { [SAME] = "the same", [OTHER] = "", [NOTHING] = "nothing" };
	char option[64];
	size_t len = 0;

	if (h->letter)
		len = (size_t)snprintf(option, sizeof(option), "-%c%s", h->letter, h->name ? ", " : "");
	snprintf(option + len, sizeof(option) - len, "%s%s%s%s", h->name ? "--" : "", h->name ? h->name : "", h->value ? " " : "",
		 h->value ? h->value : "");
	fprintf(f, "  %-35s %s%s%s\n", option, what[h->kind], h->kind != OTHER && h->here[0] ? ": " : "", h->here);
}

bool bc_habit_print(FILE *f, const char *program)
{
	unsigned of = 0;

	for (unsigned i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strcmp(program, programs[i]))
			of = 1U << i;
	if (!of)
		return false;
	fprintf(f, "The options of %s, and what they are in 'braidcap capture' (docs/tcpdump.md):\n\n", program);
	for (const struct habit *h = habits; h < habits + N_HABITS; h++)
		if (h->of & of)
			print(f, h);
	return true;
}
