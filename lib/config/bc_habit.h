/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of tcpdump and dumpcap, and what each is in `braidcap capture`. */
#ifndef BC_HABIT_H
#define BC_HABIT_H

#include <stdbool.h>
#include <stdio.h>

#define BC_HABIT_MAX 512

/*
 * What to type instead of the option with that letter (0: none) or long name (NULL: none), or why it means nothing here, for each program
 * that has it otherwise than we do: "tcpdump's -C is --rotate-size here". "": there is none. Returns text.
 */
const char *bc_habit_answer(int letter, const char *name, char text[BC_HABIT_MAX]);

/* Print all that the program of this name has, in a table. False: it is neither of them. */
bool bc_habit_print(FILE *f, const char *program);

#endif
