/* SPDX-License-Identifier: BSD-3-Clause */
/* Which word of a list may someone have meant who typed another? Pure. */
#ifndef BC_SIMILAR_H
#define BC_SIMILAR_H

#include <stddef.h>

struct bc_similar {
	const char *typed;
	const char *best;	/* the nearest word offered so far that is near enough; NULL: none */
	unsigned distance;
};

/* Room for "; did you mean '...'?" of any word that bc_similar_offer() takes. */
#define BC_SIMILAR_MAX 96

/* typed outlives s. */
void bc_similar_begin(struct bc_similar *s, const char *typed);

/*
 * A word of the list, which outlives s. A letter too many, too few, another or two exchanged is one mistake; about one in three letters is
 * near enough. A beginning of the word is as near as one mistake. Case does not count, and '-' is '_'.
 */
void bc_similar_offer(struct bc_similar *s, const char *word);

/* "; did you mean '--index'?", with before in front of the word, or "". Returns text. */
const char *bc_similar_text(const struct bc_similar *s, const char *before, char text[BC_SIMILAR_MAX]);

#endif
