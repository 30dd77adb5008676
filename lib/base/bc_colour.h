/* SPDX-License-Identifier: BSD-3-Clause */
/* Colour for what must not be overlooked. Any thread. */
#ifndef BC_COLOUR_H
#define BC_COLOUR_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BC_COLOUR_ALARM "\033[31m"
#define BC_COLOUR_END "\033[0m"

/* Is fd a terminal with colours, and has the user not said NO_COLOR? */
static inline bool bc_colour_wanted(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no && no[0]) && term && strcmp(term, "dumb") != 0 && isatty(fd);
}

#endif
