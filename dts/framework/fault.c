/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a fault in a parser that runs whatever it likes inside the process. At SIGUSR1 it reads from standard input where to
 * try (a folder, a segment in it, the process id of its keeper), and says how far it got.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(const char *what, int r)
{
	dprintf(2, "fault: %s: %s\n", what, r < 0 ? strerror(errno) : "done");
}

static void try_all(const char *folder, const char *segment, const char *keeper)
{
	char path[512];

	tell("list", open(folder, O_RDONLY | O_DIRECTORY));
	tell("read", open(segment, O_RDONLY));
	tell("write", open(segment, O_WRONLY));
	tell("truncate", open(segment, O_WRONLY | O_TRUNC));
	tell("remove", unlink(segment));
	snprintf(path, sizeof(path), "%s/more", folder);
	tell("make", open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "/proc/%s/mem", keeper);
	tell("keeper", open(path, O_RDWR));
	tell("over", 0);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
	int (*next)(const sigset_t *, siginfo_t *, const struct timespec *) = dlsym(RTLD_NEXT, "sigtimedwait");
	int sig = next(set, info, limit);
	char line[1024], *at = line;
	FILE *f = sig == SIGUSR1 ? fdopen(dup(0), "r") : NULL;

	if (f && fgets(line, sizeof(line), f)) {
		const char *folder = strsep(&at, " \n"), *segment = strsep(&at, " \n");

		try_all(folder, segment, strsep(&at, " \n"));
	}
	return sig;
}
