/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Libraries that few captures use, and that bring many others with them: linked they would cost every start of the program
 * milliseconds and megabytes. They are loaded when they are needed.
 */
#ifndef BC_LIBRARY_H
#define BC_LIBRARY_H

#include <stddef.h>

#include "bc_err.h"

/*
 * Load the library file, which Debian's package has, for the life of the process, and put the addresses of its n functions into
 * ret, in the order of their names. 0, or -ENOENT with a line in err. Any thread.
 */
int bc_library_load(const char *file, const char *package, const char *const *names, size_t n, void **ret, struct bc_err *err);

#endif
