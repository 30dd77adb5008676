/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_help.h"

#include <string.h>

#include "bc_codec_text.h"

#define WIDTH 80
#define INDENT 26
#define LINE_MAX_BYTES 512

static const char *const words[BC_CODEC_TEXT_COUNT] = {
	[BC_CODEC_TEXT_NAMES] = "@names",
	[BC_CODEC_TEXT_TYPES] = "@types",
	[BC_CODEC_TEXT_EXTENSIONS] = "@extensions",
	[BC_CODEC_TEXT_LEVELS] = "@levels",
};

static void put_in(char line[LINE_MAX_BYTES], const char *text, int len)
{
	snprintf(line, LINE_MAX_BYTES, "%.*s", len, text);
	for (unsigned i = 0; i < BC_CODEC_TEXT_COUNT; i++) {
		const char *at = memmem(text, (size_t)len, words[i], strlen(words[i]));
		char codecs[BC_CODEC_TEXT_MAX];

		if (!at)
			continue;
		snprintf(line, LINE_MAX_BYTES, "%.*s%s%.*s", (int)(at - text), text, bc_codec_text(i, codecs),
			 (int)(text + len - at - strlen(words[i])), at + strlen(words[i]));
	}
}

/* Where a line of at most width bytes ends: before a space, or else where the text ends. */
static size_t break_at(const char *line, size_t width)
{
	size_t end = width;

	if (strlen(line) <= width)
		return strlen(line);
	while (end > 0 && line[end] != ' ')
		end--;
	return end ? end : strlen(line);
}

static void print_line(char *line, FILE *f)
{
	const int next = *line == ' ' ? INDENT : 0;
	size_t len = break_at(line, WIDTH);

	for (int indent = 0; *line; indent = next, len = break_at(line, WIDTH - (size_t)next)) {
		char rest = line[len];

		line[len] = '\0';
		for (char *tilde = line; (tilde = strchr(tilde, '~')); tilde++)
			if (tilde[1] != '/')	/* ~/.aws is a path; any other joins words that belong on one line */
				*tilde = ' ';
		fprintf(f, "%*s%s\n", indent, "", line);
		line += len + (rest != '\0');
	}
}

void bc_help_print(const char *help, FILE *f)
{
	while (*help) {
		int len = (int)strcspn(help, "\n");
		char line[LINE_MAX_BYTES];

		put_in(line, help, len);
		if (*line)
			print_line(line, f);
		else
			fputc('\n', f);
		help += len + (help[len] != '\0');
	}
}
