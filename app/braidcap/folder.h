/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FOLDER_H
#define FOLDER_H

#include <dirent.h>

/* What joins folder to a name in it: a slash, or nothing if it ends with one. */
const char *folder_joint(const char *folder);

/*
 * Call each with the path of every entry of folder that select picks, in the order of their names. Returns what the calls returned,
 * or-ed; 1 with a line on stderr when the folder cannot be read; 0 with the line "FOLDER: none" on stdout when there is no such entry,
 * and without it if none is NULL.
 */
int folder_each(const char *folder, const char *none, int (*select)(const struct dirent *),
		int (*each)(void *ctx, const char *path), void *ctx);

#endif
