/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines as the arguments of a command, which the first byte chooses: all are taken, or refused with one line. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config.h"
#include "bc_config_collect.h"
#include "bc_config_find.h"

#define ARGUMENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int r, const struct bc_err *err)
{
	if (r < 0 && (!err->msg[0] || strchr(err->msg, '\n')))
		abort();
}

static void parse(uint8_t command, int argc, char **argv)
{
	struct bc_err err = { .msg = "" };
	struct bc_config c;
	struct bc_collect_config collect;
	struct bc_config_find find;
	const char *text;

	optind = 0;
	switch (command % 4) {
	case 0:
		check(bc_config_parse(argc, argv, &c, &err), &err);
		bc_config_free(&c);
		break;
	case 1:
		check(bc_config_collect_parse(argc, argv, &collect, &err), &err);
		bc_config_collect_free(&collect);
		break;
	case 2:
		check(bc_config_parse_mtracecap(argc, argv, &c, &text, &err), &err);
		bc_config_free(&c);
		break;
	default:
		check(bc_config_find_parse(argc, argv, false, &find, &err), &err);
		bc_config_find_free(&find);
	}
}

/* No files are read. */
static int names_a_file(const char *argument)
{
	static const char *const options[] = { "-C", "--conf", "-F", "--filter-f", "-s3", "--s3" };

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!strncmp(argument, options[i], strlen(options[i])))
			return 1;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	char *argv[ARGUMENTS_MAX + 2] = { (char *)"x" };
	int argc = 1;
	char *text, *rest, *line;

	if (len < 2)
		return 0;
	text = strndup((const char *)input + 1, len - 1);
	rest = text;
	while (argc <= ARGUMENTS_MAX && (line = strsep(&rest, "\n")))
		if (!names_a_file(line))
			argv[argc++] = line;
	parse(input[0], argc, argv);
	free(text);
	return 0;
}
