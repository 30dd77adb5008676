/* SPDX-License-Identifier: BSD-3-Clause */
/* What every unit test includes first. */
#ifndef BC_TEST_H
#define BC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Say aloud what the machine lacks, then skip. */
#define BC_SKIP(...) \
	do { \
		printf("SKIP: " __VA_ARGS__); \
		printf("\n"); \
		skip(); \
	} while (0)

#endif
