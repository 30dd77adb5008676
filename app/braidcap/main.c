/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_habit.h"
#include "bc_similar.h"
#include "cmd_capture.h"
#include "cmd_collect.h"
#include "cmd_console.h"
#include "cmd_ctl.h"
#include "cmd_decrypt.h"
#include "cmd_devices.h"
#include "cmd_doctor.h"
#include "cmd_encrypt.h"
#include "cmd_keygen.h"
#include "cmd_mtracecap.h"
#include "cmd_import_osmo.h"
#include "cmd_expire.h"
#include "cmd_extcap.h"
#include "cmd_index.h"
#include "cmd_find.h"
#include "cmd_flows.h"
#include "cmd_plan.h"
#include "cmd_recover.h"
#include "cmd_top.h"
#include "cmd_upload.h"
#include "cmd_verify.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{ "capture", cmd_capture, "capture packets from many sources in timestamp order" },
	{ "collect", cmd_collect, "store what nodes capture and send here" },
	{ "ctl", cmd_ctl, "query or control a running capture" },
	{ "console", cmd_console, "serve a web page, an API and metrics of running captures" },
	{ "devices", cmd_devices, "list what can be captured here, and what to type for it" },
	{ "doctor", cmd_doctor, "check this machine, and say which rate it can keep" },
	{ "top", cmd_top, "show running captures on a terminal" },
	{ "plan", cmd_plan, "show which CPU would do what" },
	{ "verify", cmd_verify, "check that capture files are complete" },
	{ "find", cmd_find, "find packets in stored captures" },
	{ "flows", cmd_flows, "list the flows in stored captures, and how far these go back" },
	{ "mtracecap", cmd_mtracecap, "capture with mtracecap's command line, as the name mtracecap does" },
	{ "import-osmo", cmd_import_osmo, "convert an osmo-pcap configuration" },
	{ "expire", cmd_expire, "remove or recompress old segments in a folder" },
	{ "index", cmd_index, "give segments an index of their flows" },
	{ "upload", cmd_upload, "bring a folder's segments to object storage (S3)" },
	{ "encrypt", cmd_encrypt, "encrypt segments for recipients" },
	{ "decrypt", cmd_decrypt, "decrypt what was encrypted" },
	{ "keygen", cmd_keygen, "make a key for encrypt and decrypt" },
	{ "extcap", cmd_extcap, "answer Wireshark, as the name braidcap-extcap does" },
	{ "recover", cmd_recover, "complete what a killed capture left behind" },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *f)
{
	fputs("usage: braidcap COMMAND [options]\n\n", f);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  %-11s %s\n", commands[i].name, commands[i].what);
	fprintf(f, "  %-11s %s\n  %-11s %s\n", "help", "this list, or the help of a command", "version", "what version this is");
	fputs("\nSee 'braidcap help COMMAND' for details. A command may be cut short: 'braidcap cap' is 'braidcap capture'.\n", f);
}

static void version(void)
{
	puts("braidcap " BC_VERSION);
	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++)
		if (bc_codec_licence(c))
			puts(bc_codec_licence(c));
}

/*
 * Descriptors that the caller closed would be given to the next files that are opened, and messages would go there. To read from or
 * to write into one of them still fails. A file that grows beyond a limit is an error of write(2).
 */
static void settle_in(void)
{
	static const int mode[] = { [STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDWR };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) != fd)
			_exit(1);
	signal(SIGXFSZ, SIG_IGN);
}

/* The command that typed is, or is the beginning of; N_COMMANDS: none or, as told, several. */
static size_t find_command(const char *typed)
{
	size_t found = N_COMMANDS, n = 0;
	char all[256] = "", similar[BC_SIMILAR_MAX];
	struct bc_similar s;

	bc_similar_begin(&s, typed);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!strcmp(typed, commands[i].name))
			return i;
		bc_similar_offer(&s, commands[i].name);
		if (typed[0] && !strncmp(typed, commands[i].name, strlen(typed))) {
			found = i;
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", n++ ? ", " : "", commands[i].name);
		}
	}
	if (n == 1)
		return found;
	if (typed[0] == '-')
		fprintf(stderr, "braidcap: no command before '%.64s': to capture, 'braidcap capture %.64s ...'; see 'braidcap help'\n", typed, typed);
	else if (n)
		fprintf(stderr, "braidcap: ambiguous command '%.64s': %s\n", typed, all);
	else
		fprintf(stderr, "braidcap: unknown command '%.64s'%s\n", typed, s.best ? bc_similar_text(&s, "", similar) : "; see 'braidcap help'");
	return N_COMMANDS;
}

static int help(const char *about)
{
	char option[] = "--help", *args[] = { option, option, NULL };
	size_t i;

	if (!about) {
		usage(stdout);
		return 0;
	}
	if (bc_habit_print(stdout, about))
		return 0;
	i = find_command(about);
	return i < N_COMMANDS ? commands[i].run(2, args) : 2;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
	return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

int main(int argc, char **argv)
{
	size_t i;

	settle_in();
	if (argc > 0 && strcmp(basename(argv[0]), "mtracecap") == 0)
		return cmd_mtracecap(argc, argv);
	if (argc > 0 && strcmp(basename(argv[0]), "braidcap-extcap") == 0)
		return cmd_extcap(argc, argv);
	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (is_one_of(argv[1], "version", "--version", "-V")) {
		version();
		return 0;
	}
	if (is_one_of(argv[1], "help", "--help", "-h"))
		return help(argc > 2 ? argv[2] : NULL);
	i = find_command(argv[1]);
	return i < N_COMMANDS ? commands[i].run(argc - 1, argv + 1) : 2;
}
