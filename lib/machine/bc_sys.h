/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's small files, in /sys and /proc below a root: "" is this machine, a test has a folder of its own. What is in them is
 * taken for hostile: lengths are checked, and whoever shows text cleans it (bc_table). Paths are printf formats. No errors: what
 * cannot be read is not known.
 */
#ifndef BC_SYS_H
#define BC_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first line, without its end, cut to size - 1 bytes. False: no such file; *buf is "". */
bool bc_sys_text(const char *root, char *buf, size_t size, const char *path, ...) __attribute__((format(printf, 4, 5)));

/* A file that holds one decimal number (0x: hexadecimal), and nothing else. False: none; *ret is untouched. */
bool bc_sys_number(const char *root, int64_t *ret, const char *path, ...) __attribute__((format(printf, 3, 4)));

/* The last component of what a symbolic link names. False: no link; *buf is "". */
bool bc_sys_link(const char *root, char *buf, size_t size, const char *path, ...) __attribute__((format(printf, 4, 5)));

bool bc_sys_exists(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));

/* The names in a folder but for those with a dot in front, in the order of versionsort(3). n is 0 without it. */
struct bc_sys_list {
	uint32_t n;
	char **name;
};

struct bc_sys_list bc_sys_list(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));
void bc_sys_list_free(struct bc_sys_list *l);

/* In a file of lines: the rest of the first that begins with these words, without the blanks before it. False: none; *buf is "". */
bool bc_sys_line(const char *root, const char *path, const char *begin, char *buf, size_t size);

#endif
