/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a leftover, whose extension the first byte chooses: what is recovered can be verified, and a leftover of
 * which nothing was recovered stays.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_recover.h"
#include "bc_verify.h"

#define FREE_NAME 7	/* its kind is told by its bytes */

static char folder[256];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void remove_folder(void)
{
	rmdir(folder);
}

static void make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/fuzz-recover-XXXXXX", tmp ? tmp : "/tmp");
	check(mkdtemp(folder) != NULL);
	atexit(remove_folder);
}

static void published(const struct bc_recovered *r, bool free_name)
{
	struct bc_scan found;
	struct bc_err err;
	int rc = bc_verify(r->path, &found, &err);

	check(free_name || (rc == 0 && found.records == r->scan.records));
	check(unlink(r->path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const char *const extension[] = {
		".pcapng", ".pcap", ".erf", ".pcapng.lz4", ".pcap.zst", ".pcapng.gz", ".pcap.lz4", [FREE_NAME] = ".x",
	};
	const struct bc_recover_config cfg = { .utc = true, .pid = 7 };
	struct bc_err err = { .msg = "" };
	struct bc_recovered r;
	char path[sizeof(folder) + 64];
	int fd;

	if (!len)
		return 0;
	if (!folder[0])
		make_folder();
	snprintf(path, sizeof(path), "%s/tmp-9-00000001%s", folder, extension[input[0] % 8]);
	fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, input + 1, len - 1) == (ssize_t)(len - 1));
	close(fd);
	if (bc_recover(path, &cfg, &r, &err) < 0) {
		check(err.msg[0] && access(path, F_OK) == 0);
	} else if (r.outcome == BC_RECOVER_PUBLISHED) {
		check(access(path, F_OK) < 0);
		published(&r, input[0] % 8 == FREE_NAME);
	}
	unlink(path);
	return 0;
}
