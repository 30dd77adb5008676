/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of a VTY configuration as lines and words, and tables of commands that lines are matched with. */
#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "bc_import_priv.h"
#include "bc_number.h"

#define LINE_BYTES_MAX 65535

void bc_import_note(const struct bc_import_notes *notes, const struct bc_vty_line *l, enum bc_import_loss loss, const char *why)
{
	notes->note(notes->ctx, l ? l->no : 0, loss, l ? l->all : "", why);
}

static bool is_text(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((p[i] < ' ' || p[i] > '~') && p[i] != '\t' && p[i] != '\r')
			return false;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Copy the words to the arena twice: in one line, and each by itself. */
static void split(struct bc_vty *v, const char *p, size_t len, struct bc_vty_line *ret)
{
	char *all = v->arena, *word = all + len + 1, *to = all;
	const char *end = p + len;

	ret->all = all;
	ret->n = 0;
	while (p < end) {
		const char *from = p;

		while (p < end && !is_space(*p))
			p++;
		if (to > all)
			*to++ = ' ';
		if (ret->n < BC_VTY_WORDS) {
			ret->word[ret->n] = word;
			ret->rest[ret->n] = to;
		}
		ret->n++;
		memcpy(to, from, (size_t)(p - from));
		memcpy(word, from, (size_t)(p - from));
		to += p - from;
		word += p - from;
		*word++ = '\0';
		while (p < end && is_space(*p))
			p++;
	}
	*to = '\0';
	v->arena = word;
}

static void refuse(const struct bc_vty *v, const char *why)
{
	v->notes->note(v->notes->ctx, v->no, BC_IMPORT_LOST, "", why);
}

/* The line from p to end without its spaces; false if nothing is left of it, or it is a comment. */
static bool trim(const char **p, const char **end)
{
	while (*p < *end && is_space(**p))
		(*p)++;
	while (*end > *p && is_space((*end)[-1]))
		(*end)--;
	return *p < *end && **p != '!' && **p != '#';
}

bool bc_vty_next(struct bc_vty *v, struct bc_vty_line *ret)
{
	while (v->at < v->end) {
		const char *begin = v->at, *p = begin, *nl = memchr(p, '\n', (size_t)(v->end - p));
		const char *end = nl ? nl : v->end;

		v->at = nl ? nl + 1 : v->end;
		v->no++;
		if (!trim(&p, &end))
			continue;
		if (end - p > LINE_BYTES_MAX || !is_text(p, (size_t)(end - p))) {
			refuse(v, end - p > LINE_BYTES_MAX ? "the line is too long" : "the line is not ASCII text");
			continue;
		}
		ret->no = v->no;
		ret->indent = (uint32_t)(p - begin);
		split(v, p, (size_t)(end - p), ret);
		return true;
	}
	return false;
}

/* Does the line begin with the next word of the pattern? Advances past it; *argument: it stands for one. */
static bool word_matches(const char **pattern, const char *word, bool *argument)
{
	size_t len = strcspn(*pattern, " ");
	const char *p = *pattern;

	*argument = isupper((unsigned char)*p);
	*pattern += len + (p[len] == ' ');
	return *argument || (strlen(word) == len && !memcmp(word, p, len));
}

/* *ret_argument: the place of the first word that stands for an argument, or of the last one. */
static bool matches(const char *pattern, const struct bc_vty_line *l, uint32_t *ret_argument)
{
	bool argument, found = false;
	uint32_t i = 0;

	while (*pattern) {
		if (!strcmp(pattern, "..."))
			return found;
		if (i == l->n || i == BC_VTY_WORDS || !word_matches(&pattern, l->word[i], &argument))
			return false;
		if (argument && !found)
			*ret_argument = i;
		found |= argument;
		i++;
	}
	return i == l->n;
}

bool bc_vty_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	return !bc_parse_u64("", text, min, max, ret, NULL);
}

static const char *take(const struct bc_vty_command *c, void *object, const struct bc_vty_line *l, uint32_t argument)
{
	void *at = (char *)object + c->offset;

	switch (c->effect) {
	case BC_VTY_TEXT:
		*(struct bc_import_text *)at = (struct bc_import_text){ l->rest[argument], l->no };
		return NULL;
	case BC_VTY_CLEAR:
		*(struct bc_import_text *)at = (struct bc_import_text){ NULL, l->no };
		return NULL;
	case BC_VTY_NUMBER:
		return bc_vty_number(l->word[argument], c->min, c->max, at) ? NULL : "no number that may stand here";
	case BC_VTY_YES:
	case BC_VTY_NO:
		*(bool *)at = c->effect == BC_VTY_YES;
		return NULL;
	case BC_VTY_CALL:
		return c->call(object, l);
	case BC_VTY_NEEDLESS:
	case BC_VTY_LOST:
		break;
	}
	return c->why;
}

bool bc_vty_run(const struct bc_vty_command *table, size_t n, void *object, const struct bc_vty_line *l,
		const struct bc_import_notes *notes)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t argument = 0;
		const char *why;

		if (!matches(table[i].pattern, l, &argument))
			continue;
		why = take(&table[i], object, l, argument);
		if (why)
			bc_import_note(notes, l, table[i].effect == BC_VTY_NEEDLESS ? BC_IMPORT_NEEDLESS : BC_IMPORT_LOST, why);
		return true;
	}
	return false;
}

bool bc_vty_is_address(const char *text)
{
	struct in6_addr a;

	return inet_pton(AF_INET, text, &a) == 1 || inet_pton(AF_INET6, text, &a) == 1;
}

bool bc_vty_is_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return len && len < 64 && !text[len] && isalnum((unsigned char)text[0]);
}
