/* SPDX-License-Identifier: BSD-3-Clause */
/* The texts of --help, with the table of codecs in them. */
#ifndef BC_HELP_H
#define BC_HELP_H

#include <stdio.h>

/*
 * Prints help to f. Once in a line of it "@names", "@types", "@extensions" or "@levels" stands for that text of
 * bc_codec_text.h; if the line gets wider than a terminal, it goes on in the column of the explanations, or, of a
 * paragraph, in the first. "~" is a space at which no line breaks, but for "~/", which is a path.
 */
void bc_help_print(const char *help, FILE *f);

#endif
