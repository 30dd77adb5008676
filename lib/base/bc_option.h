/* SPDX-License-Identifier: BSD-3-Clause */
/* getopt_long() whose refusals are told in one way by all commands. One thread of the process at a time. */
#ifndef BC_OPTION_H
#define BC_OPTION_H

#include <getopt.h>

#include "bc_err.h"

/*
 * As getopt_long(): an option, or -1 behind the last; '?' with a line in err says what is wrong, and which option may be meant. letters
 * begin with ':', which a '+' may precede. command is what the user typed, such as "braidcap find".
 */
int bc_option_next(int argc, char **argv, const char *letters, const struct option *longs, const char *command, struct bc_err *err);

/* The letter of the option that was refused; 0: it was a long one. Until the next call. */
int bc_option_refused_letter(int argc, char **argv, const struct option *longs);

#endif
