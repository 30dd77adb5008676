/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares bytes with a file of tests/golden; where they differ, what came out is left as NAME.got. */
#ifndef BC_GOLDEN_H
#define BC_GOLDEN_H

#include "bc_test.h"

static inline void leave_got(const char *name, const uint8_t *buf, size_t len)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s.got", name);
	f = fopen(path, "wb");
	if (!f)
		return;
	fwrite(buf, 1, len, f);
	fclose(f);
}

static inline void assert_golden(const char *name, const uint8_t *buf, size_t len)
{
	uint8_t want[8192];
	char path[4096];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("BC_GOLDEN") ? getenv("BC_GOLDEN") : "tests/golden", name);
	f = fopen(path, "rb");
	if (f) {
		n = fread(want, 1, sizeof(want), f);
		fclose(f);
	}
	if (!f || n != len || memcmp(want, buf, len)) {
		leave_got(name, buf, len);
		fail_msg("%s differs; see %s.got", path, name);
	}
}

#endif
