/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as the configuration of capture, and of collect: it is taken, or refused with one line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bc_config.h"
#include "bc_config_collect.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int r, const struct bc_err *err)
{
	if (r < 0 && (!err->msg[0] || strchr(err->msg, '\n')))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	int fd = memfd_create("yaml", MFD_CLOEXEC);
	char path[32];
	char *argv[] = { (char *)"x", (char *)"-C", path, NULL };
	struct bc_err err = { .msg = "" };
	struct bc_config c;
	struct bc_collect_config collect;

	if (write(fd, input, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	optind = 0;
	check(bc_config_parse(3, argv, &c, &err), &err);
	bc_config_free(&c);
	optind = 0;
	err.msg[0] = '\0';
	check(bc_config_collect_parse(3, argv, &collect, &err), &err);
	bc_config_collect_free(&collect);
	close(fd);
	return 0;
}
