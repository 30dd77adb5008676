/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_similar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 48
/* A shorter beginning fits too many words. */
#define BEGINNING_MIN 3

void bc_similar_begin(struct bc_similar *s, const char *typed)
{
	*s = (struct bc_similar){ .typed = typed, .distance = (unsigned)strnlen(typed, WORD_MAX) / 3 + 1 };
	if (s->distance > 4)
		s->distance = 4;
}

static int letter(char c)
{
	return c == '_' ? '-' : tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Mistakes between them; each is at most WORD_MAX long. */
static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];

	for (unsigned k = 0; k <= b_len; k++)
		last[k] = k;
	for (unsigned i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		row[0] = i;
		for (unsigned k = 1; k <= b_len; k++) {
			row[k] = last[k - 1] + (letter(a[i - 1]) != letter(b[k - 1]));
			row[k] = least(row[k], least(last[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && letter(a[i - 1]) == letter(b[k - 2]) && letter(a[i - 2]) == letter(b[k - 1]))
				row[k] = least(row[k], before[k - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

void bc_similar_offer(struct bc_similar *s, const char *word)
{
	size_t typed = strlen(s->typed), len = strlen(word);
	unsigned d;

	if (typed > WORD_MAX || len > WORD_MAX)
		return;
	d = distance(s->typed, typed, word, len);
	if (typed >= BEGINNING_MIN && typed < len && !distance(s->typed, typed, word, typed))
		d = 1;
	if (d >= s->distance)
		return;
	s->distance = d;
	s->best = word;
}

const char *bc_similar_text(const struct bc_similar *s, const char *before, char text[BC_SIMILAR_MAX])
{
	text[0] = '\0';
	if (s->best)
		snprintf(text, BC_SIMILAR_MAX, "; did you mean '%s%s'?", before, s->best);
	return text;
}
